package certify_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/certify"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

var update = flag.Bool("update", false, "write the golden files anew")

// spinning is set in the processes that keep CPUs busy.
const spinning = "CERTIFY_TEST_SPIN"

func TestMain(m *testing.M) {
	if os.Getenv(spinning) != "" {
		certify.Spin(os.Stdin)
		return
	}
	m.Run()
}

// spinners are the processes that were started.
type spinners struct{ all []*exec.Cmd }

func (s *spinners) spin() *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), spinning+"=1")
	s.all = append(s.all, cmd)
	return cmd
}

// fakeBackend opens labs in which nothing can be built, and counts those that are open.
type fakeBackend struct {
	mu   sync.Mutex
	open int
	most int
}

func (*fakeBackend) Name() string                               { return "fake" }
func (*fakeBackend) Describe() string                           { return "nothing" }
func (*fakeBackend) Measured(context.Context) ([]string, error) { return nil, nil }
func (*fakeBackend) Features() lab.Features                     { return lab.Features{} }
func (*fakeBackend) Close() error                               { return nil }

func (b *fakeBackend) Open(_ context.Context, o lab.Options) (lab.Lab, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.open++
	b.most = max(b.most, b.open)
	return &fakeLab{backend: b, seed: o.Seed}, nil
}

type fakeLab struct {
	lab.Lab
	backend *fakeBackend
	seed    uint64
}

func (*fakeLab) Timeline() []lab.Entry { return nil }

func (l *fakeLab) Close() error {
	l.backend.mu.Lock()
	defer l.backend.mu.Unlock()
	l.backend.open--
	return nil
}

func caseFunc(name string, run func(l *fakeLab) runner.Outcome) runner.Case {
	return runner.Case{
		Case: report.Case{ID: "a.star::" + name, File: "a.star"},
		Run:  func(_ context.Context, l lab.Lab) runner.Outcome { return run(l.(*fakeLab)) },
	}
}

var (
	pass = runner.Outcome{Verdict: report.Passed, Checks: 1}
	fail = runner.Outcome{Verdict: report.Failed, Checks: 1, Message: "a.star:3: not equal\n  expected: 1"}
	skip = runner.Outcome{Verdict: report.Skipped, Message: "needs more"}
)

// certified runs the cases 6 times each, and returns what was found and the backend of the re-runs.
func certified(t *testing.T, cases ...runner.Case) (certify.Certificate, *fakeBackend, string) {
	t.Helper()
	var (
		s     spinners
		out   bytes.Buffer
		alone fakeBackend
	)
	c, err := certify.Run(t.Context(), &fakeBackend{}, cases, certify.Config{
		Runner:   runner.Config{Repeat: 6, Jobs: 2, Seed: 40},
		Load:     1,
		Spin:     s.spin,
		Open:     func(_ context.Context, f func(lab.Backend) error) error { return f(&alone) },
		Progress: &out,
	})
	require.NoError(t, err)
	require.Empty(t, c.Summary.Audit)
	require.Len(t, s.all, 1)
	require.NotNil(t, s.all[0].ProcessState, "a process was left")
	require.True(t, s.all[0].ProcessState.Success())
	return c, &alone, out.String()
}

func TestRunsAgainWhatFailedWithTheSameSeed(t *testing.T) {
	var (
		mu    sync.Mutex
		seeds = map[uint64]int{}
	)
	odd := caseFunc("test_odd", func(l *fakeLab) runner.Outcome {
		mu.Lock()
		defer mu.Unlock()
		seeds[l.seed]++
		if len(seeds) == 3 && seeds[l.seed] == 1 {
			return fail
		}
		return pass
	})
	c, alone, progress := certified(t, odd, caseFunc("test_good", func(*fakeLab) runner.Outcome { return pass }))

	require.Equal(t, 1, alone.most)
	require.Len(t, seeds, 6)
	again := 0
	for _, n := range seeds {
		require.LessOrEqual(t, n, 2)
		again += n - 1
	}
	require.Equal(t, 1, again)
	require.Equal(t, "a.star::test_odd", c.Cases[0].Case.ID)
	require.Len(t, c.Cases[0].Runs, 6)
	failures := c.Cases[0].Failures()
	require.Len(t, failures, 1)
	require.Equal(t, report.Passed, failures[0].Alone)
	require.Contains(t, []certify.Suspect{certify.Test, certify.Machine}, c.Cases[0].Suspect)
	require.Equal(t, certify.Nothing, c.Cases[1].Suspect)
	require.Contains(t, progress, "failed a.star::test_odd (seed 4")
	require.Equal(t, report.Summary{Passed: 11, Failed: 1}, report.Summary{Passed: c.Summary.Passed, Failed: c.Summary.Failed})
}

