package certify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

const (
	idleTime = 300 * time.Millisecond // of measuring before the load starts
	maxAgain = 5                      // failures of a case that are run again, of the first seeds
)

// Config says how to certify.
type Config struct {
	Runner runner.Config // Repeat is how often each case is run
	Load   int           // CPUs to be kept busy

	// Spin makes a command that keeps a CPU busy: a program that calls the function Spin.
	Spin func() *exec.Cmd

	// Open opens a backend for f, which closes it: each re-run has one of its own.
	Open func(ctx context.Context, f func(lab.Backend) error) error

	Progress io.Writer // told of each failure as it comes
	Live     bool      // it is a terminal, to keep a line with the progress on
}

// Certificate is what the runs have shown.
type Certificate struct {
	Cases   []Case // in the order given
	Idle    Noise  // before the load started
	Loaded  Noise  // while the cases ran
	Summary report.Summary
	Repeat  int
	Load    int
}

// Run runs the cases on the backend under load, closes it, and runs again what failed. When ctx ends, it returns what is known.
func Run(ctx context.Context, b lab.Backend, cases []runner.Case, cfg Config) (c Certificate, err error) {
	c = Certificate{Repeat: max(cfg.Runner.Repeat, 1), Load: cfg.Load}
	c.Idle = measureIdle(ctx)
	busy, err := startLoad(cfg.Load, cfg.Spin)
	if err != nil {
		return c, errors.Join(err, b.Close())
	}
	defer busy.end()
	noise := newMeter(kernelWork)
	t := newTally(cases, noise, &progress{out: cfg.Progress, live: cfg.Live})
	c.Summary = runner.Run(ctx, quiet{b, noise}, cases, cfg.Runner, t)
	busy.end()
	c.Loaded = noise.noise()
	t.settle()
	if ctx.Err() == nil {
		err = again(ctx, cases, cfg, t)
	}
	c.Cases = t.certified()
	return c, err
}

func measureIdle(ctx context.Context) Noise {
	m := newMeter(kernelWork)
	m.start()
	_ = pause(ctx, idleTime) // an interruption is seen by the runner
	m.end()
	return m.noise()
}

// quiet ends the measuring when the runner closes the backend, so that its audit does not find what is open for that.
type quiet struct {
	lab.Backend
	noise *meter
}

// Close implements [lab.Backend].
func (q quiet) Close() error {
	q.noise.end()
	return q.Backend.Close()
}

// again runs each failure alone, with its seed: those of one seed after each other.
func again(ctx context.Context, cases []runner.Case, cfg Config, t *tally) error {
	seeds := map[uint64][]runner.Case{}
	for _, c := range cases {
		for _, seed := range t.cases[c.ID].again() {
			seeds[seed] = append(seeds[seed], c)
		}
	}
	alone := cfg.Runner
	alone.Jobs, alone.Repeat = 1, 1
	for _, seed := range slices.Sorted(maps.Keys(seeds)) {
		alone.Seed = seed
		err := cfg.Open(ctx, func(b lab.Backend) error {
			s := runner.Run(ctx, b, seeds[seed], alone, aloneTally{t})
			if len(s.Audit) > 0 {
				return fmt.Errorf("run again with seed %d: left behind: %s", seed, s.Audit[0])
			}
			return nil
		})
		if err != nil {
			return err
		}
		if ctx.Err() != nil {
			return nil
		}
	}
	return nil
}
