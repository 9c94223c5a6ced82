package kernel

import (
	"context"
	"time"
)

// The polling of a waiting condition starts fine and coarsens: most effects follow their cause within some 100 µs, and what
// no observation announces (bytes in flight, states) is still seen soon. Where nothing was observed for long, as while a timer of
// minutes runs, a part of that time is soon enough.
const (
	firstPoll = 200 * time.Microsecond
	soon      = 5 * time.Millisecond
	lastPoll  = time.Second
	quietPart = 50
)

// nextPoll is how long to wait for the next poll after one, when nothing was observed for a time.
func nextPoll(last, quiet time.Duration) time.Duration {
	return min(2*last, max(soon, min(quiet/quietPart, lastPoll)))
}

// notifier tells one waiter that something was observed. Notifications that nobody waits for coalesce into one.
type notifier chan struct{}

func newNotifier() notifier { return make(notifier, 1) }

func (n notifier) notify() {
	select {
	case n <- struct{}{}:
	default:
	}
}

// wait evaluates cond until it is true or an error, the timeout has passed, or ctx ends.
func (n notifier) wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	deadline := time.NewTimer(timeout)
	defer deadline.Stop()
	pause, noticed := firstPoll, time.Now()
	poll := time.NewTimer(pause)
	defer poll.Stop()
	for {
		if ok, err := cond(); ok || err != nil {
			return ok, err
		}
		select {
		case <-n:
			pause, noticed = firstPoll, time.Now()
		case <-poll.C:
			pause = nextPoll(pause, time.Since(noticed))
		case <-deadline.C:
			return cond()
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
		poll.Reset(pause)
	}
}
