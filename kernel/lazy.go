package kernel

import (
	"errors"
	"io"
	"sync"
)

// lazy opens something at its first use, again if that failed. What was never used is not opened for being closed.
type lazy[T io.Closer] struct {
	open func() (T, error)

	mu     sync.Mutex // over all below
	opened bool
	closed bool
	value  T
}

// have gives it a value that was opened before, if there is one.
func (l *lazy[T]) have(value T, there bool) {
	l.value, l.opened = value, there
}

var errClosed = errors.New("the lab is closed")

func (l *lazy[T]) get() (T, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.opened || l.closed {
		return l.value, l.unlessClosed()
	}
	value, err := l.open()
	if err == nil {
		l.value, l.opened = value, true
	}
	return value, err
}

func (l *lazy[T]) unlessClosed() error {
	if l.closed {
		return errClosed
	}
	return nil
}

// Close closes what was opened. Closing again does nothing.
func (l *lazy[T]) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil
	}
	l.closed = true
	if !l.opened {
		return nil
	}
	return l.value.Close()
}
