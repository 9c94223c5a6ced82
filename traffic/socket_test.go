//go:build linux

package traffic_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	loopback4 = netip.MustParseAddr("127.0.0.1")
	loopback6 = netip.MustParseAddr("::1")
	protocols = map[string]lab.Protocol{"mptcp": lab.MPTCP, "tcp": lab.TCP}
)

// forEach runs f over connections of both protocols and families, in namespaces of their own.
func forEach(t *testing.T, f func(t *testing.T, client, server *traffic.Socket)) {
	for name, protocol := range protocols {
		for _, address := range []netip.Addr{loopback4, loopback6} {
			t.Run(fmt.Sprintf("%s/%v", name, address), func(t *testing.T) {
				n := newNamespace(t)
				l := n.listen(t, lab.ListenOptions{Protocol: protocol, Address: netip.AddrPortFrom(address, 0), Seed: 7})
				client, server := n.pair(t, l, lab.DialOptions{Protocol: protocol, Remote: l.Address(), Seed: 7})
				f(t, client, server)
			})
		}
	}
}

func TestTransferSizes(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.Equal(t, client.Local(), server.Remote())
		require.Equal(t, server.Local(), client.Remote())
		var total int64
		for _, n := range []int64{0, 1, 1<<16 - 1, 1 << 16, 1<<16 + 1, 10 << 20} {
			require.NoError(t, traffic.Transfer(t.Context(), client, server, n))
			require.NoError(t, traffic.Transfer(t.Context(), server, client, n))
			require.NoError(t, traffic.Exchange(t.Context(), client, server, n))
			total += 2 * n
		}
		requireSameSums(t, client, server)
		_, _, sent, received := client.Sums()
		require.Equal(t, total, sent)
		require.Equal(t, total, received)
	})
}

// requireSameSums compares both ends by their checksums.
func requireSameSums(t *testing.T, a, b *traffic.Socket) {
	t.Helper()
	aSent, aReceived, aOut, aIn := a.Sums()
	bSent, bReceived, bOut, bIn := b.Sums()
	require.Equal(t, []any{aSent, aOut, aReceived, aIn}, []any{bReceived, bIn, bSent, bOut})
}

func TestPingPong(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, traffic.PingPong(t.Context(), client, server, 100, 1000))
		requireSameSums(t, client, server)
		_, _, sent, received := client.Sums()
		require.Equal(t, []int64{100_000, 100_000}, []int64{sent, received})
	})
}

func TestOwnBytesBetweenThePattern(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, traffic.Transfer(t.Context(), client, server, 5))
		require.NoError(t, client.SendBytes(t.Context(), []byte("GET /")))
		b, err := server.ReceiveBytes(t.Context(), 5)
		require.NoError(t, err)
		require.Equal(t, "GET /", string(b))
		require.NoError(t, traffic.Transfer(t.Context(), client, server, 5))
		requireSameSums(t, client, server)
	})
}

func TestWrongBytes(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, traffic.Transfer(t.Context(), client, server, 100))
		require.NoError(t, client.SendBytes(t.Context(), make([]byte, 16)))
		err := server.Receive(t.Context(), 16)
		var wrong *traffic.MismatchError
		require.ErrorAs(t, err, &wrong)
		require.EqualValues(t, 100, wrong.Offset)
		require.Equal(t, make([]byte, 8), wrong.Seen)
		require.Len(t, wrong.Expected, 8)
		require.ErrorContains(t, err, fmt.Sprintf("receive 16 bytes at %v from %v: after 16 bytes: wrong data at offset 100: expected",
			server.Local(), server.Remote()))
	})
}

func TestSeedsOfBothEndsMustAgree(t *testing.T) {
	n := newNamespace(t)
	l := n.listen(t, lab.ListenOptions{Seed: 1})
	client, server := n.pair(t, l, lab.DialOptions{Remote: netip.AddrPortFrom(loopback4, l.Address().Port()), Seed: 2})
	var wrong *traffic.MismatchError
	require.ErrorAs(t, traffic.Transfer(t.Context(), client, server, 1<<20), &wrong)
	require.Zero(t, wrong.Offset)
}

func TestHalfClose(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, client.Send(t.Context(), 10))
		require.NoError(t, client.CloseWrite())
		require.ErrorIs(t, client.Send(t.Context(), 1), unix.EPIPE)

		require.NoError(t, server.Receive(t.Context(), 10))
		require.NoError(t, server.ReceiveEOF(t.Context()))
		require.ErrorIs(t, server.Receive(t.Context(), 1), io.ErrUnexpectedEOF)
		require.NoError(t, traffic.Transfer(t.Context(), server, client, 1<<20))

		require.NoError(t, server.Send(t.Context(), 3))
		require.ErrorContains(t, client.ReceiveEOF(t.Context()), "expected the end of the stream, got 3 bytes")
		require.NoError(t, server.Close())
		require.NoError(t, client.ReceiveEOF(t.Context()))
	})
}

func TestPeerEndsTooEarly(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, client.SendBytes(t.Context(), []byte("abc")))
		require.NoError(t, client.Close())
		b, err := server.ReceiveBytes(t.Context(), 4)
		require.Equal(t, "abc", string(b))
		require.EqualError(t, err, fmt.Sprintf("receive 4 bytes at %v from %v: after 3 bytes: the peer ended the stream: unexpected EOF",
			server.Local(), server.Remote()))
	})
}

