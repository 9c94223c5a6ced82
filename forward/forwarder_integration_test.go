//go:build linux

package forward

import (
	"context"
	"io/fs"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// eventually looks again until a condition holds.
func eventually(t testing.TB, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !cond(); runtime.Gosched() {
		require.True(t, time.Now().Before(deadline), "not seen within 10s")
	}
}

func received(f *Forwarder, d Direction, n uint64) func() bool {
	return func() bool { return f.Counters(d).Received >= n }
}

// TestDelay holds that no probe is early, in either direction; how late they are is for the benchmark.
func TestDelay(t *testing.T) {
	for _, accurate := range []bool{false, true} {
		b := newBed(t, false)
		delays := [2]time.Duration{3 * ms, 7 * ms}
		b.forward(t, Config{
			AToB: impair.Impairment{Delay: delays[0]}, BToA: impair.Impairment{Delay: delays[1]}, Accurate: accurate,
		})
		for d, delay := range delays {
			p := b.probe(t, Direction(d))
			late, err := p.measure(t.Context(), delay, 50)
			require.NoError(t, err)
			for _, l := range late {
				require.Positive(t, l, "%s", Direction(d))
				require.Less(t, l, time.Second)
			}
		}
	}
}

// TestOrder sends many probes that draw quite different delays.
func TestOrder(t *testing.T) {
	const probes = 500
	b := newBed(t, false)
	b.forward(t, Config{AToB: impair.Impairment{Delay: 5 * ms, Jitter: 5 * ms}})
	p := b.probe(t, AToB)
	for n := range probes {
		p.mustSend(t, n)
	}
	for n := range probes {
		got, _ := p.mustReceive(t)
		require.Equal(t, n, got)
	}
}

// TestLine compares what arrives with what package impair says: which probes are lost, doubled and overtaken.
func TestLine(t *testing.T) {
	const seed, probes = 42, 1000
	set := impair.Impairment{
		Delay: 100 * ms, Loss: 0.1, Burst: impair.Burst{P: 0.05, R: 0.3, LossBad: 1}, Duplicate: 0.1, Reorder: 0.1,
	}
	line := impair.NewLine(2 * seed)
	require.NoError(t, line.Set(set))
	var early, late []int
	for n := range probes {
		fate := line.Pass(0, 46)
		for range map[bool]int{false: 1, true: 2}[fate.Duplicate] {
			switch {
			case fate.Drop != impair.NotDropped:
			case fate.Overtakes:
				early = append(early, n)
			default:
				late = append(late, n)
			}
		}
	}

	b := newBed(t, false)
	var lost, copies int
	f := b.forward(t, Config{AToB: set, Seed: seed, Observe: func(d Decision) {
		lost += map[bool]int{true: 1}[d.Dropped != NotDropped]
		copies += d.Copies
	}})
	p := b.probe(t, AToB)
	for n := range probes {
		p.mustSend(t, n)
	}
	var gotEarly, gotLate []int
	for range len(early) + len(late) {
		n, _ := p.mustReceive(t)
		if len(gotEarly) < len(early) && n == early[len(gotEarly)] {
			gotEarly = append(gotEarly, n)
		} else {
			gotLate = append(gotLate, n)
		}
	}
	require.Equal(t, early, gotEarly)
	require.Equal(t, late, gotLate)
	p.requireNothing(t)
	c := f.Counters(AToB)
	require.EqualValues(t, probes, c.Received)
	require.EqualValues(t, len(early)+len(late), c.Forwarded)
	require.NotZero(t, c.Dropped[DropLoss])
	require.NotZero(t, c.Dropped[DropBurst])
	require.EqualValues(t, lost, c.DroppedTotal())
	require.EqualValues(t, copies, c.Duplicated)
}

// TestTransfer moves verified data across links of all kinds.
func TestTransfer(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  impair.Impairment
		size int64
	}{
		{"perfect", impair.Impairment{}, 20_000_000},
		{"delay", impair.Impairment{Delay: ms}, 20_000_000},
		{"delay and loss", impair.Impairment{Delay: ms, Loss: 0.002}, 2_000_000},
		{"duplicates and reordering", impair.Impairment{Delay: ms, Duplicate: 0.02, Reorder: 0.02}, 2_000_000},
		{"corruption", impair.Impairment{Delay: ms, Corrupt: 0.001}, 2_000_000},
		{"slow", impair.Impairment{Rate: 200_000_000, Queue: 500_000}, 5_000_000},
		{"fast", impair.Impairment{Rate: 2 * gigabit}, 20_000_000},
	} {
		for _, protocol := range []lab.Protocol{lab.MPTCP, lab.TCP} {
			for _, family := range []string{"ipv4", "ipv6"} {
				t.Run(tc.name+" "+family+map[lab.Protocol]string{lab.TCP: " tcp"}[protocol], func(t *testing.T) {
					b := newBed(t, family == "ipv6")
					f := b.forward(t, Config{AToB: tc.set, BToA: tc.set, Seed: 3})
					client, server := b.connect(t, family, protocol)
					ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
					defer cancel()
					require.NoError(t, traffic.Transfer(ctx, client, server, tc.size))
					require.NoError(t, traffic.Transfer(ctx, server, client, tc.size/4))
					requireConserved(t, f)
				})
			}
		}
	}
}

