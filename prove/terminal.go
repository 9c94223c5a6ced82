package prove

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Terminal is an [Observer] that tells people, as it goes, of the cases that are not proven, and in the end of all.
type Terminal struct {
	out    io.Writer
	header string
	style  report.Style

	total, done int
	bad         int
	running     []string
}

// NewTerminal returns a Terminal that writes to out; the header is its first line. Of the style, Verbose lists every case with
// what it noticed, and Timelines adds the matrix of cases and faults.
func NewTerminal(out io.Writer, header string, style report.Style) *Terminal {
	return &Terminal{out: out, header: header, style: style}
}

// Start implements [Observer].
func (t *Terminal) Start(cases, faults int) {
	t.total = cases
	fmt.Fprintf(t.out, "%s, %s\n", t.header, count(faults, "fault"))
}

// Running implements [Observer].
func (t *Terminal) Running(c report.Case, f *Fault) {
	what := c.ID
	if f != nil {
		what += " (" + f.Name + ")"
	}
	t.running = slices.DeleteFunc(t.running, func(x string) bool { return isAbout(x, c) })
	t.running = append(t.running, what)
	t.draw()
}

// isAbout tells whether a line of Running is about a case.
func isAbout(line string, c report.Case) bool {
	return line == c.ID || strings.HasPrefix(line, c.ID+" (")
}

// Done implements [Observer].
func (t *Terminal) Done(p *Proof) {
	t.running = slices.DeleteFunc(t.running, func(x string) bool { return isAbout(x, p.Case) })
	t.done++
	t.erase()
	switch p.Standing {
	case Survivor, Unconcerned, Unfit:
		t.bad++
		t.unproven(p)
	case Proven:
		if t.style.Verbose {
			fmt.Fprintf(t.out, "proven %s\n", p.Case.ID)
			t.trials("  fails under: ", p.Under(report.Failed))
			t.trials("  in error under: ", p.Under(report.Error))
			t.trials("  passes under: ", p.Under(report.Passed))
		}
	}
	t.draw()
}

func (t *Terminal) unproven(p *Proof) {
	fmt.Fprintf(t.out, "%s %s\n  %s:%d", strings.ToUpper(string(p.Standing)), p.Case.ID, p.Case.File, p.Case.Line)
	if p.Case.Title != "" {
		fmt.Fprintf(t.out, " %s", printable(p.Case.Title))
	}
	fmt.Fprintln(t.out)
	switch p.Standing {
	case Unfit:
		fmt.Fprintf(t.out, "  does not pass without a fault: %s\n", printable(p.Message))
	case Unconcerned:
		fmt.Fprintln(t.out, "  no fault takes effect in it")
	default:
		t.trials("  passes under: ", p.Trials)
	}
}

// printable indents all lines but the first, and shows control characters as U+FFFD: scripts are not trusted with the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, strings.ReplaceAll(text, "\n", "\n  "))
}

func (t *Terminal) trials(title string, trials []Trial) {
	if len(trials) > 0 {
		fmt.Fprintln(t.out, title+namesOf(trials))
	}
}

func namesOf(trials []Trial) string {
	names := make([]string, len(trials))
	for i, x := range trials {
		names[i] = x.Fault.Name
	}
	return strings.Join(names, ", ")
}

