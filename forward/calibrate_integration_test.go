//go:build linux

package forward

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestCalibrate(t *testing.T) {
	privileged(t)
	a, err := Calibrate(t.Context(), 2*time.Millisecond, 100, true)
	require.NoError(t, err)
	t.Log(a)
	require.Equal(t, 100, a.Probes)
	require.Positive(t, a.Median, "a delay is never less than asked")
	require.LessOrEqual(t, a.Median, a.P99)
	require.LessOrEqual(t, a.P99, a.Max)
}

func TestCalibrateErrors(t *testing.T) {
	_, err := Calibrate(t.Context(), 0, 0, false)
	require.EqualError(t, err, "calibrate: 0 probes: want at least one")
	privileged(t)
	_, err = Calibrate(t.Context(), -time.Second, 1, false)
	require.ErrorContains(t, err, "forward between a and b: a to b: delay -1s: want 0 to")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = Calibrate(ctx, time.Millisecond, 1, false)
	require.ErrorIs(t, err, context.Canceled)
}
