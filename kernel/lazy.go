package kernel

import (
	"errors"
	"io"
	"sync"
)

// lazy opens something at its first use. What was never used is not opened for being closed.
type lazy[T io.Closer] struct {
	open  func() (T, error)
	once  sync.Once
	value T
	err   error
}

var errClosed = errors.New("the lab is closed")

func (l *lazy[T]) get() (T, error) {
	l.once.Do(func() { l.value, l.err = l.open() })
	return l.value, l.err
}

func (l *lazy[T]) Close() error {
	l.once.Do(func() { l.err = errClosed })
	if l.err != nil {
		return nil
	}
	return l.value.Close()
}
