//go:build linux

package bench

import (
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/forward"
	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// BenchmarkLinkDelay measures how much later than asked a link delivers: with and without real-time accuracy, idle and beside
// a bulk transfer over another link; and the floors: a plain veth pair, and a
// thread that does nothing but wait for the time.
func BenchmarkLinkDelay(b *testing.B) {
	if !netns.Privileged() {
		b.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	for _, busy := range []bool{false, true} {
		b.Run(fmt.Sprintf("veth/busy=%t", busy), func(b *testing.B) {
			late(b, busy, func() (forward.Accuracy, error) { return forward.CalibrateVeth(b.Context(), 4000) })
		})
		b.Run(fmt.Sprintf("thread/busy=%t", busy), func(b *testing.B) {
			late(b, busy, func() (forward.Accuracy, error) { return thread(5*time.Millisecond, 800), nil })
		})
		for _, accurate := range []bool{true, false} {
			for _, delay := range []time.Duration{1, 5, 20, 100} {
				delay *= time.Millisecond
				b.Run(fmt.Sprintf("accurate=%t/busy=%t/delay=%s", accurate, busy, delay), func(b *testing.B) {
					probes := min(1000, int(4*time.Second/delay))
					late(b, busy, func() (forward.Accuracy, error) { return forward.Calibrate(b.Context(), delay, probes, accurate) })
				})
			}
		}
	}
}

// late reports how much later than asked packets arrive; busy: beside a bulk transfer.
func late(b *testing.B, busy bool, calibrate func() (forward.Accuracy, error)) {
	if busy {
		defer bulk(b)()
	}
	var a forward.Accuracy
	for b.Loop() {
		var err error
		a, err = calibrate()
		require.NoError(b, err)
	}
	b.ReportMetric(microseconds(a.Median), "late-p50-µs")
	b.ReportMetric(microseconds(a.P99), "late-p99-µs")
	b.ReportMetric(0, "ns/op")
}

// thread measures how late a real-time thread is that sleeps for most of a time and looks at the clock for the rest: what the machine
// gives to any that has to be punctual.
func thread(delay time.Duration, times int) forward.Accuracy {
	var late []time.Duration
	var g sync.WaitGroup
	g.Go(func() {
		runtime.LockOSThread() // for good: the thread has been changed
		const thisThread, awake = 0, 500 * time.Microsecond
		_ = unix.SchedSetAttr(thisThread, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0)
		for range times {
			due := time.Now().Add(delay)
			rest := unix.NsecToTimespec(int64(delay - awake))
			_ = unix.Nanosleep(&rest, nil) // cut short by a signal, it looks at the clock for longer
			for time.Now().Before(due) {
			}
			late = append(late, time.Since(due))
		}
	})
	g.Wait()
	return forward.Accuracy{Median: quantile(late, 0.50), P99: quantile(late, 0.99)}
}

func microseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }

// BenchmarkLinkThroughput moves data over one MPTCP connection with reno, in turn over a plain veth pair and over links in user space.
func BenchmarkLinkThroughput(b *testing.B) {
	if !netns.Privileged() {
		b.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	links := []struct {
		name string
		set  *impair.Impairment // nil: a plain veth pair
		size int64
	}{
		{"veth", nil, 4 << 30},
		{"forward", &impair.Impairment{}, 4 << 30},
		{"forward 5ms", &impair.Impairment{Delay: 5 * time.Millisecond}, 4 << 30},
		{"forward 20ms", &impair.Impairment{Delay: 20 * time.Millisecond}, 4 << 30},
		{"forward 1Gbit/s", &impair.Impairment{Rate: 1_000_000_000, Delay: time.Millisecond}, 256 << 20},
		{"forward 100Mbit/s", &impair.Impairment{Rate: 100_000_000, Delay: time.Millisecond}, 32 << 20},
		{"forward cut", &impair.Impairment{Delay: time.Millisecond, Loss: 1e-12}, 512 << 20}, // into packets, of which none is lost
	}
	for _, l := range links {
		b.Run(l.name, func(b *testing.B) {
			var took time.Duration
			moved := int64(0)
			for b.Loop() {
				p := newPath(b, l.set)
				took += timed(func() { require.NoError(b, p.transfer(l.size)) })
				moved += l.size
				p.close(b)
			}
			b.ReportMetric(float64(moved)*8/took.Seconds()/1e9, "Gbit/s")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// path is two hosts and a link, plain or forwarded.
type path struct {
	namespaces     []*netns.Namespace
	link           *forward.Forwarder
	client, server net.Conn
}

var pathAddresses = [2]netip.Prefix{netip.MustParsePrefix("10.0.0.1/24"), netip.MustParsePrefix("10.0.0.2/24")}

func newPath(tb testing.TB, set *impair.Impairment) *path {
	p := &path{}
	hosts := [2]*netns.Namespace{p.namespace(tb), p.namespace(tb)}
	if set == nil {
		veth(tb, hosts[0], "eth0", hosts[1], "eth0")
	} else {
		hidden := p.namespace(tb)
		for i, name := range []string{"a", "b"} {
			veth(tb, hosts[i], "eth0", hidden, name)
		}
		var err error
		p.link, err = forward.Open(forward.Config{In: hidden.Do, A: "a", B: "b", AToB: *set, BToA: *set})
		require.NoError(tb, err)
	}
	for i, host := range hosts {
		require.NoError(tb, host.Do(func() error {
			eth0, err := netlink.LinkByName("eth0")
			if err != nil {
				return err
			}
			return netlink.AddrAdd(eth0, &netlink.Addr{IPNet: &net.IPNet{
				IP: pathAddresses[i].Addr().AsSlice(), Mask: net.CIDRMask(pathAddresses[i].Bits(), 32),
			}})
		}))
	}
	p.connect(tb, hosts)
	return p
}

// namespace has reno and large buffers, and no IPv6.
func (p *path) namespace(tb testing.TB) *netns.Namespace {
	ns, err := netns.New()
	require.NoError(tb, err)
	p.namespaces = append(p.namespaces, ns)
	require.NoError(tb, ns.Do(func() error {
		var errs []error
		for name, value := range map[string]string{
			"ipv4/tcp_congestion_control":    "reno",
			"ipv4/tcp_rmem":                  "4096 8388608 67108864",
			"ipv4/tcp_wmem":                  "4096 8388608 67108864",
			"ipv6/conf/default/disable_ipv6": "1",
		} {
			errs = append(errs, os.WriteFile("/proc/sys/net/"+name, []byte(value), 0))
		}
		return errors.Join(errs...)
	}))
	return ns
}

// veth links two namespaces.
func veth(tb testing.TB, a *netns.Namespace, nameA string, b *netns.Namespace, nameB string) {
	require.NoError(tb, a.Do(func() error {
		return netlink.LinkAdd(&netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: nameA}, PeerName: nameB, PeerNamespace: netlink.NsFd(b.FD()),
		})
	}))
	for _, e := range []struct {
		ns   *netns.Namespace
		name string
	}{{a, nameA}, {b, nameB}, {a, nameA}} { // the first has its carrier only when the second is up
		require.NoError(tb, e.ns.Do(func() error {
			l, err := netlink.LinkByName(e.name)
			if err != nil {
				return err
			}
			if err := netlink.LinkSetUp(l); err != nil {
				return err
			}
			_, err = netlink.LinkByName(e.name) // makes the kernel act on the carrier
			return err
		}))
	}
}

// connect makes one MPTCP connection.
func (p *path) connect(tb testing.TB, hosts [2]*netns.Namespace) {
	var l net.Listener
	require.NoError(tb, hosts[1].Do(func() (err error) {
		var c net.ListenConfig
		c.SetMultipathTCP(true)
		l, err = c.Listen(tb.Context(), "tcp4", netip.AddrPortFrom(pathAddresses[1].Addr(), 0).String())
		return err
	}))
	defer l.Close()
	require.NoError(tb, hosts[0].Do(func() (err error) {
		d := net.Dialer{Timeout: 10 * time.Second}
		d.SetMultipathTCP(true)
		p.client, err = d.DialContext(tb.Context(), "tcp4", l.Addr().String())
		return err
	}))
	var err error
	p.server, err = l.Accept()
	require.NoError(tb, err)
	mptcp, err := p.client.(*net.TCPConn).MultipathTCP()
	require.NoError(tb, err)
	require.True(tb, mptcp)
}

// transfer moves bytes without looking at them; an error of either end ends the other.
func (p *path) transfer(size int64) error {
	var g errgroup.Group
	g.Go(func() error { return p.move(size, p.client.Write) })
	g.Go(func() error { return p.move(size, p.server.Read) })
	return g.Wait()
}

func (p *path) move(size int64, call func([]byte) (int, error)) error {
	buffer := make([]byte, 256<<10)
	for size > 0 {
		n, err := call(buffer[:min(size, int64(len(buffer)))])
		if err != nil {
			return errors.Join(err, p.abort())
		}
		size -= int64(n)
	}
	return nil
}

// abort resets the connection: what is unsent would keep its namespaces.
func (p *path) abort() error {
	for _, c := range []net.Conn{p.client, p.server} {
		_ = c.(*net.TCPConn).SetLinger(0) // may be closed already
		_ = c.Close()
	}
	return nil
}

func (p *path) close(tb testing.TB) {
	require.NoError(tb, p.abort())
	if p.link != nil {
		require.NoError(tb, p.link.Close())
	}
	for _, ns := range p.namespaces {
		require.NoError(tb, errors.Join(ns.DestroySockets(), ns.Close()))
	}
}

// bulk transfers over a link of its own until it is told to stop.
func bulk(tb testing.TB) (stop func()) {
	p := newPath(tb, &impair.Impairment{Delay: 5 * time.Millisecond})
	var g errgroup.Group
	g.Go(func() error { return p.transfer(math.MaxInt64) })
	return func() {
		require.NoError(tb, p.abort())
		require.Error(tb, g.Wait(), "it ends by being reset")
		p.close(tb)
	}
}