// Finish implements [Observer].
func (t *Terminal) Finish(r *Report) {
	t.erase()
	if t.style.Timelines {
		t.matrix(r)
	}
	for _, p := range r.With(Skipped) {
		fmt.Fprintf(t.out, "skipped %s: %s\n", p.Case.ID, printable(p.Message))
	}
	io.WriteString(t.out, listed("proven by errors alone, which no check has noticed", erred(r), func(p *Proof) string {
		return p.Case.ID + ": " + namesOf(p.Under(report.Error))
	}))
	io.WriteString(t.out, listed("survivors", r.With(Survivor), idOf))
	io.WriteString(t.out, listed("no fault takes effect in", r.With(Unconcerned), idOf))
	io.WriteString(t.out, listed("not proven, since they do not pass without a fault", r.With(Unfit), idOf))
	io.WriteString(t.out, listed("noticed by none of the cases that they concerned", unnoticed(r), func(x Reach) string {
		return fmt.Sprintf("%s (%s): %s", x.Fault.Name, count(x.Concerned, "case"), x.Fault.Effect)
	}))
	for _, line := range r.Summary.Audit {
		fmt.Fprintf(t.out, "audit: %s\n", printable(line))
	}
	if n := r.Summary.KernelWarnings; n > 0 {
		fmt.Fprintf(t.out, "the kernel logged %s meanwhile\n", count(n, "warning"))
	}
	if r.Summary.Interrupted {
		fmt.Fprintln(t.out, "interrupted")
	}
	runs := r.Summary.Passed + r.Summary.Failed + r.Summary.Errors + r.Summary.Skipped
	fmt.Fprintf(t.out, "%s in %.3fs\n%s\n", count(runs, "run"), r.Summary.Duration.Seconds(), r)
}

// String is the score: "12 of 14 cases proven, 1 skipped".
func (r *Report) String() string {
	skipped := len(r.With(Skipped))
	text := fmt.Sprintf("%d of %s proven", len(r.With(Proven)), count(len(r.Proofs)-skipped, "case"))
	if skipped > 0 {
		text += fmt.Sprintf(", %d skipped", skipped)
	}
	return text
}

// erred are the cases that are proven by errors alone.
func erred(r *Report) []*Proof {
	return slices.DeleteFunc(r.With(Proven), func(p *Proof) bool { return len(p.Under(report.Failed)) > 0 })
}

func unnoticed(r *Report) []Reach {
	return slices.DeleteFunc(r.Reach(), func(x Reach) bool { return !x.Unnoticed() })
}

func idOf(p *Proof) string { return p.Case.ID }

// listed is a titled list, or nothing if it is empty.
func listed[T any](title string, items []T, line func(T) string) string {
	if len(items) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d\n", title, len(items))
	for _, x := range items {
		fmt.Fprintf(&b, "  %s\n", line(x))
	}
	return b.String()
}

// marks are the signs of the matrix.
var marks = map[report.Verdict]byte{report.Failed: 'F', report.Error: 'E', report.Passed: '.', report.Skipped: '.'}

// matrix is a line for each case with a column for each fault that took effect somewhere, and above it how far each reaches.
func (t *Terminal) matrix(r *Report) {
	var columns []*Fault
	fmt.Fprintln(t.out, "faults, with the cases that they concern, that fail and that end in an error under them:")
	for _, x := range r.Reach() {
		if x.Concerned > 0 {
			columns = append(columns, x.Fault)
			fmt.Fprintf(t.out, "  %3d  %5d %5d %5d  %s\n", len(columns), x.Concerned, x.Failed, x.Erred, x.Fault.Name)
		}
	}
	fmt.Fprintln(t.out, "a column for each: F failed, E ended in an error, . passed")
	for _, p := range r.Proofs {
		line := []byte(strings.Repeat(" ", len(columns)))
		for _, x := range p.Trials {
			line[slices.Index(columns, x.Fault)] = marks[x.Verdict]
		}
		fmt.Fprintf(t.out, "  %s  %s\n", line, p.Case.ID)
	}
}

// draw shows the progress on the last line of the terminal.
func (t *Terminal) draw() {
	if !t.style.Live {
		return
	}
	line := fmt.Sprintf("[%d/%d]", t.done, t.total)
	if t.bad > 0 {
		line += fmt.Sprintf(" %d not proven", t.bad)
	}
	line += " " + strings.Join(t.running, " ")
	if runes := []rune(line); t.style.Width != nil && len(runes) >= t.style.Width() {
		line = string(runes[:t.style.Width()-1])
	}
	fmt.Fprint(t.out, eraseLine, line)
}

const eraseLine = "\r\x1b[K"

func (t *Terminal) erase() {
	if t.style.Live {
		fmt.Fprint(t.out, eraseLine)
	}
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
