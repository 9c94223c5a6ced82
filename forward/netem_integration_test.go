//go:build linux

package forward

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/impair"
)

// netem bridges the ends of the bed in the hidden namespace, and puts the qdisc netem on the way to the second host.
func (b *bed) netem(t *testing.T, attrs netlink.NetemQdiscAttrs) {
	t.Helper()
	in(t, b.hidden, func() error {
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "bridge"}}
		if err := netlink.LinkAdd(bridge); err != nil {
			return err
		}
		var out netlink.Link
		for _, name := range []string{"bridge", "a", "b"} {
			l, err := netlink.LinkByName(name)
			if err != nil {
				return err
			}
			if name != "bridge" {
				if err := netlink.LinkSetMaster(l, bridge); err != nil {
					return err
				}
			}
			if err := bringUp(name); err != nil {
				return err
			}
			out = l
		}
		attrs.Limit = 10000
		err := netlink.QdiscAdd(netlink.NewNetem(netlink.QdiscAttrs{LinkIndex: out.Attrs().Index, Handle: 0x10000, Parent: netlink.HANDLE_ROOT}, attrs))
		if err == unix.ENOENT {
			t.Skip("the kernel has no netem: build it with CONFIG_NET_SCH_NETEM")
		}
		return err
	})
}

// TestNetem holds what a link of ours does to probes against what netem does to them.
func TestNetem(t *testing.T) {
	const bytesPerSecond, size = 1_000_000, 1000
	tests := []struct {
		name   string
		ours   impair.Impairment
		theirs netlink.NetemQdiscAttrs
		figure func(*testing.T, *prober) float64
		within float64 // of each other
	}{
		{"delay, ms", impair.Impairment{Delay: 5 * ms}, netlink.NetemQdiscAttrs{Latency: 5000}, lateness(median), 1},
		{"mean of jitter, ms", impair.Impairment{Delay: 20 * ms, Jitter: 10 * ms}, netlink.NetemQdiscAttrs{Latency: 20000, Jitter: 10000}, lateness(mean), 2},
		{"spread of jitter, ms", impair.Impairment{Delay: 20 * ms, Jitter: 10 * ms}, netlink.NetemQdiscAttrs{Latency: 20000, Jitter: 10000}, lateness(spread), 1.5},
		// Six standard deviations of a binomial distribution, for each of the two.
		{"loss", impair.Impairment{Loss: 0.1}, netlink.NetemQdiscAttrs{Loss: 10}, arrived, 12 * math.Sqrt(0.1*0.9/volley)},
		{"duplication", impair.Impairment{Duplicate: 0.1}, netlink.NetemQdiscAttrs{Duplicate: 10}, arrived, 12 * math.Sqrt(0.1*0.9/volley)},
		// netem counts the Ethernet header, too.
		{"rate, ms a packet", impair.Impairment{Rate: 8 * bytesPerSecond}, netlink.NetemQdiscAttrs{Rate64: bytesPerSecond}, pace(size), 0.05},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			theirs := newBed(t, false)
			theirs.netem(t, tt.theirs)
			ours := newBed(t, false)
			ours.forward(t, Config{AToB: tt.ours})
			got, want := tt.figure(t, ours.probe(t, AToB)), tt.figure(t, theirs.probe(t, AToB))
			t.Logf("ours %.3f, netem %.3f", got, want)
			require.InDelta(t, want, got, tt.within)
		})
	}
}

// lateness is a figure of the times, in milliseconds, that probes take one after the other.
func lateness(of func([]float64) float64) func(*testing.T, *prober) float64 {
	return func(t *testing.T, p *prober) float64 {
		took, err := p.measure(t.Context(), 0, 400)
		require.NoError(t, err)
		times := make([]float64, len(took))
		for i, d := range took {
			times[i] = float64(d) / float64(ms)
		}
		return of(times)
	}
}

func median(x []float64) float64 {
	slices.Sort(x)
	return x[len(x)/2]
}

func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}

func spread(x []float64) float64 {
	m, squares := mean(x), 0.0
	for _, v := range x {
		squares += (v - m) * (v - m) / float64(len(x))
	}
	return math.Sqrt(squares)
}

// volley is how many probes are sent to see how many arrive.
const volley = 5000

// arrived is how many probes arrive for each that was sent.
func arrived(t *testing.T, p *prober) float64 {
	n := 0
	for sent := range volley {
		p.mustSend(t, sent)
		if sent%100 != 99 {
			continue
		}
		for {
			if _, _, err := p.receive(50 * ms); err != nil {
				break // none is left
			}
			n++
		}
	}
	return float64(n) / volley
}

// pace is the time in milliseconds from one probe of a size to the next, where many were sent at once.
func pace(size int) func(*testing.T, *prober) float64 {
	return func(t *testing.T, p *prober) float64 {
		const probes = 200
		for n := range probes {
			_, err := p.send(n, size)
			require.NoError(t, err)
		}
		_, first := p.mustReceive(t)
		var last time.Time
		for range probes - 1 {
			_, last = p.mustReceive(t)
		}
		return float64(last.Sub(first)) / float64(ms) / (probes - 1)
	}
}
