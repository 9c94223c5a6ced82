package runner

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	labsnapshot "github.com/mptcp-lab/mptcp-lab/report/snapshot" // the runner has its own, of the machine
)

// attempt is one run of one case.
type attempt struct {
	run    *run
	c      Case
	seed   uint64                  // of the run, with which the attempt can be had again
	alone  bool                    // nothing else runs meanwhile
	lab    atomic.Pointer[lab.Lab] // once open; read when the case is abandoned
	kernel []string                // warnings that the kernel logged meanwhile; guarded by run.mu

	abandoned bool // guarded by the keeper
}

// errPostponed tells that the case has to be run again, alone.
var errPostponed = errors.New("the case needs the machine to itself")

// result runs the case until it returns or, once its context has ended, for no longer than the grace period. The only error is
// errPostponed.
func (a *attempt) result(ctx context.Context) (report.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, a.run.cfg.Timeout)
	defer cancel()
	var res report.Result
	done := make(chan error, 1)
	go func() {
		err := guard(func() (err error) { res, err = a.inLab(ctx); return err })
		if err != nil && !errors.Is(err, errPostponed) {
			res, err = a.report(Outcome{Verdict: report.Error, Message: err.Error()}, nil, nil), nil
		}
		done <- err
	}()
	select {
	case err := <-done:
		return res, err
	case <-ctx.Done():
	}
	grace := time.NewTimer(a.run.cfg.Grace)
	defer grace.Stop()
	select {
	case err := <-done:
		return res, err
	case <-grace.C:
		return a.abandon(ctx), nil
	}
}

// inLab opens a lab, runs the case in it, and closes it or hands it to the keeper.
func (a *attempt) inLab(ctx context.Context) (report.Result, error) {
	l, err := a.run.backend.Open(ctx, lab.Options{
		Name:      a.c.ID,
		Seed:      labSeed(a.seed, a.c.ID),
		AllowExec: a.run.cfg.AllowExec,
		Alone:     a.alone,
	})
	if err != nil {
		o := a.judge(ctx, Outcome{Verdict: report.Error, Message: fmt.Sprintf("open a lab: %v", err)})
		a.run.kept.judged(a, o.Verdict, nil)
		return a.report(o, nil, nil), nil
	}
	var watched *labsnapshot.Lab
	if a.run.cfg.Snapshots {
		watched = labsnapshot.Watch(l)
		l = watched
	}
	a.lab.Store(&l)
	said := a.runCase(ctx, l)
	if said.Alone && !a.alone {
		return report.Result{}, errors.Join(errPostponed, guard(l.Close))
	}
	o := a.judge(ctx, said)
	var entries []lab.Entry
	if a.wantsTimeline(ctx, o.Verdict) {
		entries = l.Timeline()
	}
	var snap *labsnapshot.Snapshot
	if watched != nil && !errors.Is(ctx.Err(), context.Canceled) {
		snap = watched.Take()
		if a.run.cfg.Findings {
			watched.Explain(ctx, snap)
		}
	}
	if a.run.kept.judged(a, o.Verdict, l) {
		return a.report(o, entries, snap), nil
	}
	if err := guard(l.Close); err != nil {
		if entries == nil {
			entries = l.Timeline()
		}
		o = worsen(o, fmt.Sprintf("close the lab: %v", err))
	}
	return a.report(o, entries, snap), nil
}

func (a *attempt) runCase(ctx context.Context, l lab.Lab) Outcome {
	var o Outcome
	if err := guard(func() error { o = a.c.Run(ctx, l); return nil }); err != nil {
		return Outcome{Verdict: report.Error, Message: err.Error()}
	}
	return o
}

// judge turns what the case says of itself into the verdict: nothing can be believed of a case that was cut short, nor of
// one that passed without a check.
func (a *attempt) judge(ctx context.Context, o Outcome) Outcome {
	switch err := ctx.Err(); {
	case errors.Is(err, context.DeadlineExceeded):
		return worsen(o, a.timedOut())
	case err != nil && o.Verdict != report.Passed:
		return worsen(o, "interrupted")
	case o.Verdict == report.Passed && o.Checks == 0:
		return worsen(o, "checks nothing: a case that makes no check cannot fail, so it proves nothing")
	default:
		return o
	}
}

// abandon gives the result of a case that does not return. Its goroutine is left to itself; if it returns after all, its
// lab is closed then.
func (a *attempt) abandon(ctx context.Context) report.Result {
	a.run.kept.abandon(a)
	why := "interrupted"
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		why = a.timedOut()
	}
	o := Outcome{
		Verdict: report.Error,
		Message: fmt.Sprintf("%s, and did not return within %v more: abandoned", why, a.run.cfg.Grace),
	}
	var entries []lab.Entry
	if l := a.lab.Load(); l != nil {
		entries = (*l).Timeline()
	}
	return a.report(o, entries, nil)
}

func (a *attempt) timedOut() string {
	return fmt.Sprintf("timed out after %v (--timeout)", a.run.cfg.Timeout)
}

// wantsTimeline leaves the timelines of interrupted cases out: many may end at once, and none is to blame.
func (a *attempt) wantsTimeline(ctx context.Context, v report.Verdict) bool {
	if a.run.cfg.Timelines {
		return true
	}
	return v != report.Passed && !errors.Is(ctx.Err(), context.Canceled)
}

func (a *attempt) report(o Outcome, entries []lab.Entry, snap *labsnapshot.Snapshot) report.Result {
	return report.Result{
		Case:      a.c.Case,
		Verdict:   o.Verdict,
		Message:   o.Message,
		Checks:    o.Checks,
		Output:    o.Output,
		Questions: o.Questions,
		Timeline:  entries,
		Seed:      a.seed,
		Flags:     a.run.cfg.Flags,
		Snapshot:  snap,
	}
}

// worsen makes the outcome an error with that reason; what the case said itself follows.
func worsen(o Outcome, reason string) Outcome {
	o.Verdict = report.Error
	o.Message = strings.TrimRight(reason+"\n"+o.Message, "\n")
	return o
}

// labSeed differs between the cases of a run, and is the same whichever of them are selected.
func labSeed(seed uint64, id string) uint64 {
	h := fnv.New64a()
	_ = binary.Write(h, binary.BigEndian, seed) // a hash takes everything
	_, _ = h.Write([]byte(id))
	return h.Sum64()
}

// guard calls f and makes an error of a panic, which is a bug of the tool and must not end the other cases.
func guard(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("bug in mptcp-lab: panic: %v\n%s", p, debug.Stack())
		}
	}()
	return f()
}
