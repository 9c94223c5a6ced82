package trace_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/trace"
)

func entry(ms int, text string) lab.Entry {
	return lab.Entry{Time: time.Duration(ms) * time.Millisecond, Host: "client", Kind: lab.KindEvent, Text: text}
}

func result(id string, seed uint64, v report.Verdict, entries ...lab.Entry) report.Result {
	return report.Result{Case: report.Case{ID: id}, Seed: seed, Verdict: v, Timeline: entries}
}

// finished keeps the summary that it is told of.
type finished struct {
	report.Reporters
	summary report.Summary
}

func (f *finished) Finish(s report.Summary) { f.summary = s }

func record(t *testing.T, results ...report.Result) trace.Trace {
	t.Helper()
	end := &finished{}
	r := trace.Record(end)
	for _, res := range results {
		r.CaseDone(res)
	}
	r.Finish(report.Summary{})
	require.Equal(t, r.Trace().Digest(), end.summary.Trace, "the next reporter is told of the digest")
	return r.Trace()
}

func TestOrderOfCasesDoesNotMatter(t *testing.T) {
	a, b, c := result("a", 1, report.Passed, entry(1, "x")), result("b", 1, report.Failed), result("a", 2, report.Passed)
	require.Equal(t, record(t, a, b, c), record(t, c, b, a))
	require.Equal(t, record(t, a, b, c).Digest(), record(t, b, c, a).Digest())
}

// Every part of a trace is in its digest.
func TestDigest(t *testing.T) {
	whole := func() []report.Result {
		return []report.Result{
			result("a", 1, report.Passed, entry(1, "CREATED"), entry(2, "ESTABLISHED"), entry(3, "CLOSED")),
			result("b", 1, report.Failed, entry(1, "CREATED")),
		}
	}
	require.Equal(t, record(t, whole()...).Digest(), record(t, whole()...).Digest())
	tests := map[string]func(r []report.Result) []report.Result{
		"time":          func(r []report.Result) []report.Result { r[0].Timeline[1].Time++; return r },
		"host":          func(r []report.Result) []report.Result { r[0].Timeline[0].Host = "server"; return r },
		"kind":          func(r []report.Result) []report.Result { r[1].Timeline[0].Kind = lab.KindStep; return r },
		"text":          func(r []report.Result) []report.Result { r[1].Timeline[0].Text = "CLOSED"; return r },
		"entry missing": func(r []report.Result) []report.Result { r[0].Timeline = r[0].Timeline[:2]; return r },
		"entry added": func(r []report.Result) []report.Result {
			r[1].Timeline = append(r[1].Timeline, entry(9, "x"))
			return r
		},
		"verdict":      func(r []report.Result) []report.Result { r[1].Verdict = report.Passed; return r },
		"message":      func(r []report.Result) []report.Result { r[1].Message = "x"; return r },
		"seed":         func(r []report.Result) []report.Result { r[1].Seed = 2; return r },
		"case missing": func(r []report.Result) []report.Result { return r[1:] },
		"case added":   func(r []report.Result) []report.Result { return append(r, result("c", 1, report.Skipped)) },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			require.NotEqual(t, record(t, whole()...).Digest(), record(t, change(whole())...).Digest())
		})
	}
}

func TestWrite(t *testing.T) {
	a := record(t, result("a", 1, report.Failed, entry(1, "<x> & \"y\"\nz")), result("b", 7, report.Passed))
	var b bytes.Buffer
	require.NoError(t, a.Write(&b))
	require.Equal(t, `{"case":{"id":"a","seed":1,"verdict":"failed"}}
{"entry":{"time_ns":1000000,"host":"client","kind":"event","text":"<x> & \"y\"\nz"}}
{"case":{"id":"b","seed":7,"verdict":"passed"}}
`, b.String())
}
