package traffic

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestGateLeavesNoDeadline ends the context just as the operation succeeds: the deadline must be taken back after it was
// set, or it would end the next operation.
func TestGateLeavesNoDeadline(t *testing.T) {
	for range 100 {
		deadlines := make(chan time.Time, 2)
		g := newGate(func(at time.Time) error {
			for i := 0; i < 100 && !at.IsZero(); i++ {
				runtime.Gosched() // so that whoever does not wait for it is ahead
			}
			deadlines <- at
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		require.NoError(t, g.do(ctx, func() error {
			cancel()
			return nil
		}))
		require.NotZero(t, <-deadlines)
		require.Zero(t, <-deadlines)
	}
}

func TestGateOfAnEndedContextRunsNothing(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(ErrClosed)
	g := newGate(nil)
	require.ErrorIs(t, g.do(ctx, func() error { panic("was run") }), ErrClosed)
}
