package diff_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/diff"
)

// timeline makes entries of "kind host: text", one a millisecond.
func timeline(lines ...string) []report.LineEntry {
	var all []report.LineEntry
	for i, l := range lines {
		head, text, _ := strings.Cut(l, "| ")
		kind, host, _ := strings.Cut(head, " ")
		all = append(all, report.LineEntry{Time: float64(i), Kind: lab.EntryKind(kind), Host: strings.TrimSpace(host), Text: text})
	}
	return all
}

// marks are rows in short: "= text", "A text" or "B text".
func marks(rows []diff.Row) []string {
	out := []string{}
	for _, r := range rows {
		switch {
		case r.Same():
			out = append(out, "= "+r.A.Text)
		case r.A != nil:
			out = append(out, "A "+r.A.Text)
		default:
			out = append(out, "B "+r.B.Text)
		}
	}
	return out
}

func TestAlign(t *testing.T) {
	tests := []struct {
		name string
		a, b []string
		want []string
	}{
		{"same", []string{"action c| go", "event c| X"}, []string{"action c| go", "event c| X"}, []string{"= go", "= X"}},
		{"only in A", []string{"event c| X", "event c| Y", "event c| Z"}, []string{"event c| X", "event c| Z"}, []string{"= X", "A Y", "= Z"}},
		{"only in B", []string{"event c| X", "event c| Z"}, []string{"event c| X", "event c| Y", "event c| Z"}, []string{"= X", "B Y", "= Z"}},
		{"first in B", []string{"event c| Z"}, []string{"event c| Y", "event c| Z"}, []string{"B Y", "= Z"}},
		{"another order in a lane", []string{"event c| X", "event c| Y"}, []string{"event c| Y", "event c| X"}, []string{"A X", "= Y", "B X"}},
		{"another order of lanes", []string{"event c| X", "event s| Y"}, []string{"event s| Y", "event c| X"}, []string{"= X", "= Y"}},
		{"flows are lanes", []string{"packet c > s| 1:1 > 2:2: S", "packet c > s| 3:3 > 2:2: S"}, []string{"packet c > s| 3:3 > 2:2: S", "packet c > s| 1:1 > 2:2: S"}, []string{"= 1:1 > 2:2: S", "= 3:3 > 2:2: S"}},
		{"another host", []string{"action c| go"}, []string{"action s| go"}, []string{"A go", "B go"}},
		{"counters", []string{"counter c| A +1"}, []string{"counter c| B +1"}, []string{}},
		{"reasons of one", []string{"why c| so"}, []string{"event c| X"}, []string{"B X"}},
		{"reasons of both", []string{"why c| so"}, []string{"why c| not so"}, []string{"A so", "B not so"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			require.Equal(t, test.want, marks(diff.Align(timeline(test.a...), timeline(test.b...))))
		})
	}
}

// What chance decides makes no difference, and everything else does.
func TestChance(t *testing.T) {
	tests := []struct {
		a, b string
		same bool
	}{
		{"packet c > s| 10.0.1.1:40106 > 10.0.1.2:8001: Flags [S], seq 1, win 65535, length 0, mptcp 4 capable v1", "packet c > s| 10.0.1.1:41684 > 10.0.1.2:8001: Flags [S], seq 2, win 3, length 0, mptcp 4 capable v1", true},
		{"packet c > s| 10.0.1.1:40106 > 10.0.1.2:8001: Flags [S], seq 1, length 0", "packet c > s| 10.0.1.1:40106 > 10.0.1.2:8002: Flags [S], seq 1, length 0", false},
		{"packet c > s| 10.0.1.1:1 > 10.0.1.2:2: Flags [.], mptcp 20 capable v1 {0x61,0xc7} len 1", "packet c > s| 10.0.1.1:1 > 10.0.1.2:2: Flags [.], mptcp 20 capable v1 {0x62,0xc8} len 1", true},
		{"packet c > s| 1 > 2: mptcp 12 join id 1 token 0x7a4b67b2 nonce 0x27879add", "packet c > s| 1 > 2: mptcp 12 join id 1 token 0xe583daa5 nonce 0x067e4ccd", true},
		{"packet c > s| 1 > 2: mptcp 12 join id 1 token 0x7a", "packet c > s| 1 > 2: mptcp 12 join backup id 1 token 0x7a", false},
		{"packet c > s| 1 > 2: mptcp 16 add-addr id 1 10.0.2.2 hmac 0xba", "packet c > s| 1 > 2: mptcp 16 add-addr id 1 10.0.2.2 hmac 0xae", true},
		{"packet c > s| 1 > 2: mptcp 16 add-addr id 1 10.0.2.2 hmac 0xba", "packet c > s| 1 > 2: mptcp 16 add-addr id 2 10.0.2.2 hmac 0xba", false},
		{"event c| [ CREATED] token=1f28be25 remid=0 sport=40106 dport=8001", "event c| [ CREATED] token=4fdf05bd remid=0 sport=41684 dport=8001", true},
		{"event c| [ CREATED] token=1f28be25 remid=0", "event c| [ CREATED] token=1f28be25 remid=1", false},
		{"check | not within 5s: x", "check | not within 5s: y", false},
	}
	for _, test := range tests {
		rows := diff.Align(timeline(test.a), timeline(test.b))
		require.Equal(t, test.same, len(rows) == 1 && rows[0].Same(), "%s\n%s", test.a, test.b)
	}
}

