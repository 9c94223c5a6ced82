package impair

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	packets = 100_000
	length  = 1500
	spacing = 100 * time.Microsecond
)

var seeds = []uint64{1, 2, 12345, math.MaxUint64}

func newLine(t testing.TB, seed uint64, i Impairment) *Line {
	t.Helper()
	l := NewLine(seed)
	require.NoError(t, l.Set(i))
	return l
}

// pass sends packets at an even spacing.
func pass(t testing.TB, seed uint64, i Impairment, n int, spacing time.Duration) []Fate {
	t.Helper()
	l := newLine(t, seed, i)
	fates := make([]Fate, n)
	for k := range fates {
		fates[k] = l.Pass(time.Duration(k)*spacing, length)
	}
	return fates
}

func count(fates []Fate, is func(Fate) bool) (n int) {
	for _, f := range fates {
		if is(f) {
			n++
		}
	}
	return n
}

// requireFraction allows for five standard deviations of n independent packets.
func requireFraction(t testing.TB, want float64, got, n int) {
	t.Helper()
	require.InDelta(t, want, float64(got)/float64(n), 5*math.Sqrt(want*(1-want)/float64(n)))
}

// requireFate is a quick require.Equal.
func requireFate(t testing.TB, want, got Fate) {
	t.Helper()
	if want != got {
		require.Equal(t, want, got)
	}
}

// requireOrder is a quick require.LessOrEqual.
func requireOrder(t testing.TB, before, after time.Duration) {
	t.Helper()
	if before > after {
		require.LessOrEqual(t, before, after)
	}
}

func dropped(f Fate) bool   { return f.Drop != NotDropped }
func doubled(f Fate) bool   { return f.Duplicate }
func corrupted(f Fate) bool { return f.Corrupt }
func overtaken(f Fate) bool { return f.Overtakes }

func TestPerfectLine(t *testing.T) {
	for k, f := range pass(t, 1, Impairment{}, packets, spacing) {
		requireFate(t, Fate{At: time.Duration(k) * spacing}, f)
	}
}

func TestFractions(t *testing.T) {
	for _, seed := range seeds {
		for _, p := range []float64{0.001, 0.1, 0.5, 1} {
			set := Impairment{Delay: ms, Duplicate: p, Corrupt: p, Reorder: p}
			fates := pass(t, seed, set, packets, spacing)
			require.Zero(t, count(fates, dropped), "nothing else is lost")
			requireFraction(t, p, count(fates, doubled), packets)
			requireFraction(t, p, count(fates, corrupted), packets)
			requireFraction(t, p, count(fates, overtaken), packets)
			requireFraction(t, p, count(pass(t, seed, Impairment{Loss: p}, packets, spacing), dropped), packets)
		}
	}
}

func TestDecisionsAreIndependent(t *testing.T) {
	const p = 0.3
	fates := pass(t, 7, Impairment{Delay: ms, Duplicate: p, Corrupt: p, Reorder: p}, packets, spacing)
	requireFraction(t, p*p, count(fates, func(f Fate) bool { return f.Duplicate && f.Corrupt }), packets)
	requireFraction(t, p*p, count(fates, func(f Fate) bool { return f.Duplicate && f.Overtakes }), packets)
	requireFraction(t, p*p, count(fates, func(f Fate) bool { return f.Corrupt && f.Overtakes }), packets)
}

func TestLostPacketsAreNotDoubled(t *testing.T) {
	for _, f := range pass(t, 1, Impairment{Loss: 0.5, Duplicate: 0.5, Corrupt: 0.5}, packets, spacing) {
		if dropped(f) {
			requireFate(t, Fate{Drop: DropLoss}, f)
		}
	}
}

