package vtime

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"
	"time"
)

// ErrForever is the error of waiting for something that cannot come any more: nothing is left to happen.
var ErrForever = errors.New("nothing can happen any more: this would wait for ever")

// World is a clock with tasks. At first there is one: the goroutine that uses the world. Only [World.Together] makes others, and
// only one of them runs at any moment; the rest wait for their turn. Apart from Kick and Wake, its methods are for the task that runs.
type World struct {
	Clock
	tasks   []*task
	running *task
	kick    chan struct{} // something outside of the world has changed
	wakes   atomic.Uint64
}

// task is a line of execution.
type task struct {
	turn  chan struct{}
	ready func() bool     // what it waits for; nil: it does not wait
	ctx   context.Context // that may end its waiting
}

// NewWorld returns a world at time 0.
func NewWorld() *World {
	w := &World{kick: make(chan struct{}, 1)}
	w.running = w.newTask()
	return w
}

func (w *World) newTask() *task {
	t := &task{turn: make(chan struct{}, 1)}
	w.tasks = append(w.tasks, t)
	return t
}

// Kick makes tasks look again whether what they wait for has come from outside of the world. It may be called from any goroutine.
func (w *World) Kick() {
	select {
	case w.kick <- struct{}{}:
	default:
	}
}

// Wake makes what waits in [World.Settled] ask again. It may be called from any goroutine.
func (w *World) Wake() {
	w.wakes.Add(1)
	w.Kick()
}

// Until lets things happen until ready tells that what the task waits for is there. It is asked often, so it should be quick, and
// must change nothing. The error is the cause of ctx's end, or [ErrForever].
func (w *World) Until(ctx context.Context, ready func() bool) error {
	t, come := w.running, false
	t.ctx = ctx
	t.ready = func() bool {
		come = ready()
		return come || ctx.Err() != nil || w.stuck() && ctx.Done() == nil
	}
	w.pass()
	t.ready, t.ctx = nil, nil
	switch {
	case come:
		return nil
	case ctx.Err() != nil:
		return context.Cause(ctx)
	default:
		return ErrForever
	}
}

// Settled is like Until, but asks only when everything has happened that happens at one time, and only if something has; the
// first time at once. So ready may be slow, and may call methods of the world other than those that wait.
func (w *World) Settled(ctx context.Context, ready func() (bool, error)) (bool, error) {
	for {
		seen, woken := w.steps, w.wakes.Load()
		if ok, err := ready(); ok || err != nil {
			return ok, err
		}
		if err := w.Until(ctx, func() bool {
			return w.steps != seen && w.settled() || w.wakes.Load() != woken
		}); err != nil {
			return false, err
		}
	}
}

func (w *World) stuck() bool { return len(w.queue) == 0 }

// pass gives the turn to the first task that is ready, and returns when this one has it again. With none ready, it lets things
// happen until one is.
func (w *World) pass() {
	self := w.running
	if next := w.next(); next != self {
		w.running = next
		next.turn <- struct{}{}
		<-self.turn
	}
}

// next lets things happen until a task is ready.
func (w *World) next() *task {
	for {
		for _, t := range w.tasks {
			if t.ready != nil && t.ready() {
				return t
			}
		}
		if !w.step() {
			w.idle()
		}
	}
}

// idle waits for something from outside: nothing is left to happen.
func (w *World) idle() {
	for _, t := range w.tasks {
		if t.ctx != nil {
			defer context.AfterFunc(t.ctx, w.Kick)()
		}
	}
	<-w.kick
}

// Together does several things side by side, each in a task of its own, and returns when all are done. The first error ends the
// context of the others, and is returned. A panic goes on in the caller.
func (w *World) Together(ctx context.Context, do ...func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		left   = len(do)
		failed error
		thrown any
	)
	for _, f := range do {
		t := w.newTask()
		t.ready = func() bool { return true } // to begin
		go func() {
			<-t.turn
			t.ready = nil
			defer func() {
				if p := recover(); p != nil {
					thrown = p
				}
				left--
				w.end(t)
			}()
			if err := f(ctx); err != nil && failed == nil {
				failed = err
				cancel(err)
			}
		}()
	}
	self := w.running
	self.ready = func() bool { return left == 0 }
	w.pass()
	self.ready = nil
	if thrown != nil {
		panic(thrown)
	}
	return failed
}

// end takes a task out, and gives its turn away for good.
func (w *World) end(t *task) {
	w.tasks = slices.DeleteFunc(w.tasks, func(x *task) bool { return x == t })
	w.running = w.next()
	w.running.turn <- struct{}{}
}

// Timeout is ctx ended with that cause when d has passed in the world.
func (w *World) Timeout(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := w.After(d, func() { cancel(cause) })
	return ctx, func() {
		t.Stop()
		cancel(context.Canceled)
	}
}
