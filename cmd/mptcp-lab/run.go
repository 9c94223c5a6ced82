package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mptcp-lab/mptcp-lab/coverage"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/live"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/trace"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// busyJobs is how many cases keep a CPU busy: each waits for most of its time.
const busyJobs = 3

type runCmd struct {
	Paths []string `arg:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, folders of them, or single cases as FILE::CASE."`

	backendFlags `embed:""`
	reportFlags  `embed:""`
	caseFlags    `embed:""`

	List      bool          `help:"List the cases, and run none."`
	Jobs      int           `short:"j" default:"${busy}" help:"Cases to run at a time. They wait for timers of the kernel for most of their time."`
	Timeout   time.Duration `default:"30s" help:"Time for each case."`
	FailFast  bool          `help:"Start no other case after one failed; those that run are left to finish."`
	Repeat    int           `default:"1" placeholder:"N" help:"Run each case N times, with the seeds SEED, SEED+1, and so on."`
	Seed      uint64        `default:"1" help:"Seed of all random choices."`
	Keep      bool          `help:"When all is done, keep the lab of the first case that failed (or of the last, if none did) until Ctrl-C or clean, and say how to enter its hosts."`
	AllowExec bool          `help:"Let scripts run programs of this machine in their hosts."`
	Coverage  bool          `help:"At the end, list the counters, events, commands, options and settings that the cases have exercised, and which they never have."`
	Verbose   int           `short:"v" type:"counter" help:"List every case with its time and output; twice: with its timeline."`

	Digest bool   `help:"At the end, print a digest of all that was seen, times included: the same for the same run, where time is virtual (emulator, vm run --time virtual)."`
	Trace  string `type:"path" placeholder:"FILE" help:"Write all that was seen to a file, as lines of JSON, and print its digest."`

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
	return c.validate()
}

// Run implements the command.
func (c *runCmd) Run(ctx context.Context, s streams) error {
	if c.List {
		return c.list(ctx, s)
	}
	return c.with(ctx, s, func(b lab.Backend) error {
		cases, err := c.load(ctx, c.Paths, b.Features())
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, b.Close())}
		}
		style := report.Detect(s.out)
		style.Verbose, style.Timelines = c.Verbose > 0, c.Verbose > 1
		info := report.RunInfo{Backend: b.Name(), Machine: b.Describe(), Jobs: c.Jobs, Seed: c.Seed, Timelines: c.reportFlags.Timelines}
		reports, err := c.open(s, info, style, reported(cases, c.Repeat))
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, b.Close())}
		}
		var recorder coverage.Recorder
		if c.Coverage || c.CoverageJSON != "" {
			b = recorder.Wrap(b)
		}
		var observer runner.Observer = reports
		recorded := trace.Record(reports)
		if c.traces() {
			observer = recorded
		}
		end := exitOf(runner.Run(ctx, b, cases, c.config(reports), observer))
		if err := errors.Join(c.report(recorder.Report(), reports.people), c.writeTrace(recorded.Trace()), reports.close()); err != nil {
			return &exit{code: exitMachine, err: err}
		}
		return end
	})
}

// traces tells whether the run keeps a trace.
func (c *runCmd) traces() bool { return c.Digest || c.Trace != "" }

// writeTrace writes the trace, if asked.
func (c *runCmd) writeTrace(t trace.Trace) error {
	if c.Trace == "" {
		return nil
	}
	f, err := os.Create(c.Trace)
	if err != nil {
		return fmt.Errorf("--trace: %w", err)
	}
	return errors.Join(t.Write(f), f.Close())
}

// report prints and writes the coverage, as asked.
func (c *runCmd) report(r coverage.Report, people io.Writer) error {
	if c.Coverage {
		if err := r.WriteText(people); err != nil {
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
	cases, err := c.load(ctx, c.Paths, lab.Features{})
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

func (c *runCmd) config(reports *reports) runner.Config {
	cfg := runner.Config{
		Jobs:      c.Jobs,
		Timeout:   c.Timeout,
		FailFast:  c.FailFast,
		Repeat:    c.Repeat,
		Seed:      c.Seed,
		Flags:     c.again(),
		AllowExec: c.AllowExec,
		Timelines: c.Verbose > 1 || c.snapshots() || c.reportFlags.Timelines || c.traces(),
		Snapshots: c.snapshots(),
	}
	if c.Keep {
		cfg.Keep = func(ctx context.Context, k report.Case, l lab.Lab) {
			kept, err := live.Keep()
			if err != nil {
				fmt.Fprintf(reports.people, "%v: mptcp-lab clean will not end this\n", err)
			} else {
				defer kept.Close()
			}
			reports.terminal.Kept(k, l)
			<-ctx.Done()
		}
	}
	return cfg
}
