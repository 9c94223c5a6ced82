package emulator

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// TestRecordedConnection replays a connection that was recorded on Linux 6.18.44, with its keys and nonces: the model's options
// are those of the kernel, byte for byte, and come in the same order.
func TestRecordedConnection(t *testing.T) {
	ctx := context.Background()
	l := open(t, 1, Options{})
	hosts := map[string]*host{}
	for _, name := range []string{"client", "server"} {
		h, err := l.Host(ctx, name, lab.HostOptions{})
		require.NoError(t, err)
		hosts[name] = h.(*host)
	}
	client, server := hosts["client"], hosts["server"]
	prefixes := func(all ...string) (list []netip.Prefix) {
		for _, s := range all {
			list = append(list, netip.MustParsePrefix(s))
		}
		return list
	}
	for _, x := range [][2]string{{"10.0.1.2/24", "10.0.1.1/24"}, {"10.0.3.2/24", "10.0.3.1/24"}} {
		_, err := l.Link(ctx, lab.End{Node: client, Addresses: prefixes(x[0])}, lab.End{Node: server, Addresses: prefixes(x[1])}, lab.LinkOptions{})
		require.NoError(t, err)
	}
	client.mptcp.Key, server.mptcp.Key = always(wire.Key(0xa38b4fce5d5ebed8)), always(wire.Key(0xe6a4e54a314c4752))
	client.mptcp.Nonce, server.mptcp.Nonce = inTurn(0x92cc749a, 0xb374424b), inTurn(0x26e06d22, 0xfa41e883)
	var seen []string
	l.watch(func(_ *link, x *network.Transit) { seen = append(seen, optionsOf(t, x.Frame)...) })

	four := uint32(4)
	for _, h := range hosts {
		require.NoError(t, h.PathManager().SetLimits(pm.LimitsUpdate{Subflows: &four, AddAddrAccepted: &four}))
	}
	endpoint := func(h *host, address string, id uint8, port uint16, flags pm.Flags) {
		require.NoError(t, h.PathManager().AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr(address), ID: id, Port: port, Flags: flags}))
	}
	endpoint(server, "10.0.2.1", 1, 0, pm.FlagSignal)
	endpoint(server, "fd00:2::1", 2, 0, pm.FlagSignal)
	endpoint(server, "10.0.3.1", 3, 7777, pm.FlagSignal)
	endpoint(client, "10.0.3.2", 1, 0, pm.FlagSubflow|pm.FlagBackup)

	ln, err := server.Listen(ctx, lab.ListenOptions{Address: netip.MustParseAddrPort("[::]:5000")})
	require.NoError(t, err)
	near, err := client.Dial(ctx, lab.DialOptions{Remote: netip.MustParseAddrPort("10.0.1.1:5000")})
	require.NoError(t, err)
	far, err := ln.Accept(ctx)
	require.NoError(t, err)
	say := func(from, to lab.Socket, text string) {
		require.NoError(t, from.SendBytes(ctx, []byte(text)))
		got, err := to.ReceiveBytes(ctx, len(text))
		require.NoError(t, err)
		require.Equal(t, text, string(got))
	}
	settle := func() {
		_, err := l.Wait(ctx, 50*time.Millisecond, func() (bool, error) { return false, nil })
		require.NoError(t, err)
	}
	say(near, far, "hello")
	say(far, near, "worlds")
	settle()
	require.NoError(t, client.PathManager().ChangeEndpoint(pm.Endpoint{ID: 1}))
	settle()
	require.NoError(t, server.PathManager().DeleteEndpoint(pm.Endpoint{ID: 1}))
	settle()
	require.NoError(t, server.PathManager().FlushEndpoints())
	settle()
	require.NoError(t, near.SendBytes(ctx, []byte("unread")))
	settle()
	require.NoError(t, far.Close())
	settle()

	for _, exchange := range [][]string{
		{ // handshake and first data
			"1e040101", "1e0c0101e6a4e54a314c4752", "1e140101a38b4fce5d5ebed8e6a4e54a314c4752",
			"1e160101a38b4fce5d5ebed8e6a4e54a314c47520005", "1e0c2003fb9ef3955d13dc6a",
			"1e1a200ffb9ef3955d13dc6a887d6ab271b17a1b000000010006", "1e0c2003887d6ab271b17a21",
		},
		{ // announcements, one after the other
			"1e1230030a0003011e6140792e4f626fd948", "1e0a31030a0003011e61",
			"1e1030010a0002017c4fcff080be19d5", "1e0831010a000201",
			"1e1c3002fd00000200000000000000000000000189b35fed5208ce72", "1e143102fd000002000000000000000000000001",
		},
		{ // the join to the announced address
			"1e0c11013c76109692cc749a", "1e101003c4c696b762aeac2f26e06d22", "1e18100012e9806f0646871a0f90971f79d606615868a68f",
		},
		{ // and that of the client's own endpoint, which comes after it
			"1e0c11013c76109692cc749a", "1e0c11013c761096b374424b", "1e1010006206e7e1868f4f41fa41e883",
			"1e181000cd58a77a7888af0128abf8d5758d7c74e848ca02",
		},
		{ // MP_PRIO, two RM_ADDRs, and the reset
			"1e0350", "1e044001", "1e05400302", "1e0c7000a38b4fce5d5ebed8", "1e048000",
		},
	} {
		rest := seen
		for _, want := range exchange {
			n := indexOf(rest, want)
			require.GreaterOrEqual(t, n, 0, "%s is missing, or came earlier, in\n%v", want, seen)
			rest = rest[n+1:]
		}
	}
}

func indexOf(list []string, x string) int {
	for n, s := range list {
		if s == x {
			return n
		}
	}
	return -1
}

// always is a choice that is always the same.
func always[T any](x T) func() T { return func() T { return x } }

// inTurn is a choice of one after the other; what is chosen after them, for joins that fail at once, does not matter.
func inTurn(list ...uint32) func() uint32 {
	return func() (x uint32) {
		if len(list) > 0 {
			x, list = list[0], list[1:]
		}
		return x
	}
}

// TestChecksumVectors reproduces the checksums of a recorded connection.
func TestChecksumVectors(t *testing.T) {
	l := open(t, 1, Options{})
	client, server := hostsOf(t, l, 1)
	for _, h := range []*host{client, server} {
		require.NoError(t, h.SetSysctl("net.mptcp.checksum_enabled", "1"))
	}
	client.mptcp.Key = always(wire.Key(0x334d3000d5b4d002))
	var seen []string
	l.watch(func(_ *link, x *network.Transit) { seen = append(seen, optionsOf(t, x.Frame)...) })
	ctx := context.Background()
	ln, err := server.Listen(ctx, lab.ListenOptions{Address: netip.MustParseAddrPort("10.0.1.2:80")})
	require.NoError(t, err)
	near, err := client.Dial(ctx, lab.DialOptions{Remote: ln.Address()})
	require.NoError(t, err)
	far, err := ln.Accept(ctx)
	require.NoError(t, err)
	require.NoError(t, near.SendBytes(ctx, []byte("hello")))
	_, err = far.ReceiveBytes(ctx, 5)
	require.NoError(t, err)
	require.Equal(t, "1e040181", seen[0])
	require.Equal(t, "1098", seen[3][len(seen[3])-4:], "%v", seen)
}
