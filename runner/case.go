package runner

import (
	"context"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// Case is something that can be run in a lab of its own.
type Case struct {
	report.Case
	// Run runs the case in an empty lab, and judges it. It must return soon after ctx ends.
	Run func(ctx context.Context, l lab.Lab) Outcome
}

// Outcome is what a case says of itself. A case that passed with no check is made an error by the runner.
type Outcome struct {
	Verdict   report.Verdict
	Message   string
	Checks    int
	Output    []string
	Questions []report.Question // that a lesson asked
	Alone     bool              // nothing was done yet: the case asks to be run again with the machine to itself
}