// TestRate times the slow line: bytes of IP packets at the rate.
func TestRate(t *testing.T) {
	const probes, size = 100, 1000
	b := newBed(t, false)
	b.forward(t, Config{AToB: impair.Impairment{Rate: 80_000_000}}) // 0.1 ms a probe
	p := b.probe(t, AToB)
	begin := time.Now()
	for n := range probes {
		_, err := p.send(n, size)
		require.NoError(t, err)
	}
	var last time.Time
	for range probes {
		_, last = p.mustReceive(t)
	}
	took := last.Sub(begin.Round(0))
	require.GreaterOrEqual(t, took, probes*100*time.Microsecond)
	require.Less(t, took, time.Second)
}

func TestSetUnderWay(t *testing.T) {
	b := newBed(t, false)
	f := b.forward(t, Config{})
	p := b.probe(t, AToB)
	for n := range 200 { // each holds for the very next packet
		loss := float64(n % 2)
		require.NoError(t, f.Set(AToB, impair.Impairment{Loss: loss}))
		p.mustSend(t, n)
		eventually(t, received(f, AToB, uint64(n+1)))
	}
	for n := 0; n < 200; n += 2 {
		got, _ := p.mustReceive(t)
		require.Equal(t, n, got)
	}
	require.EqualValues(t, 100, f.Counters(AToB).Dropped[DropLoss])
	require.ErrorContains(t, f.Set(BToA, impair.Impairment{Loss: 2}), "b to a: loss 2: want a fraction")
}

func TestLinkDown(t *testing.T) {
	b := newBed(t, false)
	f := b.forward(t, Config{})
	p := b.probe(t, AToB)
	b.setLink(t, 1, netlink.LinkSetDown)
	p.mustSend(t, 1)
	eventually(t, func() bool { return f.Counters(AToB).Dropped[DropRefused] == 1 })
	require.Error(t, f.Inject(AToB, make([]byte, 60)))

	b.setLink(t, 0, netlink.LinkSetDown)
	b.setLink(t, 0, netlink.LinkSetUp)
	b.setLink(t, 1, netlink.LinkSetUp)
	in(t, b.hidden, func() error { _, err := netlink.LinkByName("b"); return err })
	in(t, b.hosts[0], func() error { _, err := netlink.LinkByName("eth0"); return err })
	p = b.probe(t, AToB) // the old one has the error of an interface that was down
	p.mustSend(t, 2)
	got, _ := p.mustReceive(t)
	require.Equal(t, 2, got)
}

func TestMTUOfTheFarEnd(t *testing.T) {
	b := newBed(t, false)
	f := b.forward(t, Config{})
	err := f.Inject(AToB, make([]byte, 1500+ethernetHeader+vlanTag+1))
	require.ErrorIs(t, err, unix.EMSGSIZE)
	require.EqualValues(t, 1, f.Counters(AToB).Dropped[DropRefused])
	require.NoError(t, f.Inject(AToB, make([]byte, 1500+ethernetHeader)))
}

// TestLimit lets more be under way than may be.
func TestLimit(t *testing.T) {
	b := newBed(t, false)
	f := b.forward(t, Config{AToB: impair.Impairment{Delay: time.Hour}, Limit: batchSize*classes[largest] + 10*classes[0]})
	p := b.probe(t, AToB)
	for n := range 30 {
		p.mustSend(t, n)
	}
	eventually(t, received(f, AToB, 30))
	c := f.Counters(AToB)
	require.EqualValues(t, 10, c.InFlight)
	require.EqualValues(t, 20, c.Dropped[DropLimit])
}

