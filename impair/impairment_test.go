package impair

import (
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const ms = time.Millisecond

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name string
		set  Impairment
		want string // "" is none
	}{
		{"perfect", Impairment{}, ""},
		{"all at once", Impairment{
			Delay: 20 * ms, Jitter: 5 * ms, Distribution: Pareto, Correlation: 0.5,
			Loss: 0.1, Burst: Burst{P: 0.1, R: 0.5, LossBad: 1}, Duplicate: 0.1, Corrupt: 1, Reorder: 1, Gap: 5,
			Rate: 1_000_000, Queue: 1,
		}, ""},
		{"negative delay", Impairment{Delay: -ms}, "delay -1ms: want 0 to 24h0m0s"},
		{"endless delay", Impairment{Delay: 25 * time.Hour}, "delay 25h0m0s"},
		{"negative jitter", Impairment{Jitter: -ms}, "jitter -1ms: want 0 or more"},
		{"jitter beyond the delay", Impairment{Delay: ms, Jitter: 2 * ms}, "jitter 2ms: want at most the delay, 1ms"},
		{"unknown distribution", Impairment{Delay: ms, Jitter: ms, Distribution: 9}, "distribution 9: want uniform, normal or pareto"},
		{"nothing to distribute", Impairment{Delay: ms, Distribution: Normal}, "distribution normal: there is no jitter"},
		{"nothing to correlate", Impairment{Delay: ms, Correlation: 0.5}, "correlation 0.5: there is no jitter"},
		{"full correlation", Impairment{Delay: ms, Jitter: ms, Correlation: 1}, "correlation 1: the jitter would never change"},
		{"loss in percent", Impairment{Loss: 5}, "loss 5: want a fraction from 0 to 1"},
		{"loss not a number", Impairment{Loss: math.NaN()}, "loss NaN: want a fraction"},
		{"negative duplicate", Impairment{Duplicate: -0.1}, "duplicate -0.1: want a fraction"},
		{"corrupt", Impairment{Corrupt: 1.5}, "corrupt 1.5: want a fraction"},
		{"burst without p", Impairment{Burst: Burst{R: 0.5, LossBad: 1}}, "burst p 0: the line would never become bad"},
		{"burst without loss", Impairment{Burst: Burst{P: 0.1, R: 0.5}}, "burst 1-h 0: nothing would be lost"},
		{"reorder without delay", Impairment{Reorder: 0.1}, "reorder 0.1: needs a delay"},
		{"gap without reorder", Impairment{Delay: ms, Gap: 5}, "gap 5: needs reorder"},
		{"negative gap", Impairment{Delay: ms, Reorder: 1, Gap: -1}, "gap -1: want 0 or more"},
		{"negative rate", Impairment{Rate: -1}, "rate -1 bit/s: want a positive rate"},
		{"negative queue", Impairment{Rate: 1, Queue: -1}, "queue -1 bytes: want 0 or more"},
		{"queue without rate", Impairment{Queue: 1500}, "queue 1500 bytes: needs a rate"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.set.Validate()
			if tc.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "\n", "one mistake, one error")
			require.Error(t, NewLine(1).Set(tc.set))
		})
	}
}

func TestValidateTellsAll(t *testing.T) {
	err := Impairment{Loss: 2, Queue: 5, Delay: -1}.Validate()
	require.Len(t, strings.Split(err.Error(), "\n"), 3)
}

func TestRefusedSettingsChangeNothing(t *testing.T) {
	l := NewLine(1)
	require.NoError(t, l.Set(Impairment{Delay: ms}))
	require.Error(t, l.Set(Impairment{Loss: 2}))
	require.Equal(t, Impairment{Delay: ms}, l.Impairment())
}

func TestDistributionNames(t *testing.T) {
	for d := Uniform; d < distributions; d++ {
		parsed, err := ParseDistribution(d.String())
		require.NoError(t, err)
		require.Equal(t, d, parsed)
	}
	_, err := ParseDistribution("gauss")
	require.EqualError(t, err, `distribution "gauss": want uniform, normal or pareto`)
	require.Equal(t, "distribution 9", Distribution(9).String())
}
