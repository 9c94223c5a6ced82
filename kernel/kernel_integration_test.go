package kernel_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// open returns a backend, which must leave nothing behind.
func open(t *testing.T) lab.Backend {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	b, err := kernel.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func openLab(t *testing.T, b lab.Backend, o lab.Options) lab.Lab {
	t.Helper()
	l, err := b.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// twoPaths joins a client and a server by two links.
func twoPaths(t *testing.T, l lab.Lab) (client, server lab.Host) {
	t.Helper()
	ctx := t.Context()
	client, err := l.Host(ctx, "client", lab.HostOptions{})
	require.NoError(t, err)
	server, err = l.Host(ctx, "server", lab.HostOptions{})
	require.NoError(t, err)
	for _, net := range [][2]string{{"10.0.1.1/24", "10.0.1.2/24"}, {"10.0.2.1/24", "10.0.2.2/24"}} {
		_, err := l.Link(ctx,
			lab.End{Node: client, Addresses: []netip.Prefix{netip.MustParsePrefix(net[0])}},
			lab.End{Node: server, Addresses: []netip.Prefix{netip.MustParsePrefix(net[1])}}, lab.LinkOptions{})
		require.NoError(t, err)
	}
	return client, server
}

func connect(t *testing.T, client, server lab.Host, to string) (c, s lab.Socket) {
	t.Helper()
	ctx := t.Context()
	ln, err := server.Listen(ctx, lab.ListenOptions{Address: netip.MustParseAddrPort("[::]:8000")})
	require.NoError(t, err)
	c, err = client.Dial(ctx, lab.DialOptions{Remote: netip.AddrPortFrom(netip.MustParseAddr(to), 8000)})
	require.NoError(t, err)
	s, err = ln.Accept(ctx)
	require.NoError(t, err)
	return c, s
}

// exchange makes the client fully established, which takes data from the server.
func exchange(t *testing.T, ctx context.Context, from, to lab.Socket) {
	t.Helper()
	require.NoError(t, from.Send(ctx, 1))
	require.NoError(t, to.Receive(ctx, 1))
}

func TestAnnouncedAddressIsSeenByAllFourWitnesses(t *testing.T) {
	ctx := t.Context()
	l := openLab(t, open(t), lab.Options{Name: t.Name(), Seed: 1})
	client, server := twoPaths(t, l)
	one := uint32(1)
	require.NoError(t, client.PathManager().SetLimits(pm.LimitsUpdate{AddAddrAccepted: &one}))
	announced := netip.MustParseAddr("10.0.2.2")
	require.NoError(t, server.PathManager().AddEndpoint(pm.Endpoint{Address: announced, Flags: pm.FlagSignal}))

	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, ctx, c, s)
	exchange(t, ctx, s, c)
	joined, err := l.Wait(ctx, 5*time.Second, func() (bool, error) {
		conn, err := c.Conn()
		return len(conn.Subflows) == 2, err
	})
	require.NoError(t, err)
	require.True(t, joined)

	conn, err := c.Conn()
	require.NoError(t, err)
	require.Equal(t, announced, conn.Subflows[1].Remote.Addr())
	require.Equal(t, uint8(1), conn.Subflows[1].RemoteID)

	for _, entry := range l.Timeline() {
		t.Log(entry)
	}
	counters, err := server.Counters()
	require.NoError(t, err)
	require.EqualValues(t, 1, counters["MPJoinAckRx"])

	events, err := client.Events()
	require.NoError(t, err)
	require.Equal(t, pm.EventSubEstablished, events[len(events)-1].Kind)
}
