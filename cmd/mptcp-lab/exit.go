package main

import (
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// The exit codes; doc.go tells what they mean.
const (
	exitOK          = 0
	exitFailed      = 1
	exitUsage       = 2
	exitMachine     = 3
	exitInterrupted = 130
)

// exitCodes explains them in --help.
const exitCodes = `Exit codes: 0 every case passed or was skipped; 1 a case failed or ended in an error; 2 the command line or a script is wrong; ` +
	`3 the machine cannot run the backend, or something was left behind on it; 130 interrupted.`

// exit is an error with the exit code it leads to. Without a cause, all was said already.
type exit struct {
	code int
	err  error
}

func (e *exit) Error() string { return fmt.Sprintf("exit %d: %v", e.code, e.err) }

func (e *exit) Unwrap() error { return e.err }

// exitOf is the end of a run, the gravest first.
func exitOf(s report.Summary) error {
	switch {
	case s.Interrupted:
		return &exit{code: exitInterrupted}
	case len(s.Audit) > 0:
		return &exit{code: exitMachine}
	case s.Failed+s.Errors > 0:
		return &exit{code: exitFailed}
	default:
		return nil
	}
}
