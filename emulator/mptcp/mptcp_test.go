package mptcp_test

import (
	"context"
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// bed is a client and a server with two links between them, 10.0.1.0/24 and 10.0.2.0/24.
type bed struct {
	*testing.T
	lab            lab.Lab
	client, server lab.Host
	links          []lab.Link
}

func newBed(t *testing.T) *bed {
	t.Helper()
	e, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	l, err := e.Open(t.Context(), lab.Options{Name: t.Name(), Seed: 1})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	b := &bed{T: t, lab: l}
	for i, h := range []*lab.Host{&b.client, &b.server} {
		*h, err = l.Host(t.Context(), []string{"client", "server"}[i], lab.HostOptions{})
		require.NoError(t, err)
	}
	for _, net := range []string{"10.0.1.", "10.0.2."} {
		k, err := l.Link(t.Context(),
			lab.End{Node: b.client, Addresses: []netip.Prefix{netip.MustParsePrefix(net + "1/24")}},
			lab.End{Node: b.server, Addresses: []netip.Prefix{netip.MustParsePrefix(net + "2/24")}}, lab.LinkOptions{})
		require.NoError(t, err)
		b.links = append(b.links, k)
	}
	return b
}

// connect makes a connection to the server's first address, and has it fully established.
func (b *bed) connect(server lab.Protocol, remote string) (near, far lab.Socket) {
	b.Helper()
	to := netip.MustParseAddrPort(remote)
	ln, err := b.server.Listen(b.Context(), lab.ListenOptions{Protocol: server, Address: netip.AddrPortFrom(netip.IPv6Unspecified(), to.Port())})
	require.NoError(b, err)
	near, err = b.client.Dial(b.Context(), lab.DialOptions{Remote: to})
	require.NoError(b, err)
	far, err = ln.Accept(b.Context())
	require.NoError(b, err)
	require.NoError(b, near.Send(b.Context(), 1))
	require.NoError(b, far.Receive(b.Context(), 1))
	return near, far
}

// pass lets time pass.
func (b *bed) pass(d time.Duration) {
	b.Helper()
	_, err := b.lab.Wait(b.Context(), d, func() (bool, error) { return false, nil })
	require.NoError(b, err)
}

// events are those of a kind on the client.
func (b *bed) events(kind pm.EventKind) (found []pm.Event) {
	b.Helper()
	all, err := b.client.Events()
	require.NoError(b, err)
	for _, e := range all {
		if e.Kind == kind {
			found = append(found, e.Event)
		}
	}
	return found
}

func (b *bed) counters(h lab.Host) lab.Counters {
	b.Helper()
	c, err := h.Counters()
	require.NoError(b, err)
	return c
}

// join adds an endpoint that opens a subflow.
func (b *bed) join(address string) {
	b.Helper()
	require.NoError(b, b.client.PathManager().AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr(address), Flags: pm.FlagSubflow}))
}

// A client answers the reset that refuses its join by one of its own, as its subflow was not fully established, and knows of no error.
func TestRefusedJoin(t *testing.T) {
	b := newBed(t)
	none := uint32(0)
	require.NoError(t, b.server.PathManager().SetLimits(pm.LimitsUpdate{Subflows: &none}))
	b.join("10.0.2.1")
	b.connect(lab.MPTCP, "10.0.1.2:80")
	b.pass(time.Second)
	require.Equal(t, uint64(1), b.counters(b.server)["MPJoinRejected"])
	require.Equal(t, uint64(1), b.counters(b.client)["MPRstTx"])
	require.Zero(t, b.counters(b.client)["MPRstRx"])
	closed := b.events(pm.EventSubClosed)
	require.Len(t, closed, 1)
	require.Zero(t, closed[0].Has&(pm.AttrError|pm.AttrResetReason))
}

// A subflow that is closed before its SYN was answered has no remote port any more, and of its own address only what it was bound to.
func TestUnansweredJoinIsClosed(t *testing.T) {
	b := newBed(t)
	drop := &lab.Rule{Name: "drop", Judge: func(lab.Packet, []byte, func(lab.Verdict) error) lab.Verdict {
		return lab.Verdict{Action: lab.ActionDrop}
	}}
	require.NoError(t, b.links[1].AddRule(t.Context(), drop))
	b.join("10.0.2.1")
	b.connect(lab.MPTCP, "10.0.1.2:80")
	b.pass(100 * time.Millisecond)
	require.NoError(t, b.client.PathManager().DeleteEndpoint(pm.Endpoint{ID: 1}))
	closed := b.events(pm.EventSubClosed)
	require.Len(t, closed, 1)
	require.Equal(t, netip.MustParseAddr("10.0.2.1"), closed[0].Local.Addr())
	require.Equal(t, netip.MustParseAddrPort("10.0.1.2:0"), closed[0].Remote)
	require.Equal(t, syscall.Errno(104), closed[0].Error)
}

// A MP_FASTCLOSE takes the token with it, so that nothing is told when the program closes its socket.
func TestFastCloseOfThePeer(t *testing.T) {
	b := newBed(t)
	near, far := b.connect(lab.MPTCP, "10.0.1.2:80")
	require.NoError(t, far.Abort())
	require.ErrorContains(t, near.Receive(t.Context(), 1), "connection reset by peer")
	require.NoError(t, near.Close())
	b.pass(time.Second)
	require.Empty(t, b.events(pm.EventClosed))
	require.Equal(t, uint64(1), b.counters(b.client)["MPFastcloseRx"])
}

// A connection that fell back in the handshake asked for MPTCP and was not answered; what it counts as acknowledged is one more.
func TestFallbackInTheHandshake(t *testing.T) {
	b := newBed(t)
	near, far := b.connect(lab.TCP, "10.0.1.2:80")
	require.NoError(t, far.Send(context.Background(), 1))
	require.NoError(t, near.Receive(context.Background(), 1))
	c, err := near.Conn()
	require.NoError(t, err)
	const capableLocal, connected = 2, 1 << 7
	require.True(t, c.Fallback)
	require.Equal(t, uint32(capableLocal|connected), c.Subflows[0].Flags)
	require.Equal(t, uint64(2), c.Info.BytesAcked)
	require.Equal(t, uint64(1), c.Info.BytesReceived)
}

// A remote address that is mapped into IPv6 makes a socket of IPv6, by which events and inet_diag name it.
func TestMappedAddress(t *testing.T) {
	b := newBed(t)
	near, _ := b.connect(lab.MPTCP, "[::ffff:10.0.1.2]:80")
	b.pass(time.Millisecond)
	c, err := near.Conn()
	require.NoError(t, err)
	require.True(t, c.Subflows[0].Local.Addr().Is4In6())
	created := b.events(pm.EventCreated)
	require.True(t, slices.ContainsFunc(created, func(e pm.Event) bool { return e.Has.Contains(pm.AttrLocalAddr6) }))
}

// A connection that is closed has its subflows as they were then: the worker does nothing for it.
func TestClosedConnectionKeepsItsCounts(t *testing.T) {
	b := newBed(t)
	b.join("10.0.2.1")
	near, far := b.connect(lab.MPTCP, "10.0.1.2:80")
	b.pass(10 * time.Millisecond)
	require.NoError(t, near.CloseWrite())
	b.pass(10 * time.Millisecond)
	require.NoError(t, far.CloseWrite())
	b.pass(time.Second)
	of := func(s lab.Socket) uint8 {
		c, err := s.Conn()
		require.NoError(t, err)
		return c.Info.ExtraSubflows
	}
	require.Equal(t, uint8(1), of(near), "its FINs were acknowledged after it was closed")
	require.Zero(t, of(far))
}
