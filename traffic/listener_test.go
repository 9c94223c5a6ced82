//go:build linux

package traffic_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// A condition that does not hold after eventually never will; no test passes or fails by it in good order.
const (
	eventually = 10 * time.Second
	tick       = time.Millisecond
)

func TestSocketProtocol(t *testing.T) {
	numbers := map[lab.Protocol]int{lab.MPTCP: unix.IPPROTO_MPTCP, lab.TCP: unix.IPPROTO_TCP}
	forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
		n := newNamespace(t)
		l := n.listen(t, lab.ListenOptions{Protocol: protocol})
		client, server := n.pair(t, l, lab.DialOptions{Protocol: protocol, Remote: netip.AddrPortFrom(loopback4, l.Address().Port())})
		for _, s := range []*traffic.Socket{client, server} {
			require.Equal(t, numbers[protocol], option(t, s, unix.SO_PROTOCOL))
			require.Zero(t, option(t, s, unix.SO_KEEPALIVE))
		}
	})
}

func forEachProtocol(t *testing.T, f func(t *testing.T, protocol lab.Protocol)) {
	for name, protocol := range protocols {
		t.Run(name, func(t *testing.T) { f(t, protocol) })
	}
}

// option reads an option of level SOL_SOCKET.
func option(t *testing.T, s *traffic.Socket, opt int) (value int) {
	t.Helper()
	raw, err := s.SyscallConn()
	require.NoError(t, err)
	require.NoError(t, raw.Control(func(fd uintptr) { value, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, opt) }))
	require.NoError(t, err)
	return value
}

func TestUnspecifiedAddressServesBothFamilies(t *testing.T) {
	for _, address := range []netip.Addr{{}, netip.IPv4Unspecified(), netip.IPv6Unspecified()} {
		t.Run(address.String(), func(t *testing.T) {
			forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
				n := newNamespace(t)
				n.sysctl(t, "ipv6/bindv6only", "1")
				l := n.listen(t, lab.ListenOptions{Protocol: protocol, Address: netip.AddrPortFrom(address, 0)})
				require.Equal(t, netip.IPv6Unspecified(), l.Address().Addr())
				require.NotZero(t, l.Address().Port())
				for _, remote := range []netip.Addr{loopback4, loopback6} {
					_, server := n.pair(t, l, lab.DialOptions{Protocol: protocol, Remote: netip.AddrPortFrom(remote, l.Address().Port())})
					require.Equal(t, netip.AddrPortFrom(remote, l.Address().Port()), server.Local())
				}
			})
		})
	}
}

// TestLinkLocalZone names an interface that only the namespace has.
func TestLinkLocalZone(t *testing.T) {
	n := newNamespace(t)
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "traffic0", Index: 1234}, PeerName: "traffic1"}
	address := &netlink.Addr{IPNet: netlink.NewIPNet(net.ParseIP("fe80::1")), Flags: unix.IFA_F_NODAD}
	require.NoError(t, n.in(func() error {
		return errors.Join(netlink.LinkAdd(veth), netlink.LinkSetUp(veth), netlink.AddrAdd(veth, address))
	}))
	forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
		l := n.listen(t, lab.ListenOptions{Protocol: protocol})
		remote := func(zone string) lab.DialOptions {
			address := netip.MustParseAddr("fe80::1").WithZone(zone)
			return lab.DialOptions{Protocol: protocol, Remote: netip.AddrPortFrom(address, l.Address().Port())}
		}
		n.pair(t, l, remote("traffic0"))
		n.pair(t, l, remote("1234"))
		_, err := traffic.Dial(t.Context(), n.in, remote("eth9"))
		require.ErrorContains(t, err, "interface eth9")
	})
}

func TestMPTCPNeverBecomesTCP(t *testing.T) {
	n := newNamespace(t)
	tcp := n.listen(t, lab.ListenOptions{Protocol: lab.TCP, Address: netip.AddrPortFrom(loopback4, 0)})
	n.sysctl(t, "mptcp/enabled", "0")
	_, err := traffic.Listen(t.Context(), n.in, lab.ListenOptions{})
	require.EqualError(t, err, "listen on [::]:0: MPTCP is disabled on this host (net.mptcp.enabled = 0)")
	_, err = traffic.Dial(t.Context(), n.in, lab.DialOptions{Remote: tcp.Address()})
	require.ErrorIs(t, err, traffic.ErrDisabled)
	n.pair(t, tcp, lab.DialOptions{Protocol: lab.TCP, Remote: tcp.Address()})
}

func TestUnknownProtocol(t *testing.T) {
	n := newNamespace(t)
	_, err := traffic.Listen(t.Context(), n.in, lab.ListenOptions{Protocol: 9})
	require.ErrorContains(t, err, "unknown protocol 9")
}

func TestAddressInUse(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
		n := newNamespace(t)
		l := n.listen(t, lab.ListenOptions{Protocol: protocol})
		_, err := traffic.Listen(t.Context(), n.in, lab.ListenOptions{Protocol: protocol, Address: l.Address()})
		require.ErrorIs(t, err, unix.EADDRINUSE)
	})
}

