package matrix_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/joshdk/go-junit"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/vm/matrix"
)

// run is the JSON of a run with these results, "case verdict message".
func run(t *testing.T, kernel string, lines ...string) (matrix.Column, []string) {
	t.Helper()
	var b strings.Builder
	w := report.NewJSON(&b, report.RunInfo{})
	w.Start(len(lines))
	for _, l := range lines {
		f := strings.SplitN(l, " ", 3)
		w.CaseDone(report.Result{Case: report.Case{ID: f[0]}, Verdict: report.Verdict(f[1]), Message: strings.Join(f[2:], "")})
	}
	w.Finish(report.Summary{})
	results, cases, err := matrix.Read(strings.NewReader(b.String()))
	require.NoError(t, err)
	return matrix.Column{Kernel: kernel, Release: kernel, Results: results}, cases
}

func table(t *testing.T) *matrix.Table {
	var table matrix.Table
	table.Add(run(t, "6.1", "a passed", "b skipped needs_6.12", "c passed", "d passed"))
	table.Add(run(t, "6.12", "a passed", "b passed", "c failed counter", "c passed", "d skipped x"))
	table.Add(run(t, "6.18", "a passed", "b failed lost\nmore", "c passed", "d passed", "e error new"))
	table.Add(matrix.Column{Kernel: "bzImage", Error: "the kernel panicked\nits console"}, nil)
	return &table
}

func TestChanged(t *testing.T) {
	table := table(t)
	for id, want := range map[string]int{"a": -1, "b": 2, "c": 1, "d": -1, "e": -1} {
		require.Equal(t, want, table.Changed(id), id)
	}
	require.Equal(t, report.Summary{Passed: 8, Failed: 2, Errors: 2, Skipped: 2}, table.Summary())
}

func TestWriteText(t *testing.T) {
	table := table(t)
	table.Columns = table.Columns[:3]
	var b strings.Builder
	require.NoError(t, table.WriteText(&b, false))
	require.Equal(t, `6.1     6.12    6.18    case
skip    pass    FAIL*   b
    6.18: lost
pass    FAIL*   pass    c
    6.12: counter
pass    skip    pass    d
-       -       ERROR   e
the same on all kernels: 1 passed
`, b.String())
}

func TestFormats(t *testing.T) {
	table := table(t)
	var b strings.Builder
	require.NoError(t, table.WriteMarkdown(&b))
	require.Equal(t, `| case | 6.1 | 6.12 | 6.18 | bzImage | why |
| --- | --- | --- | --- | --- | --- |
| `+"`a`"+` | pass | pass | pass | - |  |
| `+"`b`"+` | skip | pass | FAIL | - | needs_6.12 |
| `+"`c`"+` | pass | FAIL | pass | - | counter |
| `+"`d`"+` | pass | skip | pass | - | x |
| `+"`e`"+` | - | - | ERROR | - | new |

Kernel bzImage: the kernel panicked
its console
`, b.String())

	b.Reset()
	require.NoError(t, table.WriteJUnit(&b))
	suites, err := junit.Ingest([]byte(b.String()))
	require.NoError(t, err)
	verdicts := map[junit.Status]int{}
	for _, s := range suites {
		for _, test := range s.Tests {
			verdicts[test.Status]++
		}
	}
	require.Equal(t, map[junit.Status]int{junit.StatusPassed: 8, junit.StatusFailed: 2, junit.StatusError: 2, junit.StatusSkipped: 2}, verdicts)
}

func TestReadCutShort(t *testing.T) {
	results, _, err := matrix.Read(strings.NewReader(`{"event":"case_done","case":{"id":"a"},"result":{"verdict":"passed"}}` + "\n"))
	require.EqualError(t, err, "the run did not end")
	require.Equal(t, report.Passed, results["a"].Verdict)
	_, _, err = matrix.Read(strings.NewReader("panic: x\n"))
	require.ErrorContains(t, err, "line 1 of the results")
}

func TestBisect(t *testing.T) {
	const (
		p = report.Passed
		f = report.Failed
		s = report.Skipped
	)
	for _, tt := range []struct {
		name           string
		verdicts       []report.Verdict
		first, skipped int
		err            string
	}{
		{"two", []report.Verdict{p, f}, 1, 0, ""},
		{"early", []report.Verdict{p, f, f, f, f, f, f}, 1, 0, ""},
		{"late", []report.Verdict{p, p, p, p, p, p, report.Error}, 6, 0, ""},
		{"skips are passed over", []report.Verdict{p, p, s, s, f, f}, 4, 2, ""},
		{"good is bad", []report.Verdict{f, f}, 0, 0, "the kernel given as good is not: the case failed"},
		{"bad is good", []report.Verdict{p, p}, 0, 0, "the kernel given as bad is not: the case passed"},
		{"one", []report.Verdict{p}, 0, 0, "bisecting needs two kernels or more"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tried := map[int]int{}
			first, skipped, err := matrix.Bisect(context.Background(), len(tt.verdicts), func(_ context.Context, i int) (report.Verdict, error) {
				tried[i]++
				require.Equal(t, 1, tried[i], "kernel %d is tried once", i)
				return tt.verdicts[i], nil
			})
			if tt.err != "" {
				require.EqualError(t, err, tt.err)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.first, first)
			require.Equal(t, tt.skipped, skipped)
		})
	}
	broken := errors.New("broken")
	_, _, err := matrix.Bisect(context.Background(), 3, func(context.Context, int) (report.Verdict, error) { return "", broken })
	require.ErrorIs(t, err, broken)
}
