package runner_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// untilDone is a case that ends with its context, and says where it was.
func untilDone(ctx context.Context, _ lab.Lab) runner.Outcome {
	<-ctx.Done()
	return runner.Outcome{Verdict: report.Failed, Message: "f.star:7: lab.wait", Checks: 1}
}

func TestVerdicts(t *testing.T) {
	tests := []struct {
		name    string
		backend *fakeBackend
		run     func(context.Context, lab.Lab) runner.Outcome
		outcome runner.Outcome // of a case without run
		timeout time.Duration
		want    report.Verdict
		message string // must begin the message
	}{
		{name: "passed", outcome: pass, want: report.Passed},
		{name: "failed", outcome: fail, want: report.Failed, message: "f.star:2: no"},
		{name: "skipped", outcome: skip, want: report.Skipped, message: "needs more"},
		{name: "no check", outcome: runner.Outcome{Verdict: report.Passed}, want: report.Error, message: "checks nothing: "},
		{name: "open fails", backend: &fakeBackend{openErr: errors.New("no memory")}, outcome: pass, want: report.Error, message: "open a lab: no memory"},
		{name: "close fails", backend: &fakeBackend{labErr: errors.New("a link is left")}, outcome: pass, want: report.Error, message: "close the lab: a link is left"},
		{name: "close fails after failure", backend: &fakeBackend{labErr: errors.New("a link is left")}, outcome: fail, want: report.Error, message: "close the lab: a link is left\nf.star:2: no"},
		{name: "timeout", run: untilDone, timeout: time.Millisecond, want: report.Error, message: "timed out after 1ms (--timeout)\nf.star:7: lab.wait"},
		{name: "panic", run: func(context.Context, lab.Lab) runner.Outcome { panic("oh") }, want: report.Error, message: "bug in mptcp-lab: panic: oh\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := caseOf("a", tt.outcome)
			if tt.run != nil {
				c = caseFunc("a", tt.run)
			}
			backend := tt.backend
			if backend == nil {
				backend = &fakeBackend{}
			}
			rec, s := runCases(t, backend, runner.Config{Timeout: tt.timeout}, c)
			require.Len(t, rec.results, 1)
			got := rec.results[0]
			require.Equal(t, tt.want, got.Verdict, got.Message)
			require.True(t, strings.HasPrefix(got.Message, tt.message), got.Message)
			require.Equal(t, tt.want != report.Passed && backend.openErr == nil, len(got.Timeline) > 0)
			require.Empty(t, s.Audit)
			require.Empty(t, backend.opened(), "the lab is closed")
			require.Equal(t, []report.Summary{s}, rec.finished)
		})
	}
}

// Each case is followed by two more, which keep its ID, its seed and its solitude.
func TestThen(t *testing.T) {
	backend := &fakeBackend{}
	alone := func(_ context.Context, l lab.Lab) runner.Outcome {
		if !l.Alone() {
			return runner.Outcome{Alone: true}
		}
		return pass
	}
	told := map[string]int{}
	cfg := runner.Config{Seed: 7, Then: func(r report.Result) (runner.Case, bool) {
		told[r.Case.ID]++
		if r.Case.ID == "alone" {
			return caseFunc("alone", alone), told["alone"] < 3
		}
		return caseOf(r.Case.ID, fail), told[r.Case.ID] < 3
	}}
	cfg.Keep = func(context.Context, report.Case, lab.Lab) { t.Error("a lab is kept") }
	rec, s := runCases(t, backend, cfg, caseOf("a", pass), caseFunc("alone", alone), caseOf("b", pass))
	require.Equal(t, 3, rec.n)
	require.Equal(t, []string{"a", "a", "a", "alone", "b", "b", "b", "alone", "alone", "alone"}, rec.started)
	require.Equal(t, []string{"alone"}, rec.postponed)
	require.Equal(t, map[string]int{"a": 3, "b": 3, "alone": 3}, told)
	require.Equal(t, "5 passed, 4 failed, 0 skipped", s.String())
	for _, o := range backend.all[7:] {
		require.True(t, o.Alone)
	}
	for i, o := range backend.all[1:3] {
		require.Equal(t, backend.all[0].Seed, o.Seed, i)
	}
	require.Empty(t, backend.opened())
}

func TestSummaryCountsVerdictsAndObserverSeesAll(t *testing.T) {
	rec, s := runCases(t, &fakeBackend{}, runner.Config{Seed: 4}, caseOf("a", pass), caseOf("b", fail), caseOf("c", skip), caseOf("d", pass))
	require.Equal(t, 4, rec.n)
	require.Equal(t, []string{"a", "b", "c", "d"}, rec.started)
	require.Equal(t, "2 passed, 1 failed, 1 skipped", s.String())
	require.Equal(t, "fake", s.Backend)
	require.Equal(t, uint64(4), s.Seed)
	require.False(t, s.Interrupted)
	require.Positive(t, s.Duration)
}

