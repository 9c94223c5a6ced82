package netns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

// closer is what tests close at their end.
type closer interface{ Close() error }

func closeAfter(t testing.TB, c closer) {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, c.Close()) })
}

// privileged skips a test where namespaces cannot be made.
func privileged(t testing.TB) {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN to make network namespaces")
	}
}

func newHost(t testing.TB, o netns.Options) *netns.Host {
	t.Helper()
	privileged(t)
	h, err := netns.NewHost(o)
	require.NoError(t, err)
	closeAfter(t, h)
	return h
}

// link joins two hosts and gives the ends these addresses.
func link(t testing.TB, a *netns.Host, nameA, addressesA string, b *netns.Host, nameB, addressesB string) {
	t.Helper()
	require.NoError(t, netns.Link(netns.Endpoint{Host: a, Name: nameA}, netns.Endpoint{Host: b, Name: nameB}, 0))
	require.NoError(t, a.AddAddress(nameA, prefixes(addressesA)...))
	require.NoError(t, b.AddAddress(nameB, prefixes(addressesB)...))
}

// exchange connects over TCP from one host to another and moves a byte each way. A lost SYN would take a second.
func exchange(t testing.TB, from *netns.Host, local string, to *netns.Host, remote string) {
	t.Helper()
	require.NoError(t, tryExchange(from, local, to, remote), "%s to %s", local, remote)
}

func tryExchange(from *netns.Host, local string, to *netns.Host, remote string) (err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	l, err := listen(to, netip.AddrPortFrom(netip.MustParseAddr(remote), 0).String())
	if err != nil {
		return err
	}
	defer l.Close()
	d := net.Dialer{}
	if local != "" {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(local), 0))
	}
	d.SetMultipathTCP(false)
	var client net.Conn
	if err := from.Do(func() (err error) {
		client, err = d.DialContext(ctx, "tcp", l.Addr().String())
		return err
	}); err != nil {
		return fmt.Errorf("dial: %w", err)
	}
	defer client.Close()
	server, err := l.Accept()
	if err != nil {
		return err
	}
	defer server.Close()
	_, e1 := client.Write([]byte("x"))
	_, e2 := server.Read(make([]byte, 1))
	return errors.Join(e1, e2)
}

func listen(h *netns.Host, address string) (l net.Listener, err error) {
	err = h.Do(func() error {
		var c net.ListenConfig
		c.SetMultipathTCP(false)
		l, err = c.Listen(context.Background(), "tcp", address)
		return err
	})
	return l, err
}
