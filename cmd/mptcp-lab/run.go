package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/mptcp-lab/mptcp-lab/coverage"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

type runCmd struct {
	Paths []string `arg:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, folders of them, or single cases as FILE::CASE."`

	Filter    string        `short:"k" placeholder:"FILTER" help:"Only cases whose IDs contain this text, or match this glob. Several words must all hold; 'not' before one turns it round."`
	Shard     runner.Shard  `placeholder:"N/M" help:"Only part N of M equal parts of the cases."`
	List      bool          `help:"List the cases, and run none."`
	Jobs      int           `short:"j" default:"${cpus}" help:"Cases to run at a time."`
	Backend   string        `enum:"auto,kernel" default:"auto" help:"What to build labs of: ${enum}."`
	Timeout   time.Duration `default:"30s" help:"Time for each case."`
	FailFast  bool          `help:"Start no other case after one failed; those that run are left to finish."`
	Repeat    int           `default:"1" placeholder:"N" help:"Run each case N times, with the seeds SEED, SEED+1, and so on."`
	Seed      uint64        `default:"1" help:"Seed of all random choices."`
	Keep      bool          `help:"When all is done, keep the lab of the first case that failed (or of the last, if none did) until Ctrl-C, and say how to enter its hosts."`
	AllowExec bool          `help:"Let scripts run programs of this machine in their hosts."`
	Coverage  bool          `help:"At the end, list the counters, events, commands, options and settings that the cases have exercised, and which they never have."`
	Verbose   int           `short:"v" type:"counter" help:"List every case with its time and output; twice: with its timeline."`

	CoverageJSON string `type:"path" placeholder:"FILE" help:"Write the coverage to a file, as JSON, with the cases that have exercised each thing."`
}

// Help is the longer help of the command.
func (*runCmd) Help() string { return exitCodes }

// Validate checks what the types of the flags do not.
func (c *runCmd) Validate() error {
	switch {
	case c.Jobs < 1:
		return fmt.Errorf("--jobs=%d: must be 1 or more", c.Jobs)
	case c.Repeat < 1:
		return fmt.Errorf("--repeat=%d: must be 1 or more", c.Repeat)
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: must be more than 0", c.Timeout)
	}
	return nil
}

// Run implements the command.
func (c *runCmd) Run(ctx context.Context, s streams) error {
	if c.List {
		return c.list(ctx, s)
	}
	return withBackend(ctx, func(b lab.Backend) error {
		cases, err := c.cases(ctx, b.Features())
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, b.Close())}
		}
		header := fmt.Sprintf("backend %s: %s, %d jobs, seed %d", b.Name(), b.Describe(), c.Jobs, c.Seed)
		style := report.Detect(s.out)
		style.Verbose, style.Timelines = c.Verbose > 0, c.Verbose > 1
		terminal := report.NewTerminal(s.out, header, style)
		var recorder coverage.Recorder
		if c.Coverage || c.CoverageJSON != "" {
			b = recorder.Wrap(b)
		}
		end := exitOf(runner.Run(ctx, b, cases, c.config(terminal), terminal))
		if err := c.report(recorder.Report(), s); err != nil {
			return &exit{code: exitMachine, err: err}
		}
		return end
	})
}

// report prints and writes the coverage, as asked.
func (c *runCmd) report(r coverage.Report, s streams) error {
	if c.Coverage {
		if err := r.WriteText(s.out); err != nil {
			return err
		}
	}
	if c.CoverageJSON == "" {
		return nil
	}
	f, err := os.Create(c.CoverageJSON)
	if err != nil {
		return fmt.Errorf("write the coverage: %w", err)
	}
	return errors.Join(r.WriteJSON(f), f.Close())
}

// list prints the selected cases, one ID a line, which run takes back as a path. It needs no backend.
func (c *runCmd) list(ctx context.Context, s streams) error {
	cases, err := c.cases(ctx, lab.Features{})
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	for _, k := range cases {
		line := k.ID
		if c.Verbose > 0 && k.Title != "" {
			line += "\t" + k.Title
		}
		fmt.Fprintln(s.out, line)
	}
	return nil
}

// cases loads the scripts and selects among their cases.
func (c *runCmd) cases(ctx context.Context, features lab.Features) ([]runner.Case, error) {
	cases, err := starlark.Load(ctx, c.Paths, starlark.Options{Features: features})
	if err != nil {
		return nil, err
	}
	return runner.Selection{Filter: c.Filter, Shard: c.Shard}.Select(cases)
}

func (c *runCmd) config(terminal *report.Terminal) runner.Config {
	cfg := runner.Config{
		Jobs:      c.Jobs,
		Timeout:   c.Timeout,
		FailFast:  c.FailFast,
		Repeat:    c.Repeat,
		Seed:      c.Seed,
		AllowExec: c.AllowExec,
		Timelines: c.Verbose > 1,
	}
	if c.Keep {
		cfg.Keep = func(ctx context.Context, k report.Case, l lab.Lab) {
			terminal.Kept(k, l)
			<-ctx.Done()
		}
	}
	return cfg
}