func TestTimelinesOfPassedCasesOnRequest(t *testing.T) {
	for _, want := range []bool{false, true} {
		rec, _ := runCases(t, &fakeBackend{}, runner.Config{Timelines: want}, caseOf("a", pass))
		require.Equal(t, want, len(rec.results[0].Timeline) > 0)
	}
}

func TestJobsRunAtOnce(t *testing.T) {
	const jobs = 3
	arrived := make(chan struct{}, jobs)
	release := make(chan struct{})
	meet := func(ctx context.Context, _ lab.Lab) runner.Outcome {
		arrived <- struct{}{}
		if len(arrived) == jobs {
			close(release)
		}
		select {
		case <-release:
			return pass
		case <-ctx.Done():
			return fail
		}
	}
	_, s := runCases(t, &fakeBackend{}, runner.Config{Jobs: jobs}, caseFunc("a", meet), caseFunc("b", meet), caseFunc("c", meet))
	require.Equal(t, jobs, s.Passed)
}

func TestFailFastLetsRunningCasesFinish(t *testing.T) {
	failed := make(chan struct{})
	slow := func(context.Context, lab.Lab) runner.Outcome { <-failed; return pass }
	started := make(chan struct{})
	bad := func(context.Context, lab.Lab) runner.Outcome { <-started; return fail }
	rec := &recorder{onStart: func(c report.Case) {
		if c.ID == "b" {
			close(started)
		}
	}}
	rec.onDone = func(r report.Result) {
		if r.Case.ID == "a" {
			close(failed)
		}
	}
	cases := []runner.Case{caseFunc("a", bad), caseFunc("b", slow), caseOf("c", pass), caseOf("d", pass)}
	s := runner.Run(t.Context(), &fakeBackend{}, cases, runner.Config{Jobs: 2, FailFast: true}, rec)
	require.Equal(t, "1 passed, 1 failed, 0 skipped", s.String())
	require.Equal(t, 2, s.NotRun)
	require.False(t, s.Interrupted)
}

func TestInterruptCancelsRunningCasesAndStartsNoOther(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec := &recorder{onStart: func(report.Case) { cancel() }}
	b := &fakeBackend{}
	s := runner.Run(ctx, b, []runner.Case{caseFunc("a", untilDone), caseOf("b", pass)}, runner.Config{Jobs: 1}, rec)
	require.True(t, s.Interrupted)
	require.Equal(t, 1, s.NotRun)
	require.Equal(t, []report.Verdict{report.Error}, rec.verdicts())
	require.Equal(t, "interrupted\nf.star:7: lab.wait", rec.results[0].Message)
	require.Empty(t, rec.results[0].Timeline)
	require.Empty(t, b.opened())
}

func TestCaseThatDoesNotReturnIsAbandoned(t *testing.T) {
	release, returned := make(chan struct{}), make(chan struct{})
	stuck := func(context.Context, lab.Lab) runner.Outcome { defer close(returned); <-release; return pass }
	b := &fakeBackend{}
	cfg := runner.Config{Timeout: time.Millisecond, Grace: time.Millisecond}
	cfg.Keep = func(context.Context, report.Case, lab.Lab) { t.Error("kept") }
	rec, s := runCases(t, b, cfg, caseFunc("a", stuck), caseOf("b", pass))
	require.Equal(t, []report.Verdict{report.Error, report.Passed}, rec.verdicts())
	require.Equal(t, "timed out after 1ms (--timeout), and did not return within 1ms more: abandoned", rec.results[0].Message)
	require.NotEmpty(t, rec.results[0].Timeline)
	require.Equal(t, []string{"1 abandoned cases still hold their labs; the rest was not audited"}, s.Audit)
	require.Equal(t, []string{"a"}, b.opened())
	close(release)
	<-returned
	require.Eventually(t, func() bool { return len(b.opened()) == 0 }, time.Minute, time.Millisecond, "its lab is closed after all")
}

func TestSeeds(t *testing.T) {
	b := &fakeBackend{}
	rec, _ := runCases(t, b, runner.Config{Seed: 5, Repeat: 2}, caseOf("a", pass), caseOf("b", pass))
	require.Equal(t, []uint64{5, 5, 6, 6}, rec.seeds())

	again := &fakeBackend{}
	runCases(t, again, runner.Config{Seed: 6}, caseOf("b", pass))
	require.Equal(t, b.all[3], again.all[0], "a repetition can be had again, alone, by its seed")

	distinct := map[uint64]bool{}
	for _, o := range b.all {
		distinct[o.Seed] = true
	}
	require.Len(t, distinct, 4)
}

