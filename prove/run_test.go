package prove_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/prove"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The faults of a limit that is set from 0 to 2, in their order, and of one that is read.
var limitFaults = []string{
	"subflows limit left unset", "subflows limit one too low", "subflows limit one too high", "limits not set", "limits shown one too high",
}

func runCases(t *testing.T, cfg prove.Config, cases ...runner.Case) (*recorder, *prove.Report) {
	t.Helper()
	rec := &recorder{}
	cfg.Jobs = 1
	r := prove.Run(t.Context(), fakeBackend{}, cases, cfg, rec)
	require.Empty(t, r.Summary.Audit)
	return rec, r
}

func TestStandings(t *testing.T) {
	second := func() func(context.Context, lab.Lab) runner.Outcome { // passes in its first run only
		var runs atomic.Int32
		return func(ctx context.Context, l lab.Lab) runner.Outcome {
			_, err := setSubflows(ctx, l)
			return as(report.Failed, runs.Add(1) == 1, err)
		}
	}
	tests := []struct {
		name     string
		run      func(context.Context, lab.Lab) runner.Outcome
		all      bool
		standing prove.Standing
		message  string
		runs     []string // under which faults; the first without is not listed
		failed   int
		erred    int
	}{
		{
			name: "notices a fault", standing: prove.Proven, runs: []string{"", limitFaults[0]}, failed: 1,
			run: func(ctx context.Context, l lab.Lab) runner.Outcome {
				n, err := setSubflows(ctx, l)
				return as(report.Failed, n == 2, err)
			},
		},
		{
			name: "notices every fault", standing: prove.Proven, all: true, runs: append([]string{""}, limitFaults...), failed: 5,
			run: func(ctx context.Context, l lab.Lab) runner.Outcome {
				n, err := setSubflows(ctx, l)
				return as(report.Failed, n == 2, err)
			},
		},
		{
			name: "notices some", standing: prove.Proven, runs: []string{"", limitFaults[0], limitFaults[1], limitFaults[2]}, failed: 1,
			run: func(ctx context.Context, l lab.Lab) runner.Outcome {
				n, err := setSubflows(ctx, l)
				return as(report.Failed, n < 3, err)
			},
		},
		{
			name: "breaks without a check", standing: prove.Proven, runs: append([]string{""}, limitFaults...), erred: 5,
			run: func(ctx context.Context, l lab.Lab) runner.Outcome {
				n, err := setSubflows(ctx, l)
				return as(report.Error, n == 2, err)
			},
		},
		{
			name: "notices nothing", standing: prove.Survivor, runs: append([]string{""}, limitFaults...),
			run: func(ctx context.Context, l lab.Lab) runner.Outcome {
				_, err := setSubflows(ctx, l)
				return as(report.Failed, true, err)
			},
		},
		{
			name: "asks for nothing", standing: prove.Unconcerned,
			run: func(context.Context, lab.Lab) runner.Outcome { return pass },
		},
		{
			name: "does not pass", standing: prove.Unfit, message: "not as it should be",
			run: func(context.Context, lab.Lab) runner.Outcome { return as(report.Failed, false, nil) },
		},
		{
			name: "passes once", standing: prove.Unfit, message: "it passed once, and then 3 times not with ", runs: []string{"", "", ""}, run: second(),
		},
		{
			name: "needs more", standing: prove.Skipped, message: "needs more",
			run: func(context.Context, lab.Lab) runner.Outcome {
				return runner.Outcome{Verdict: report.Skipped, Message: "needs more"}
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rec, r := runCases(t, prove.Config{All: tt.all}, caseFunc("a", tt.run))
			want := []string{"a"}
			for _, f := range tt.runs {
				want = append(want, strings.TrimSuffix("a: "+f, ": "))
			}
			require.Equal(t, want, rec.runs)
			require.Equal(t, r.Proofs, rec.done)
			p := r.Proofs[0]
			require.Equal(t, tt.standing, p.Standing)
			require.True(t, strings.HasPrefix(p.Message, tt.message), p.Message)
			require.Len(t, p.Under(report.Failed), tt.failed)
			require.Len(t, p.Under(report.Error), tt.erred)
			require.Equal(t, []*prove.Proof{p}, r.With(tt.standing))
		})
	}
}

