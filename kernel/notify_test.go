package kernel

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestWait(t *testing.T) {
	broken := errors.New("broken")
	ended := errors.New("ended")
	cancelled, cancel := context.WithCancelCause(t.Context())
	cancel(ended)

	after := func(calls int, err error) func() (bool, error) {
		return func() (bool, error) { calls--; return calls < 0 && err == nil, map[bool]error{true: err}[calls < 0] }
	}
	tests := []struct {
		name    string
		ctx     context.Context
		timeout time.Duration
		cond    func() (bool, error)
		ok      bool
		err     error
	}{
		{"true at once", t.Context(), time.Hour, after(0, nil), true, nil},
		{"true at once, without time", t.Context(), 0, after(0, nil), true, nil},
		{"true at once, although cancelled", cancelled, time.Hour, after(0, nil), true, nil},
		{"true by polling", t.Context(), time.Hour, after(5, nil), true, nil},
		{"true at the last look", t.Context(), 0, after(1, nil), true, nil},
		{"never true", t.Context(), time.Millisecond, after(1<<30, nil), false, nil},
		{"error at once", t.Context(), time.Hour, after(0, broken), false, broken},
		{"error later", t.Context(), time.Hour, after(3, broken), false, broken},
		{"cancelled", cancelled, time.Hour, after(1<<30, nil), false, ended},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ok, err := newNotifier().wait(test.ctx, test.timeout, test.cond)
			require.ErrorIs(t, err, test.err)
			require.Equal(t, test.ok, ok)
		})
	}
}

// A notification during the evaluation is not lost, and wakes the waiter where polling alone would be slower.
func TestNotifyDuringEvaluation(t *testing.T) {
	n := newNotifier()
	var times []time.Time
	ok, err := n.wait(t.Context(), time.Hour, func() (bool, error) {
		times = append(times, time.Now())
		n.notify()
		n.notify() // coalesces with the one before
		return len(times) == 100, nil
	})
	require.NoError(t, err)
	require.True(t, ok)
	require.Less(t, times[99].Sub(times[0]), 99*firstPoll, "the waiter was not woken")
}

// A poll is late by little beside what has gone by since something was observed, and never by much.
func TestNextPoll(t *testing.T) {
	require.Equal(t, 2*firstPoll, nextPoll(firstPoll, firstPoll))
	require.Equal(t, soon, nextPoll(soon, 100*time.Millisecond))
	require.Equal(t, 2*soon, nextPoll(soon, time.Minute), "it grows step by step")
	require.Equal(t, 200*time.Millisecond, nextPoll(time.Second, 10*time.Second))
	require.Equal(t, lastPoll, nextPoll(time.Second, time.Hour))
}
