package runner_test

import (
	"context"
	"sync"
	"testing"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// fakeBackend opens labs in which nothing can be built, and counts those that are open.
type fakeBackend struct {
	openErr  error // of Open
	labErr   error // of closing a lab
	closeErr error // of Close

	mu   sync.Mutex
	open map[string]lab.Options // by the name of the lab
	all  []lab.Options
}

func (b *fakeBackend) Name() string                               { return "fake" }
func (b *fakeBackend) Describe() string                           { return "nothing" }
func (b *fakeBackend) Measured(context.Context) ([]string, error) { return nil, nil }
func (b *fakeBackend) Features() lab.Features                     { return lab.Features{} }
func (b *fakeBackend) Close() error                               { return b.closeErr }

func (b *fakeBackend) Open(_ context.Context, o lab.Options) (lab.Lab, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.openErr != nil {
		return nil, b.openErr
	}
	if b.open == nil {
		b.open = map[string]lab.Options{}
	}
	b.open[o.Name] = o
	b.all = append(b.all, o)
	return &fakeLab{backend: b, name: o.Name, alone: o.Alone}, nil
}

func (b *fakeBackend) opened() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var names []string
	for name := range b.open {
		names = append(names, name)
	}
	return names
}

type fakeLab struct {
	lab.Lab
	backend *fakeBackend
	name    string
	alone   bool
}

func (l *fakeLab) Alone() bool { return l.alone }

func (l *fakeLab) Timeline() []lab.Entry {
	return []lab.Entry{{Kind: lab.KindStep, Text: "in " + l.name}}
}

func (l *fakeLab) Close() error {
	l.backend.mu.Lock()
	defer l.backend.mu.Unlock()
	delete(l.backend.open, l.name)
	return l.backend.labErr
}

// recorder is an observer that remembers all calls.
type recorder struct {
	n         int
	started   []string
	postponed []string
	results   []report.Result
	finished  []report.Summary
	onStart   func(c report.Case)
	onDone    func(r report.Result)
}

func (r *recorder) Start(n int) { r.n = n }

func (r *recorder) CaseStarted(c report.Case) {
	r.started = append(r.started, c.ID)
	if r.onStart != nil {
		r.onStart(c)
	}
}

func (r *recorder) CasePostponed(c report.Case) { r.postponed = append(r.postponed, c.ID) }

func (r *recorder) CaseDone(res report.Result) {
	r.results = append(r.results, res)
	if r.onDone != nil {
		r.onDone(res)
	}
}

func (r *recorder) Finish(s report.Summary) { r.finished = append(r.finished, s) }
func (r *recorder) verdicts() []report.Verdict {
	return pick(r.results, func(x report.Result) report.Verdict { return x.Verdict })
}

func (r *recorder) seeds() []uint64 {
	return pick(r.results, func(x report.Result) uint64 { return x.Seed })
}

func pick[T any](results []report.Result, f func(report.Result) T) []T {
	var out []T
	for _, r := range results {
		out = append(out, f(r))
	}
	return out
}

// caseOf is a case that ends at once, as told.
func caseOf(id string, o runner.Outcome) runner.Case {
	return caseFunc(id, func(context.Context, lab.Lab) runner.Outcome { return o })
}

func caseFunc(id string, f func(context.Context, lab.Lab) runner.Outcome) runner.Case {
	return runner.Case{Case: report.Case{ID: id, File: "f.star", Line: 1}, Run: f}
}

var (
	pass = runner.Outcome{Verdict: report.Passed, Checks: 1}
	fail = runner.Outcome{Verdict: report.Failed, Message: "f.star:2: no", Checks: 1}
	skip = runner.Outcome{Verdict: report.Skipped, Message: "needs more"}
)

func runCases(t *testing.T, b *fakeBackend, cfg runner.Config, cases ...runner.Case) (*recorder, report.Summary) {
	t.Helper()
	rec := &recorder{}
	if cfg.Jobs == 0 {
		cfg.Jobs = 1
	}
	return rec, runner.Run(t.Context(), b, cases, cfg, rec)
}
