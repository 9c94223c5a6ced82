package runner

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// run is the state of one call of Run.
type run struct {
	backend lab.Backend
	cfg     Config
	obs     Observer
	kept    keeper

	mu      sync.Mutex // of all below, and of calls to obs
	log     *kernelLog
	running []*attempt
	stop    bool       // start no more cases
	alone   []*attempt // to be run one at a time when the others are done
	summary report.Summary
}

// Run runs the cases on the backend, closes the backend, and audits what is left. When ctx ends, the cases that run are
// cancelled, and no other starts.
func Run(ctx context.Context, backend lab.Backend, cases []Case, cfg Config, obs Observer) report.Summary {
	cfg = cfg.withDefaults()
	r := &run{backend: backend, cfg: cfg, obs: obs}
	r.summary = report.Summary{Backend: backend.Name(), Machine: backend.Describe(), Seed: cfg.Seed}
	r.kept.wanted, r.kept.left = cfg.Keep != nil, len(cases)*cfg.Repeat
	began := time.Now()
	r.openLog()
	before := takeSnapshot()
	obs.Start(len(cases) * cfg.Repeat)
	r.runAll(ctx, cases)
	r.summary.Duration = time.Since(began)
	r.summary.Interrupted = ctx.Err() != nil
	r.releaseKept(ctx)
	r.measure(ctx)
	r.audit(before)
	r.drainLog()
	r.closeLog()
	obs.Finish(r.summary)
	return r.summary
}

func (r *run) runAll(ctx context.Context, cases []Case) {
	var slots errgroup.Group
	slots.SetLimit(r.cfg.Jobs)
	for repetition := range r.cfg.Repeat {
		for _, c := range cases {
			slots.Go(func() error {
				r.runOne(ctx, &attempt{run: r, c: c, seed: r.cfg.Seed + uint64(repetition)})
				return nil
			})
		}
	}
	_ = slots.Wait() // no slot returns an error
	for _, a := range r.alone {
		r.runOne(ctx, &attempt{run: r, c: a.c, seed: a.seed, alone: true})
	}
}

// runOne runs one case and reports it, and those that follow it, unless the run has been stopped.
func (r *run) runOne(ctx context.Context, a *attempt) {
	for a != nil && r.begin(ctx, a) {
		began := time.Now()
		res, err := a.result(ctx)
		if errors.Is(err, errPostponed) {
			r.postpone(a)
			return
		}
		res.Duration = time.Since(began)
		a = r.end(a, res)
	}
}

// postpone puts a case off until it can have the machine to itself.
func (r *run) postpone(a *attempt) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running = slices.DeleteFunc(r.running, func(x *attempt) bool { return x == a })
	r.alone = append(r.alone, a)
	r.obs.CasePostponed(a.c.Case)
}

func (r *run) begin(ctx context.Context, a *attempt) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop || ctx.Err() != nil {
		r.summary.NotRun++
		return false
	}
	r.drainLog() // what was logged before belongs to the others
	r.running = append(r.running, a)
	r.obs.CaseStarted(a.c.Case)
	return true
}

// end reports a case, and returns the attempt that follows it, if any.
func (r *run) end(a *attempt, res report.Result) *attempt {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.drainLog()
	r.running = slices.DeleteFunc(r.running, func(x *attempt) bool { return x == a })
	res.Kernel = a.kernel
	r.summary.Add(res.Verdict)
	if r.cfg.FailFast && bad(res.Verdict) {
		r.stop = true
	}
	r.obs.CaseDone(res)
	if r.cfg.Then == nil {
		return nil
	}
	c, ok := r.cfg.Then(res)
	if !ok {
		return nil
	}
	return &attempt{run: r, c: c, seed: a.seed, alone: a.alone}
}

// releaseKept lets the caller look at the lab that was kept, if any, and closes it.
func (r *run) releaseKept(ctx context.Context) {
	kept := r.kept.lab
	if kept == nil {
		return
	}
	if ctx.Err() == nil {
		r.cfg.Keep(ctx, r.kept.c, kept)
	}
	if err := guard(kept.Close); err != nil {
		r.summary.Audit = append(r.summary.Audit, fmt.Sprintf("close the kept lab of %s: %v", r.kept.c.ID, err))
	}
}

// measure asks the backend for what belongs in the report, unless the run was interrupted.
func (r *run) measure(ctx context.Context) {
	if ctx.Err() != nil {
		return
	}
	var err error
	if r.summary.Measured, err = r.backend.Measured(ctx); err != nil {
		r.summary.Notes = append(r.summary.Notes, fmt.Sprintf("not measured: %v", err))
	}
}

// audit closes the backend and compares the process and the host with what they were before.
// An abandoned case still holds its lab, so that there is nothing more to find than that.
func (r *run) audit(before snapshot) {
	if err := guard(r.backend.Close); err != nil {
		r.summary.Audit = append(r.summary.Audit, fmt.Sprintf("close the %s backend: %v", r.backend.Name(), err))
	}
	if r.kept.abandoned > 0 {
		r.summary.Audit = append(r.summary.Audit,
			fmt.Sprintf("%d abandoned cases still hold their labs; the rest was not audited", r.kept.abandoned))
		return
	}
	r.summary.Audit = append(r.summary.Audit, before.changes(takeSnapshot())...)
}

func bad(v report.Verdict) bool { return v == report.Failed || v == report.Error }
