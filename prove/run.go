package prove

import (
	"context"
	"fmt"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// Under a fault, nothing takes longer than this many times the longest that anything took without one, and at least a moment
// that hides what a busy machine does.
const (
	patienceFactor = 4
	leastPatience  = time.Second
)

// unsureRuns is how often a case may fail as it is run under faults, but without one, before it is unfit: what fails that often
// would say nothing under a fault.
const unsureRuns = 3

// Config says how to prove.
type Config struct {
	Jobs      int           // cases at a time; 0: one for each CPU
	Timeout   time.Duration // of each run of a case; 0: that of package runner
	Seed      uint64        // of all random choices, the same in every run of a case
	AllowExec bool          // let scripts run programs in their hosts
	All       bool          // try every fault on every case, and not only until one makes it fail
	Faults    []*Fault      // to be tried, in that order; nil: all
}

// Observer is told what happens, one call at a time.
type Observer interface {
	Start(cases, faults int)
	// Running tells that a case is run, under a fault or, with nil, without one.
	Running(c report.Case, f *Fault)
	Done(p *Proof)
	Finish(r *Report)
}

// Run proves the cases on the backend, closes the backend, and audits what is left, as [runner.Run] does.
func Run(ctx context.Context, b lab.Backend, cases []runner.Case, cfg Config, obs Observer) *Report {
	if cfg.Faults == nil {
		cfg.Faults = Faults()
	}
	p := &prover{cfg: cfg, obs: obs, report: &Report{Faults: cfg.Faults}, under: map[string]*inquiry{}}
	first := make([]runner.Case, len(cases))
	for i, c := range cases {
		q := &inquiry{proof: &Proof{Case: c.Case, Standing: Open}, script: c.Run}
		p.report.Proofs = append(p.report.Proofs, q.proof)
		p.under[c.ID] = q
		first[i] = q.run(&probe{watched: cfg.Faults})
	}
	obs.Start(len(cases), len(cfg.Faults))
	p.report.Summary = runner.Run(ctx, b, first, runner.Config{
		Jobs: cfg.Jobs, Timeout: cfg.Timeout, Seed: cfg.Seed, AllowExec: cfg.AllowExec, Then: p.unless(ctx),
	}, p)
	obs.Finish(p.report)
	return p.report
}

// prover runs cases one after the other, each several times.
type prover struct {
	cfg    Config
	obs    Observer
	report *Report
	under  map[string]*inquiry // by ID of the case
}

// inquiry is what is under way about a case.
type inquiry struct {
	proof    *Proof
	script   func(context.Context, lab.Lab) runner.Outcome
	probe    *probe // of the run that is under way
	patience time.Duration
	unsure   int      // how often it did not
	sure     bool     // the case passes without a fault as it is run with one
	left     []*Fault // to be tried
}

// run is the case with a probe in its lab. It has the same ID in all runs, and so the same random choices.
func (q *inquiry) run(p *probe) runner.Case {
	q.probe = p
	return runner.Case{Case: q.proof.Case, Run: func(ctx context.Context, l lab.Lab) runner.Outcome {
		p.lab = l
		defer func() { p.lab = nil }() // the probe outlives the lab
		faulty := &faultyLab{Lab: l, probe: p}
		o := q.script(ctx, faulty)
		p.look(faulty.links)
		return o
	}}
}

// unless is then, until the context ends: what is said of a case that was interrupted says nothing.
func (p *prover) unless(ended context.Context) func(report.Result) (runner.Case, bool) {
	return func(r report.Result) (runner.Case, bool) {
		if ended.Err() != nil {
			return runner.Case{}, false
		}
		return p.then(r)
	}
}

// then takes in the result of a run, and says what to run next, if anything.
func (p *prover) then(r report.Result) (runner.Case, bool) {
	q := p.under[r.Case.ID]
	switch {
	case q.probe.inForce != nil:
		p.tried(q, r)
	case r.Verdict == report.Skipped:
		q.proof.Standing, q.proof.Message = Skipped, r.Message
	case r.Verdict != report.Passed && q.patience > 0 && q.unsure+1 < unsureRuns:
		q.unsure++
	case r.Verdict != report.Passed:
		q.proof.Standing, q.proof.Message = Unfit, q.unfit(r)
	case q.patience == 0:
		q.patience = max(leastPatience, patienceFactor*q.probe.longest)
		for _, f := range p.cfg.Faults {
			if q.probe.has(f) {
				q.left = append(q.left, f)
			}
		}
	default:
		q.sure = true
	}
	switch {
	case q.proof.Standing != Open:
	case len(q.left) == 0:
		q.proof.judge()
	case !q.sure:
		return q.run(&probe{patience: q.patience, carried: true}), true
	default:
		f := q.left[0]
		q.left = q.left[1:]
		return q.run(&probe{watched: []*Fault{f}, inForce: f, patience: q.patience}), true
	}
	p.obs.Done(q.proof)
	return runner.Case{}, false
}

// tried takes in the result of a run under a fault. One that took no effect this time says nothing.
func (p *prover) tried(q *inquiry, r report.Result) {
	f := q.probe.inForce
	if !q.probe.has(f) {
		return
	}
	q.proof.Trials = append(q.proof.Trials, Trial{Fault: f, Verdict: r.Verdict, Message: r.Message})
	if r.Verdict == report.Failed && !p.cfg.All {
		q.left = nil
	}
}

// unfit says how a case fails without a fault.
func (q *inquiry) unfit(r report.Result) string {
	if q.patience == 0 {
		return r.Message
	}
	return fmt.Sprintf("it passed once, and then %d times not with links in user space, nothing taking longer than %s: %s",
		unsureRuns, q.patience, r.Message)
}

// Start implements [runner.Observer]; how many cases there are was told.
func (p *prover) Start(int) {}

// CaseStarted implements [runner.Observer].
func (p *prover) CaseStarted(c report.Case) { p.obs.Running(c, p.under[c.ID].probe.inForce) }

// CasePostponed implements [runner.Observer]; it starts again.
func (p *prover) CasePostponed(report.Case) {}

// CaseDone implements [runner.Observer]; then follows.
func (p *prover) CaseDone(report.Result) {}

// Finish implements [runner.Observer]; Run has the summary.
func (p *prover) Finish(report.Summary) {}
