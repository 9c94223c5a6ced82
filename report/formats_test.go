package report_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/joshdk/go-junit"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// odd has what formats have to escape: a number sign and markup in names and texts, control characters, more than one script.
var odd = []report.Result{
	{
		Case:    report.Case{ID: "dir/odd.star::test_odd[name=a#b<c>]", File: "dir/odd.star", Line: 2},
		Verdict: report.Failed, Seed: 1, Checks: 1, Duration: 3 * time.Millisecond,
		Message: "lib/checks.star:7: check.true: \"100%\" & ]]> \x1b[31m, is <not> so\n    called at dir/odd.star:5 in test_odd",
		Output:  []string{"Subtest: x", "ok 1 x", "not ok 2 y"},
		Kernel:  []string{"WARNING: at net/mptcp/pm.c:1"},
	},
	{Case: report.Case{ID: "dir/odd.star::test_slow", File: "dir/odd.star", Line: 9}, Verdict: report.Error, Seed: 1, Message: "timed out after 30s (--timeout)\ndir/odd.star:11: lab.wait"},
	{Case: report.Case{ID: "skip.star::test_all", File: "skip.star", Line: 1}, Verdict: report.Skipped, Seed: 1, Message: "needs a\nreason # of two lines"},
}

// summary is that of the results, with everything that a run may end with.
func summary(all []report.Result) report.Summary {
	s := report.Summary{
		Duration: 2 * time.Second, Audit: []string{"1 open file left: net:[1]"}, KernelWarnings: 2,
		Measured: []string{"links delay\nprecisely"}, Backend: "kernel", Machine: "Linux 6.18.44, root", Seed: 1,
	}
	for _, r := range all {
		s.Add(r.Verdict)
	}
	return s
}

func cases(all []report.Result) []report.Case {
	var out []report.Case
	for _, r := range all {
		out = append(out, r.Case)
	}
	return out
}

// tell tells a reporter of a run that ends with these results. One case is postponed first.
func tell(r report.Reporter, all []report.Result, s report.Summary) {
	r.Start(len(all))
	for i, result := range all {
		r.CaseStarted(result.Case)
		if i == 0 {
			r.CasePostponed(result.Case)
			r.CaseStarted(result.Case)
		}
		r.CaseDone(result)
	}
	r.Finish(s)
}

func allResults() []report.Result { return append(append([]report.Result{}, results...), odd...) }

func ktap(all []report.Result, planned []report.Case) []byte {
	var out bytes.Buffer
	tell(report.NewKTAP(&out, planned), all, summary(all))
	return out.Bytes()
}

func TestKTAP(t *testing.T) {
	all := allResults()
	golden(t, "ktap", ktap(all, cases(all)))
}

// A case that was not run is an error, and no script is missing.
func TestKTAPOfAnInterruptedRun(t *testing.T) {
	all := allResults()
	out := ktap(all[:2], cases(all))
	golden(t, "ktap-interrupted", out)
	require.Equal(t, ktapCounts{pass: 1, fail: 7}, parseKTAP(t, out))
}

// Scripts whose cases end in turn are not mixed, and a case that is repeated counts as often.
func TestKTAPOfCasesThatRunAtOnce(t *testing.T) {
	mixed := []report.Result{odd[2], results[0], odd[0], results[0], odd[1]}
	out := ktap(mixed, cases(mixed))
	require.Equal(t, ktapCounts{pass: 2, fail: 2, skip: 1}, parseKTAP(t, out))
	require.Equal(t, 3, strings.Count(string(out), "# Subtest: "))
}

// A script is as well as its cases: one that failed is enough, and what was skipped is no failure.
func TestKTAPOfScripts(t *testing.T) {
	tests := map[string]struct {
		results []report.Result
		want    string
	}{
		"passed":  {[]report.Result{results[0], results[3]}, "\nok 1 limits.star\n"},
		"failed":  {[]report.Result{results[0], results[1]}, "\nnot ok 1 limits.star\n"},
		"error":   {[]report.Result{results[0], results[2]}, "\nnot ok 1 limits.star\n"},
		"skipped": {[]report.Result{results[3], results[4]}, "\nok 1 limits.star # SKIP every case was skipped\n"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			out := ktap(tt.results, cases(tt.results))
			parseKTAP(t, out)
			require.Contains(t, string(out), tt.want)
		})
	}
}

