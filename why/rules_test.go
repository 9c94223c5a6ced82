package why_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
	"github.com/mptcp-lab/mptcp-lab/why"
)

// TestEmulatorRules breaks one link of the chain after the other on modelled hosts; see also TestKernelRules.
func TestEmulatorRules(t *testing.T) {
	b, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	findRules(t, b)
}

// findRules runs the cases of testdata/rules.star, each of which breaks what its name says and checks what is found.
func findRules(t *testing.T, b lab.Backend) {
	cases, err := starlark.Load(t.Context(), []string{"testdata/rules.star"}, starlark.Options{Features: b.Features()})
	require.NoError(t, err)
	said := &verdicts{}
	summary := runner.Run(t.Context(), b, cases, runner.Config{Jobs: 2, Timeout: 30 * time.Second, Seed: 1, Timelines: testing.Verbose()}, said)
	require.Empty(t, summary.Audit)
	broken := map[string]bool{}
	for _, r := range said.results {
		_, name, _ := strings.Cut(r.Case.ID, "::test_")
		broken[name] = r.Verdict == report.Passed
		t.Run(name, func(t *testing.T) {
			t.Log("\n" + strings.Join(r.Output, "\n"))
			require.Equal(t, report.Passed, r.Verdict, r.Message)
		})
	}
	for _, rule := range why.Rules() {
		if rule.Name != "peer" && rule.Name != "unexplained" { // which need something that is not seen
			require.True(t, broken[rule.Name], "no case test_%s breaks this rule", rule.Name)
		}
	}
}

// TestFailedChecksSayWhy runs checks that do not hold. The title of each is the rule that it must name; without one it must name none.
func TestFailedChecksSayWhy(t *testing.T) {
	b, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	cases, err := starlark.Load(t.Context(), []string{"testdata/checks.star"}, starlark.Options{Features: b.Features()})
	require.NoError(t, err)
	said := &verdicts{}
	runner.Run(t.Context(), b, cases, runner.Config{Jobs: 2, Timeout: 30 * time.Second, Seed: 1}, said)
	require.NotEmpty(t, said.results)
	for _, r := range said.results {
		t.Run(r.Case.ID, func(t *testing.T) {
			require.Equal(t, report.Failed, r.Verdict, r.Message)
			if r.Case.Title == "" {
				require.NotContains(t, r.Message, "why: ")
				return
			}
			require.Contains(t, r.Message, "why: no subflow ")
			require.Contains(t, r.Message, "rule: "+r.Case.Title+" (")
		})
	}
}

// verdicts collects the results of a run.
type verdicts struct{ results []report.Result }

func (*verdicts) Start(int)                  {}
func (*verdicts) CaseStarted(report.Case)    {}
func (*verdicts) CasePostponed(report.Case)  {}
func (v *verdicts) CaseDone(r report.Result) { v.results = append(v.results, r) }
func (*verdicts) Finish(report.Summary)      {}