func TestAllowExecReachesTheLab(t *testing.T) {
	b := &fakeBackend{}
	runCases(t, b, runner.Config{AllowExec: true}, caseOf("a", pass))
	require.True(t, b.all[0].AllowExec)
}

func TestKeep(t *testing.T) {
	tests := []struct {
		name  string
		cases []runner.Case
		want  string
	}{
		{"first failed", []runner.Case{caseOf("a", pass), caseOf("b", fail), caseOf("c", fail)}, "b"},
		{"last, if none failed", []runner.Case{caseOf("a", pass), caseOf("b", pass)}, "b"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := &fakeBackend{}
			calls := 0
			keep := func(_ context.Context, c report.Case, l lab.Lab) {
				calls++
				require.Equal(t, tt.want, c.ID)
				require.Equal(t, tt.want, l.(*fakeLab).name)
				require.Equal(t, []string{tt.want}, b.opened(), "only that lab is open")
			}
			_, s := runCases(t, b, runner.Config{Keep: keep}, tt.cases...)
			require.Equal(t, 1, calls)
			require.Empty(t, b.opened())
			require.Empty(t, s.Audit)
		})
	}
}

func TestKeepNothingAfterAnInterruption(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	keep := func(context.Context, report.Case, lab.Lab) { t.Error("kept") }
	b := &fakeBackend{}
	rec := &recorder{onStart: func(report.Case) { cancel() }}
	runner.Run(ctx, b, []runner.Case{caseFunc("a", untilDone)}, runner.Config{Keep: keep}, rec)
	require.Empty(t, b.opened())
}

func TestAuditFindsWhatIsLeft(t *testing.T) {
	var leak *os.File
	leaky := func(context.Context, lab.Lab) runner.Outcome {
		leak, _ = os.Open(os.DevNull)
		return pass
	}
	_, s := runCases(t, &fakeBackend{closeErr: errors.New("namespace of client left")}, runner.Config{}, caseFunc("a", leaky))
	defer leak.Close()
	require.Len(t, s.Audit, 2)
	require.Equal(t, "close the fake backend: namespace of client left", s.Audit[0])
	require.Contains(t, s.Audit[1], "open file left")
}

func ExampleRun() {
	cases := []runner.Case{caseOf("join.star::test_join", pass), caseOf("join.star::test_limit", fail)}
	terminal := report.NewTerminal(os.Stdout, "backend fake", report.Style{})
	summary := runner.Run(context.Background(), &fakeBackend{}, cases, runner.Config{Seed: 1}, quiet{terminal})
	fmt.Println(summary)
	// Output:
	// backend fake
	// 1 passed, 1 failed, 0 skipped
}

// quiet leaves out what differs from run to run.
type quiet struct{ *report.Terminal }

func (quiet) CaseDone(report.Result) {}
func (quiet) Finish(report.Summary)  {}

// TestAlone runs the cases that ask for it one at a time, when all others are done, and reports each once.
func TestAlone(t *testing.T) {
	var running, most atomic.Int64
	alone := func(id string) runner.Case {
		return caseFunc(id, func(_ context.Context, l lab.Lab) runner.Outcome {
			if !l.Alone() {
				return runner.Outcome{Alone: true}
			}
			most.Store(max(most.Load(), running.Add(1)))
			defer running.Add(-1)
			return runner.Outcome{Verdict: report.Passed, Checks: 1}
		})
	}
	other := caseFunc("other", func(context.Context, lab.Lab) runner.Outcome {
		most.Store(max(most.Load(), running.Add(1)))
		defer running.Add(-1)
		return runner.Outcome{Verdict: report.Passed, Checks: 1}
	})
	rec := &recorder{}
	b := &fakeBackend{}
	summary := runner.Run(t.Context(), b, []runner.Case{alone("a"), other, alone("b")}, runner.Config{Jobs: 8}, rec)
	require.Equal(t, 3, summary.Passed)
	require.EqualValues(t, 1, most.Load())
	require.ElementsMatch(t, []string{"a", "b"}, rec.postponed)
	require.Len(t, rec.results, 3)
	require.Equal(t, "other", rec.results[0].Case.ID)
	require.Empty(t, b.opened())
}

// A snapshot is taken of each lab, only on request, and not of those that were interrupted.
func TestSnapshotsOnRequest(t *testing.T) {
	for _, want := range []bool{false, true} {
		rec, _ := runCases(t, &fakeBackend{}, runner.Config{Snapshots: want}, caseOf("a", pass), caseOf("b", fail))
		for _, r := range rec.results {
			require.Equal(t, want, r.Snapshot != nil)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	rec := &recorder{onStart: func(report.Case) { cancel() }}
	runner.Run(ctx, &fakeBackend{}, []runner.Case{caseFunc("a", untilDone)}, runner.Config{Snapshots: true}, rec)
	require.Nil(t, rec.results[0].Snapshot)
}
