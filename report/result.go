package report

import (
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
)

// Verdict is the outcome of a case. The four are never mixed.
type Verdict string

// The verdicts.
const (
	Passed  Verdict = "passed"
	Failed  Verdict = "failed"  // a check did not hold: the thing under test is at fault
	Error   Verdict = "error"   // the script, the machine or the lab is at fault, so nothing was judged
	Skipped Verdict = "skipped" // something that the case needs is missing
)

// Result is what became of one case.
type Result struct {
	Case      Case
	Verdict   Verdict
	Duration  time.Duration // real time, opening and closing the lab included
	Message   string        // why, for people, possibly of several lines; empty when passed
	Checks    int           // checks that were made
	Output    []string      // what the script printed, by line
	Questions []Question    // that a lesson asked, in order
	Timeline  []lab.Entry   // unless passed
	Kernel    []string      // warnings that the kernel logged meanwhile
	Seed      uint64
	Flags     string             // with which the run was started, as far as another run needs them: " --backend emulator"
	Snapshot  *snapshot.Snapshot // of its lab at the end, if the run takes them and the case opened a lab and returned
}

// Case says which case a result is of.
type Case struct {
	ID    string // "scenarios/regression/limits.star::test_over_limit[family=ipv4]"
	File  string // as given on the command line, slashes
	Line  int    // of the def
	Title string // first line of the docstring
	Doc   string // the rest of it, without its indentation
	About string // docstring of the script
	Tags  []string
}
