package certify

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	timerPause = time.Millisecond       // of the timers whose lateness is measured
	workPause  = 100 * time.Millisecond // between two pieces of work: seldom enough to disturb little
)

// Noise says how far the machine was from doing things when they were due.
type Noise struct {
	Timers Spread // how late timers of 1 ms fired
	Work   Spread // how long a fixed piece of kernel work took: a network namespace was made and dropped
}

// Spread is the middle and the end of several measurements; zero without any.
type Spread struct{ Median, Worst time.Duration }

// sample is one measurement.
type sample struct {
	from, to time.Time // what it measured lay in between
	took     time.Duration
}

// meter measures the noise of the machine from start to end.
type meter struct {
	pieceOfWork func() error
	stop        context.CancelFunc
	running     sync.WaitGroup
	timers      []sample // read after end
	work        []sample
}

// newMeter measures with that piece of work or, if it fails, without.
func newMeter(work func() error) *meter { return &meter{pieceOfWork: work} }

func (m *meter) start() {
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	m.running.Go(func() { m.measureTimers(ctx) })
	m.running.Go(func() { m.measureWork(ctx) })
}

// end stops measuring; what was measured can be read then.
func (m *meter) end() {
	if m.stop != nil {
		m.stop()
	}
	m.running.Wait()
}

func (m *meter) measureTimers(ctx context.Context) {
	for {
		began := time.Now()
		if pause(ctx, timerPause) != nil {
			return
		}
		now := time.Now()
		m.timers = append(m.timers, sample{from: began, to: now, took: now.Sub(began) - timerPause})
	}
}

func (m *meter) measureWork(ctx context.Context) {
	for {
		began := time.Now()
		if m.pieceOfWork() != nil {
			return
		}
		now := time.Now()
		m.work = append(m.work, sample{from: began, to: now, took: now.Sub(began)})
		if pause(ctx, workPause) != nil {
			return
		}
	}
}

func (m *meter) noise() Noise { return Noise{Timers: spread(m.timers), Work: spread(m.work)} }

// worstTimer is the latest timer of those that ran at some moment between the two.
func (m *meter) worstTimer(from, to time.Time) time.Duration {
	i, _ := slices.BinarySearchFunc(m.timers, from, func(s sample, t time.Time) int { return s.to.Compare(t) })
	var worst time.Duration
	for ; i < len(m.timers) && m.timers[i].from.Before(to); i++ {
		worst = max(worst, m.timers[i].took)
	}
	return worst
}

func spread(samples []sample) Spread {
	took := make([]time.Duration, len(samples))
	for i, s := range samples {
		took[i] = s.took
	}
	return spreadOf(took)
}

func spreadOf(took []time.Duration) Spread {
	if len(took) == 0 {
		return Spread{}
	}
	took = slices.Sorted(slices.Values(took))
	return Spread{Median: took[len(took)/2], Worst: took[len(took)-1]}
}

// pause waits, or returns why it may not.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