func TestAbortIsAResetForThePeer(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, traffic.Transfer(t.Context(), client, server, 1000))
		require.NoError(t, client.Abort())
		err := server.Receive(t.Context(), 1)
		require.ErrorIs(t, err, unix.ECONNRESET)
		require.EqualError(t, err, fmt.Sprintf("receive 1 bytes at %v from %v: after 0 bytes: connection reset by peer",
			server.Local(), server.Remote()))
	})
}

func TestCloseWithUnreadDataResets(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, traffic.Transfer(t.Context(), client, server, 1))
		require.NoError(t, client.Send(t.Context(), 2))
		require.NoError(t, server.Receive(t.Context(), 1)) // so that the other byte has arrived as well
		require.NoError(t, server.Close())
		require.ErrorIs(t, client.Receive(t.Context(), 1), unix.ECONNRESET)
	})
}

func TestClosedSocket(t *testing.T) {
	ends := map[string]func(*traffic.Socket) error{"close": (*traffic.Socket).Close, "abort": (*traffic.Socket).Abort}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			n := newNamespace(t)
			l := n.listen(t, lab.ListenOptions{})
			s, _ := n.pair(t, l, lab.DialOptions{Remote: netip.AddrPortFrom(loopback6, l.Address().Port())})
			require.NoError(t, end(s))
			require.NoError(t, s.Close())
			require.NoError(t, s.Abort())

			require.ErrorIs(t, s.Send(t.Context(), 0), traffic.ErrClosed)
			require.ErrorIs(t, s.Receive(t.Context(), 0), traffic.ErrClosed)
			require.ErrorIs(t, s.SendBytes(t.Context(), nil), traffic.ErrClosed)
			_, err := s.ReceiveBytes(t.Context(), 1)
			require.ErrorIs(t, err, traffic.ErrClosed)
			require.ErrorIs(t, s.CloseWrite(), traffic.ErrClosed)
			require.ErrorIs(t, s.ReceiveEOF(t.Context()), traffic.ErrClosed)
		})
	}
}

func TestCloseEndsWhatIsUnderWay(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		result := make(chan error)
		go func() { result <- server.Receive(context.Background(), 2) }()
		require.NoError(t, client.Send(t.Context(), 1))
		require.Eventually(t, func() bool { _, _, _, n := server.Sums(); return n == 1 }, eventually, tick)
		require.NoError(t, server.Close())
		require.ErrorIs(t, <-result, traffic.ErrClosed)
	})
}

func TestCancel(t *testing.T) {
	enough := errors.New("enough")
	const endless = 1 << 40
	operations := map[string]func(ctx context.Context, client, server *traffic.Socket) error{
		"send":        func(ctx context.Context, c, _ *traffic.Socket) error { return c.Send(ctx, endless) },
		"receive":     func(ctx context.Context, c, _ *traffic.Socket) error { return c.Receive(ctx, 1) },
		"receive EOF": func(ctx context.Context, c, _ *traffic.Socket) error { return c.ReceiveEOF(ctx) },
		"transfer":    func(ctx context.Context, c, s *traffic.Socket) error { return traffic.Transfer(ctx, c, s, endless) },
		"turn": func(ctx context.Context, c, _ *traffic.Socket) error {
			go func() { _ = c.Receive(ctx, 1) }()
			return c.Receive(ctx, 1)
		},
	}
	for name, operation := range operations {
		t.Run(name, func(t *testing.T) {
			forEach(t, func(t *testing.T, client, server *traffic.Socket) {
				ctx, cancel := context.WithCancelCause(t.Context())
				result := make(chan error)
				go func() { result <- operation(ctx, client, server) }()
				cancel(enough)
				require.ErrorIs(t, <-result, enough)
				// The deadline that ended it must not last.
				require.NoError(t, server.SendBytes(t.Context(), []byte("x")))
				_, err := client.ReceiveBytes(t.Context(), 1)
				require.NoError(t, err)
			})
		})
	}
}

// TestCancelBlockedSend waits until the kernel takes no more.
func TestCancelBlockedSend(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		enough := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		result := make(chan error)
		go func() { result <- client.Send(ctx, 1<<40) }()
		require.Eventually(t, func() bool { _, _, n, _ := client.Sums(); return n > 0 }, eventually, tick)
		cancel(enough)
		err := <-result
		require.ErrorIs(t, err, enough)

		// What the kernel took arrives, and the pattern goes on where it was.
		_, _, sent, _ := client.Sums()
		require.Contains(t, err.Error(), fmt.Sprintf("after %d bytes: enough", sent))
		require.NoError(t, server.Receive(t.Context(), sent))
		require.NoError(t, traffic.Transfer(t.Context(), client, server, 1000))
		requireSameSums(t, client, server)
	})
}

func TestTransferReportsTheCause(t *testing.T) {
	forEach(t, func(t *testing.T, client, server *traffic.Socket) {
		require.NoError(t, client.SendBytes(t.Context(), []byte("not the pattern")))
		err := traffic.Exchange(t.Context(), client, server, 1<<30)
		var wrong *traffic.MismatchError
		require.ErrorAs(t, err, &wrong)
		require.NotErrorIs(t, err, context.Canceled)
	})
}

func TestNegativeSizes(t *testing.T) {
	n := newNamespace(t)
	l := n.listen(t, lab.ListenOptions{})
	s, _ := n.pair(t, l, lab.DialOptions{Remote: netip.AddrPortFrom(loopback6, l.Address().Port())})
	require.ErrorContains(t, s.Send(t.Context(), -1), "a negative number of bytes")
	require.ErrorContains(t, s.Receive(t.Context(), -1), "a negative number of bytes")
	_, err := s.ReceiveBytes(t.Context(), -1)
	require.ErrorContains(t, err, "a negative number of bytes")
}
