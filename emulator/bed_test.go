package emulator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// open opens a lab that is closed with the test.
func open(t testing.TB, seed uint64, o Options) *modelLab {
	t.Helper()
	b, err := New(o)
	require.NoError(t, err)
	l, err := b.Open(t.Context(), lab.Options{Name: t.Name(), Seed: seed})
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		require.NoError(t, b.Close())
	})
	return l.(*modelLab)
}

// hostsOf are a client and a server with links between them: 10.0.1.1 and 10.0.1.2, 10.0.2.1 and 10.0.2.2, and so on, and of IPv6
// the same.
func hostsOf(t testing.TB, l *modelLab, paths int) (client, server *host) {
	t.Helper()
	ctx := context.Background()
	made := make([]*host, 2)
	for i, name := range []string{"client", "server"} {
		h, err := l.Host(ctx, name, lab.HostOptions{})
		require.NoError(t, err)
		made[i] = h.(*host)
	}
	for path := 1; path <= paths; path++ {
		var ends [2]lab.End
		for i, h := range made {
			ends[i] = lab.End{Node: h, Addresses: []netip.Prefix{
				netip.MustParsePrefix(fmt.Sprintf("10.0.%d.%d/24", path, i+1)),
				netip.MustParsePrefix(fmt.Sprintf("fd00:%d::%d/64", path, i+1)),
			}}
		}
		_, err := l.Link(ctx, ends[0], ends[1], lab.LinkOptions{})
		require.NoError(t, err)
	}
	return made[0], made[1]
}

// connect connects two hosts, and exchanges a byte each way.
func connect(t testing.TB, client, server *host, address string) (near, far lab.Socket) {
	t.Helper()
	ctx := context.Background()
	ln, err := server.Listen(ctx, lab.ListenOptions{Address: netip.MustParseAddrPort(address)})
	require.NoError(t, err)
	near, err = client.Dial(ctx, lab.DialOptions{Remote: netip.MustParseAddrPort(address)})
	require.NoError(t, err)
	far, err = ln.Accept(ctx)
	require.NoError(t, err)
	for _, way := range [][2]lab.Socket{{near, far}, {far, near}} {
		require.NoError(t, way[0].Send(ctx, 1))
		require.NoError(t, way[1].Receive(ctx, 1))
	}
	return near, far
}

// watch calls each with every frame that enters a link.
func (l *modelLab) watch(each func(k *link, t *network.Transit)) {
	for _, k := range l.links {
		judge := k.model.Judge
		k.model.Judge = func(t *network.Transit) network.Verdict {
			each(k, t)
			return judge(t)
		}
	}
}

// digest is the hash of all frames that enter links, with their times.
func (l *modelLab) digest() hash.Hash {
	sum := sha256.New()
	l.watch(func(k *link, t *network.Transit) {
		fmt.Fprintln(sum, k.name, t.From, t.Arrived, hex.EncodeToString(t.Frame))
	})
	return sum
}

// optionsOf are the MPTCP options of a frame as they are on the wire, in hexadecimal.
func optionsOf(t testing.TB, frame []byte) (all []string) {
	t.Helper()
	s, err := wire.ParseSegment(frame, wire.LayerEthernet)
	require.NoError(t, err)
	const end, nop = 0, 1
	for b := s.Options; len(b) > 0 && b[0] != end; {
		if b[0] == nop {
			b = b[1:]
			continue
		}
		if b[0] == wire.KindMPTCP {
			all = append(all, hex.EncodeToString(b[:b[1]]))
		}
		b = b[b[1]:]
	}
	return all
}
