package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/story"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

type explainCmd struct {
	Paths []string `arg:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, folders of them, or single cases as FILE::CASE."`

	backendFlags `embed:""`
	caseFlags    `embed:""`

	Timeout   time.Duration `default:"30s" help:"Time for each case."`
	Seed      uint64        `default:"1" help:"Seed of all random choices."`
	AllowExec bool          `help:"Let scripts run programs of this machine in their hosts."`
	Width     int           `default:"100" help:"Columns of the diagram, about."`
}

// Help is the longer help of the command.
func (*explainCmd) Help() string {
	return "Runs each case and tells what happened: its messages as a diagram in text, the same in sentences, how the hosts " +
		"were set at the end, and why pairs of addresses were no subflows of the connections that were open then. " + exitCodes
}

// Validate checks what the types of the flags do not.
func (c *explainCmd) Validate() error {
	switch {
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: must be more than 0", c.Timeout)
	case c.Width < 1:
		return fmt.Errorf("--width=%d: must be 1 or more", c.Width)
	}
	return nil
}

// Run implements the command.
func (c *explainCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(b lab.Backend) error {
		cases, err := c.load(ctx, c.Paths, b.Features())
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, b.Close())}
		}
		teller := story.NewTeller(s.out, c.Width)
		summary := runner.Run(ctx, b, cases, runner.Config{
			Jobs: 1, Timeout: c.Timeout, Seed: c.Seed, AllowExec: c.AllowExec, Timelines: true, Snapshots: true, Findings: true,
		}, report.Reporters{teller})
		if err := teller.Err(); err != nil {
			return &exit{code: exitMachine, err: err}
		}
		return exitOf(summary)
	})
}
