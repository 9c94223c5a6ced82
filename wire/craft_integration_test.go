//go:build linux

package wire_test

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/observe"
	"github.com/mptcp-lab/mptcp-lab/traffic"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// victim is an idle MPTCP connection between two hosts, and what a forger on the link has learnt of it.
type victim struct {
	client, server *netns.Host
	near           *traffic.Socket // the client's end

	frame                []byte      // the last that the server sent
	seen                 wire.Packet // the same, decoded
	clientKey, serverKey wire.Key
}

// newVictim connects over a link of this family, and skips the test where that is not possible.
func newVictim(t *testing.T, client, server string) *victim {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN to make network namespaces")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	v := &victim{client: newHost(t), server: newHost(t)}
	require.NoError(t, netns.Link(netns.Endpoint{Host: v.client, Name: "eth1"}, netns.Endpoint{Host: v.server, Name: "eth1"}, 0))
	require.NoError(t, v.client.AddAddress("eth1", netip.MustParsePrefix(client)))
	require.NoError(t, v.server.AddAddress("eth1", netip.MustParsePrefix(server)))

	capture := v.capture(t)
	address := netip.AddrPortFrom(netip.MustParsePrefix(server).Addr(), 80)
	listener, err := traffic.Listen(ctx, v.server.Do, lab.ListenOptions{Address: address})
	if errors.Is(err, traffic.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	v.near, err = traffic.Dial(ctx, v.client.Do, lab.DialOptions{Remote: address})
	require.NoError(t, err)
	t.Cleanup(func() { _ = v.near.Abort() })
	far, err := listener.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { _ = far.Abort() })

	// Both ends become fully established, and all is acknowledged.
	require.NoError(t, traffic.PingPong(ctx, v.near, far, 2, 1))
	require.NoError(t, capture.Close())
	return v
}

func newHost(t *testing.T) *netns.Host {
	t.Helper()
	h, err := netns.NewHost(netns.Options{})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, h.Close()) })
	return h
}

// capture learns from the link as seen by the server.
func (v *victim) capture(t *testing.T) (capture *observe.Capture) {
	t.Helper()
	index, err := v.server.InterfaceIndex("eth1")
	require.NoError(t, err)
	require.NoError(t, v.server.Do(func() (err error) {
		capture, err = observe.OpenCapture(int(index), func(f observe.Frame) {
			p, err := wire.Decode(f.Data, wire.LayerEthernet)
			if err != nil {
				return
			}
			if c, ok := p.Option(wire.NameMPCapable).(*wire.MPCapable); ok && c.HasReceiverKey {
				v.clientKey, v.serverKey = c.SenderKey, c.ReceiverKey
			}
			if f.Outgoing {
				v.frame, v.seen = append([]byte(nil), f.Data...), p
			}
		})
		return err
	}))
	return capture
}

// inject puts frames on the link as if the host had sent them.
func inject(t *testing.T, from *netns.Host, frames ...[]byte) {
	t.Helper()
	index, err := from.InterfaceIndex("eth1")
	require.NoError(t, err)
	require.NoError(t, from.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		for _, f := range frames {
			if err := unix.Sendto(fd, f, 0, &unix.SockaddrLinklayer{Ifindex: int(index)}); err != nil {
				return err
			}
		}
		return nil
	}))
}

// inject encodes packets like the frame that was seen, and injects them.
func (v *victim) inject(t *testing.T, from *netns.Host, packets ...wire.Packet) {
	t.Helper()
	for _, p := range packets {
		frame, err := wire.EncodeLike(v.frame, wire.LayerEthernet, p, nil)
		require.NoError(t, err)
		inject(t, from, frame)
	}
}

func counters(t *testing.T, h *netns.Host) (c lab.Counters) {
	t.Helper()
	require.NoError(t, h.Do(func() (err error) {
		c, err = observe.Counters()
		return err
	}))
	return c
}

// eventually asks again until the kernel shows what is expected of it.
func eventually(t *testing.T, condition func() bool, seen func() any) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !condition(); runtime.Gosched() {
		require.True(t, time.Now().Before(deadline), "not within 5s; seen: %v", seen())
	}
}

// requireMoves injects, and expects these counters of the host to move, and no other.
func requireMoves(t *testing.T, h *netns.Host, want lab.Counters, inject func()) {
	t.Helper()
	before := counters(t, h)
	inject()
	moved := func() lab.Counters { return counters(t, h).Since(before) }
	eventually(t, func() bool {
		got := moved()
		for name, n := range want {
			if got[name] != n {
				return false
			}
		}
		return true
	}, func() any { return moved() })
	require.Equal(t, want, moved())
}

var families = []struct{ name, client, server string }{
	{"IPv4", "10.0.1.2/24", "10.0.1.1/24"},
	{"IPv6", "fd00:1::2/64", "fd00:1::1/64"},
}

