package matrix

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// WriteJSON writes the table as JSON.
func (t *Table) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(t)
}

// WriteJUnit writes the results as JUnit XML, each case once a kernel: "6.12.95: limits.star::test_range". A kernel that gave no
// results is a case of its own, which erred.
func (t *Table) WriteJUnit(w io.Writer) error {
	j := report.NewJUnit(w)
	j.Start(len(t.Cases) * len(t.Columns))
	for _, c := range t.Columns {
		if c.Error != "" {
			j.CaseDone(report.Result{Case: report.Case{ID: c.name(), File: c.name()}, Verdict: report.Error, Message: c.Error})
		}
		for _, id := range t.Cases {
			if r, ok := c.Results[id]; ok {
				file, name, _ := strings.Cut(id, "::")
				j.CaseDone(report.Result{
					Case:    report.Case{ID: c.name() + ": " + file + "::" + name, File: c.name() + ": " + file},
					Verdict: r.Verdict, Message: r.Message,
				})
			}
		}
	}
	j.Finish(t.Summary())
	return j.Err()
}

// WriteMarkdown writes a row for each case with its verdict on each kernel, and why a kernel skips it or fails.
func (t *Table) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	b.WriteString("| case |")
	for _, c := range t.Columns {
		fmt.Fprintf(&b, " %s |", c.name())
	}
	b.WriteString(" why |\n| --- |" + strings.Repeat(" --- |", len(t.Columns)) + " --- |\n")
	for _, id := range t.Cases {
		fmt.Fprintf(&b, "| `%s` |", cell(id))
		why := ""
		for _, c := range t.Columns {
			r := c.Results[id]
			fmt.Fprintf(&b, " %s |", cells[r.Verdict])
			if why == "" && r.Verdict != report.Passed {
				why, _, _ = strings.Cut(r.Message, "\n")
			}
		}
		fmt.Fprintf(&b, " %s |\n", cell(why))
	}
	for _, c := range t.Columns {
		if c.Error != "" {
			fmt.Fprintf(&b, "\nKernel %s: %s\n", c.name(), c.Error)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell is a text that does not end the cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\\|`) }
