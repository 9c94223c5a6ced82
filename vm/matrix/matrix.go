// Package matrix holds the verdicts of the same cases on several kernels against each other: as a table, and as the answer to
// which of a row of kernels is the first on which a verdict changed. It reads the results from the lines of JSON that a run
// writes, and knows nothing of how the kernels were run.
package matrix

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Column is what became of a run on one kernel.
type Column struct {
	Kernel  string            `json:"kernel"`  // as it was named
	Release string            `json:"release"` // as it calls itself; empty: it did not begin
	Error   string            `json:"error,omitempty"`
	Results map[string]Result `json:"results"` // by the ID of the case
}

// Result is what became of a case.
type Result struct {
	Verdict report.Verdict `json:"verdict"`
	Message string         `json:"message,omitempty"`
}

// Table is the verdicts of the cases, kernel by kernel, in the order in which both came.
type Table struct {
	Cases   []string `json:"cases"`
	Columns []Column `json:"columns"`
}

// maxLine bounds a line of results: that of a case which failed has its whole timeline.
const maxLine = 64 << 20

// Read reads the lines of JSON of a run. Several results of a case are one: the worst. The cases are in the order of the lines.
// A run that did not end is an error; what is known of it is returned all the same.
func Read(r io.Reader) (results map[string]Result, cases []string, err error) {
	results = map[string]Result{}
	ended := false
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	for n := 1; lines.Scan(); n++ {
		var l report.Line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			return results, cases, fmt.Errorf("line %d of the results: %w", n, err)
		}
		switch {
		case l.Event == report.EventRunEnded:
			ended = true
		case l.Event == report.EventCaseDone && l.Case != nil && l.Done != nil:
			old, known := results[l.Case.ID]
			if !known {
				cases = append(cases, l.Case.ID)
			}
			if !known || rank(l.Done.Verdict) > rank(old.Verdict) {
				results[l.Case.ID] = Result{Verdict: l.Done.Verdict, Message: l.Done.Message}
			}
		}
	}
	if err := lines.Err(); err != nil {
		return results, cases, fmt.Errorf("read the results: %w", err)
	}
	if !ended {
		return results, cases, errors.New("the run did not end")
	}
	return results, cases, nil
}

// ranks are the verdicts from good to bad.
var ranks = []report.Verdict{report.Skipped, report.Passed, report.Failed, report.Error}

func rank(v report.Verdict) int { return slices.Index(ranks, v) }

// Add adds the results on one more kernel.
func (t *Table) Add(c Column, cases []string) {
	for _, id := range cases {
		if !slices.Contains(t.Cases, id) {
			t.Cases = append(t.Cases, id)
		}
	}
	t.Columns = append(t.Columns, c)
}

// Changed returns the index of the first column whose verdict on a case differs from that of the column before. Kernels that do
// not have what the case needs, and those without a result, are passed over. -1: none.
func (t *Table) Changed(id string) int {
	var last report.Verdict
	for i, c := range t.Columns {
		r, ok := c.Results[id]
		if !ok || r.Verdict == report.Skipped {
			continue
		}
		if last != "" && r.Verdict != last {
			return i
		}
		last = r.Verdict
	}
	return -1
}

// Alike tells whether a case has the same verdict on every kernel.
func (t *Table) Alike(id string) bool {
	for _, c := range t.Columns {
		if c.Results[id].Verdict != t.Columns[0].Results[id].Verdict {
			return false
		}
	}
	return true
}

// Summary counts the verdicts of all columns; a kernel that gave no results is an error.
func (t *Table) Summary() report.Summary {
	var s report.Summary
	for _, c := range t.Columns {
		for _, r := range c.Results {
			s.Add(r.Verdict)
		}
		if c.Error != "" {
			s.Add(report.Error)
		}
	}
	return s
}

// cells are how verdicts are shown.
var cells = map[report.Verdict]string{
	report.Passed: "pass", report.Failed: "FAIL", report.Error: "ERROR", report.Skipped: "skip", "": "-",
}

// WriteText writes the table for people: a column a kernel, a row for each case whose verdicts differ, or each if all is set,
// with a * at the first verdict that changed. Below are the reasons of what differs, and what the kernels had in common.
func (t *Table) WriteText(w io.Writer, all bool) error {
	var b strings.Builder
	widths := make([]int, len(t.Columns))
	for i, c := range t.Columns {
		widths[i] = max(len(c.name()), len("ERROR*"))
		fmt.Fprintf(&b, "%-*s  ", widths[i], c.name())
	}
	b.WriteString("case\n")
	alike := map[report.Verdict]int{}
	for _, id := range t.Cases {
		if t.Alike(id) && !all {
			alike[t.Columns[0].Results[id].Verdict]++
			continue
		}
		changed := t.Changed(id)
		for i, c := range t.Columns {
			cell := cells[c.Results[id].Verdict]
			if i == changed {
				cell += "*"
			}
			fmt.Fprintf(&b, "%-*s  ", widths[i], cell)
		}
		fmt.Fprintf(&b, "%s\n", id)
		if changed >= 0 {
			t.writeReason(&b, id, changed)
		}
	}
	for _, v := range slices.Backward(ranks) {
		if alike[v] > 0 {
			fmt.Fprintf(&b, "the same on all kernels: %d %s\n", alike[v], v)
		}
	}
	for _, c := range t.Columns {
		if c.Error != "" {
			fmt.Fprintf(&b, "kernel %s: %s\n", c.name(), strings.ReplaceAll(c.Error, "\n", "\n  "))
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// writeReason tells why the verdict of a case changed: the first line of the message on the side where it did not pass.
func (t *Table) writeReason(b *strings.Builder, id string, changed int) {
	for i := changed; i >= 0; i-- {
		c := t.Columns[i]
		if r := c.Results[id]; r.Message != "" && r.Verdict != report.Skipped {
			first, _, _ := strings.Cut(r.Message, "\n")
			fmt.Fprintf(b, "    %s: %s\n", c.name(), first)
			return
		}
	}
}

func (c Column) name() string {
	if c.Release != "" {
		return c.Release
	}
	return c.Kernel
}