func TestBurst(t *testing.T) {
	for _, b := range []Burst{
		{P: 0.01, R: 0.25, LossBad: 1},
		{P: 0.05, R: 0.5, LossBad: 0.8, LossGood: 0.01},
	} {
		for _, seed := range seeds {
			fates := pass(t, seed, Impairment{Burst: b}, packets, spacing)
			lost := count(fates, dropped)
			require.InEpsilon(t, b.Loss(), float64(lost)/packets, 0.12)
			require.Equal(t, lost, count(fates, func(f Fate) bool { return f.Drop == DropBurst }))
		}
	}
}

// TestBurstLength holds the mean length of a burst: 1/r packets while the bad state loses all, against 1/(1-p) of independent loss.
func TestBurstLength(t *testing.T) {
	set := Impairment{Burst: Burst{P: 0.01, R: 0.2, LossBad: 1}}
	fates := pass(t, 3, set, packets, spacing)
	bursts := 0
	for k, f := range fates {
		if dropped(f) && (k == 0 || !dropped(fates[k-1])) {
			bursts++
		}
	}
	require.InEpsilon(t, 5, float64(count(fates, dropped))/float64(bursts), 0.1)
}

// TestBurstBesideLoss holds the two losses apart: independent, they leave what neither takes.
func TestBurstBesideLoss(t *testing.T) {
	set := Impairment{Loss: 0.3, Burst: Burst{P: 1, R: 1, LossBad: 0.3, LossGood: 0.3}}
	fates := pass(t, 1, set, packets, spacing)
	requireFraction(t, 0.7*0.7, packets-count(fates, dropped), packets)
	requireFraction(t, 0.3, count(fates, func(f Fate) bool { return f.Drop == DropLoss }), packets)
}

func TestBurstBeginsInTheGoodState(t *testing.T) {
	set := Impairment{Burst: Burst{P: 1, LossBad: 1}} // bad for ever after the first packet
	l := newLine(t, 1, set)
	for range 2 {
		require.NoError(t, l.Set(set))
		require.Equal(t, NotDropped, l.Pass(0, length).Drop)
		require.Equal(t, DropBurst, l.Pass(0, length).Drop)
		require.NoError(t, l.Set(Impairment{}))
	}
}

func TestBurstLossWithoutState(t *testing.T) {
	require.Zero(t, Burst{}.Loss())
	require.InDelta(t, 1, Burst{P: 1, R: 0, LossBad: 1}.Loss(), 0)
}

// TestDecisionsDoNotDependOnTime is what makes a lossy link repeatable on a real machine.
func TestDecisionsDoNotDependOnTime(t *testing.T) {
	set := Impairment{
		Delay: 5 * ms, Loss: 0.1, Burst: Burst{P: 0.05, R: 0.5, LossBad: 1},
		Duplicate: 0.1, Corrupt: 0.1, Reorder: 0.2, Gap: 3,
	}
	want := pass(t, 9, set, packets, spacing)
	slow := set
	slow.Delay, slow.Jitter, slow.Distribution, slow.Correlation, slow.Rate = 50*ms, 20*ms, Normal, 0.3, 5_000_000
	for k, f := range pass(t, 9, slow, packets, 3*spacing) {
		f.At, f.DuplicateAt = want[k].At, want[k].DuplicateAt
		requireFate(t, want[k], f)
	}
}

// TestSettingsDoNotDisturbEachOther turns one impairment on beside another.
func TestSettingsDoNotDisturbEachOther(t *testing.T) {
	alone := pass(t, 9, Impairment{Loss: 0.1}, packets, spacing)
	beside := pass(t, 9, Impairment{Loss: 0.1, Duplicate: 0.5, Corrupt: 0.5, Delay: ms, Reorder: 0.5}, packets, spacing)
	for k := range alone {
		requireFate(t, Fate{Drop: alone[k].Drop}, Fate{Drop: beside[k].Drop})
	}
}

func TestSeeds(t *testing.T) {
	set := Impairment{Delay: ms, Jitter: ms, Loss: 0.5}
	require.Equal(t, pass(t, 1, set, 1000, spacing), pass(t, 1, set, 1000, spacing))
	require.NotEqual(t, pass(t, 1, set, 1000, spacing), pass(t, 2, set, 1000, spacing))
}