func TestFailsAlways(t *testing.T) {
	c, _, _ := certified(t, caseFunc("test_bad", func(*fakeLab) runner.Outcome { return fail }))
	require.Equal(t, certify.Kernel, c.Cases[0].Suspect)
	again := 0
	for i, r := range c.Cases[0].Runs {
		require.Equal(t, uint64(40+i), r.Seed)
		if r.Alone != "" {
			again++
			require.Equal(t, report.Failed, r.Alone)
			require.Equal(t, fail.Message, r.Said)
		}
	}
	require.Equal(t, 5, again, "more failures were run again than needed")
}

func TestSkippedIsNoRun(t *testing.T) {
	c, alone, _ := certified(t, caseFunc("test_future", func(*fakeLab) runner.Outcome { return skip }))
	require.Empty(t, c.Cases[0].Runs)
	require.Equal(t, "needs more", c.Cases[0].Skipped)
	require.Zero(t, alone.most)
}

func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var s spinners
	stop := caseFunc("test_bad", func(*fakeLab) runner.Outcome { cancel(); return fail })
	c, err := certify.Run(ctx, &fakeBackend{}, []runner.Case{stop}, certify.Config{
		Runner: runner.Config{Repeat: 6, Jobs: 1}, Spin: s.spin, Progress: &bytes.Buffer{},
	})
	require.NoError(t, err)
	require.True(t, c.Summary.Interrupted)
	require.Len(t, c.Cases[0].Runs, 1)
	require.Equal(t, 5, c.Summary.NotRun)
	require.Equal(t, certify.Unknown, c.Cases[0].Suspect)
}

func TestLoadCannotStart(t *testing.T) {
	_, err := certify.Run(t.Context(), &fakeBackend{}, nil, certify.Config{
		Load: 2, Spin: func() *exec.Cmd { return exec.Command("/does/not/exist") }, Progress: &bytes.Buffer{},
	})
	require.ErrorContains(t, err, "keep a CPU busy")
}

func TestBackendOfTheRerunsCannotBeOpened(t *testing.T) {
	no := errors.New("no more namespaces")
	_, err := certify.Run(t.Context(), &fakeBackend{}, []runner.Case{caseFunc("test_bad", func(*fakeLab) runner.Outcome { return fail })},
		certify.Config{
			Open:     func(context.Context, func(lab.Backend) error) error { return no },
			Progress: &bytes.Buffer{},
		})
	require.ErrorIs(t, err, no)
}

func TestWriteText(t *testing.T) {
	run := func(v report.Verdict, seed uint64, message string) certify.Trial {
		return certify.Trial{Verdict: v, Seed: seed, Message: message, Late: time.Duration(seed) * time.Millisecond}
	}
	failed := run(report.Failed, 3, "a.star:3: not equal\n  expected: 1\n  seen:     \x1b[2J")
	failed.Alone = report.Passed
	c := certify.Certificate{
		Repeat: 4, Load: 2,
		Idle:    certify.Noise{Timers: certify.Spread{Median: 60 * time.Microsecond, Worst: time.Millisecond}},
		Loaded:  certify.Noise{Timers: certify.Spread{Median: 900 * time.Microsecond, Worst: 12345 * time.Microsecond}},
		Summary: report.Summary{Passed: 6, Failed: 1, Errors: 1, Skipped: 4, Duration: time.Second},
		Cases: []certify.Case{
			{Case: report.Case{ID: "a.star::test_good"}, Runs: []certify.Trial{
				run(report.Passed, 1, ""), run(report.Passed, 2, ""), run(report.Passed, 3, ""), run(report.Passed, 4, ""),
			}},
			{
				Case: report.Case{ID: "a.star::test_odd"}, Suspect: certify.Machine, Why: "it passes alone",
				Runs: []certify.Trial{
					run(report.Passed, 1, ""), run(report.Error, 2, "timed out"), failed, run(report.Passed, 4, ""),
				},
			},
			{Case: report.Case{ID: "a.star::test_future"}, Skipped: "needs Linux 99"},
		},
	}
	var got bytes.Buffer
	require.NoError(t, c.WriteText(&got))
	path := filepath.Join("testdata", "certificate.golden")
	if *update {
		require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), got.String())
}