// TestLostFrames leaves no room for what arrives while the filter ponders.
func TestLostFrames(t *testing.T) {
	b := newBed(t, false)
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	f, err := Open(Config{In: b.hidden.Do, A: "a", B: "b", Filter: &Filter{Judge: func(*Packet) Verdict {
		select {
		case entered <- struct{}{}:
			<-leave
		default:
		}
		return Verdict{}
	}}})
	require.NoError(t, err)
	require.NoError(t, unix.SetsockoptInt(f.lanes[AToB].from, unix.SOL_SOCKET, unix.SO_RCVBUF, 1))
	p := b.probe(t, AToB)
	p.mustSend(t, 0)
	<-entered
	for n := range 100 {
		p.mustSend(t, n)
	}
	close(leave)
	require.ErrorContains(t, f.Err(), "a to b:")
	lost := f.Counters(AToB).Lost
	require.Positive(t, lost)
	require.ErrorContains(t, f.Close(), "frames were lost before they could be read")
	require.EqualValues(t, lost, f.Counters(AToB).Lost, "counted once")
	requireConserved(t, f)
}

func TestClose(t *testing.T) {
	b := newBed(t, false)
	f := b.forward(t, Config{AToB: impair.Impairment{Delay: time.Hour}})
	p := b.probe(t, AToB)
	for n := range 5 {
		p.mustSend(t, n)
	}
	eventually(t, received(f, AToB, 5))
	require.EqualValues(t, 5, f.Counters(AToB).InFlight)
	require.NoError(t, f.Close())
	require.NoError(t, f.Close(), "again")
	c := f.Counters(AToB)
	require.EqualValues(t, 5, c.Dropped[DropClosed])
	require.Zero(t, c.InFlight)

	require.ErrorIs(t, f.Set(AToB, impair.Impairment{}), fs.ErrClosed)
	require.ErrorIs(t, f.SetFilter(nil), fs.ErrClosed)
	require.ErrorIs(t, f.Inject(AToB, make([]byte, 60)), fs.ErrClosed)
	require.NoError(t, f.Err())
}

// TestCloseWhileInUse calls everything while another goroutine closes.
func TestCloseWhileInUse(t *testing.T) {
	b := newBed(t, false)
	for range 20 {
		f := b.forward(t, Config{})
		done := make(chan struct{})
		go func() {
			defer close(done)
			for f.Set(AToB, impair.Impairment{}) == nil && f.Inject(BToA, make([]byte, 60)) == nil {
				f.Counters(AToB)
			}
		}()
		eventually(t, func() bool { return f.Counters(BToA).Injected > 10 })
		require.NoError(t, f.Close())
		<-done
	}
}

// TestNothingIsLeft opens and closes many: files and threads are those of before.
func TestNothingIsLeft(t *testing.T) {
	b := newBed(t, false)
	cycle := func() {
		f, err := Open(Config{In: b.hidden.Do, A: "a", B: "b"})
		require.NoError(t, err)
		require.NoError(t, f.Close())
	}
	cycle()
	files, err := openFiles()
	require.NoError(t, err)
	threads, err := entries("/proc/self/task")
	require.NoError(t, err)
	for range 30 {
		cycle()
	}
	after, err := openFiles()
	require.NoError(t, err)
	require.Equal(t, files, after)
	eventually(t, func() bool { // the thread of the last one is ending
		n, err := entries("/proc/self/task")
		return err == nil && n <= threads+3 // the runtime may have started some of its own
	})
}

func TestOpenErrors(t *testing.T) {
	b := newBed(t, false)
	before, err := openFiles()
	require.NoError(t, err)
	for _, tc := range []struct {
		config Config
		want   string
	}{
		{Config{A: "a", B: "c"}, "forward between a and c: interface c: "},
		{Config{A: "x", B: "b"}, "interface x: "},
		{Config{A: "a", B: "b", BToA: impair.Impairment{Loss: 2}}, "b to a: loss 2"},
		{Config{A: "a", B: "b", Limit: -1}, "limit of -1 bytes: want 0 or more"},
	} {
		tc.config.In = b.hidden.Do
		_, err := Open(tc.config)
		require.ErrorContains(t, err, tc.want)
	}
	_, err = Open(Config{A: "a", B: "b", In: func(func() error) error { return os.ErrPermission }})
	require.ErrorIs(t, err, os.ErrPermission)
	after, err := openFiles()
	require.NoError(t, err)
	require.Equal(t, before, after)
}
