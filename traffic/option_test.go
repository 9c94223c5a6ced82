//go:build linux

package traffic_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// Every option that lab names can be read here, but for those that are more than a number or a text.
func TestEveryOptionIsKnown(t *testing.T) {
	n := newNamespace(t)
	client, _ := n.connected(t)
	for _, k := range lab.SocketOptions() {
		value, err := client.Option(k.Name)
		if strings.HasPrefix(k.Name, "MPTCP_") {
			require.ErrorIs(t, err, traffic.ErrNoOption, k.Name)
			continue
		}
		require.NotErrorIs(t, err, traffic.ErrNoOption, k.Name)
		if err == nil && k.Text {
			require.IsType(t, "", value, k.Name)
		} else if err == nil {
			require.IsType(t, 0, value, k.Name)
		}
	}
	require.ErrorIs(t, client.SetOption(lab.SocketOption{Name: "SO_MARC"}), traffic.ErrNoOption)
	require.ErrorIs(t, client.SetOption(lab.SocketOption{Name: "SO_MARK"}), unix.EINVAL)
}

// connected is a connection over loopback.
func (n *namespace) connected(t *testing.T) (client, server *traffic.Socket) {
	t.Helper()
	l := n.listen(t, lab.ListenOptions{Address: netip.AddrPortFrom(loopback4, 0)})
	return n.pair(t, l, lab.DialOptions{Remote: l.Address()})
}

func TestOptions(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		for _, o := range []lab.SocketOption{{Name: "SO_MARK", Value: 7}, {Name: "TCP_NODELAY", Value: 0}, {Name: "TCP_CONGESTION", Value: "reno"}} {
			require.NoError(t, client.SetOption(o))
			value, err := client.Option(o.Name)
			require.NoError(t, err)
			require.Equal(t, o.Value, value, o.Name)
		}
		err := client.SetOption(lab.SocketOption{Name: "TCP_CONGESTION", Value: "none"})
		require.ErrorIs(t, err, unix.ENOENT)
		require.ErrorContains(t, err, "set TCP_CONGESTION of the connection from "+client.Local().String())
		require.NoError(t, client.Close())
		_, err = client.Option("SO_MARK")
		require.ErrorIs(t, err, traffic.ErrClosed)
	})
}

func TestOptionsBeforeConnecting(t *testing.T) {
	n := newNamespace(t)
	mark := []lab.SocketOption{{Name: "SO_MARK", Value: 7}}
	l := n.listen(t, lab.ListenOptions{Address: netip.AddrPortFrom(loopback4, 0), Options: mark})
	client, server := n.pair(t, l, lab.DialOptions{Remote: l.Address(), Options: mark})
	for _, s := range []*traffic.Socket{client, server} {
		value, err := s.Option("SO_MARK")
		require.NoError(t, err)
		require.Equal(t, 7, value)
	}
	wrong := []lab.SocketOption{{Name: "TCP_ULP", Value: "mptcp"}}
	_, err := traffic.Dial(t.Context(), n.in, lab.DialOptions{Remote: l.Address(), Options: wrong})
	require.ErrorContains(t, err, "set TCP_ULP: protocol not available")
	_, err = traffic.Listen(t.Context(), n.in, lab.ListenOptions{Options: wrong})
	require.ErrorContains(t, err, "set TCP_ULP: protocol not available")
}

func TestReceiveMessage(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, server.SetOption(lab.SocketOption{Name: "TCP_INQ", Value: 1}))
		require.NoError(t, client.SendBytes(t.Context(), []byte("hello")))
		require.Eventually(t, func() bool {
			waiting, err := server.Option("FIONREAD")
			return err == nil && waiting == 5
		}, 5*time.Second, time.Millisecond)
		for _, step := range []struct {
			n      int
			peek   bool
			data   string
			unread int
		}{{3, true, "hel", 5}, {3, false, "hel", 2}, {9, false, "lo", 0}} {
			m, err := server.ReceiveMessage(t.Context(), step.n, step.peek)
			require.NoError(t, err)
			require.Equal(t, step.data, string(m.Data))
			if !step.peek { // of a peek, kernels tell what is there or what would be
				require.Equal(t, step.unread, m.Unread)
			}
		}
		requireSameSums(t, client, server)

		cause := errors.New("no patience")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 20*time.Millisecond, cause)
		defer cancel()
		_, err := server.ReceiveMessage(ctx, 1, false)
		require.ErrorIs(t, err, cause)

		require.NoError(t, client.CloseWrite())
		m, err := server.ReceiveMessage(t.Context(), 1, false)
		require.NoError(t, err)
		require.Empty(t, m.Data)
	})
}

func TestReconnect(t *testing.T) {
	for name, protocol := range protocols {
		t.Run(name, func(t *testing.T) {
			n := newNamespace(t)
			l := n.listen(t, lab.ListenOptions{Protocol: protocol, Address: netip.AddrPortFrom(loopback4, 0), Seed: 7})
			client, server := n.pair(t, l, lab.DialOptions{Protocol: protocol, Remote: l.Address(), Seed: 7})
			require.NoError(t, traffic.Transfer(t.Context(), client, server, 1000))
			first := client.Local()

			require.NoError(t, client.Reconnect(t.Context(), l.Address()))
			_, err := server.ReceiveMessage(t.Context(), 1, false)
			require.ErrorIs(t, err, unix.ECONNRESET)
			again, err := l.Accept(t.Context())
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, again.Abort()) })
			require.Equal(t, client.Local(), again.Remote())
			require.NotEqual(t, first, client.Local())
			require.NoError(t, traffic.Transfer(t.Context(), client, again, 1000)) // the patterns begin anew
			require.NoError(t, traffic.Transfer(t.Context(), again, client, 1000))

			err = client.Reconnect(t.Context(), netip.AddrPortFrom(loopback6, 1))
			require.ErrorContains(t, err, "another address family")
			require.ErrorIs(t, client.Reconnect(t.Context(), netip.AddrPortFrom(loopback4, 1)), unix.ECONNREFUSED)
			require.NoError(t, client.Close())
			require.ErrorIs(t, client.Reconnect(t.Context(), l.Address()), traffic.ErrClosed)
		})
	}
}

// The first connection asks for a cookie, the second one sends its data with the SYN; both deliver all.
func TestFastOpen(t *testing.T) {
	for name, protocol := range protocols {
		t.Run(name, func(t *testing.T) {
			n := newNamespace(t)
			n.sysctl(t, "ipv4/tcp_fastopen", "3")
			l := n.listen(t, lab.ListenOptions{
				Protocol: protocol, Address: netip.AddrPortFrom(loopback4, 0), Options: []lab.SocketOption{{Name: "TCP_FASTOPEN", Value: 5}},
			})
			for range 3 {
				client, server := n.pair(t, l, lab.DialOptions{Protocol: protocol, Remote: l.Address(), Data: []byte("hello")})
				got, err := server.ReceiveBytes(t.Context(), 5)
				require.NoError(t, err)
				require.Equal(t, "hello", string(got))
				requireSameSums(t, client, server)
			}
		})
	}
}
