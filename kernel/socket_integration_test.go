package kernel_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestConn(t *testing.T) {
	tests := []struct {
		name           string
		client, server lab.Protocol
		to             string
		fallback       bool
		tokens         [2]bool
	}{
		{"MPTCP", lab.MPTCP, lab.MPTCP, "10.0.1.2", false, [2]bool{true, true}},
		{"MPTCP over IPv6", lab.MPTCP, lab.MPTCP, "fd00::2", false, [2]bool{true, true}},
		{"fallback: the server is plain", lab.MPTCP, lab.TCP, "10.0.1.2", true, [2]bool{true, false}},
		{"fallback: the client is plain", lab.TCP, lab.MPTCP, "10.0.1.2", true, [2]bool{}},
		{"plain TCP", lab.TCP, lab.TCP, "10.0.1.2", true, [2]bool{}},
		{"plain TCP over IPv6", lab.TCP, lab.TCP, "fd00::2", true, [2]bool{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t)
			client, server, _ := onePath(t, l)
			require.NoError(t, client.AddAddress(t.Context(), "eth1", prefixes("fd00::1/64")[0]))
			require.NoError(t, server.AddAddress(t.Context(), "eth1", prefixes("fd00::2/64")[0]))
			c, s := connectAs(t, client, test.client, server, test.server, test.to)
			exchange(t, c, s)
			var conns [2]lab.Conn
			for i, end := range []lab.Socket{c, s} {
				conn, err := end.Conn()
				require.NoError(t, err)
				require.Equal(t, "ESTAB", conn.State, "end %d", i)
				require.Equal(t, test.fallback, conn.Fallback, "end %d", i)
				require.Equal(t, test.tokens[i], conn.Token != 0, "end %d", i)
				require.Equal(t, end.Local(), conn.Local, "end %d", i)
				require.Equal(t, end.Remote(), conn.Remote, "end %d", i)
				require.Len(t, conn.Subflows, 1, "end %d", i)
				conns[i] = conn
			}
			require.Equal(t, conns[0].Local, conns[1].Remote)
			require.Same(t, server, s.Host())
			require.Same(t, client, c.Host())
		})
	}
}

// Two connections between the same hosts are not mistaken for each other.
func TestConnOfManyConnections(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	for _, protocol := range []lab.Protocol{lab.MPTCP, lab.TCP} {
		for range 3 {
			c, s := connectAs(t, client, protocol, server, protocol, "10.0.1.2")
			exchange(t, c, s)
			near, err := c.Conn()
			require.NoError(t, err)
			far, err := s.Conn()
			require.NoError(t, err)
			require.Equal(t, near.Local, far.Remote)
			require.Equal(t, c.Local(), near.Local)
		}
	}
}

func TestConnAfterTheEnd(t *testing.T) {
	for name, end := range map[string]func(lab.Socket) error{"close": lab.Socket.Close, "abort": lab.Socket.Abort} {
		for protocol, p := range map[string]lab.Protocol{"MPTCP": lab.MPTCP, "TCP": lab.TCP} {
			t.Run(name+" of "+protocol, func(t *testing.T) {
				l := newLab(t)
				client, server, _ := onePath(t, l)
				c, s := connectAs(t, client, p, server, p, "10.0.1.2")
				exchange(t, c, s)
				require.NoError(t, end(c))
				require.NoError(t, end(c), "again")
				last, err := c.Conn()
				require.NoError(t, err)
				require.Equal(t, "ESTAB", last.State, "as last seen")
				require.Len(t, last.Subflows, 1)

				if name == "close" {
					require.NoError(t, s.ReceiveEOF(t.Context()))
					return
				}
				eventually(t, l, func() (bool, error) {
					conn, err := s.Conn()
					return conn.State == "CLOSE" && len(conn.Subflows) == 0, err
				})
				gone, err := s.Conn()
				require.NoError(t, err)
				require.Equal(t, s.Local(), gone.Local)
				require.Equal(t, s.Remote(), gone.Remote)
			})
		}
	}
}

// A connection that is first looked at when it has been reset still tells its addresses.
func TestConnFirstSeenGone(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	c, s := connectAs(t, client, lab.TCP, server, lab.TCP, "10.0.1.2")
	require.NoError(t, c.Abort())
	require.Error(t, s.Receive(t.Context(), 1))
	conn, err := s.Conn()
	require.NoError(t, err)
	require.Equal(t, lab.Conn{Local: s.Local(), Remote: s.Remote(), State: "CLOSE"}, conn)
}

func TestSocketErrorsNameTheHost(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	ctx := t.Context()
	taken := netip.MustParseAddrPort("10.0.1.2:80")
	ln, err := server.Listen(ctx, lab.ListenOptions{Address: taken})
	require.NoError(t, err)
	cancelled, cancel := context.WithCancel(ctx)
	cancel()

	tests := []struct {
		name string
		do   func() error
		err  string
	}{
		{"port in use", func() error {
			_, err := server.Listen(ctx, lab.ListenOptions{Address: taken})
			return err
		}, "on server: listen on 10.0.1.2:80: "},
		{"address of another host", func() error {
			_, err := client.Listen(ctx, lab.ListenOptions{Address: taken})
			return err
		}, "on client: listen on 10.0.1.2:80: "},
		{"nobody listens", func() error {
			_, err := client.Dial(ctx, lab.DialOptions{Remote: netip.MustParseAddrPort("10.0.1.2:81")})
			return err
		}, "on client: connect to 10.0.1.2:81: connection refused"},
		{"no route", func() error {
			_, err := client.Dial(ctx, lab.DialOptions{Remote: netip.MustParseAddrPort("192.0.2.1:81")})
			return err
		}, "on client: connect to 192.0.2.1:81: network is unreachable"},
		{"source of another host", func() error {
			_, err := client.Dial(ctx, lab.DialOptions{Local: netip.MustParseAddrPort("10.0.1.2:0"), Remote: taken})
			return err
		}, "on client: connect from 10.0.1.2:0 to 10.0.1.2:80: "},
		{"accept cancelled", func() error { _, err := ln.Accept(cancelled); return err }, "on server: accept on 10.0.1.2:80: context canceled"},
		{"accept after close", func() error {
			require.NoError(t, ln.Close())
			require.NoError(t, ln.Close(), "again")
			_, err := ln.Accept(ctx)
			return err
		}, "on server: accept on 10.0.1.2:80: socket is closed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { require.ErrorContains(t, test.do(), test.err) })
	}
}

// The pattern is that of the seed, of the lab if none is given.
func TestSeed(t *testing.T) {
	l := newLab(t) // with seed 1
	client, server, _ := onePath(t, l)
	ctx := t.Context()
	for _, test := range []struct {
		near, far uint64
		same      bool
	}{{0, 0, true}, {0, 1, true}, {5, 5, true}, {0, 2, false}, {5, 6, false}} {
		ln, err := server.Listen(ctx, lab.ListenOptions{Seed: test.far})
		require.NoError(t, err)
		c, err := client.Dial(ctx, lab.DialOptions{Remote: netip.AddrPortFrom(netip.MustParseAddr("10.0.1.2"), ln.Address().Port()), Seed: test.near})
		require.NoError(t, err)
		s, err := ln.Accept(ctx)
		require.NoError(t, err)
		require.NoError(t, c.Send(ctx, 100))
		if err := s.Receive(ctx, 100); test.same {
			require.NoError(t, err)
		} else {
			require.Error(t, err)
		}
	}
}