// The client's kernel takes each forged segment for one of its connection.
func TestForgedSegmentsIntoAConnection(t *testing.T) {
	address := netip.MustParseAddr("10.0.9.9")
	for _, c := range []struct {
		name  string
		forge func(v *victim) []wire.Packet
		want  lab.Counters
	}{
		{
			// A wrong HMAC is dropped without a trace. The right one behind it tells when that has happened.
			"ADD_ADDR of a wrong and of the right HMAC",
			func(v *victim) []wire.Packet {
				right := wire.AddAddrHMAC(v.serverKey, v.clientKey, 7, address, 0)
				return []wire.Packet{
					v.seen.Next(wire.FlagACK, &wire.AddAddr{ID: 7, Address: address, HMAC: right ^ 1}),
					v.seen.Next(wire.FlagACK, &wire.AddAddr{ID: 7, Address: address, HMAC: right}),
				}
			},
			lab.Counters{"AddAddr": 1, "EchoAddTx": 1},
		},
		{
			"REMOVE_ADDR of an unknown id",
			func(v *victim) []wire.Packet {
				return []wire.Packet{v.seen.Next(wire.FlagACK, &wire.RemoveAddr{IDs: []uint8{200}})}
			},
			lab.Counters{"RmAddr": 1},
		},
		{
			"MP_PRIO",
			func(v *victim) []wire.Packet {
				return []wire.Packet{v.seen.Next(wire.FlagACK, &wire.MPPrio{Backup: true})}
			},
			lab.Counters{"MPPrioRx": 1},
		},
	} {
		for _, f := range families {
			t.Run(c.name+" "+f.name, func(t *testing.T) {
				v := newVictim(t, f.client, f.server)
				requireMoves(t, v.client, c.want, func() { v.inject(t, v.server, c.forge(v)...) })
			})
		}
	}
}

// Linux answers an MP_FAIL that it did not wait for by one of its own. The server did not wait for that answer either, and so
// the two would go on as fast as they can, were it not for the reset behind it.
func TestForgedFail(t *testing.T) {
	v := newVictim(t, families[0].client, families[0].server)
	v.inject(t, v.server,
		v.seen.Next(wire.FlagACK, &wire.MPFail{DSN: v.serverKey.IDSN() + 1}),
		v.seen.Next(wire.FlagRST|wire.FlagACK))
	for _, h := range []*netns.Host{v.client, v.server} {
		eventually(t, func() bool { return counters(t, h)["MPFailRx"] >= 1 }, func() any { return counters(t, h) })
	}
}

func TestForgedJoinOfAnUnknownToken(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			v := newVictim(t, f.client, f.server)
			join := wire.Packet{
				Src: netip.AddrPortFrom(v.seen.Dst.Addr(), 999), Dst: v.seen.Src, Flags: wire.FlagSYN, Seq: 1, Window: 0xffff,
				Options: []wire.Option{&wire.MPJoin{Phase: wire.JoinSYN, ID: 1, Token: v.serverKey.Token() ^ 1, Nonce: 5}},
			}
			requireMoves(t, v.server, lab.Counters{"MPJoinSynRx": 1, "MPJoinNoTokenFound": 1}, func() {
				v.inject(t, v.client, join)
			})
		})
	}
}

// A reset closes the subflow whether it says why or not; only the counter tells the two apart.
func TestForgedReset(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []wire.Option
		want    uint64
	}{
		{"plain", nil, 0},
		{"MP_TCPRST", []wire.Option{&wire.TCPRst{Reason: wire.ResetProhibited}}, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := newVictim(t, families[0].client, families[0].server)
			diag := openDiag(t, v.client)
			subflows := func() int {
				conns, err := diag.Conns()
				require.NoError(t, err)
				n := 0
				for _, conn := range conns {
					n += len(conn.Subflows)
				}
				return n
			}
			require.Equal(t, 1, subflows())
			v.inject(t, v.server, v.seen.Next(wire.FlagRST|wire.FlagACK, c.options...))
			eventually(t, func() bool { return subflows() == 0 }, func() any { return subflows() })
			require.Equal(t, c.want, counters(t, v.client)["MPRstRx"])
		})
	}
}

func openDiag(t *testing.T, h *netns.Host) (d *observe.Diag) {
	t.Helper()
	require.NoError(t, h.Do(func() (err error) {
		d, err = observe.OpenDiag()
		return err
	}))
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

func TestForgedFastClose(t *testing.T) {
	v := newVictim(t, families[0].client, families[0].server)
	v.inject(t, v.server, v.seen.Next(wire.FlagRST|wire.FlagACK, &wire.FastClose{Key: v.clientKey}, &wire.TCPRst{}))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	require.ErrorIs(t, v.near.Receive(ctx, 1), unix.ECONNRESET)
	require.Equal(t, uint64(1), counters(t, v.client)["MPFastcloseRx"])
}

// What an edit makes of a segment is taken as well: the forged option of one that was wrong is replaced, and another inserted.
func TestEditedSegmentIntoAConnection(t *testing.T) {
	for _, f := range families {
		t.Run(f.name, func(t *testing.T) {
			v := newVictim(t, f.client, f.server)
			frame, err := wire.EncodeLike(v.frame, wire.LayerEthernet, v.seen.Next(wire.FlagACK, &wire.RemoveAddr{IDs: []uint8{1, 2}}), nil)
			require.NoError(t, err)
			s, err := wire.ParseSegment(frame, wire.LayerEthernet)
			require.NoError(t, err)
			require.NoError(t, s.Replace(func(wire.Option) wire.Option { return &wire.RemoveAddr{IDs: []uint8{200}} }))
			require.NoError(t, s.Insert(&wire.MPPrio{Backup: true}))
			edited, err := s.Bytes()
			require.NoError(t, err)
			requireMoves(t, v.client, lab.Counters{"RmAddr": 1, "MPPrioRx": 1}, func() { inject(t, v.server, edited) })
		})
	}
}
