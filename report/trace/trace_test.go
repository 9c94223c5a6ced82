package trace_test

import (
	"bytes"
	"fmt"
	"strings"
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

// Every part of a trace is in its digest, and is found by Compare.
func TestDifferences(t *testing.T) {
	whole := func() []report.Result {
		return []report.Result{
			result("a", 1, report.Passed, entry(1, "CREATED"), entry(2, "ESTABLISHED"), entry(3, "CLOSED")),
			result("b", 1, report.Failed, entry(1, "CREATED")),
		}
	}
	tests := map[string]struct {
		change func(r []report.Result) []report.Result
		want   string
	}{
		"time": {func(r []report.Result) []report.Result { r[0].Timeline[1].Time++; return r }, `a (seed 1): entry 2 differs
  both      	     1.000ms client           event   CREATED
  recorded  	     2.000ms client           event   ESTABLISHED (at 2000000 ns)
  replayed  	     2.000ms client           event   ESTABLISHED (at 2000001 ns)
`},
		"host": {func(r []report.Result) []report.Result { r[0].Timeline[0].Host = "server"; return r }, `a (seed 1): entry 1 differs
  recorded  	     1.000ms client           event   CREATED (at 1000000 ns)
  replayed  	     1.000ms server           event   CREATED (at 1000000 ns)
`},
		"kind": {func(r []report.Result) []report.Result { r[1].Timeline[0].Kind = lab.KindStep; return r }, "b (seed 1): entry 1 differs"},
		"text": {func(r []report.Result) []report.Result { r[1].Timeline[0].Text = "CLOSED"; return r }, "b (seed 1): entry 1 differs"},
		"entry missing": {func(r []report.Result) []report.Result { r[0].Timeline = r[0].Timeline[:2]; return r }, `a (seed 1): entry 3 differs
  both      	     1.000ms client           event   CREATED
  both      	     2.000ms client           event   ESTABLISHED
  recorded  	     3.000ms client           event   CLOSED (at 3000000 ns)
  replayed  (nothing)
`},
		"entry added": {func(r []report.Result) []report.Result {
			r[1].Timeline = append(r[1].Timeline, entry(9, "x"))
			return r
		}, "b (seed 1): entry 2 differs"},
		"verdict": {func(r []report.Result) []report.Result { r[1].Verdict = report.Passed; return r }, `b (seed 1): the verdict differs
  recorded  failed
  replayed  passed
`},
		"message":      {func(r []report.Result) []report.Result { r[1].Message = "x"; return r }, "b (seed 1): the message differs"},
		"seed":         {func(r []report.Result) []report.Result { r[1].Seed = 2; return r }, "b (seed 1): the case differs\n  recorded  failed\n  replayed  (nothing)\n"},
		"case missing": {func(r []report.Result) []report.Result { return r[1:] }, "a (seed 1): the case differs\n  recorded  passed\n  replayed  (nothing)\n"},
		"case added":   {func(r []report.Result) []report.Result { return append(r, result("c", 1, report.Skipped)) }, "c (seed 1): the case differs\n  recorded  (nothing)\n  replayed  skipped\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			a, b := record(t, whole()...), record(t, tt.change(whole())...)
			require.NotEqual(t, a.Digest(), b.Digest())
			d := trace.Compare(a, b)
			require.NotNil(t, d)
			text := d.Text([2]string{"recorded", "replayed"})
			want := strings.ReplaceAll(tt.want, "\t", "")
			require.Equal(t, want, text[:min(len(want), len(text))])
		})
	}
}

func TestVerdictsLeavesOutWhatARealClockChanges(t *testing.T) {
	a := record(t, result("a", 1, report.Failed, entry(1, "x")))
	b := record(t, result("a", 1, report.Failed, entry(2, "y")))
	require.NotNil(t, trace.Compare(a, b))
	require.Nil(t, trace.Verdicts(a, b))
	require.NotNil(t, trace.Verdicts(a, record(t, result("a", 1, report.Error))))
}

func TestWriteAndRead(t *testing.T) {
	a := record(t, result("a", 1, report.Failed, entry(1, "<x> & \"y\"\nz")), result("b", 7, report.Passed))
	var b bytes.Buffer
	require.NoError(t, a.Write(&b))
	got, err := trace.Read(&b)
	require.NoError(t, err)
	require.Equal(t, a, got)
}

func TestReadRefuses(t *testing.T) {
	tests := map[string]string{
		"not JSON":                        "x",
		"neither a case nor an entry":     "{}",
		"an entry before the first case":  `{"entry":{"kind":"event"}}`,
		"the case a stands behind b":      `{"case":{"id":"b"}}` + "\n" + `{"case":{"id":"a"}}`,
		"line 2 of the trace: unexpected": `{"case":{"id":"b"}}` + "\n{",
	}
	for want, text := range tests {
		_, err := trace.Read(strings.NewReader(text))
		require.Error(t, err)
		if want != "not JSON" {
			require.ErrorContains(t, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"case":{"id":"a","seed":1,"verdict":"failed","message":"m"}}` + "\n" + `{"entry":{"time_ns":1,"host":"h","kind":"event","text":"t"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		a, err := trace.Read(bytes.NewReader(text))
		if err != nil {
			return
		}
		var b bytes.Buffer
		require.NoError(t, a.Write(&b))
		again, err := trace.Read(&b)
		require.NoError(t, err)
		require.Equal(t, a.Digest(), again.Digest())
		require.Nil(t, trace.Compare(a, again))
	})
}

func ExampleCompare() {
	a := trace.Trace{Cases: []trace.Case{{ID: "x.star::test_a", Seed: 1, Verdict: report.Passed}}}
	b := trace.Trace{Cases: []trace.Case{{ID: "x.star::test_a", Seed: 1, Verdict: report.Failed}}}
	fmt.Print(trace.Compare(a, b).Text([2]string{"before", "after"}))
	// Output:
	// x.star::test_a (seed 1): the verdict differs
	//   before  passed
	//   after   failed
}
