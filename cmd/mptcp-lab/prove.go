package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/prove"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// waitingJobs is how many cases a CPU bears that mostly wait for what a fault has taken from them.
const waitingJobs = 8

type proveCmd struct {
	Paths []string `arg:"" optional:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, folders of them, or single cases as FILE::CASE."`

	backendFlags `embed:""`
	caseFlags    `embed:""`

	Jobs      int           `short:"j" default:"${waiting}" help:"Cases to prove at a time."`
	Timeout   time.Duration `default:"30s" help:"Time for each run of a case."`
	Seed      uint64        `default:"1" help:"Seed of all random choices."`
	AllowExec bool          `help:"Let scripts run programs of this machine in their hosts."`
	All       bool          `help:"Try every fault on every case, not only until one makes it fail, and show which case notices which fault."`
	Fault     string        `placeholder:"TEXT" help:"Only faults whose names contain this text."`
	Faults    bool          `help:"List the faults, and run nothing."`
	Markdown  string        `placeholder:"FILE" help:"Write to this file which faults each case notices."`
	Verbose   int           `short:"v" type:"counter" help:"List every case with the faults that it notices."`
}

// Help is the longer help of the command.
func (*proveCmd) Help() string {
	return "Runs each case as it is, and then again in labs in which one thing is wrong: it should fail. A case that passes under " +
		"every fault that concerns it would pass whatever the path manager does. Exit code 1: not every case is proven."
}

// Validate checks what the types of the flags do not.
func (c *proveCmd) Validate() error {
	switch {
	case c.Jobs < 1:
		return fmt.Errorf("--jobs=%d: must be 1 or more", c.Jobs)
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: must be more than 0", c.Timeout)
	case len(c.Paths) == 0 && !c.Faults:
		return errors.New("expected a path: name scripts, folders or cases to prove")
	case len(c.faults()) == 0:
		return fmt.Errorf("--fault=%q: no fault has this in its name; --faults lists them", c.Fault)
	}
	return nil
}

// Run implements the command.
func (c *proveCmd) Run(ctx context.Context, s streams) error {
	if c.Faults {
		for _, f := range c.faults() {
			fmt.Fprintf(s.out, "%s\t%s\n", f.Name, f.Effect)
		}
		return nil
	}
	return c.with(ctx, s, func(b lab.Backend) error {
		cases, err := c.load(ctx, c.Paths, b.Features())
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, b.Close())}
		}
		header := fmt.Sprintf("backend %s: %s, %d jobs, seed %d", b.Name(), b.Describe(), c.Jobs, c.Seed)
		style := report.Detect(s.out)
		style.Verbose, style.Timelines = c.Verbose > 0, c.All
		document, err := c.document()
		if err != nil {
			return errors.Join(err, b.Close())
		}
		r := prove.Run(ctx, b, cases, prove.Config{
			Jobs: c.Jobs, Timeout: c.Timeout, Seed: c.Seed, AllowExec: c.AllowExec, All: c.All, Faults: c.faults(),
		}, prove.NewTerminal(s.out, header, style))
		if err := write(r, document); err != nil {
			return err
		}
		return exitOfProof(r)
	})
}

// faults are those to be tried.
func (c *proveCmd) faults() []*prove.Fault {
	var list []*prove.Fault
	for _, f := range prove.Faults() {
		if strings.Contains(f.Name, c.Fault) {
			list = append(list, f)
		}
	}
	return list
}

// document opens the file of --markdown before the cases are run, so that a wrong name costs nothing; nil: none is wanted.
func (c *proveCmd) document() (*os.File, error) {
	if c.Markdown == "" {
		return nil, nil
	}
	f, err := os.Create(c.Markdown)
	if err != nil {
		return nil, &exit{code: exitUsage, err: fmt.Errorf("--markdown: %w", err)}
	}
	return f, nil
}

func write(r *prove.Report, document *os.File) error {
	if document == nil {
		return nil
	}
	return errors.Join(r.WriteMarkdown(document), document.Close())
}

// exitOfProof is the end of a proof, the gravest first.
func exitOfProof(r *prove.Report) error {
	s := r.Summary
	switch {
	case s.Interrupted:
		return &exit{code: exitInterrupted}
	case len(s.Audit) > 0:
		return &exit{code: exitMachine}
	case len(r.With(prove.Proven))+len(r.With(prove.Skipped)) < len(r.Proofs):
		return &exit{code: exitFailed}
	default:
		return nil
	}
}
