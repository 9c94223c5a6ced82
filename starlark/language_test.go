package starlark_test

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

var features = lab.Features{Kernel: "6.18.44", List: []lab.Feature{
	{Name: "mptcp", OK: true},
	{Name: "endpoint.laminar", Meaning: "endpoints with the laminar flag", Reason: "this kernel ignores it", Remedy: "use Linux 6.18"},
	{Name: "counter.MPFuture", Meaning: "the counter MPFuture", Reason: "it comes later"},
	{Name: "event.LISTENER_CLOSED", Meaning: "events of listeners that end", Reason: "never"},
	{Name: "sysctl.future", Meaning: "the setting net.mptcp.future"},
}}

var expectation = regexp.MustCompile(`### (failed|error|skipped) ("(?:[^"\\]|\\.)*")`)

// expected are the verdicts and patterns that a script has beside its lines: ### failed "pattern".
func expected(t *testing.T, file string) map[int][2]string {
	t.Helper()
	source, err := os.ReadFile(file)
	require.NoError(t, err)
	wants := map[int][2]string{}
	for i, line := range strings.Split(string(source), "\n") {
		if m := expectation.FindStringSubmatch(line); m != nil {
			pattern, err := strconv.Unquote(m[2])
			require.NoError(t, err, "%s:%d", file, i+1)
			wants[i+1] = [2]string{m[1], pattern}
		}
	}
	return wants
}

// TestLanguage runs the scripts of testdata/language in a lab in memory. A case with a line that expects something must end
// there; every other case must pass.
func TestLanguage(t *testing.T) {
	cases, err := starlark.Load(t.Context(), []string{"testdata/language"}, starlark.Options{Features: features, MaxSteps: 1_000_000})
	require.NoError(t, err)
	wants := map[string]map[int][2]string{}
	for i, c := range cases {
		if wants[c.File] == nil {
			wants[c.File] = expected(t, c.File)
		}
		end := 1 << 30
		for _, next := range cases[i:] {
			if next.File == c.File && next.Line > c.Line {
				end = next.Line
				break
			}
		}
		t.Run(strings.TrimPrefix(c.ID, "testdata/language/"), func(t *testing.T) {
			out := c.Run(t.Context(), &fakeLab{})
			for line, want := range wants[c.File] {
				if line < c.Line || line >= end {
					continue
				}
				require.Equal(t, report.Verdict(want[0]), out.Verdict, out.Message)
				require.Regexp(t, want[1], out.Message)
				if out.Verdict != report.Skipped {
					require.Contains(t, out.Message, fmt.Sprintf("%s:%d: ", c.File, line))
				}
				return
			}
			require.Equal(t, report.Passed, out.Verdict, out.Message)
			require.Positive(t, out.Checks)
		})
	}
}

func script(t *testing.T, source string) []runner.Case {
	t.Helper()
	file := t.TempDir() + "/x.star"
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	cases, err := starlark.Load(t.Context(), []string{file}, starlark.Options{Features: features, MaxSteps: 1_000_000})
	require.NoError(t, err)
	return cases
}

func TestPanicBecomesAnInternalError(t *testing.T) {
	out := script(t, "def test_x(lab):\n    lab.host(\"panic\")\n")[0].Run(t.Context(), &fakeLab{})
	require.Equal(t, report.Error, out.Verdict)
	require.Contains(t, out.Message, "internal error: the fake was told to")
	require.Contains(t, out.Message, "please report it")
}

func TestOutputIsKept(t *testing.T) {
	out := script(t, "def test_x(lab):\n    print(\"one\\ntwo\", 3)\n    check.true(True)\n")[0].Run(t.Context(), &fakeLab{})
	require.Equal(t, []string{"one", "two 3"}, out.Output)
}

// A counter that only another kernel has is left out, and said to be, while others remain.
func TestCountersLeftOut(t *testing.T) {
	out := script(t, `
def test_x(lab):
    a = lab.host("a")
    for n in range(2):
        check.counters(a, MPFuture = 1, MPCapableSYNTX = 0)
`)[0].Run(t.Context(), &fakeLab{})
	require.Equal(t, report.Passed, out.Verdict, out.Message)
	require.Equal(t, []string{"not checked: needs counter.MPFuture (the counter MPFuture): it comes later"}, out.Output)
	require.Equal(t, 2, out.Checks)
}

func TestOutputIsBounded(t *testing.T) {
	out := script(t, "def test_x(lab):\n    for i in range(1000):\n        print(\"x\" * 10000)\n    check.true(True)\n")[0].Run(t.Context(), &fakeLab{})
	require.Equal(t, report.Passed, out.Verdict)
	require.Less(t, len(out.Output), 110)
	require.Contains(t, out.Output[len(out.Output)-1], "left out")
}

func TestChecksAreNoted(t *testing.T) {
	l := &fakeLab{}
	script(t, "def test_x(lab):\n    n = 1\n    check.equal(n, 1)\n    lab.wait(lambda: n == 1)\n    check.true(n == 2, \"two\")\n")[0].Run(t.Context(), l)
	var texts []string
	for _, e := range l.timeline {
		texts = append(texts, e.Text)
	}
	require.Equal(t, []string{"holds: check.equal(n, 1)", "holds: n == 1", "fails: check.true: two: not true"}, texts)
}
