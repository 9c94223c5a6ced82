package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/export"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

type exportCmd struct {
	Path string `arg:"" predictor:"scripts" help:"A script, or a single case as FILE::CASE."`

	Filter string `short:"k" placeholder:"FILTER" help:"The case whose ID contains this text, or matches this glob."`
	Output string `short:"o" type:"path" placeholder:"FILE" help:"Write the script to a file, which can then be run, and not to standard output."`

	Backend     string        `enum:"auto,kernel,emulator" default:"emulator" help:"What to run the case on: ${enum}."`
	ModelKernel string        `default:"${release}" placeholder:"RELEASE" help:"The release of Linux that the emulator's hosts are like, such as 6.1 or 6.18.44."`
	Timeout     time.Duration `default:"30s" help:"Time for the case."`
	Seed        uint64        `default:"1" help:"Seed of all random choices."`
	AllowExec   bool          `help:"Let the case run programs of this machine in its hosts."`
}

// Help is the longer help of the command.
func (*exportCmd) Help() string {
	return "Runs one case, and writes what it did as a shell script of ip netns, ip mptcp and a little Python, for the report of a bug: " +
		"it runs without mptcp-lab, as root, and removes what it made. What it cannot say is marked \"not exported\". " + exitCodes
}

// Validate checks what the types of the flags do not.
func (c *exportCmd) Validate() error {
	if c.Timeout <= 0 {
		return fmt.Errorf("--timeout=%v: must be more than 0", c.Timeout)
	}
	return nil
}

// Run implements the command.
func (c *exportCmd) Run(ctx context.Context, s streams) error {
	return backendFlags{c.Backend, c.ModelKernel}.with(ctx, s, func(b lab.Backend) error {
		cases, err := caseFlags{Filter: c.Filter}.load(ctx, []string{c.Path}, b.Features())
		if err == nil {
			err = single(cases)
		}
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, b.Close())}
		}
		var recorder export.Recorder
		var last lastResult
		summary := runner.Run(ctx, recorder.Wrap(b), cases, runner.Config{
			Jobs: 1, Timeout: c.Timeout, Seed: c.Seed, AllowExec: c.AllowExec,
		}, &last)
		return c.end(s, &recorder, last.Result, summary)
	})
}

// end writes the script of a case that ran.
func (c *exportCmd) end(s streams, recorder *export.Recorder, r report.Result, summary report.Summary) error {
	if summary.Interrupted {
		return exitOf(summary)
	}
	if r.Verdict != report.Passed {
		fmt.Fprintf(s.err, "mptcp-lab: %s %s: %s\n", r.Case.ID, r.Verdict, r.Message)
	}
	if r.Verdict == report.Skipped {
		return &exit{code: exitFailed, err: errors.New("a case that was skipped did nothing that could be exported")}
	}
	head := export.Head{Case: r.Case.ID, Title: r.Case.Title, Machine: summary.Backend + ": " + summary.Machine, Verdict: string(r.Verdict)}
	if err := c.write(s, recorder, head); err != nil {
		return &exit{code: exitMachine, err: fmt.Errorf("write the script: %w", err)}
	}
	if n := recorder.Skipped(); n > 0 {
		fmt.Fprintf(s.err, "mptcp-lab: %d actions are not exported; each is marked in the script\n", n)
	}
	return exitOf(summary)
}

func (c *exportCmd) write(s streams, recorder *export.Recorder, head export.Head) error {
	if c.Output == "" {
		return recorder.Write(s.out, head)
	}
	f, err := os.OpenFile(c.Output, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o777)
	if err != nil {
		return err
	}
	return errors.Join(recorder.Write(f, head), f.Close())
}

// shownCases is how many cases are named where too many match.
const shownCases = 20

// single sees that there is one case.
func single(cases []runner.Case) error {
	if len(cases) == 1 {
		return nil
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d cases match, and one can be exported: name it as FILE::CASE, or by -k", len(cases))
	for _, c := range cases[:min(len(cases), shownCases)] {
		b.WriteString("\n  " + c.ID)
	}
	if more := len(cases) - shownCases; more > 0 {
		fmt.Fprintf(&b, "\n  and %d more", more)
	}
	return errors.New(b.String())
}

// lastResult observes a run of one case.
type lastResult struct{ report.Result }

func (*lastResult) Start(int)                  {}
func (*lastResult) CaseStarted(report.Case)    {}
func (*lastResult) CasePostponed(report.Case)  {}
func (l *lastResult) CaseDone(r report.Result) { l.Result = r }
func (*lastResult) Finish(report.Summary)      {}
