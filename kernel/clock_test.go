package kernel

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestKernelStampToLabTime(t *testing.T) {
	r := newRecord(1)
	stamp := r.epoch.Round(0).Add(7 * time.Millisecond)
	require.Equal(t, 7*time.Millisecond, r.at(stamp))
}

func TestClockStep(t *testing.T) {
	tests := []struct {
		name            string
		wall, monotonic time.Duration
		want            time.Duration
	}{
		{"none", time.Second, time.Second, 0},
		{"read one after the other", time.Second + time.Millisecond, time.Second, 0},
		{"set forward", time.Hour + time.Second, time.Second, time.Hour},
		{"set back", time.Second - time.Hour, time.Second, -time.Hour},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, clockStep(test.wall, test.monotonic))
		})
	}
}
