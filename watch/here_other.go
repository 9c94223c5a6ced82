//go:build !linux

package watch

import "errors"

// Local is a [Host] that can be closed.
type Local interface {
	Host
	Close() error
}

// Open says that there is nothing to watch.
func Open(func(func() error) error) (Local, string, error) {
	return nil, "", errors.New("watch MPTCP: needs Linux")
}