// Whatever the timelines are, each entry stands in one row, in the order of its lane, and rows of both are the same.
func TestAlignLosesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lane := rapid.SliceOf(rapid.SampledFrom([]string{"event c| W", "event c| X", "event c| Y", "event c| Z"}))
		a, b := timeline(lane.Draw(t, "a")...), timeline(lane.Draw(t, "b")...)
		var gotA, gotB []report.LineEntry
		for _, r := range diff.Align(a, b) {
			if r.A != nil {
				gotA = append(gotA, *r.A)
			}
			if r.B != nil {
				gotB = append(gotB, *r.B)
			}
			if r.Same() {
				require.Equal(t, r.A.Text, r.B.Text)
			}
		}
		require.Equal(t, a, gotA)
		require.Equal(t, b, gotB)
	})
}

// Long lanes that have little in common take no long time.
func TestAlignLong(t *testing.T) {
	var a, b []string
	for i := range 10_000 {
		a, b = append(a, fmt.Sprint("event c| a", i)), append(b, fmt.Sprint("event c| b", i))
	}
	require.Len(t, diff.Align(timeline(a...), timeline(b...)), 20_000)
}

// recorded is a recording of cases.
func recorded(t testing.TB, cases ...report.Result) string {
	var out strings.Builder
	j := report.NewJSON(&out, report.RunInfo{Backend: "emulator", Machine: "a model", Seed: 1, Timelines: true})
	j.Start(len(cases))
	for _, c := range cases {
		j.CaseDone(c)
	}
	j.Finish(report.Summary{})
	require.NoError(t, j.Err())
	return out.String()
}

func result(id string, v report.Verdict, events ...string) report.Result {
	r := report.Result{Case: report.Case{ID: id}, Verdict: v}
	for _, e := range events {
		r.Timeline = append(r.Timeline, lab.Entry{Host: "c", Kind: lab.KindEvent, Text: e})
	}
	return r
}

func TestWrite(t *testing.T) {
	a, err := diff.Read(strings.NewReader(recorded(t, result("same", report.Passed, "X"), result("event", report.Passed, "1", "2", "3", "4", "5", "X"),
		result("verdict", report.Passed, "X"), result("gone", report.Passed, "X"), result("twice", report.Passed, "X"), result("twice", report.Passed, "X"))))
	require.NoError(t, err)
	failed := result("verdict", report.Failed, "X")
	failed.Message = "one\ntwo"
	b, err := diff.Read(strings.NewReader(recorded(t, result("twice", report.Passed, "X"), result("twice", report.Passed, "Y"), failed,
		result("event", report.Passed, "1", "2", "3", "4", "5", "Y"), result("same", report.Passed, "X"), result("new", report.Passed))))
	require.NoError(t, err)
	var out strings.Builder
	differ, err := diff.Write(&out, a, b, diff.Options{Names: [2]string{"a.json", "b.json"}})
	require.NoError(t, err)
	require.Equal(t, 5, differ)
	require.Equal(t, `A: a.json: emulator, a model, seed 1
B: b.json: emulator, a model, seed 1

event: passed
  … 2 the same
       0.000      0.000  c                event   3
       0.000      0.000  c                event   4
       0.000      0.000  c                event   5
  first divergence:
A      0.000          -  c                event   X
B          -      0.000  c                event   Y

verdict: A passed, B failed
  B: one
     two

gone: only in A: passed

twice (run 2): passed
  first divergence:
A      0.000          -  c                event   X
B          -      0.000  c                event   Y

new: only in B: passed

5 of 7 cases differ
`, out.String())

	out.Reset()
	differ, err = diff.Write(&out, a, a, diff.Options{Names: [2]string{"a.json", "a.json"}})
	require.NoError(t, err)
	require.Zero(t, differ)
}

func TestRead(t *testing.T) {
	whole := recorded(t, result("x", report.Passed, "X"))
	r, err := diff.Read(strings.NewReader(whole + `{"event":"of_later"}`))
	require.NoError(t, err)
	require.Len(t, r.Cases, 1)
	require.Equal(t, "X", r.Cases[0].Result.Timeline[0].Text)

	first, rest, _ := strings.Cut(whole, "\n")
	tests := []struct{ name, text, err string }{
		{"empty", "", "line 1: EOF: expected a recording, as run --json FILE writes it"},
		{"no JSON", "TAP version 14\n", "line 1: invalid character 'T' looking for beginning of value: expected a recording, as run --json FILE writes it"},
		{"other JSON", `{"a": 1}`, "line 1: expected the event run_started of a recording, as run --json FILE writes it"},
		{"without its beginning", rest, "line 1: expected the event run_started of a recording, as run --json FILE writes it"},
		{"cut", first + "\n" + rest[:20], "line 2: unexpected EOF: expected a recording, as run --json FILE writes it"},
		{"later version", `{"event":"run_started","run":{"version":99}}`, "the recording has version 99, this program reads version 1: record it again"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := diff.Read(strings.NewReader(test.text))
			require.EqualError(t, err, test.err)
		})
	}
}

func FuzzRead(f *testing.F) {
	f.Add(recorded(f, result("x", report.Passed, "X")))
	f.Fuzz(func(t *testing.T, text string) {
		r, err := diff.Read(strings.NewReader(text))
		if err != nil {
			return
		}
		differ, err := diff.Write(&strings.Builder{}, r, r, diff.Options{All: true})
		require.NoError(t, err)
		require.Zero(t, differ)
	})
}
