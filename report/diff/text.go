package diff

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Options are those of [Write].
type Options struct {
	Names [2]string // of the recordings
	All   bool      // show what is the same, too; else only around what differs
}

// around is how many rows are shown before and behind one that differs.
const around = 3

// Write shows two runs side by side, case by case, and tells how many cases differ.
func Write(w io.Writer, a, b *Run, o Options) (differ int, err error) {
	out := &strings.Builder{}
	for i, r := range []*Run{a, b} {
		fmt.Fprintf(out, "%c: %s: %s, %s, seed %d\n", 'A'+i, o.Names[i], r.About.Backend, r.About.Machine, r.About.Seed)
	}
	silent := 0
	rest := slices.Clone(b.Cases)
	for _, x := range a.Cases {
		i := slices.IndexFunc(rest, func(y Case) bool { return x.ID == y.ID && x.Nth == y.Nth })
		if i < 0 {
			fmt.Fprintf(out, "\n%s: only in A: %s\n", x.name(), x.Result.Verdict)
			differ++
			continue
		}
		y := rest[i]
		rest = slices.Delete(rest, i, i+1)
		if len(x.Result.Timeline) == 0 || len(y.Result.Timeline) == 0 {
			silent++
		}
		if writeCase(out, x, y, o.All) {
			differ++
		}
	}
	for _, y := range rest {
		fmt.Fprintf(out, "\n%s: only in B: %s\n", y.name(), y.Result.Verdict)
		differ++
	}
	if silent > 0 {
		fmt.Fprintf(out, "\nof %d cases only the verdicts could be compared: record them by run --json FILE --timelines\n", silent)
	}
	fmt.Fprintf(out, "\n%d of %d cases differ\n", differ, len(a.Cases)+len(rest))
	_, err = io.WriteString(w, out.String())
	return differ, err
}

// name is the ID of the case, with the number of the run from the second one on.
func (c Case) name() string {
	if c.Nth > 1 {
		return fmt.Sprintf("%s (run %d)", c.ID, c.Nth)
	}
	return c.ID
}

// writeCase shows a case, and tells whether the runs differ in it.
func writeCase(w io.Writer, a, b Case, all bool) bool {
	var rows []Row
	if len(a.Result.Timeline) > 0 && len(b.Result.Timeline) > 0 {
		rows = Align(a.Result.Timeline, b.Result.Timeline)
	}
	first := slices.IndexFunc(rows, func(r Row) bool { return !r.Same() })
	verdicts := a.Result.Verdict != b.Result.Verdict
	if first < 0 && !verdicts {
		if all {
			fmt.Fprintf(w, "\n%s: the same\n", a.name())
			writeRows(w, rows, -1, true)
		}
		return false
	}
	fmt.Fprintf(w, "\n%s: %s\n", a.name(), verdictsText(a.Result.Verdict, b.Result.Verdict))
	if first < 0 {
		writeMessages(w, a, b)
		return true
	}
	writeRows(w, rows, first, all)
	if verdicts {
		writeMessages(w, a, b)
	}
	return true
}

func verdictsText(a, b report.Verdict) string {
	if a == b {
		return string(a)
	}
	return fmt.Sprintf("A %s, B %s", a, b)
}

// writeMessages says why the runs did not pass.
func writeMessages(w io.Writer, cases ...Case) {
	for i, c := range cases {
		if c.Result.Message != "" {
			fmt.Fprintf(w, "  %c: %s\n", 'A'+i, strings.ReplaceAll(c.Result.Message, "\n", "\n     "))
		}
	}
}

// writeRows shows rows, with the first divergence marked.
func writeRows(w io.Writer, rows []Row, first int, all bool) {
	left := 0 // out, since the last row that was shown
	for i, r := range rows {
		if !all && !near(rows, i) {
			left++
			continue
		}
		if left > 0 {
			fmt.Fprintf(w, "  … %d the same\n", left)
			left = 0
		}
		if i == first {
			fmt.Fprintln(w, "  first divergence:")
		}
		fmt.Fprintln(w, rowText(r))
	}
	if left > 0 {
		fmt.Fprintf(w, "  … %d the same\n", left)
	}
}

// near tells whether a row that differs is not far.
func near(rows []Row, i int) bool {
	for _, r := range rows[max(i-around, 0):min(i+around+1, len(rows))] {
		if !r.Same() {
			return true
		}
	}
	return false
}

// rowText is a row: whose it is, both times in milliseconds, and what happened in the words of A, if it has any.
func rowText(r Row) string {
	mark, e := " ", r.A
	switch {
	case r.B == nil:
		mark = "A"
	case r.A == nil:
		mark, e = "B", r.B
	}
	return fmt.Sprintf("%s %10s %10s  %-16s %-7s %s", mark, timeText(r.A), timeText(r.B), e.Host, e.Kind, e.Text)
}

func timeText(e *report.LineEntry) string {
	if e == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", e.Time)
}
