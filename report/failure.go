package report

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// failure is a failed or erroneous result in full: where, why, what was printed and what happened, and how to run it again.
func (t *Terminal) failure(r Result) string {
	word := "FAIL"
	if r.Verdict == Error {
		word = "ERROR"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s (%s)\n", t.paint(red, word), r.Case.ID, seconds(r.Duration))
	fmt.Fprintf(&b, "  %s:%d", r.Case.File, r.Case.Line)
	if r.Case.Title != "" {
		fmt.Fprintf(&b, " %s", printable(r.Case.Title))
	}
	b.WriteByte('\n')
	if r.Message != "" {
		fmt.Fprintf(&b, "  %s\n", indentRest(r.Message, "  "))
	}
	section(&b, "output", r.Output)
	section(&b, "timeline", timeline(r.Timeline))
	section(&b, "kernel log", r.Kernel)
	fmt.Fprintf(&b, "  again: %s\n", r.Again())
	return b.String()
}

// Again is the command that runs the case again as it was run.
func (r Result) Again() string {
	return fmt.Sprintf("mptcp-lab run%s --seed %d '%s'", r.Flags, r.Seed, r.Case.ID)
}

// section writes a titled, indented list, or nothing if it is empty.
func section(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "  %s:\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "    %s\n", strings.TrimRight(indentRest(line, "    "), " "))
	}
}

// timeline aligns the columns of the entries: time, host, kind, text.
// Texts of several lines continue under their first one.
func timeline(entries []lab.Entry) []string {
	host, kind := 0, 0
	for _, e := range entries {
		host, kind = max(host, len(e.Host)), max(kind, len(e.Kind))
	}
	lines := make([]string, 0, len(entries))
	for _, e := range entries {
		prefix := fmt.Sprintf("%10.3fms  %-*s  %-*s  ", float64(e.Time.Microseconds())/1000, host, e.Host, kind, e.Kind)
		lines = append(lines, prefix+indentRest(e.Text, strings.Repeat(" ", len(prefix))))
	}
	return lines
}

// indentRest indents all lines but the first. Scripts and programs in hosts are not trusted with the terminal: their
// control characters are shown as U+FFFD.
func indentRest(text, indent string) string {
	return strings.ReplaceAll(printable(strings.TrimRight(text, "\n")), "\n", "\n"+indent)
}

func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}
