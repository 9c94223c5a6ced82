package traffic

import (
	"context"
	"errors"
	"net"
	"os"
	"syscall"
	"time"
)

// ErrClosed tells that the socket or listener was closed at this end, before the operation or during it.
var ErrClosed = errors.New("socket is closed")

// gate admits one operation at a time to one direction of a socket, so that a deadline set for one never ends another,
// and lets a context end it.
type gate struct {
	turn        chan struct{} // holds one token while an operation is under way
	setDeadline func(time.Time) error
}

func newGate(setDeadline func(time.Time) error) gate {
	return gate{turn: make(chan struct{}, 1), setDeadline: setDeadline}
}

// do runs op, which blocks in package net, as soon as it is its turn. When ctx ends first the error is ctx's cause.
func (g *gate) do(ctx context.Context, op func() error) error {
	select {
	case g.turn <- struct{}{}:
		defer func() { <-g.turn }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}

	expired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		// It fails only on a closed socket, where nothing blocks any more.
		_ = g.setDeadline(time.Unix(1, 0))
		close(expired)
	})
	err := op()
	if !stop() {
		<-expired
		_ = g.setDeadline(time.Time{})
	}

	if errors.Is(err, os.ErrDeadlineExceeded) {
		return context.Cause(ctx)
	}
	return bare(err)
}

// bare takes off what package net says about the operation and its addresses, which callers say better.
func bare(err error) error {
	var errno syscall.Errno
	switch {
	case errors.Is(err, net.ErrClosed):
		return ErrClosed
	case errors.As(err, &errno):
		return errno
	}
	return err
}
