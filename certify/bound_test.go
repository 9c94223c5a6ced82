package certify_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/certify"
)

// TestUpperBound compares with printed tables of the one-sided bound of Clopper and Pearson and, where it has one, its closed form.
func TestUpperBound(t *testing.T) {
	tests := []struct {
		failures, runs int
		want           float64
	}{
		{0, 1, 0.95},
		{0, 10, 0.258866},  // 1 - 0.05^(1/10)
		{0, 100, 0.029513}, // 1 - 0.05^(1/100)
		{0, 100000, 0.0000299569},
		{1, 10, 0.394163},
		{2, 10, 0.506901},
		{5, 10, 0.777559},
		{1, 20, 0.216106},
		{2, 20, 0.282619},
		{9, 10, 0.994884}, // 0.95^(1/10)
		{999, 1000, 0.9999487},
		{10, 10, 1},
		{0, 0, 1},
	}
	for _, test := range tests {
		require.InEpsilon(t, test.want, certify.UpperBound(test.failures, test.runs), 1e-5, "%d of %d", test.failures, test.runs)
	}
}

// TestRuleOfThree sees that no failure in n runs allows a rate of about 3/n.
func TestRuleOfThree(t *testing.T) {
	for n := 100; n <= 1000000; n *= 10 {
		require.InEpsilon(t, 3/float64(n), certify.UpperBound(0, n), 0.02, "%d runs", n)
	}
}

func TestUpperBoundGrowsWithFailuresAndShrinksWithRuns(t *testing.T) {
	for n := 1; n < 25; n++ {
		for k := 0; k < n; k++ {
			bound := certify.UpperBound(k, n)
			require.Greater(t, bound, float64(k)/float64(n))
			require.GreaterOrEqual(t, certify.UpperBound(k+1, n), bound)
			require.Less(t, certify.UpperBound(k, n+1), bound)
		}
	}
}

func ExampleUpperBound() {
	fmt.Printf("%.3f\n", certify.UpperBound(0, 1000))
	// Output: 0.003
}