type ktapCounts struct{ pass, fail, skip int }

var (
	ktapVersion = regexp.MustCompile(`^KTAP version 1$`)
	ktapPlan    = regexp.MustCompile(`^1\.\.(\d+)$`)
	ktapResult  = regexp.MustCompile(`^(ok|not ok) (\d+) ([^#]+?)(?: # (SKIP|TODO|XFAIL|TIMEOUT|ERROR)(?: .*)?)?$`)
)

// parseKTAP reads the protocol as Documentation/dev-tools/ktap.rst states it, and stricter: no line may be unknown.
func parseKTAP(t *testing.T, out []byte) ktapCounts {
	t.Helper()
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	var total ktapCounts
	var level func(indent string) bool // whether all is well
	peek := func(indent string) (string, bool) {
		if len(lines) == 0 || !strings.HasPrefix(lines[0], indent) {
			return "", false
		}
		return lines[0][len(indent):], true
	}
	diagnostics := func(indent string) {
		for line, ok := peek(indent); ok && strings.HasPrefix(line, "#"); line, ok = peek(indent) {
			lines = lines[1:]
		}
	}
	level = func(indent string) bool {
		line, _ := peek(indent)
		require.Regexp(t, ktapVersion, line)
		lines = lines[1:]
		diagnostics(indent)
		line, _ = peek(indent)
		require.Regexp(t, ktapPlan, line)
		planned := ktapPlan.FindStringSubmatch(line)[1]
		lines = lines[1:]
		well, n := true, 0
		for diagnostics(indent); len(lines) > 0; diagnostics(indent) {
			nested, sub := true, false
			if line, ok := peek(indent + "  "); ok && ktapVersion.MatchString(line) {
				nested, sub = level(indent+"  "), true
			}
			line, ok := peek(indent)
			if !ok {
				break
			}
			found := ktapResult.FindStringSubmatch(line)
			require.NotNil(t, found, "unknown line %q", line)
			lines = lines[1:]
			n++
			require.Equal(t, found[2], itoa(n), "numbers count up: %q", line)
			good := found[1] == "ok"
			require.False(t, good && !nested, "a test is not well if a subtest is not: %q", line)
			well = well && good
			switch {
			case sub:
			case found[4] == "SKIP":
				total.skip++
			case good:
				total.pass++
			default:
				total.fail++
			}
		}
		require.Equal(t, planned, itoa(n), "the plan")
		return well
	}
	level("")
	require.Empty(t, lines)
	return total
}

func itoa(n int) string {
	b, _ := json.Marshal(n)
	return string(b)
}

func TestKTAPByItsSpecification(t *testing.T) {
	all := allResults()
	require.Equal(t, ktapCounts{pass: 1, fail: 4, skip: 3}, parseKTAP(t, ktap(all, cases(all))))
}

// kunitScript is a program that reads KTAP with the kernel's own parser.
const kunitScript = `
import io, json, sys
sys.path.insert(0, sys.argv[1])
stdout, sys.stdout = sys.stdout, io.StringIO()
import kunit_parser
test = kunit_parser.parse_run_tests(sys.stdin.read().splitlines())
c = test.counts
json.dump({"pass": c.passed, "fail": c.failed, "skip": c.skipped, "crashed": c.crashed, "errors": c.errors,
    "suites": [[s.name, [t.name for t in s.subtests]] for s in test.subtests]}, stdout)
`

