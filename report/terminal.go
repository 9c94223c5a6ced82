package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// slowest is how many cases the list of slow ones holds.
const slowest = 5

// Style is how a [Terminal] prints.
type Style struct {
	Verbose   bool       // list every case with its time, what it printed, and the slowest ones
	Timelines bool       // print the timeline of every result that has one, not only of failures
	Colour    bool       // use ANSI colours
	Live      bool       // keep a line with the progress at the bottom; only for a terminal
	Width     func() int // columns of the terminal, for the live line; nil: 80
}

// Terminal prints a run for people, as it goes: failures in full, the rest in a line or not at all.
// Its methods are a runner's observer; they must be called one at a time.
type Terminal struct {
	out    io.Writer
	style  Style
	header string

	total   int
	done    Summary
	running []string
	skipped map[string][]string // ids by reason
	reasons []string            // keys of skipped, in order of appearance
	times   []Result            // ID and duration of those that ran; kept only when verbose
}

// NewTerminal returns a reporter that writes to out; the header is its first line.
func NewTerminal(out io.Writer, header string, style Style) *Terminal {
	return &Terminal{out: out, header: header, style: style, skipped: map[string][]string{}}
}

// Start prints the header; n cases will follow.
func (t *Terminal) Start(n int) {
	t.total = n
	fmt.Fprintln(t.out, t.header)
}

// CaseStarted shows the case among the running ones.
func (t *Terminal) CaseStarted(c Case) {
	t.running = append(t.running, c.ID)
	t.draw()
}

// CasePostponed takes the case from the running ones: it will start again.
func (t *Terminal) CasePostponed(c Case) {
	t.ended(c)
	t.draw()
}

// ended takes a case from the running ones.
func (t *Terminal) ended(c Case) {
	if i := slices.Index(t.running, c.ID); i >= 0 {
		t.running = slices.Delete(t.running, i, i+1)
	}
}

// CaseDone prints the result, if it is worth it.
func (t *Terminal) CaseDone(r Result) {
	t.ended(r.Case)
	t.done.Add(r.Verdict)
	t.erase()
	switch r.Verdict {
	case Passed:
		t.passed(r)
	case Skipped:
		t.skip(r)
	default:
		io.WriteString(t.out, t.failure(r))
	}
	if t.style.Verbose {
		t.times = append(t.times, Result{Case: r.Case, Duration: r.Duration})
	}
	t.draw()
}

// Finish prints what is known only at the end: skipped cases by reason, the slowest ones, the audit, and the totals.
func (t *Terminal) Finish(s Summary) {
	t.erase()
	t.printSkipped()
	t.printSlowest()
	if t.style.Verbose {
		t.lines("note: ", s.Notes)
	}
	t.lines("measured: ", s.Measured)
	if s.KernelWarnings > 0 {
		fmt.Fprintln(t.out, t.paint(yellow, fmt.Sprintf("the kernel logged %s during the run", count(s.KernelWarnings, "warning"))))
	}
	t.lines(t.paint(red, "audit: "), s.Audit)
	if s.NotRun > 0 {
		fmt.Fprintf(t.out, "%s not run\n", count(s.NotRun, "case"))
	}
	if s.Interrupted {
		fmt.Fprintln(t.out, t.paint(red, "interrupted"))
	}
	if s.Trace != "" {
		fmt.Fprintf(t.out, "trace digest %s\n", s.Trace)
	}
	colour := green
	if s.Failed+s.Errors+len(s.Audit) > 0 || s.Interrupted {
		colour = red
	}
	fmt.Fprintf(t.out, "in %s\n%s\n", seconds(s.Duration), t.paint(colour, s.String()))
}

func (t *Terminal) passed(r Result) {
	if !t.style.Verbose && !t.style.Timelines && len(r.Kernel) == 0 {
		return
	}
	fmt.Fprintf(t.out, "%s %s (%s)\n", t.paint(green, "pass"), r.Case.ID, seconds(r.Duration))
	var b strings.Builder
	section(&b, "output", r.Output)
	if t.style.Timelines {
		section(&b, "timeline", timeline(r.Timeline))
	}
	section(&b, "kernel log", r.Kernel)
	io.WriteString(t.out, b.String())
}

func (t *Terminal) skip(r Result) {
	if _, known := t.skipped[r.Message]; !known {
		t.reasons = append(t.reasons, r.Message)
	}
	t.skipped[r.Message] = append(t.skipped[r.Message], r.Case.ID)
	if t.style.Verbose {
		fmt.Fprintf(t.out, "%s %s (%s)\n", t.paint(yellow, "skip"), r.Case.ID, seconds(r.Duration))
	}
}

func (t *Terminal) printSkipped() {
	for _, reason := range t.reasons {
		ids := t.skipped[reason]
		fmt.Fprintf(t.out, "%s %s: %s\n", t.paint(yellow, "skipped"), count(len(ids), "case"), indentRest(reason, "  "))
		for _, id := range ids {
			fmt.Fprintf(t.out, "  %s\n", id)
		}
	}
}

func (t *Terminal) printSlowest() {
	if len(t.times) == 0 {
		return
	}
	slices.SortStableFunc(t.times, func(a, b Result) int { return int(b.Duration - a.Duration) })
	fmt.Fprintln(t.out, "slowest:")
	for _, r := range t.times[:min(slowest, len(t.times))] {
		fmt.Fprintf(t.out, "  %8s  %s\n", seconds(r.Duration), r.Case.ID)
	}
}

func (t *Terminal) lines(prefix string, list []string) {
	for _, s := range list {
		fmt.Fprintf(t.out, "%s%s\n", prefix, indentRest(s, "  "))
	}
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3fs", d.Seconds()) }

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
