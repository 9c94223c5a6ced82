package kernel

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// door counts how often it was closed.
type door struct{ closed int }

func (d *door) Close() error { d.closed++; return nil }

func TestLazy(t *testing.T) {
	broken := errors.New("broken")
	opened, failing := 0, true
	d := &door{}
	l := lazy[*door]{open: func() (*door, error) {
		opened++
		if failing {
			return nil, broken
		}
		return d, nil
	}}

	_, err := l.get()
	require.ErrorIs(t, err, broken)
	failing = false
	for range 3 {
		got, err := l.get()
		require.NoError(t, err)
		require.Same(t, d, got)
	}
	require.Equal(t, 2, opened, "opened again only after a failure")

	require.NoError(t, l.Close())
	require.NoError(t, l.Close())
	require.Equal(t, 1, d.closed)
	_, err = l.get()
	require.ErrorIs(t, err, errClosed)
}

func TestLazyNeverUsed(t *testing.T) {
	l := lazy[*door]{open: func() (*door, error) { panic("opened for being closed") }}
	require.NoError(t, l.Close())
	_, err := l.get()
	require.ErrorIs(t, err, errClosed)
}
