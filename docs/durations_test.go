package docs_test

import (
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
)

var run = flag.String("run-json", "", "with -update: take the times of cases from this file, which mptcp-lab run --json wrote in the root of the project")

const durationsFile = "durations.txt"

// durations are how long the longest case of each test function took, in milliseconds, by "regression/limits.star::test_range".
type durations map[string]float64

func readDurations(t *testing.T) durations {
	t.Helper()
	if *update && *run != "" {
		recordDurations(t)
	}
	all := durations{}
	for _, line := range keyed(t, durationsFile, " ") {
		ms, err := strconv.ParseFloat(line.name, 64)
		require.NoError(t, err)
		all[line.rest] = ms
	}
	return all
}

// recordDurations writes the times of a run to the list.
func recordDurations(t *testing.T) {
	t.Helper()
	content, err := os.ReadFile(*run)
	require.NoError(t, err)
	longest := durations{}
	for line := range strings.Lines(string(content)) {
		var l report.Line
		require.NoError(t, json.Unmarshal([]byte(line), &l))
		if l.Event != report.EventCaseDone || l.Done.Verdict != report.Passed {
			continue
		}
		function, _, _ := strings.Cut(strings.TrimPrefix(l.Case.ID, "scenarios/"), "[")
		longest[function] = max(longest[function], l.Done.Duration)
	}
	var b strings.Builder
	b.WriteString("# How long the longest case of each function took on the kernel, in ms: make coverage\n")
	for _, function := range longest.sorted() {
		fmt.Fprintf(&b, "%.0f %s\n", longest[function], function)
	}
	require.NoError(t, os.WriteFile("testdata/"+durationsFile, []byte(b.String()), 0o644))
}

// sorted are the functions by name.
func (d durations) sorted() []string {
	var all []string
	for function := range d {
		all = append(all, function)
	}
	slices.Sort(all)
	return all
}

// of is the time of the longest of some cases, as a cell.
func (d durations) of(found []claims) string {
	longest := 0.0
	for _, c := range found {
		longest = max(longest, d[c.id()])
	}
	if longest == 0 {
		return ""
	}
	return fmt.Sprintf("%.3f", longest/1000)
}

func (c claims) id() string { return c.file + "::" + c.function }

var timeLine = regexp.MustCompile(`(?ms)^\s*Time:(.*?)(?:^\s*$|^\s*[A-Z][A-Za-z ]*:|\z)`)

// slowest is a table of the cases that take longest, with what their docstrings say of it.
func (p *coveragePage) slowest(found []claims) {
	const most = 10
	slices.SortStableFunc(found, func(a, b claims) int { return cmp.Compare(p.durations[b.id()], p.durations[a.id()]) })
	p.text.WriteString("\nThe slowest, and what takes the time:\n\n| case | s | what takes it |\n| --- | --- | --- |\n")
	for _, c := range found[:min(most, len(found))] {
		why := ""
		if m := timeLine.FindStringSubmatch(c.doc); m != nil {
			why = strings.Join(strings.Fields(m[1]), " ")
		}
		fmt.Fprintf(&p.text, "| [%s](../scenarios/%s) | %.3f | %s |\n", c.function, c.file, p.durations[c.id()]/1000, cell(why))
	}
}

// unique leaves out what is there twice.
func unique(all []claims) []claims {
	seen := map[string]bool{}
	return slices.DeleteFunc(slices.Clone(all), func(c claims) bool {
		again := seen[c.id()]
		seen[c.id()] = true
		return again
	})
}
