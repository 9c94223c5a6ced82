package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/mptcp-lab/mptcp-lab/certify"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

type certifyCmd struct {
	Paths []string `arg:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, folders of them, or single cases as FILE::CASE."`

	backendFlags `embed:""`
	caseFlags    `embed:""`

	Runs      int           `short:"n" default:"100" placeholder:"N" help:"Run each case N times, with the seeds SEED, SEED+1, and so on."`
	Load      int           `default:"${cpus}" placeholder:"K" help:"Keep K CPUs busy meanwhile; 0: none."`
	Jobs      int           `short:"j" default:"${cpus}" help:"Cases to run at a time."`
	Timeout   time.Duration `default:"30s" help:"Time for each case."`
	Seed      uint64        `default:"1" help:"Seed of all random choices."`
	AllowExec bool          `help:"Let scripts run programs of this machine in their hosts."`
}

// Help is the longer help of the command.
func (*certifyCmd) Help() string {
	return "Runs each case many times on a busy machine. For each it states how often it failed and, with 95 % confidence, how often it " +
		"may fail at most; what failed is run again alone with the same seed, to tell kernel, test and machine apart.\n\n" + exitCodes
}

// Validate checks what the types of the flags do not.
func (c *certifyCmd) Validate() error {
	switch {
	case c.Runs < 1:
		return fmt.Errorf("--runs=%d: must be 1 or more", c.Runs)
	case c.Load < 0:
		return fmt.Errorf("--load=%d: must be 0 or more", c.Load)
	case c.Jobs < 1:
		return fmt.Errorf("--jobs=%d: must be 1 or more", c.Jobs)
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: must be more than 0", c.Timeout)
	}
	return nil
}

// Run implements the command.
func (c *certifyCmd) Run(ctx context.Context, s streams) error {
	self, err := os.Executable()
	if err != nil {
		return &exit{code: exitMachine, err: fmt.Errorf("find this program: %w", err)}
	}
	return c.with(ctx, s, func(b lab.Backend) error {
		cases, err := c.load(ctx, c.Paths, b.Features())
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, b.Close())}
		}
		fmt.Fprintf(s.out, "backend %s: %s, %d jobs, seed %d, load %d\n", b.Name(), b.Describe(), c.Jobs, c.Seed, c.Load)
		certificate, err := certify.Run(ctx, b, cases, certify.Config{
			Runner: runner.Config{
				Jobs: c.Jobs, Timeout: c.Timeout, Repeat: c.Runs, Seed: c.Seed, AllowExec: c.AllowExec,
			},
			Load: c.Load,
			Spin: func() *exec.Cmd {
				cmd := exec.Command(self, "spin")
				cmd.Args[0] = os.Args[0]
				return cmd
			},
			Open:     func(ctx context.Context, f func(lab.Backend) error) error { return c.with(ctx, s, f) },
			Progress: s.out,
			Live:     report.Detect(s.out).Live,
		})
		if e := certificate.WriteText(s.out); e != nil || err != nil {
			return &exit{code: exitMachine, err: errors.Join(err, e)}
		}
		return exitOf(certificate.Summary)
	})
}

type spinCmd struct{}

// Run implements the command.
func (spinCmd) Run() error {
	certify.Spin(os.Stdin)
	return nil
}