// The kernel's parser (tools/testing/kunit) finds what was written. Where it is, is told by the environment.
func TestKTAPByTheKernelsParser(t *testing.T) {
	folder := os.Getenv("MPTCP_LAB_KUNIT")
	if folder == "" {
		t.Skip("MPTCP_LAB_KUNIT is not set: it is the folder tools/testing/kunit of a kernel's source")
	}
	all := allResults()
	cmd := exec.Command("python3", "-c", kunitScript, folder)
	cmd.Stdin = bytes.NewReader(ktap(all, cases(all)))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	var got struct {
		Pass, Fail, Skip, Crashed, Errors int
		Suites                            []any
	}
	require.NoError(t, json.Unmarshal(out, &got))
	require.Equal(t, []int{1, 4, 3, 0, 0}, []int{got.Pass, got.Fail, got.Skip, got.Crashed, got.Errors}, string(out))
	require.Equal(t, []any{
		[]any{"limits.star", []any{"test_join", "test_over_limit[family=ipv4]", "test_broken", "test_laminar", "test_laminar2"}},
		[]any{"dir/odd.star", []any{"test_odd[name=a%23b<c>]", "test_slow"}},
		[]any{"skip.star", []any{"test_all"}},
	}, got.Suites)
}

func junitXML(all []report.Result) []byte {
	var out bytes.Buffer
	tell(report.NewJUnit(&out), all, summary(all))
	return out.Bytes()
}

// go-junit finds what was written.
func TestJUnit(t *testing.T) {
	suites, err := junit.Ingest(junitXML(allResults()))
	require.NoError(t, err)
	require.Len(t, suites, 3)
	require.Equal(t, junit.Totals{Tests: 5, Passed: 1, Skipped: 2, Failed: 1, Error: 1, Duration: 1513 * time.Millisecond}, suites[0].Totals)
	require.Equal(t, map[string]string{"backend": "kernel", "machine": "Linux 6.18.44, root", "seed": "1"}, suites[0].Properties)
	require.Equal(t, "limits.star", suites[0].Name)
	require.Regexp(t, `<testsuites name="mptcp-lab" time="2.000" tests="8" failures="2" errors="2">`, string(junitXML(allResults())))
	require.Regexp(t, `<testsuite name="limits.star" tests="5" failures="1" errors="1" skipped="2" time="1.513"`, string(junitXML(allResults())))

	over := suites[0].Tests[1]
	require.Equal(t, "test_over_limit[family=ipv4]", over.Name)
	require.Equal(t, "limits", over.Classname)
	require.Equal(t, junit.StatusFailed, over.Status)
	require.ErrorContains(t, over.Error, "limits.star:14: check.equal: subflows differ\n  expected 1\n  got      2\n  timeline:\n")
	require.Equal(t, "limits.star:14: check.equal: subflows differ", over.Message)
	require.Equal(t, "limit is 1\n", over.SystemOut)
	require.Equal(t, junit.StatusError, suites[0].Tests[2].Status)
	require.Equal(t, junit.StatusSkipped, suites[0].Tests[3].Status)
	require.Equal(t, "needs endpoint.laminar: Linux 6.18 or later", suites[0].Tests[3].Message)

	require.Equal(t, "test_odd[name=a#b<c>]", suites[1].Tests[0].Name)
	require.Equal(t, "dir.odd", suites[1].Tests[0].Classname)
	require.ErrorContains(t, suites[1].Tests[0].Error, "dir/odd.star:5\nlib/checks.star:7: check.true: \"100%\" & ]]> \uFFFD[31m, is <not> so")
	require.Contains(t, suites[2].SystemErr, "audit: 1 open file left")
}

// xmllint finds that the file follows a schema. Which one, is told by the environment.
func TestJUnitSchema(t *testing.T) {
	schema := os.Getenv("MPTCP_LAB_JUNIT_XSD")
	if schema == "" {
		t.Skip("MPTCP_LAB_JUNIT_XSD is not set: it is the file junit-10.xsd of Jenkins's xUnit plugin")
	}
	xmllint, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is missing: apt-get install libxml2-utils")
	}
	file := filepath.Join(t.TempDir(), "junit.xml")
	require.NoError(t, os.WriteFile(file, junitXML(allResults()), 0o600))
	out, err := exec.Command(xmllint, "--noout", "--schema", schema, file).CombinedOutput()
	require.NoError(t, err, string(out))
}