func TestJitter(t *testing.T) {
	const wide = time.Second // between packets: so that keeping their order changes nothing
	delay, jitter := 100*ms, 20*ms
	for _, tc := range []struct {
		distribution Distribution
		deviation    float64 // of the delay, in jitters
		least, most  float64
	}{
		{Uniform, 1 / math.Sqrt(3), -1, 1},
		{Normal, 1, -4, 4},
		{Pareto, 0.737, -0.578, 4}, // of the cut-off distribution, by integration
	} {
		for _, correlation := range []float64{0, 0.7} {
			set := Impairment{Delay: delay, Jitter: jitter, Distribution: tc.distribution, Correlation: correlation}
			x := make([]float64, packets)
			for k, f := range pass(t, 5, set, packets, wide) {
				x[k] = float64(f.At-time.Duration(k)*wide-delay) / float64(jitter)
			}
			mean, deviation := moments(x)
			require.InDelta(t, 0, mean, 0.1, "%s %v", tc.distribution, correlation)
			require.InDelta(t, tc.deviation, deviation, 0.03, "%s %v", tc.distribution, correlation)
			require.GreaterOrEqual(t, slices.Min(x), tc.least-1e-6)
			require.LessOrEqual(t, slices.Max(x), tc.most+1e-6)
			require.InDelta(t, correlation, autocorrelation(x, mean, deviation), 0.02+0.2*correlation, "%s", tc.distribution)
		}
	}
}

func moments(x []float64) (mean, deviation float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		deviation += (v - mean) * (v - mean) / float64(len(x))
	}
	return mean, math.Sqrt(deviation)
}

func autocorrelation(x []float64, mean, deviation float64) (c float64) {
	for k := range x[1:] {
		c += (x[k] - mean) * (x[k+1] - mean) / float64(len(x)-1)
	}
	return c / (deviation * deviation)
}

func TestDelayIsNeverNegative(t *testing.T) {
	set := Impairment{Delay: ms, Jitter: ms, Distribution: Normal}
	for k, f := range pass(t, 1, set, packets, 10*ms) {
		requireOrder(t, time.Duration(k)*10*ms, f.At)
	}
}

func TestOrderIsKept(t *testing.T) {
	set := Impairment{Delay: 20 * ms, Jitter: 20 * ms, Duplicate: 0.2, Loss: 0.2, Rate: 200_000_000, Queue: 30_000}
	last := time.Duration(0)
	for _, f := range pass(t, 1, set, packets, spacing) {
		if dropped(f) {
			continue
		}
		requireOrder(t, last, f.At)
		last = f.At
		if f.Duplicate {
			requireOrder(t, f.At, f.DuplicateAt)
			last = f.DuplicateAt
		}
	}
}

func TestOvertaking(t *testing.T) {
	fates := pass(t, 1, Impairment{Delay: 10 * ms, Reorder: 1, Gap: 4}, 1000, spacing)
	for k, f := range fates {
		require.Equal(t, k%4 == 3, f.Overtakes, "every fourth")
		want := time.Duration(k) * spacing
		if !f.Overtakes {
			want += 10 * ms
		}
		require.Equal(t, want, f.At)
	}
}

func TestCorruptBit(t *testing.T) {
	seen := make([]int, 8)
	for _, f := range pass(t, 1, Impairment{Corrupt: 1}, packets, spacing) {
		seen[f.Bit*8/(8*length)]++
	}
	for _, n := range seen {
		requireFraction(t, 1.0/8, n, packets)
	}
	require.False(t, newLine(t, 1, Impairment{Corrupt: 1}).Pass(0, 0).Corrupt, "an empty packet has no bit")
}

