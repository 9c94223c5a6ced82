package certify

import (
	"fmt"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Suspect is what failures look like the fault of. It is no proof.
type Suspect string

// The suspects.
const (
	Nothing Suspect = "" // there is no failure
	Kernel  Suspect = "the kernel"
	Test    Suspect = "the test"
	Machine Suspect = "the machine"
	Unknown Suspect = "nobody knows"
)

// evidence is what speaks for one suspect or another.
type evidence struct {
	runs, failed   int
	errors         int           // of the failures, those that are errors: no check was lost
	timedOut       int           // of the failures
	warned         int           // failures in which the kernel logged a warning
	warnedPassed   int           // other runs in which it did
	alone          int           // failures that were run again
	aloneFailed    int           // of them those that failed again
	late, lateElse time.Duration // median, over the failures and over the other runs, of the latest timer
}

// noisy is how many times later than else the timers of failures must be for the machine to be suspected.
const noisy = 2

// rules are tried in order; the last one holds always.
var rules = []struct {
	suspect Suspect
	holds   func(e evidence) bool
	why     func(e evidence) string
}{
	{
		Nothing, func(e evidence) bool { return e.failed == 0 },
		func(evidence) string { return "" },
	},
	{
		Kernel, func(e evidence) bool { return e.warned > 0 && e.warnedPassed == 0 },
		func(e evidence) string {
			return fmt.Sprintf("it logged warnings during %d of the %d failures, and during no other run", e.warned, e.failed)
		},
	},
	{
		Unknown, func(e evidence) bool { return e.alone == 0 },
		func(evidence) string { return "no failure was run again alone" },
	},
	{
		Test, func(e evidence) bool { return e.always() && e.errors == e.failed },
		func(evidence) string {
			return "every run ends in an error before anything is judged, also alone on the idle machine: the script, or the time that it is given"
		},
	},
	{
		Kernel, evidence.always,
		func(evidence) string {
			return "every run fails, also alone on the idle machine, so neither load nor chance is in it: the kernel does not do what the script " +
				"expects; which of the two is right is for a reader to say"
		},
	},
	{
		Kernel, func(e evidence) bool { return e.aloneFailed > 0 },
		func(e evidence) string {
			return fmt.Sprintf("%d of %d failures come again alone on the idle machine with the same seed, and yet it passes at times: what changes "+
				"then is the order in which the kernel does things, unless the script judges times", e.aloneFailed, e.alone)
		},
	},
	{
		Test, func(e evidence) bool { return e.failed == e.runs },
		func(evidence) string { return "it never passes under load, and always alone: it needs an idle machine" },
	},
	{
		Machine, func(e evidence) bool { return e.lateElse > 0 && e.late > noisy*e.lateElse },
		func(e evidence) string {
			return fmt.Sprintf("it passes alone, and timers were late by %v in the failures, by %v in the runs that passed", rounded(e.late), rounded(e.lateElse))
		},
	},
	{
		Machine, func(e evidence) bool { return e.timedOut == e.failed },
		func(evidence) string { return "it passes alone, and failed only for want of time (--timeout)" },
	},
	{
		Test, func(evidence) bool { return true },
		func(e evidence) string {
			return fmt.Sprintf("it passes alone, and timers were late by %v in the failures, by %v in the runs that passed: no more noise than it "+
				"passes with, so it relies on an order or a time that nothing promises", rounded(e.late), rounded(e.lateElse))
		},
	},
}

// always tells that the case has never passed, nor alone.
func (e evidence) always() bool { return e.failed == e.runs && e.aloneFailed == e.alone }

// suspect judges the failures of a case.
func suspect(c Case) (Suspect, string) {
	e := evidenceOf(c)
	for _, r := range rules {
		if r.holds(e) {
			return r.suspect, r.why(e)
		}
	}
	panic("the last rule holds always")
}

func evidenceOf(c Case) evidence {
	e := evidence{runs: len(c.Runs)}
	var failures, passes []Trial
	for _, r := range c.Runs {
		if !r.failed() {
			passes = append(passes, r)
			e.warnedPassed += count(r.Warned)
			continue
		}
		failures = append(failures, r)
		e.failed++
		e.errors += count(r.Verdict == report.Error)
		e.timedOut += count(strings.Contains(r.Message, "timed out after"))
		e.warned += count(r.Warned)
		e.alone += count(r.Alone != "" && r.Alone != report.Skipped)
		e.aloneFailed += count(bad(r.Alone))
	}
	e.late, e.lateElse = late(failures).Median, late(passes).Median
	return e
}

func count(yes bool) int {
	if yes {
		return 1
	}
	return 0
}

func rounded(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }
