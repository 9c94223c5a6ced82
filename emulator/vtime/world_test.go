package vtime_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
)

func TestTimersHappenInOrder(t *testing.T) {
	w := vtime.NewWorld()
	var seen []string
	say := func(s string) func() { return func() { seen = append(seen, fmt.Sprint(s, " ", w.Now())) } }
	w.After(2*time.Second, say("late"))
	w.After(time.Second, say("first of two"))
	w.After(time.Second, say("second of two"))
	stopped := w.After(time.Second, say("stopped"))
	require.True(t, stopped.Stop())
	require.False(t, stopped.Stop())
	done := false
	w.After(time.Hour, func() { done = true })
	require.NoError(t, w.Until(t.Context(), func() bool { return done }))
	require.Equal(t, []string{"first of two 1s", "second of two 1s", "late 2s"}, seen)
	require.Equal(t, time.Hour, w.Now())
}

// TestRandomTimers holds that time never goes back, and that what is of one time keeps its order.
func TestRandomTimers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := vtime.NewWorld()
		delays := rapid.SliceOfN(rapid.IntRange(0, 20), 1, 50).Draw(t, "delays")
		type fired struct {
			at    time.Duration
			order int
		}
		var all []fired
		left := len(delays)
		for n, d := range delays {
			w.After(time.Duration(d), func() {
				all = append(all, fired{w.Now(), n})
				left--
			})
		}
		require.NoError(t, w.Until(context.Background(), func() bool { return left == 0 }))
		for n := 1; n < len(all); n++ {
			a, b := all[n-1], all[n]
			require.True(t, a.at < b.at || a.at == b.at && a.order < b.order, "%v before %v", a, b)
			require.Equal(t, time.Duration(delays[b.order]), b.at)
		}
	})
}

func TestTimeout(t *testing.T) {
	w := vtime.NewWorld()
	enough := errors.New("enough")
	ctx, cancel := w.Timeout(t.Context(), time.Minute, enough)
	defer cancel()
	w.After(time.Hour, func() {})
	require.ErrorIs(t, w.Until(ctx, func() bool { return false }), enough)
	require.Equal(t, time.Minute, w.Now())
}

func TestForever(t *testing.T) {
	w := vtime.NewWorld()
	require.ErrorIs(t, w.Until(context.Background(), func() bool { return false }), vtime.ErrForever)
}

// TestEndFromOutside ends a wait for something that never comes by a context that another goroutine ends.
func TestEndFromOutside(t *testing.T) {
	w := vtime.NewWorld()
	enough := errors.New("enough")
	ctx, cancel := context.WithCancelCause(t.Context())
	go cancel(enough)
	require.ErrorIs(t, w.Until(ctx, func() bool { return false }), enough)
}

// TestTogether holds that tasks take turns in one order, each until it waits.
func TestTogether(t *testing.T) {
	run := func() []string {
		w := vtime.NewWorld()
		var seen []string
		task := func(name string, pause time.Duration) func(context.Context) error {
			return func(ctx context.Context) error {
				for n := range 3 {
					seen = append(seen, fmt.Sprint(name, n, "@", w.Now()))
					over := false
					w.After(pause, func() { over = true })
					if err := w.Until(ctx, func() bool { return over }); err != nil {
						return err
					}
				}
				return nil
			}
		}
		require.NoError(t, w.Together(t.Context(), task("a", 2), task("b", 3)))
		return seen
	}
	want := []string{"a0@0s", "b0@0s", "a1@2ns", "b1@3ns", "a2@4ns", "b2@6ns"}
	for range 20 {
		require.Equal(t, want, run())
	}
}

func TestTogetherFails(t *testing.T) {
	w := vtime.NewWorld()
	wrong := errors.New("wrong")
	var other error
	err := w.Together(t.Context(), func(ctx context.Context) error {
		other = w.Until(ctx, func() bool { return false })
		return other
	}, func(context.Context) error { return wrong })
	require.ErrorIs(t, err, wrong)
	require.ErrorIs(t, other, wrong)
}

func TestTogetherPanics(t *testing.T) {
	w := vtime.NewWorld()
	require.PanicsWithValue(t, "oh", func() {
		_ = w.Together(t.Context(), func(context.Context) error { panic("oh") }, func(context.Context) error { return nil })
	})
}

// TestSettled holds that a condition is asked once for all that happens at one time, at first at once, and when it is woken.
func TestSettled(t *testing.T) {
	w := vtime.NewWorld()
	for range 5 {
		w.After(time.Second, func() {})
	}
	w.After(2*time.Second, func() {})
	var asked []time.Duration
	ok, err := w.Settled(t.Context(), func() (bool, error) {
		asked = append(asked, w.Now())
		if len(asked) == 2 {
			w.Wake()
		}
		return w.Now() == 2*time.Second, nil
	})
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, []time.Duration{0, time.Second, time.Second, 2 * time.Second}, asked)
}

func ExampleWorld() {
	w := vtime.NewWorld()
	ctx, cancel := w.Timeout(context.Background(), 24*time.Hour, errors.New("a day has passed"))
	defer cancel()
	fmt.Println(w.Until(ctx, func() bool { return false }), w.Now())
	// Output: a day has passed 24h0m0s
}