// A case that needs the machine to itself has it in every run.
func TestAlone(t *testing.T) {
	_, r := runCases(t, prove.Config{}, caseFunc("a", func(ctx context.Context, l lab.Lab) runner.Outcome {
		if !l.Alone() {
			return runner.Outcome{Alone: true}
		}
		n, err := setSubflows(ctx, l)
		return as(report.Failed, n == 2, err)
	}))
	require.Equal(t, prove.Proven, r.Proofs[0].Standing)
	require.Equal(t, limitFaults[0], r.Proofs[0].Trials[0].Fault.Name)
}

// What a fault prevents is not waited for as long as the case would.
func TestPatience(t *testing.T) {
	began := time.Now()
	_, r := runCases(t, prove.Config{}, caseFunc("a", func(ctx context.Context, l lab.Lab) runner.Outcome {
		n, err := setSubflows(ctx, l)
		if err != nil {
			return as(report.Failed, false, err)
		}
		ok, err := l.Wait(ctx, time.Minute, func() (bool, error) { return n == 2, nil })
		return as(report.Failed, ok, err)
	}))
	require.Equal(t, prove.Proven, r.Proofs[0].Standing)
	require.Less(t, time.Since(began), 10*time.Second)
}

// A wait that lasts its time without a fault may do so under one, too.
func TestPatienceWithWhatLasts(t *testing.T) {
	const lasts = 300 * time.Millisecond
	var waited []time.Duration
	runCases(t, prove.Config{}, caseFunc("a", func(ctx context.Context, l lab.Lab) runner.Outcome {
		_, err := setSubflows(ctx, l)
		began := time.Now()
		_, _ = l.Wait(ctx, lasts, func() (bool, error) { return false, nil })
		waited = append(waited, time.Since(began))
		return as(report.Failed, true, err)
	}))
	require.Len(t, waited, 2+len(limitFaults))
	for _, d := range waited {
		require.GreaterOrEqual(t, d, lasts)
	}
}

// The verdict on a case that was interrupted is not taken for one under a fault.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	rec := &recorder{}
	rec.onStart = func() {
		if len(rec.runs) == 3 {
			cancel()
		}
	}
	r := prove.Run(ctx, fakeBackend{}, []runner.Case{caseFunc("a", func(ctx context.Context, l lab.Lab) runner.Outcome {
		n, err := setSubflows(ctx, l)
		return as(report.Failed, n == 2, err)
	})}, prove.Config{}, rec)
	require.True(t, r.Summary.Interrupted)
	require.Equal(t, prove.Open, r.Proofs[0].Standing)
	require.Empty(t, r.Proofs[0].Trials)
}

func TestReach(t *testing.T) {
	faults := prove.Faults()
	named := func(name string) *prove.Fault {
		for _, f := range faults {
			if f.Name == name {
				return f
			}
		}
		t.Fatalf("no fault %q", name)
		return nil
	}
	low, high := named(limitFaults[1]), named(limitFaults[2])
	r := &prove.Report{
		Faults: []*prove.Fault{low, high, named("RST lost")},
		Proofs: []*prove.Proof{
			{Trials: []prove.Trial{{Fault: low, Verdict: report.Failed}, {Fault: high, Verdict: report.Passed}}},
			{Trials: []prove.Trial{{Fault: low, Verdict: report.Error}}},
		},
	}
	reach := r.Reach()
	require.Equal(t, []prove.Reach{
		{Fault: low, Concerned: 2, Failed: 1, Erred: 1}, {Fault: high, Concerned: 1}, {Fault: named("RST lost")},
	}, reach)
	require.Equal(t, []bool{false, true, false}, []bool{reach[0].Unnoticed(), reach[1].Unnoticed(), reach[2].Unnoticed()})
}
