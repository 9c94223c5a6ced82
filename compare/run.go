package compare

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// Config says how to run the cases.
type Config struct {
	Jobs      int           // cases at a time; 0: one for each CPU
	Timeout   time.Duration // of each run of a case; 0: that of package runner
	Seed      uint64        // of all random choices, the same on both backends
	AllowExec bool          // let scripts run programs in their hosts
}

// Side is a backend with the cases as it is to run them: what they require is asked of it.
type Side struct {
	Backend lab.Backend
	Cases   []runner.Case
}

// Case is a case that was run on both backends.
type Case struct {
	report.Case
	Kernel      report.Result
	Emulator    report.Result
	Differences []Difference
}

// Unexplained are its differences that no race explains.
func (c *Case) Unexplained() []Difference {
	return slices.DeleteFunc(slices.Clone(c.Differences), func(d Difference) bool { return d.Race != "" })
}

// Skipped says why the case could not be compared; empty: it was.
func (c *Case) Skipped() string {
	for _, r := range []report.Result{c.Kernel, c.Emulator} {
		if r.Verdict == report.Skipped {
			return r.Message
		}
	}
	return ""
}

// Report is what became of all cases.
type Report struct {
	Cases            []*Case
	Kernel, Emulator report.Summary
}

// Observer is told of each case when both backends have run it, one call at a time.
type Observer interface {
	Start(cases int)
	Done(c *Case)
	Finish(r *Report)
}

// Run runs the cases on the emulator and then on the kernel, compares those that both have, and closes both backends.
func Run(ctx context.Context, kernel, emulator Side, cfg Config, obs Observer) *Report {
	obs.Start(len(kernel.Cases))
	r := &Report{}
	modelled := map[string]*View{}
	r.Emulator = cfg.run(ctx, emulator, func(v *View) { modelled[v.Result.Case.ID] = v })
	r.Kernel = cfg.run(ctx, kernel, func(real *View) {
		model := modelled[real.Result.Case.ID]
		if model == nil { // interrupted
			return
		}
		delete(modelled, real.Result.Case.ID)
		c := &Case{Case: real.Result.Case, Kernel: real.Result, Emulator: model.Result, Differences: differences(real, model)}
		r.Cases = append(r.Cases, c)
		obs.Done(c)
	})
	obs.Finish(r)
	return r
}

// run runs the cases on one backend.
func (cfg Config) run(ctx context.Context, s Side, done func(*View)) report.Summary {
	w := &watcher{refused: map[string]*refusals{}, done: done}
	watched := make([]runner.Case, len(s.Cases))
	for i, c := range s.Cases {
		watched[i] = w.watch(c)
	}
	return runner.Run(ctx, s.Backend, watched, runner.Config{
		Jobs: cfg.Jobs, Timeout: cfg.Timeout, Seed: cfg.Seed, AllowExec: cfg.AllowExec, Timelines: true, Snapshots: true,
	}, w)
}

// watcher makes a view of each case that ends.
type watcher struct {
	done func(*View)

	mu      sync.Mutex
	refused map[string]*refusals // by ID of the case
}

// watch is the case in a lab whose errors are noted, and which comes to rest when it has ended.
func (w *watcher) watch(c runner.Case) runner.Case {
	run := c.Run
	c.Run = func(ctx context.Context, l lab.Lab) runner.Outcome {
		heard := listenTo(l)
		w.mu.Lock()
		w.refused[c.ID] = heard.refusals
		w.mu.Unlock()
		o := run(ctx, heard)
		heard.refusals.stop()
		if o.Verdict == report.Skipped || o.Alone {
			return o
		}
		if err := settle(ctx, l); err != nil && ctx.Err() == nil && o.Verdict == report.Passed {
			o.Verdict, o.Message = report.Error, err.Error()
		}
		return o
	}
	return c
}

// Start implements [runner.Observer].
func (*watcher) Start(int) {}

// CaseStarted implements [runner.Observer].
func (*watcher) CaseStarted(report.Case) {}

// CasePostponed implements [runner.Observer].
func (*watcher) CasePostponed(report.Case) {}

// CaseDone implements [runner.Observer].
func (w *watcher) CaseDone(r report.Result) {
	w.mu.Lock()
	heard := w.refused[r.Case.ID]
	delete(w.refused, r.Case.ID)
	w.mu.Unlock()
	var list []refusal
	if heard != nil {
		list = heard.all()
	}
	w.done(newView(r, list))
}

// Finish implements [runner.Observer].
func (*watcher) Finish(report.Summary) {}
