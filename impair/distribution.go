package impair

import (
	"fmt"
	"math"
)

// Distribution is how jitter is distributed about the delay.
type Distribution uint8

// The distributions. Those without bounds have mean 0 and standard deviation 1, and are cut off at 4, as netem's tables are.
const (
	Uniform Distribution = iota // from -1 to 1
	Normal
	Pareto // of shape 3: many a bit early, few very late
	distributions
)

var distributionNames = [distributions]string{Uniform: "uniform", Normal: "normal", Pareto: "pareto"}

// String is the word of tc-netem(8).
func (d Distribution) String() string {
	if d >= distributions {
		return fmt.Sprintf("distribution %d", uint8(d))
	}
	return distributionNames[d]
}

// ParseDistribution reads a word of tc-netem(8).
func ParseDistribution(name string) (Distribution, error) {
	for d, n := range distributionNames {
		if n == name {
			return Distribution(d), nil
		}
	}
	return 0, fmt.Errorf("distribution %q: want uniform, normal or pareto", name)
}

const (
	cutOff      = 4
	paretoShape = 3
	paretoMean  = paretoShape / (paretoShape - 1.0)
)

var paretoDeviation = math.Sqrt(paretoShape/(paretoShape-2.0)) / (paretoShape - 1)

// quantile is the value of the distribution below which the fraction u of all draws lies, with u within (0, 1).
func (d Distribution) quantile(u float64) float64 {
	switch d {
	case Normal:
		return max(-cutOff, min(cutOff, normalQuantile(u)))
	case Pareto:
		return min(cutOff, (math.Pow(1-u, -1.0/paretoShape)-paretoMean)/paretoDeviation)
	}
	return 2*u - 1
}

func normalQuantile(u float64) float64 { return math.Sqrt2 * math.Erfinv(2*u-1) }

func normalFraction(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }
