package matrix

import (
	"context"
	"errors"
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Judge runs a case on the kernel of that index, and returns the verdict.
type Judge func(ctx context.Context, kernel int) (report.Verdict, error)

// Bisect returns the index of the first bad of n kernels, of which the first is good and the last is bad; whether they are is
// tried first. A case passes on a good kernel, and fails or errs on a bad one. Kernels that skip the case are passed over: when
// only such are left before the bad one, skipped is how many.
func Bisect(ctx context.Context, n int, judge Judge) (first, skipped int, err error) {
	if n < 2 {
		return 0, 0, errors.New("bisecting needs two kernels or more")
	}
	ends := []struct {
		kernel int
		want   report.Verdict
		name   string
	}{{0, report.Passed, "good"}, {n - 1, report.Failed, "bad"}}
	for _, e := range ends {
		v, err := judge(ctx, e.kernel)
		if err != nil {
			return 0, 0, err
		}
		if v == report.Skipped || (v == report.Passed) != (e.want == report.Passed) {
			return 0, 0, fmt.Errorf("the kernel given as %s is not: the case %s", e.name, v)
		}
	}
	good, bad := 0, n-1
	silent := map[int]bool{}
	for {
		k := middle(good, bad, silent)
		if k < 0 {
			return bad, bad - good - 1, nil
		}
		v, err := judge(ctx, k)
		switch {
		case err != nil:
			return 0, 0, err
		case v == report.Skipped:
			silent[k] = true
		case v == report.Passed:
			good = k
		default:
			bad = k
		}
	}
}

// middle is the index nearest to the middle between two others which is not silent; -1: none.
func middle(good, bad int, silent map[int]bool) int {
	best := -1
	for k := good + 1; k < bad; k++ {
		if !silent[k] && (best < 0 || distance(2*k, good+bad) < distance(2*best, good+bad)) {
			best = k
		}
	}
	return best
}

func distance(a, b int) int { return max(a-b, b-a) }