func jsonLines(t *testing.T, out []byte) []report.Line {
	t.Helper()
	var lines []report.Line
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		d.DisallowUnknownFields()
		var l report.Line
		err := d.Decode(&l)
		if errors.Is(err, io.EOF) {
			return lines
		}
		require.NoError(t, err)
		lines = append(lines, l)
	}
}

func TestJSON(t *testing.T) {
	var out bytes.Buffer
	all := allResults()
	tell(report.NewJSON(&out, report.RunInfo{Backend: "kernel", Machine: "Linux 6.18.44, root", Jobs: 2, Seed: 1}), all, summary(all))
	golden(t, "json", out.Bytes())

	lines := jsonLines(t, out.Bytes())
	require.Equal(t, strings.Count(out.String(), "\n"), len(lines), "an event is one line")
	var events []string
	for _, l := range lines {
		events = append(events, l.Event)
	}
	require.Equal(t, []string{"run_started", "case_started", "case_postponed", "case_started", "case_done", "case_started", "case_done"}, events[:7])
	require.Equal(t, "run_ended", events[len(events)-1])
	require.Equal(t, report.LinePosition{File: "limits.star", Line: 14}, lines[6].Done.Position)
	require.Len(t, lines[6].Done.Timeline, 3)
	require.Empty(t, lines[4].Done.Timeline, "it passed")
	require.NotContains(t, out.String(), "null")
}

func TestGitHub(t *testing.T) {
	var out bytes.Buffer
	all := allResults()
	all = append(all, report.Result{
		Case: report.Case{ID: "/repo/a.star::test_a", File: "/repo/a.star", Line: 3}, Verdict: report.Error, Message: "/repo/a.star:4: no",
	})
	tell(report.NewGitHub(&out, "/repo"), all, summary(all))
	golden(t, "github", out.Bytes())
	for line := range strings.Lines(out.String()) {
		require.Regexp(t, `^::(error|warning) (file=[^:,]+,line=\d+,)?title=[^:,]+::[^\n]*\n$`, line)
	}
}

func TestPosition(t *testing.T) {
	tests := map[string]report.Position{
		"":                 {File: "dir/a.star", Line: 3},
		"open a lab: no":   {File: "dir/a.star", Line: 3},
		"dir/a.star:8: no": {File: "dir/a.star", Line: 8},
		"timed out\ndir/a.star:8: no\n    called at dir/a.star:9 in test_a": {File: "dir/a.star", Line: 8},
		"lib/b.star:8: no\n    > x\n    called at dir/a.star:9 in test_a":   {File: "dir/a.star", Line: 9},
		"says dir/a.star:8: no": {File: "dir/a.star", Line: 3},
	}
	for message, want := range tests {
		r := report.Result{Case: report.Case{ID: "dir/a.star::test_a", File: "dir/a.star", Line: 3}, Message: message}
		require.Equal(t, want, r.Position(), message)
	}
}

type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.room {
		return 0, errors.New("no space left on device")
	}
	f.room -= len(b)
	return len(b), nil
}

// A reporter whose file is full says so, and the others go on.
func TestReportersTellOfFailures(t *testing.T) {
	all := allResults()
	var well bytes.Buffer
	rs := report.Reporters{
		report.NewTerminal(io.Discard, header, report.Style{}),
		report.NewKTAP(&full{room: 30}, cases(all)),
		report.NewJUnit(&full{}),
		report.NewJSON(&full{room: 200}, report.RunInfo{}),
		report.NewGitHub(&full{}, ""),
		report.NewKTAP(&well, cases(all)),
	}
	tell(rs, all, summary(all))
	require.Equal(t, "write KTAP: no space left on device\nwrite JUnit XML: no space left on device\n"+
		"write JSON: no space left on device\nwrite annotations: no space left on device", rs.Err().Error())
	require.Equal(t, ktap(all, cases(all)), well.Bytes())
}
