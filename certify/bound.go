package certify

import "math"

// confidence is that of the upper bounds of failure rates.
const confidence = 0.95

// UpperBound is the highest rate at which that few failures in so many independent runs are not yet too lucky: at a higher rate
// there would be more of them with a probability of over 95 %. It is the one-sided bound of Clopper and Pearson (Biometrika 26,
// 1934), exact for binomial counts; without a failure it is close to 3/runs, the rule of three. Without runs it is 1.
func UpperBound(failures, runs int) float64 {
	if failures >= runs {
		return 1
	}
	low, high := 0.0, 1.0
	for range 60 { // halvings reach the precision of a float64
		p := (low + high) / 2
		if atMost(failures, runs, p) > 1-confidence {
			low = p
		} else {
			high = p
		}
	}
	return high
}

// atMost is the probability of k or fewer failures in n runs that each fail with probability p, for 0 < p < 1.
func atMost(k, n int, p float64) float64 {
	sum := 0.0
	for i := 0; i <= k; i++ {
		sum += math.Exp(logChoose(n, i) + float64(i)*math.Log(p) + float64(n-i)*math.Log1p(-p))
	}
	return sum
}

// logChoose is the logarithm of the number of ways to choose k of n.
func logChoose(n, k int) float64 { return logFactorial(n) - logFactorial(k) - logFactorial(n-k) }

func logFactorial(n int) float64 {
	l, _ := math.Lgamma(float64(n) + 1) // positive
	return l
}