func TestDialErrors(t *testing.T) {
	tests := map[string]struct {
		local, remote netip.AddrPort
		is            error
		text          string
	}{
		"refused": {
			remote: netip.MustParseAddrPort("127.0.0.1:9"), is: unix.ECONNREFUSED,
			text: "connect to 127.0.0.1:9: connection refused",
		},
		"unreachable": {
			remote: netip.MustParseAddrPort("10.9.9.9:9"), is: unix.ENETUNREACH,
			text: "connect to 10.9.9.9:9: network is unreachable",
		},
		"local address of nobody": {
			local: netip.MustParseAddrPort("10.9.9.9:0"), remote: netip.MustParseAddrPort("127.0.0.1:9"), is: unix.EADDRNOTAVAIL,
			text: "connect from 10.9.9.9:0 to 127.0.0.1:9: bind: cannot assign requested address",
		},
		"families": {
			local: netip.MustParseAddrPort("127.0.0.1:0"), remote: netip.MustParseAddrPort("[::1]:9"),
			text: "connect from 127.0.0.1:0 to [::1]:9: the local and the remote address are of different families",
		},
		"no remote": {text: "connect: no remote address and port"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
				n := newNamespace(t)
				_, err := traffic.Dial(t.Context(), n.in, lab.DialOptions{Protocol: protocol, Local: test.local, Remote: test.remote})
				require.EqualError(t, err, test.text)
				if test.is != nil {
					require.ErrorIs(t, err, test.is)
				}
			})
		})
	}
}

// TestRefusedDialTriesOnce holds that no second connect, of plain TCP, follows a refused one of MPTCP.
func TestRefusedDialTriesOnce(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
		n := newNamespace(t)
		_, err := traffic.Dial(t.Context(), n.in, lab.DialOptions{Protocol: protocol, Remote: netip.AddrPortFrom(loopback4, 9)})
		require.ErrorIs(t, err, unix.ECONNREFUSED)
		require.Equal(t, 1, n.activeOpens(t))
	})
}

func TestDialFrom(t *testing.T) {
	locals := map[string]netip.AddrPort{
		"address":          netip.MustParseAddrPort("127.0.0.2:0"),
		"address and port": netip.MustParseAddrPort("127.0.0.2:5000"),
		"port":             netip.AddrPortFrom(netip.Addr{}, 5000),
	}
	for name, local := range locals {
		t.Run(name, func(t *testing.T) {
			n := newNamespace(t)
			l := n.listen(t, lab.ListenOptions{})
			client, server := n.pair(t, l, lab.DialOptions{Local: local, Remote: netip.AddrPortFrom(loopback4, l.Address().Port())})
			require.Equal(t, client.Local(), server.Remote())
			if local.Addr().IsValid() {
				require.Equal(t, local.Addr(), client.Local().Addr())
			}
			if local.Port() != 0 {
				require.Equal(t, local.Port(), client.Local().Port())
			}
		})
	}
}

// TestCancelDial connects to a listener whose queue is full, so that the handshake hangs.
func TestCancelDial(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
		n := newNamespace(t)
		n.sysctl(t, "core/somaxconn", "0")
		l := n.listen(t, lab.ListenOptions{Protocol: protocol, Address: netip.AddrPortFrom(loopback4, 0)})
		o := lab.DialOptions{Protocol: protocol, Remote: l.Address()}
		first, err := traffic.Dial(t.Context(), n.in, o)
		require.NoError(t, err)
		defer first.Abort()

		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		left := make(chan struct{})
		result := make(chan error)
		go func() {
			_, err := traffic.Dial(ctx, func(f func() error) error { defer close(left); return n.in(f) }, o)
			result <- err
		}()
		<-left // the namespace, while the handshake hangs
		cancel(enough)
		require.EqualError(t, <-result, fmt.Sprintf("connect to %v: enough", o.Remote))
	})
}

func TestCancelAccept(t *testing.T) {
	forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
		n := newNamespace(t)
		l := n.listen(t, lab.ListenOptions{Protocol: protocol})
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancelled := make(chan error)
		for range 10 {
			go func() {
				_, err := l.Accept(ctx)
				cancelled <- err
			}()
		}
		served := make(chan *traffic.Socket)
		go func() {
			s, err := l.Accept(context.Background())
			if err != nil {
				t.Error(err)
			}
			served <- s
		}()
		cancel(enough)
		for range 10 {
			require.ErrorIs(t, <-cancelled, enough)
		}
		// The others wait on.
		client, err := traffic.Dial(t.Context(), n.in, lab.DialOptions{Protocol: protocol, Remote: netip.AddrPortFrom(loopback4, l.Address().Port())})
		require.NoError(t, err)
		defer client.Abort()
		require.NoError(t, (<-served).Abort())
	})
}

func TestCloseEndsAccept(t *testing.T) {
	n := newNamespace(t)
	l := n.listen(t, lab.ListenOptions{})
	results := make(chan error)
	for range 3 {
		go func() {
			_, err := l.Accept(context.Background())
			results <- err
		}()
	}
	require.NoError(t, l.Close())
	for range 3 {
		require.ErrorIs(t, <-results, traffic.ErrClosed)
	}
}

func TestManyConnectionsAtOnce(t *testing.T) {
	const connections, size = 200, 100_000
	forEachProtocol(t, func(t *testing.T, protocol lab.Protocol) {
		n := newNamespace(t)
		l := n.listen(t, lab.ListenOptions{Protocol: protocol})
		g, ctx := errgroup.WithContext(t.Context())
		for range connections {
			g.Go(func() error {
				s, err := traffic.Dial(ctx, n.in, lab.DialOptions{Protocol: protocol, Remote: netip.AddrPortFrom(loopback4, l.Address().Port())})
				if err != nil {
					return err
				}
				return errors.Join(s.Send(ctx, size), s.Receive(ctx, size), s.ReceiveEOF(ctx), s.Close())
			})
			g.Go(func() error {
				s, err := l.Accept(ctx)
				if err != nil {
					return err
				}
				return errors.Join(s.Receive(ctx, size), s.Send(ctx, size), s.Close())
			})
		}
		require.NoError(t, g.Wait())
	})
}
