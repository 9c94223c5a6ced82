package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mptcp-lab/mptcp-lab/compare"
	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

type compareCmd struct {
	Paths []string `arg:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, folders of them, or single cases as FILE::CASE."`

	caseFlags `embed:""`

	ModelKernel string        `placeholder:"RELEASE" default:"${release}" help:"The release of Linux that the emulator's hosts are like, such as 6.1 or 6.18.44."`
	Jobs        int           `short:"j" default:"${cpus}" help:"Cases to run at a time."`
	Timeout     time.Duration `default:"30s" help:"Time for each run of a case."`
	Seed        uint64        `default:"1" help:"Seed of all random choices."`
	AllowExec   bool          `help:"Let scripts run programs of this machine in their hosts."`
	JSON        bool          `name:"json" help:"Print one JSON document in place of the report for people."`
	Verbose     int           `short:"v" type:"counter" help:"List every case with the races that were tolerated in it."`
}

// Help is the longer help of the command.
func (*compareCmd) Help() string {
	return "Runs each case on the kernel and on the emulator, with the same seed, and lays side by side what the witnesses saw: events, " +
		"options on each subflow, connections and subflows, settings, counters and errors. What races decide is tolerated; every other difference is " +
		"shown with both timelines. Exit code 1: there are differences that nothing explains."
}

// Validate checks what the types of the flags do not.
func (c *compareCmd) Validate() error {
	switch {
	case c.Jobs < 1:
		return fmt.Errorf("--jobs=%d: must be 1 or more", c.Jobs)
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: must be more than 0", c.Timeout)
	}
	return nil
}

// Run implements the command.
func (c *compareCmd) Run(ctx context.Context, s streams) error {
	return withBackend(ctx, func(kernel lab.Backend) error {
		model, err := emulator.New(emulator.Options{Kernel: c.ModelKernel})
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(fmt.Errorf("--model-kernel: %w", err), kernel.Close())}
		}
		sides, err := c.sides(ctx, kernel, model)
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, kernel.Close())}
		}
		style := report.Detect(s.out)
		style.Verbose = c.Verbose > 0
		header := fmt.Sprintf("kernel: %s\nemulator: %s\n%d jobs, seed %d", kernel.Describe(), model.Describe(), c.Jobs, c.Seed)
		cfg := compare.Config{Jobs: c.Jobs, Timeout: c.Timeout, Seed: c.Seed, AllowExec: c.AllowExec}
		var obs compare.Observer = compare.NewTerminal(s.out, header, style)
		if c.JSON {
			obs = compare.NewTerminal(s.err, header, report.Style{})
		}
		r := compare.Run(ctx, sides[0], sides[1], cfg, obs)
		if c.JSON {
			if err := r.WriteJSON(s.out); err != nil {
				return &exit{code: exitMachine, err: err}
			}
		}
		return exitOfComparison(r)
	})
}

// sides loads the cases for each backend.
func (c *compareCmd) sides(ctx context.Context, backends ...lab.Backend) ([]compare.Side, error) {
	sides := make([]compare.Side, len(backends))
	for i, b := range backends {
		cases, err := c.load(ctx, c.Paths, b.Features())
		if err != nil {
			return nil, err
		}
		sides[i] = compare.Side{Backend: b, Cases: cases}
	}
	return sides, nil
}

// exitOfComparison is the end of a comparison, the gravest first.
func exitOfComparison(r *compare.Report) error {
	switch {
	case r.Kernel.Interrupted || r.Emulator.Interrupted:
		return &exit{code: exitInterrupted}
	case len(r.Kernel.Audit)+len(r.Emulator.Audit) > 0:
		return &exit{code: exitMachine}
	case len(r.Different()) > 0:
		return &exit{code: exitFailed}
	}
	return nil
}
