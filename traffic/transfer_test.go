//go:build linux

package traffic_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// BenchmarkTransfer compares a verified transfer with io.CopyN of the same data over sockets of the same kind:
// of-plain is the share of the plain throughput that is reached.
func BenchmarkTransfer(b *testing.B) {
	const size = 256 << 20
	for name, protocol := range protocols {
		b.Run(name, func(b *testing.B) {
			n := newNamespace(b)
			l := n.listen(b, lab.ListenOptions{Protocol: protocol})
			client, server := n.pair(b, l, lab.DialOptions{Protocol: protocol, Remote: netip.AddrPortFrom(loopback4, l.Address().Port())})
			from, to := n.plainPair(b, protocol)

			var verified, plain time.Duration
			b.SetBytes(size)
			for b.Loop() {
				start := time.Now()
				require.NoError(b, traffic.Transfer(b.Context(), client, server, size))
				verified += time.Since(start)
				b.StopTimer()
				start = time.Now()
				copyPlain(b, from, to, size)
				plain += time.Since(start)
				b.StartTimer()
			}
			b.ReportMetric(plain.Seconds()/verified.Seconds(), "of-plain")
		})
	}
}

// plainPair connects two sockets by package net alone.
func (n *namespace) plainPair(b *testing.B, protocol lab.Protocol) (from, to net.Conn) {
	b.Helper()
	require.NoError(b, n.in(func() error {
		var lc net.ListenConfig
		lc.SetMultipathTCP(protocol == lab.MPTCP)
		l, err := lc.Listen(context.Background(), "tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		defer l.Close()
		var d net.Dialer
		d.SetMultipathTCP(protocol == lab.MPTCP)
		if from, err = d.Dial("tcp4", l.Addr().String()); err != nil {
			return err
		}
		to, err = l.Accept()
		return err
	}))
	b.Cleanup(func() {
		require.NoError(b, from.Close())
		require.NoError(b, to.Close())
	})
	return from, to
}

// zeros is an endless source without io.WriterTo, as io.Discard is a sink without the sockets' splice.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }

func copyPlain(b *testing.B, from io.Writer, to io.Reader, size int64) {
	b.Helper()
	var g errgroup.Group
	g.Go(func() error {
		_, err := io.CopyBuffer(struct{ io.Writer }{from}, io.LimitReader(zeros{}, size), make([]byte, 256<<10))
		return err
	})
	g.Go(func() error {
		_, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(struct{ io.Reader }{to}, size), make([]byte, 256<<10))
		return err
	})
	require.NoError(b, g.Wait())
}
