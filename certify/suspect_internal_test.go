package certify

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
)

func TestSuspect(t *testing.T) {
	pass := Trial{Verdict: report.Passed, Late: time.Millisecond}
	fail := Trial{Verdict: report.Failed, Late: time.Millisecond, Alone: report.Passed}
	failAgain := Trial{Verdict: report.Failed, Alone: report.Failed}
	broken := Trial{Verdict: report.Error, Alone: report.Error}
	late := fail
	late.Late = 20 * time.Millisecond
	slow := fail
	slow.Message = "timed out after 30s (--timeout)"
	warned := failAgain
	warned.Warned = true
	warnedPass := pass
	warnedPass.Warned = true
	notAgain := fail
	notAgain.Alone = ""

	tests := []struct {
		name string
		runs []Trial
		want Suspect
		why  string
	}{
		{"no run", nil, Nothing, ""},
		{"no failure", []Trial{pass, pass}, Nothing, ""},
		{"the kernel warned", []Trial{pass, warned}, Kernel, "logged warnings during 1 of the 1"},
		{"the kernel warned otherwise, too", []Trial{warnedPass, warned}, Kernel, "1 of 1 failures come again"},
		{"not run again", []Trial{pass, notAgain}, Unknown, "run again"},
		{"an error every time", []Trial{broken, broken}, Test, "before anything is judged"},
		{"a failure every time", []Trial{failAgain, failAgain}, Kernel, "neither load nor chance"},
		{"at times, alone too", []Trial{pass, failAgain, fail}, Kernel, "1 of 2 failures come again"},
		{"only under load, always", []Trial{fail, fail}, Test, "needs an idle machine"},
		{"only in noise", []Trial{pass, pass, late}, Machine, "late by 20ms in the failures, by 1ms"},
		{"for want of time", []Trial{pass, slow}, Machine, "--timeout"},
		{"only under load, at no more noise", []Trial{pass, fail}, Test, "no more noise than it passes with"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, why := suspect(Case{Runs: test.runs})
			require.Equal(t, test.want, got)
			require.Contains(t, why, test.why)
		})
	}
}

func TestMajority(t *testing.T) {
	run := func(v report.Verdict) Trial { return Trial{Verdict: v} }
	require.Equal(t, report.Passed, Case{}.Majority())
	require.Equal(t, report.Failed, Case{Runs: []Trial{run(report.Failed), run(report.Passed), run(report.Failed)}}.Majority())
	require.Equal(t, report.Passed, Case{Runs: []Trial{run(report.Failed), run(report.Passed)}}.Majority())
}

func TestWorstTimer(t *testing.T) {
	at := func(ms int) time.Time { return time.UnixMilli(int64(ms)) }
	m := &meter{timers: []sample{
		{at(0), at(10), 9 * time.Millisecond},
		{at(10), at(12), 1 * time.Millisecond},
		{at(12), at(30), 17 * time.Millisecond},
	}}
	tests := []struct {
		from, to int
		want     time.Duration
	}{
		{11, 12, 1 * time.Millisecond},
		{10, 11, 9 * time.Millisecond}, // it ended at that moment
		{11, 13, 17 * time.Millisecond},
		{0, 100, 17 * time.Millisecond},
		{31, 100, 0},
	}
	for _, test := range tests {
		require.Equal(t, test.want, m.worstTimer(at(test.from), at(test.to)), "%d to %d", test.from, test.to)
	}
}

func TestMeterMeasuresWork(t *testing.T) {
	m := newMeter(func() error { time.Sleep(20 * time.Millisecond); return nil })
	m.start()
	time.Sleep(30 * time.Millisecond)
	m.end()
	noise := m.noise()
	require.GreaterOrEqual(t, noise.Work.Median, 20*time.Millisecond)
	require.GreaterOrEqual(t, noise.Work.Worst, noise.Work.Median)
	require.Positive(t, noise.Timers.Worst)
	require.GreaterOrEqual(t, noise.Timers.Worst, noise.Timers.Median)
}

func TestMeterWithoutWork(t *testing.T) {
	m := newMeter(func() error { return errors.ErrUnsupported })
	m.start()
	m.end()
	require.Zero(t, m.noise().Work)
}
