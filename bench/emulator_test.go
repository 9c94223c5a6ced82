package bench

import (
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// BenchmarkEmulatorCasesPerSecond runs the case of BenchmarkCase on the emulator on one CPU, one after the other, in turn with the kernel
// backend, also one after the other.
func BenchmarkEmulatorCasesPerSecond(b *testing.B) {
	cases := load(b)
	const repeat = 500
	var work, model, real time.Duration
	for b.Loop() {
		model += timed(func() {
			work += onOneCPU(func() { runOn(b, newEmulator(b), cases, runner.Config{Jobs: 1, Repeat: repeat}) })
		})
		if netns.Privileged() {
			real += timed(func() { runOn(b, openBackend(b), cases, runner.Config{Jobs: 1, Repeat: repeat / 5}) })
		}
	}
	b.ReportMetric(float64(b.N*repeat)/work.Seconds(), "cases/s")
	if real > 0 {
		b.ReportMetric(5*real.Seconds()/model.Seconds(), "of-kernel")
	}
	b.ReportMetric(0, "ns/op")
}

// onOneCPU is how long a CPU works for something that has only that one, whatever else the machine does meanwhile.
func onOneCPU(f func()) time.Duration {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	before := worked()
	f()
	return worked() - before
}

// worked is how long CPUs have worked for this process.
func worked() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err) // of arguments that are right: a bug
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func newEmulator(b *testing.B) *emulator.Backend {
	e, err := emulator.New(emulator.Options{})
	require.NoError(b, err)
	return e
}

func runOn(b *testing.B, backend lab.Backend, cases []runner.Case, cfg runner.Config) {
	took := &durations{b: b}
	require.Empty(b, runner.Run(b.Context(), backend, cases, cfg, took).Audit)
}

// BenchmarkEmulatorGrowth tells what more of something costs: the time of each size, and how much more twice as much takes, which
// is 2 when the cost grows with the size.
func BenchmarkEmulatorGrowth(b *testing.B) {
	for _, g := range []struct {
		what  string
		sizes []int
		run   func(ctx context.Context, l lab.Lab, n int) error
	}{
		{"hosts", []int{250, 500, 1000}, starOfHosts},
		{"connections", []int{2500, 5000, 10000}, connections},
		{"megabytes", []int{16, 32, 64}, megabytes},
	} {
		b.Run(g.what, func(b *testing.B) {
			took := make([]time.Duration, len(g.sizes))
			for b.Loop() {
				for i, n := range g.sizes {
					backend := newEmulator(b)
					l, err := backend.Open(b.Context(), lab.Options{Seed: 1, MaxHosts: 2 * n, MaxEvents: 1 << 20})
					require.NoError(b, err)
					runtime.GC() // what the last one has left is not this one's
					took[i] += onOneCPU(func() { require.NoError(b, g.run(b.Context(), l, n)) })
					require.NoError(b, l.Close())
					require.NoError(b, backend.Close())
				}
			}
			for i, n := range g.sizes {
				b.ReportMetric(milliseconds(took[i])/float64(b.N), strconv.Itoa(n)+"-ms")
				if i > 0 {
					b.ReportMetric(float64(took[i])/float64(took[i-1]), fmt.Sprintf("%d/%d", n, g.sizes[i-1]))
				}
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// starOfHosts links hosts to one switch, and connects each to the next one.
func starOfHosts(ctx context.Context, l lab.Lab, n int) error {
	s, err := l.Switch(ctx, "s")
	if err != nil {
		return err
	}
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	var hosts []lab.Host
	for i := range n {
		h, err := l.Host(ctx, "h"+strconv.Itoa(i), lab.HostOptions{})
		if err != nil {
			return err
		}
		end := lab.End{Node: h, Addresses: []netip.Prefix{netip.PrefixFrom(address(i+1), 16)}}
		if _, err := l.Link(ctx, end, lab.End{Node: s}, lab.LinkOptions{}); err != nil {
			return err
		}
		hosts = append(hosts, h)
	}
	for i, h := range hosts {
		to := (i + 1) % n
		ln, err := hosts[to].Listen(ctx, lab.ListenOptions{Address: netip.AddrPortFrom(address(to+1), 80)})
		if err != nil {
			return err
		}
		if err := dial(ctx, h, ln); err != nil {
			return err
		}
	}
	return nil
}

// dial makes a connection, and has it fully established.
func dial(ctx context.Context, from lab.Host, ln lab.Listener) error {
	near, err := from.Dial(ctx, lab.DialOptions{Remote: ln.Address()})
	if err != nil {
		return err
	}
	far, err := ln.Accept(ctx)
	if err != nil {
		return err
	}
	if err := near.Send(ctx, 1); err != nil {
		return err
	}
	return far.Receive(ctx, 1)
}

// twoHosts are linked.
func twoHosts(ctx context.Context, l lab.Lab) (a lab.Host, ln lab.Listener, err error) {
	var ends [2]lab.End
	for i, name := range []string{"a", "b"} {
		h, err := l.Host(ctx, name, lab.HostOptions{})
		if err != nil {
			return nil, nil, err
		}
		ends[i] = lab.End{Node: h, Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 1)}), 24)}}
	}
	if _, err := l.Link(ctx, ends[0], ends[1], lab.LinkOptions{}); err != nil {
		return nil, nil, err
	}
	ln, err = ends[1].Node.(lab.Host).Listen(ctx, lab.ListenOptions{Address: netip.MustParseAddrPort("10.0.0.2:80")})
	return ends[0].Node.(lab.Host), ln, err
}

// connections makes that many between two hosts, all of which stay open.
func connections(ctx context.Context, l lab.Lab, n int) error {
	a, ln, err := twoHosts(ctx, l)
	for range n {
		if err != nil {
			return err
		}
		err = dial(ctx, a, ln)
	}
	return err
}

// megabytes moves that many over one connection.
func megabytes(ctx context.Context, l lab.Lab, n int) error {
	a, ln, err := twoHosts(ctx, l)
	if err != nil {
		return err
	}
	near, err := a.Dial(ctx, lab.DialOptions{Remote: ln.Address()})
	if err != nil {
		return err
	}
	far, err := ln.Accept(ctx)
	if err != nil {
		return err
	}
	size := int64(n) << 20
	return l.Together(ctx,
		func(ctx context.Context) error { return near.Send(ctx, size) },
		func(ctx context.Context) error { return far.Receive(ctx, size) })
}
