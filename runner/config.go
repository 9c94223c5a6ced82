package runner

import (
	"context"
	"runtime"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// The defaults of Config.
const (
	DefaultTimeout = 30 * time.Second
	DefaultGrace   = 5 * time.Second
)

// Config says how to run.
type Config struct {
	Jobs      int           // cases at a time; 0: one for each CPU
	Timeout   time.Duration // of each case, opening its lab included; 0: DefaultTimeout
	Grace     time.Duration // for a case to return after its context ended, before it is abandoned; 0: DefaultGrace
	FailFast  bool          // start no case after one failed or erred; those that run are left to finish
	Repeat    int           // runs of each case; 0: one. Run n (from 0) uses the seed Seed + n
	Seed      uint64        // of all random choices
	AllowExec bool          // let scripts run programs in their hosts
	Flags     string        // of the command line, to be told with a failure (see report.Result)
	Timelines bool          // attach the timeline to results that passed, too
	Snapshots bool          // attach a snapshot of the lab to each result
	Findings  bool          // with it: why pairs of addresses are no subflows

	// Then, unless nil, is told of each result, one at a time, and may name a case to be run next in the place of the one that
	// ended: with its seed, and with the machine to itself if that one had it. The observer is told of it like of any other,
	// beyond the number that it was told at the start. Keep is then never called, since no case is known to be the last.
	Then func(r report.Result) (Case, bool)

	// Keep, unless nil, is called after the last case, with the lab of the first case that failed or erred, or else with
	// that of the case which ended last. The lab is closed when Keep returns. It is not called after an interruption.
	Keep func(ctx context.Context, c report.Case, l lab.Lab)
}

// Observer is told what happens, one call at a time.
type Observer interface {
	Start(n int) // n cases were selected, repetitions included
	CaseStarted(c report.Case)
	// CasePostponed tells that a case asked for the machine to itself: it starts again when the others are done.
	CasePostponed(c report.Case)
	CaseDone(r report.Result)
	Finish(s report.Summary)
}

func (c Config) withDefaults() Config {
	if c.Jobs <= 0 {
		c.Jobs = runtime.NumCPU()
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	if c.Grace <= 0 {
		c.Grace = DefaultGrace
	}
	if c.Then != nil {
		c.Keep = nil
	}
	c.Repeat = max(c.Repeat, 1)
	return c
}
