package prove_test

import (
	"context"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/prove"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// fakeBackend opens labs whose hosts have two limits and nothing else.
type fakeBackend struct{}

func (fakeBackend) Name() string                               { return "fake" }
func (fakeBackend) Describe() string                           { return "nothing" }
func (fakeBackend) Measured(context.Context) ([]string, error) { return nil, nil }
func (fakeBackend) Features() lab.Features                     { return lab.Features{} }
func (fakeBackend) Close() error                               { return nil }

func (fakeBackend) Open(_ context.Context, o lab.Options) (lab.Lab, error) {
	return &fakeLab{options: o, opened: time.Now()}, nil
}

type fakeLab struct {
	lab.Lab
	options lab.Options
	opened  time.Time
}

func (l *fakeLab) Now() time.Duration { return time.Since(l.opened) }

func (l *fakeLab) Alone() bool           { return l.options.Alone }
func (l *fakeLab) Timeline() []lab.Entry { return nil }
func (l *fakeLab) Close() error          { return nil }

func (l *fakeLab) Host(context.Context, string, lab.HostOptions) (lab.Host, error) {
	return &fakeHost{}, nil
}

// Wait waits in vain when the condition does not hold at once.
func (l *fakeLab) Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	ok, err := cond()
	if ok || err != nil {
		return ok, err
	}
	select {
	case <-time.After(timeout):
	case <-ctx.Done():
	}
	return false, nil
}

type fakeHost struct {
	lab.Host
	limits fakeManager
}

func (h *fakeHost) PathManager() lab.PathManager { return &h.limits }

type fakeManager struct {
	lab.PathManager
	limits pm.Limits
}

func (m *fakeManager) Limits() (pm.Limits, error) { return m.limits, nil }

func (m *fakeManager) SetLimits(l pm.LimitsUpdate) error {
	if l.Subflows != nil {
		m.limits.Subflows = *l.Subflows
	}
	return nil
}

// setSubflows sets the limit to 2 and returns what it then is.
func setSubflows(ctx context.Context, l lab.Lab) (uint32, error) {
	h, err := l.Host(ctx, "host", lab.HostOptions{})
	if err != nil {
		return 0, err
	}
	if err := h.PathManager().SetLimits(pm.LimitsUpdate{Subflows: new(uint32(2))}); err != nil {
		return 0, err
	}
	limits, err := h.PathManager().Limits()
	return limits.Subflows, err
}

func caseFunc(id string, run func(context.Context, lab.Lab) runner.Outcome) runner.Case {
	return runner.Case{Case: report.Case{ID: id, File: "f.star", Line: 1}, Run: run}
}

var pass = runner.Outcome{Verdict: report.Passed, Checks: 1}

// as is pass when the condition holds, and that verdict when it does not.
func as(v report.Verdict, ok bool, err error) runner.Outcome {
	switch {
	case err != nil:
		return runner.Outcome{Verdict: report.Error, Message: err.Error()}
	case !ok:
		return runner.Outcome{Verdict: v, Message: "not as it should be", Checks: 1}
	}
	return pass
}

// recorder is an observer that remembers all runs.
type recorder struct {
	runs    []string // the case and, behind a colon, the fault
	done    []*prove.Proof
	onStart func()
}

func (r *recorder) Start(int, int)       {}
func (r *recorder) Done(p *prove.Proof)  { r.done = append(r.done, p) }
func (r *recorder) Finish(*prove.Report) {}

func (r *recorder) Running(c report.Case, f *prove.Fault) {
	line := c.ID
	if f != nil {
		line += ": " + f.Name
	}
	r.runs = append(r.runs, line)
	if r.onStart != nil {
		r.onStart()
	}
}