func TestRate(t *testing.T) {
	l := newLine(t, 1, Impairment{Rate: 12_000_000, Delay: 5 * ms}) // 1500 bytes take 1 ms
	require.Equal(t, 6*ms, l.Pass(0, length).At)
	require.Equal(t, 7*ms, l.Pass(0, length).At, "waits for the first")
	require.Equal(t, 7*ms+500*time.Microsecond, l.Pass(ms, length/2).At)
	require.Equal(t, 106*ms, l.Pass(100*ms, length).At, "an idle line saves nothing up")
}

func TestRateOfDuplicates(t *testing.T) {
	l := newLine(t, 1, Impairment{Rate: 12_000_000, Duplicate: 1})
	require.Equal(t, Fate{At: ms, Duplicate: true, DuplicateAt: 2 * ms}, l.Pass(0, length))
	require.Equal(t, 3*ms, l.Pass(0, length).At)
}

func TestQueue(t *testing.T) {
	l := newLine(t, 1, Impairment{Rate: 12_000_000, Queue: 2 * length})
	require.Equal(t, ms, l.Pass(0, length).At)
	require.Equal(t, 2*ms, l.Pass(0, length).At)
	require.Equal(t, Fate{Drop: DropQueue}, l.Pass(0, length))
	require.Equal(t, Fate{Drop: DropQueue}, l.Pass(ms-1, 1), "the first is not yet sent")
	require.Equal(t, 3*ms, l.Pass(ms, length).At)
	require.Equal(t, 103*ms, l.Pass(100*ms, 3*length).At, "an idle line takes any packet")
}

func TestQueueDropsDuplicates(t *testing.T) {
	l := newLine(t, 1, Impairment{Rate: 12_000_000, Queue: length, Duplicate: 1})
	require.Equal(t, Fate{At: ms}, l.Pass(0, length))
}

// TestRateIsReached overloads the line: it sends at its rate, and the queue drops the rest.
func TestRateIsReached(t *testing.T) {
	fates := pass(t, 1, Impairment{Rate: 60_000_000, Queue: 64_000}, packets, spacing) // 120 Mbit/s offered
	elapsed := time.Duration(packets) * spacing
	sent := packets - count(fates, dropped)
	require.InEpsilon(t, 60e6, float64(sent*length*8)/elapsed.Seconds(), 0.01)
	require.Equal(t, packets-sent, count(fates, func(f Fate) bool { return f.Drop == DropQueue }))
}

func TestChangeUnderWay(t *testing.T) {
	l := newLine(t, 1, Impairment{Delay: 100 * ms})
	require.Equal(t, 100*ms, l.Pass(0, length).At)
	require.NoError(t, l.Set(Impairment{}))
	require.Equal(t, 100*ms, l.Pass(ms, length).At, "does not overtake")
	require.Equal(t, 101*ms, l.Pass(101*ms, length).At)

	require.NoError(t, l.Set(Impairment{Rate: 12_000_000, Queue: length}))
	require.Equal(t, 202*ms, l.Pass(201*ms, length).At)
	require.NoError(t, l.Set(Impairment{}))
	require.Equal(t, 202*ms, l.Pass(201*ms, length).At, "waits for what the line has taken")
}

func TestTimeThatGoesBack(t *testing.T) {
	l := newLine(t, 1, Impairment{Delay: ms})
	require.Equal(t, 11*ms, l.Pass(10*ms, length).At)
	require.Equal(t, 11*ms, l.Pass(9*ms, length).At)
}

func TestDropReasonNames(t *testing.T) {
	require.Equal(t, "queue full", DropQueue.String())
	require.Equal(t, "drop reason 77", DropReason(77).String())
}

func BenchmarkPass(b *testing.B) {
	l := newLine(b, 1, Impairment{Delay: ms, Loss: 0.01, Rate: 1_000_000_000, Queue: 1_000_000})
	at := time.Duration(0)
	b.ReportAllocs()
	for b.Loop() {
		at += 12 * time.Microsecond
		l.Pass(at, length)
	}
}
