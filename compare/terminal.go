package compare

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// Terminal is an [Observer] that tells people of the differences, as they are found, and in the end of all.
type Terminal struct {
	out    io.Writer
	header string
	style  report.Style

	total, done, differing int
}

// NewTerminal returns a Terminal that writes to out; the header is its first lines. Of the style, Verbose lists every case with the
// races that were tolerated in it.
func NewTerminal(out io.Writer, header string, style report.Style) *Terminal {
	return &Terminal{out: out, header: header, style: style}
}

// Start implements [Observer].
func (t *Terminal) Start(cases int) {
	t.total = cases
	fmt.Fprintln(t.out, t.header)
	t.draw()
}

// Done implements [Observer].
func (t *Terminal) Done(c *Case) {
	t.done++
	t.erase()
	left := c.Unexplained()
	switch {
	case len(left) > 0:
		t.differing++
		t.differs(c, left)
	case t.style.Verbose && c.Skipped() == "":
		fmt.Fprintf(t.out, "same %s%s\n", c.ID, tolerated(c))
	}
	t.draw()
}

// tolerated names the races of a case, each with how often.
func tolerated(c *Case) string {
	counts := map[string]int{}
	for _, d := range c.Differences {
		counts[d.Race]++
	}
	var words []string
	for _, r := range races {
		if n := counts[r.Name]; n > 0 {
			words = append(words, fmt.Sprintf("%s %d", r.Name, n))
		}
	}
	if len(words) == 0 {
		return ""
	}
	return " (tolerated: " + strings.Join(words, ", ") + ")"
}

func (t *Terminal) differs(c *Case, left []Difference) {
	fmt.Fprintf(t.out, "DIFFERENT %s\n  %s:%d %s\n", c.ID, c.File, c.Line, printable(c.Title))
	var kernel, emulator []lab.Entry
	for _, d := range left {
		fmt.Fprintf(t.out, "  %s: %s\n", d.Witness, printable(d.Of))
		t.side("kernel", d.Kernel)
		t.side("emulator", d.Emulator)
		k, e := excerpts(c, d)
		if !slices.Equal(k, kernel) || !slices.Equal(e, emulator) {
			t.timeline("kernel", k)
			t.timeline("emulator", e)
			kernel, emulator = k, e
		}
	}
}

func (t *Terminal) side(backend string, seen []Seen) {
	if len(seen) == 0 {
		fmt.Fprintf(t.out, "    %-8s  nothing\n", backend)
	}
	for _, s := range seen {
		fmt.Fprintf(t.out, "    %-8s  %10.3fms  %s\n", backend, float64(s.Time.Microseconds())/1000, printable(s.Text))
	}
}

func (t *Terminal) timeline(backend string, entries []lab.Entry) {
	fmt.Fprintf(t.out, "    timeline of the %s:\n", backend)
	for _, e := range entries {
		fmt.Fprintf(t.out, "      %s\n", printable(e.String()))
	}
}

// printable indents all lines but the first, and shows control characters as U+FFFD: scripts are not trusted with the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ReplaceAll(text, "\n", "\n      "))
}

// Finish implements [Observer].
func (t *Terminal) Finish(r *Report) {
	t.erase()
	for _, s := range []report.Summary{r.Emulator, r.Kernel} {
		for _, line := range s.Audit {
			fmt.Fprintf(t.out, "audit of the %s: %s\n", s.Backend, printable(line))
		}
	}
	for _, c := range r.Skipped() {
		fmt.Fprintf(t.out, "skipped %s: %s\n", c.ID, printable(c.Skipped()))
	}
	if counts := r.Tolerated(); len(counts) > 0 {
		fmt.Fprintln(t.out, "tolerated:")
		for _, x := range counts {
			fmt.Fprintf(t.out, "  %5d %-29s %s\n", x.Count, x.Race.Name, x.Race.Why)
		}
	}
	if r.Kernel.Interrupted || r.Emulator.Interrupted {
		fmt.Fprintln(t.out, "interrupted")
	}
	fmt.Fprintf(t.out, "in %.3fs\n%s\n", (r.Kernel.Duration + r.Emulator.Duration).Seconds(), r)
}

// draw shows the progress on the last line of the terminal.
func (t *Terminal) draw() {
	if t.style.Live {
		fmt.Fprintf(t.out, "%s[%d/%d] %d different", eraseLine, t.done, t.total, t.differing)
	}
}

const eraseLine = "\r\x1b[K"

func (t *Terminal) erase() {
	if t.style.Live {
		fmt.Fprint(t.out, eraseLine)
	}
}
