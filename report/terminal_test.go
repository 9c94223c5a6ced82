package report_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

const header = "backend kernel: Linux 6.18.44, root, 2 jobs, seed 1"

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func testCase(name, title string, line int) report.Case {
	return report.Case{ID: "limits.star::" + name, File: "limits.star", Line: line, Title: title}
}

// results are one of each verdict, and a second skip for the same reason.
var results = []report.Result{
	{Case: testCase("test_join", "The client joins.", 3), Verdict: report.Passed, Duration: 12 * time.Millisecond, Checks: 2, Output: []string{"one", "two"}, Timeline: []lab.Entry{{Host: "client", Kind: lab.KindAction, Text: "connect"}}, Seed: 1},
	{
		Case: testCase("test_over_limit[family=ipv4]", "No join above the limit.", 9), Verdict: report.Failed, Duration: 1500 * time.Millisecond,
		Message: "limits.star:14: check.equal: subflows differ\n  expected 1\n  got      2",
		Output:  []string{"limit is 1"},
		Timeline: []lab.Entry{
			{Time: 0, Host: "client", Kind: lab.KindAction, Text: "endpoint add 10.0.2.1 dev eth2 subflow"},
			{Time: 12345 * time.Microsecond, Host: "client > server", Kind: lab.KindPacket, Text: "S  MP_JOIN\nsecond line"},
			{Time: 1234567 * time.Microsecond, Host: "", Kind: lab.KindCheck, Text: "equal failed"},
		},
		Kernel: []string{"WARNING: CPU: 0 PID: 1 at net/mptcp/protocol.c:1"},
		Seed:   7,
	},
	{Case: testCase("test_broken", "", 20), Verdict: report.Error, Duration: time.Millisecond, Message: "limits.star:21: undefined: foo", Seed: 1},
	{Case: testCase("test_laminar", "", 30), Verdict: report.Skipped, Message: "needs endpoint.laminar: Linux 6.18 or later", Seed: 1},
	{Case: testCase("test_laminar2", "", 40), Verdict: report.Skipped, Message: "needs endpoint.laminar: Linux 6.18 or later", Seed: 1},
}

func play(style report.Style, results []report.Result, end func(*report.Summary)) []byte {
	var out bytes.Buffer
	terminal := report.NewTerminal(&out, header, style)
	terminal.Start(len(results))
	var s report.Summary
	for _, r := range results {
		terminal.CaseStarted(r.Case)
		s.Add(r.Verdict)
		terminal.CaseDone(r)
	}
	s.Duration = 2 * time.Second
	if end != nil {
		end(&s)
	}
	terminal.Finish(s)
	return out.Bytes()
}

func TestTerminal(t *testing.T) {
	narrow := func() int { return 40 }
	tests := []struct {
		name    string
		style   report.Style
		results []report.Result
		end     func(*report.Summary)
	}{
		{name: "plain", results: results},
		{name: "verbose", style: report.Style{Verbose: true}, results: results, end: func(s *report.Summary) {
			s.Notes = []string{"the kernel's log is not watched: permission denied"}
		}},
		{name: "timelines", style: report.Style{Verbose: true, Timelines: true}, results: results[:1]},
		{name: "colour", style: report.Style{Colour: true}, results: results},
		{name: "live", style: report.Style{Live: true, Width: narrow}, results: results},
		{name: "passed", results: results[:1]},
		{name: "interrupted", results: results[:1], end: func(s *report.Summary) { s.Interrupted, s.NotRun = true, 3 }},
		{name: "audit", results: results[:1], end: func(s *report.Summary) {
			s.Audit = []string{"1 open file left: net:[4026531840]", "close the kernel backend: namespaces left\nclient"}
			s.KernelWarnings = 1
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { golden(t, tt.name, play(tt.style, tt.results, tt.end)) })
	}
}

// A kernel warning is shown even if the case passed.
func TestTerminalShowsKernelWarningsOfPassedCases(t *testing.T) {
	r := results[0]
	r.Kernel = []string{"WARNING: at net/mptcp/protocol.c:1"}
	require.Contains(t, string(play(report.Style{}, []report.Result{r}, nil)), "WARNING: at net/mptcp/protocol.c:1")
}

func TestTerminalPassesNoControlCharactersOn(t *testing.T) {
	r := results[2]
	r.Message, r.Output = "m\x1b[2J\tx", []string{"\x1b]0;title\a"}
	r.Timeline = []lab.Entry{{Kind: lab.KindStep, Text: "\r\x1b[1A"}}
	require.NotContains(t, string(play(report.Style{}, []report.Result{r}, nil)), "\x1b")
}

func TestDetectOfAFileIsPlain(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "out"))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, report.Style{}, report.Detect(f))
}

func TestSummaryString(t *testing.T) {
	tests := map[string]report.Summary{
		"1 passed, 0 failed, 2 skipped":           {Passed: 1, Skipped: 2},
		"0 passed, 3 failed, 1 errors, 0 skipped": {Failed: 3, Errors: 1},
	}
	for want, s := range tests {
		require.Equal(t, want, s.String())
	}
}

func TestWriteFeatures(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, report.WriteFeatures(&out, lab.Features{Kernel: "6.12", List: []lab.Feature{
		{Name: "endpoint.fullmesh", OK: true, Meaning: "fullmesh endpoints"},
		{Name: "observe.kmsg", Meaning: "kernel warnings in reports", Reason: "open /dev/kmsg: operation not permitted", Remedy: "run as root"},
		{Name: "endpoint.laminar", Meaning: "laminar endpoints", Reason: "the kernel refuses the flag", Remedy: "Linux 6.18 or later"},
	}}))
	golden(t, "features", out.Bytes())
}

type fakeHost struct {
	lab.Host
	name, enter string
}

func (h fakeHost) Name() string  { return h.name }
func (h fakeHost) Enter() string { return h.enter }

type fakeLab struct {
	lab.Lab
	hosts []lab.Host
}

func (l fakeLab) Hosts() []lab.Host { return l.hosts }

func TestKept(t *testing.T) {
	var out bytes.Buffer
	l := fakeLab{hosts: []lab.Host{fakeHost{name: "a", enter: "nsenter --net=/proc/1/fd/7"}, fakeHost{name: "server"}}}
	report.NewTerminal(&out, header, report.Style{}).Kept(results[0].Case, l)
	require.Equal(t, fmt.Sprintf("kept the lab of limits.star::test_join, until Ctrl-C or mptcp-lab clean\n"+
		"  mptcp-lab shell %d HOST enters a host, as does\n  a  nsenter --net=/proc/1/fd/7\n", os.Getpid()), out.String())
}

func TestKeptEmulated(t *testing.T) {
	var out bytes.Buffer
	l := fakeLab{hosts: []lab.Host{fakeHost{name: "server"}}}
	report.NewTerminal(&out, header, report.Style{}).Kept(results[0].Case, l)
	require.Equal(t, "kept the lab of limits.star::test_join, until Ctrl-C; it has no host that can be entered\n", out.String())
}

func ExampleTerminal() {
	terminal := report.NewTerminal(os.Stdout, header, report.Style{})
	terminal.Start(1)
	terminal.CaseStarted(results[0].Case)
	terminal.CaseDone(results[0])
	terminal.Finish(report.Summary{Passed: 1, Duration: time.Second})
	// Output:
	// backend kernel: Linux 6.18.44, root, 2 jobs, seed 1
	// in 1.000s
	// 1 passed, 0 failed, 0 skipped
}
