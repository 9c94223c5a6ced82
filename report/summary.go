package report

import (
	"fmt"
	"time"
)

// Summary is what became of a run as a whole. Each case that was judged is counted under exactly one verdict.
type Summary struct {
	Passed  int
	Failed  int
	Errors  int
	Skipped int
	NotRun  int // selected, but never started: the run was interrupted, or stopped at its first failure

	Duration       time.Duration // real time, opening of the backend excluded
	Interrupted    bool          // the run's context ended before its last case
	Audit          []string      // what the run left behind or changed on the host; empty when it left nothing
	KernelWarnings int           // warnings of the kernel's log during the run
	Measured       []string      // findings about the machine: how precisely links delay
	Notes          []string      // what the run could not observe, and why

	Backend string // name of the backend
	Trace   string // digest of all that was seen (see package report/trace), if the run keeps a trace
	Machine string // what the backend ran on, in its own words
	Seed    uint64 // of the run
}

// Add counts one more verdict.
func (s *Summary) Add(v Verdict) {
	switch v {
	case Passed:
		s.Passed++
	case Failed:
		s.Failed++
	case Skipped:
		s.Skipped++
	default:
		s.Errors++
	}
}

// String is the line that ends a report, such as "12 passed, 1 failed, 3 skipped"; errors are named only if there are any.
func (s Summary) String() string {
	if s.Errors == 0 {
		return fmt.Sprintf("%d passed, %d failed, %d skipped", s.Passed, s.Failed, s.Skipped)
	}
	return fmt.Sprintf("%d passed, %d failed, %d errors, %d skipped", s.Passed, s.Failed, s.Errors, s.Skipped)
}
