package starlark

import (
	"cmp"
	"context"
	"errors"
	"math"
	"sync/atomic"
	"time"
)

// A script may give functions that are called when something happens. A case has one thread, so they are called when it waits:
// in lab.wait, in checks that wait, and in everything that sends, receives or connects.

// served is something that happens to a script's functions.
type served interface {
	// serve calls the functions for what has happened since it was last called.
	serve() error
}

var errServing = errors.New("a function that is called when something happens cannot wait, nor send or receive: " +
	"let it return, and wait in the case itself")

// serve calls the script's functions for what has happened.
func (r *run) serve() error {
	r.serving = true
	defer func() { r.serving = false }()
	for _, s := range r.served {
		if err := s.serve(); err != nil {
			return err
		}
	}
	return nil
}

// await waits as lab.Wait does, and serves meanwhile; that the case has been stopped is an error.
func (r *run) await(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	if r.serving {
		return false, errServing
	}
	r.memory.rest()
	defer r.memory.resume()
	ok, err := r.lab.Wait(ctx, timeout, func() (bool, error) {
		r.memory.resume()
		defer r.memory.rest()
		if err := r.serve(); err != nil {
			return false, err
		}
		return cond()
	})
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return ok, nil // the check tells what it has seen so far, and the runner that the case ran out of time
	case err == nil && !ok && ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return ok, err
}

// attend does something that takes time, and serves meanwhile. A rule of a link that fails ends it.
func (r *run) attend(ctx context.Context, do func(context.Context) error) error {
	if r.serving {
		return errServing
	}
	if len(r.served) == 0 && r.rules == 0 {
		return do(ctx)
	}
	var (
		ended          atomic.Bool
		result, served error
	)
	_ = r.lab.Together(ctx, func(ctx context.Context) error { // its error is one of the two
		result = do(ctx)
		ended.Store(true)
		r.lab.Wake()
		return nil
	}, func(context.Context) error {
		_, served = r.lab.Wait(ctx, math.MaxInt64, func() (bool, error) {
			if err := r.serve(); err != nil {
				return false, err
			}
			return ended.Load(), nil
		})
		if ctx.Err() != nil { // the other one says why
			served = nil
		}
		return served
	})
	return cmp.Or(served, result)
}
