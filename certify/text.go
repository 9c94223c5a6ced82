package certify

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// maxSeeds is how many seeds of like runs are listed.
const maxSeeds = 8

// WriteText writes the certificate for people: the noise of the machine, a line for each case, and below what is to be said of
// those that failed.
func (c Certificate) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "%d runs of each case, %d CPUs kept busy\n\n", c.Repeat, c.Load)
	c.writeNoise(&b)
	c.writeRates(&b)
	for _, k := range c.Cases {
		if k.Suspect != Nothing {
			k.write(&b)
		}
	}
	c.writeEnd(&b)
	_, err := io.WriteString(w, b.String())
	return err
}

func (c Certificate) writeNoise(b *strings.Builder) {
	rows := []struct {
		what         string
		idle, loaded Spread
	}{
		{"timers of 1 ms are late by", c.Idle.Timers, c.Loaded.Timers},
		{"a namespace is made and dropped in", c.Idle.Work, c.Loaded.Work},
	}
	fmt.Fprintf(b, "%-34s  %10s  %10s  %10s  %10s\n", "noise of the machine", "idle", "worst", "under load", "worst")
	for _, r := range rows {
		if r.loaded != (Spread{}) {
			fmt.Fprintf(b, "%-34s  %10v  %10v  %10v  %10v\n", r.what,
				rounded(r.idle.Median), rounded(r.idle.Worst), rounded(r.loaded.Median), rounded(r.loaded.Worst))
		}
	}
}

// writeRates writes a line for each case. The last column but one is how late the latest timer of its runs was: the median of its
// runs, and the worst.
func (c Certificate) writeRates(b *strings.Builder) {
	fmt.Fprintf(b, "\n%6s  %6s  %8s  %8s  %10s  %10s  %s\n", "runs", "failed", "rate", "at most", "late by", "worst", "case")
	for _, k := range c.Cases {
		if len(k.Runs) == 0 {
			fmt.Fprintf(b, "%6d  %6s  %8s  %8s  %10s  %10s  %s\n", 0, "-", "-", "-", "-", "-", k.Case.ID)
			continue
		}
		failed, runs, late := len(k.Failures()), len(k.Runs), k.Late()
		fmt.Fprintf(b, "%6d  %6d  %8s  %8s  %10v  %10v  %s\n", runs, failed,
			percent(float64(failed)/float64(runs)), percent(UpperBound(failed, runs)), rounded(late.Median), rounded(late.Worst), k.Case.ID)
	}
	fmt.Fprintf(b, "at most: the upper bound of the rate, at 95 %% confidence (Clopper-Pearson)\n")
}

func percent(p float64) string { return fmt.Sprintf("%.2f %%", 100*p) }

// write tells what became of a case that failed.
func (k Case) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%s\n  looks like %s: %s\n", k.Case.ID, k.Suspect, k.Why)
	for _, g := range k.groups() {
		fmt.Fprintf(b, "  %s ×%d, %s\n", g.verdict, len(g.seeds), seeds(g.seeds))
		if g.message != "" {
			fmt.Fprintf(b, "    %s\n", strings.ReplaceAll(printable(g.message), "\n", "\n    "))
		}
	}
	for _, r := range k.Runs {
		if r.Alone != "" {
			fmt.Fprintf(b, "  alone, seed %d: %s", r.Seed, r.Alone)
			if r.Said != "" {
				fmt.Fprintf(b, ": %s", printable(firstLine(r.Said)))
			}
			b.WriteByte('\n')
		}
	}
}

// group are runs that ended alike.
type group struct {
	verdict report.Verdict
	message string // of the first of them
	seeds   []uint64
}

// groups are the runs by verdict and first line of the message, except those that passed like most. The most frequent come first.
func (k Case) groups() []group {
	majority := k.Majority()
	var groups []group
	for _, r := range k.Runs {
		if r.Verdict == report.Passed && majority == report.Passed {
			continue
		}
		i := slices.IndexFunc(groups, func(g group) bool {
			return g.verdict == r.Verdict && firstLine(g.message) == firstLine(r.Message)
		})
		if i < 0 {
			i, groups = len(groups), append(groups, group{verdict: r.Verdict, message: strings.TrimSpace(r.Message)})
		}
		groups[i].seeds = append(groups[i].seeds, r.Seed)
	}
	slices.SortStableFunc(groups, func(a, b group) int { return len(b.seeds) - len(a.seeds) })
	return groups
}

func seeds(list []uint64) string {
	list = slices.Sorted(slices.Values(list))
	words := make([]string, min(len(list), maxSeeds))
	for i := range words {
		words[i] = fmt.Sprint(list[i])
	}
	if len(list) > maxSeeds {
		words = append(words, "…")
	}
	noun := "seeds "
	if len(list) == 1 {
		noun = "seed "
	}
	return noun + strings.Join(words, ", ")
}

// printable keeps scripts, which are not trusted with the terminal, from controlling it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func (c Certificate) writeEnd(b *strings.Builder) {
	skipped := map[string]int{}
	for _, k := range c.Cases {
		if k.Skipped != "" {
			skipped[k.Skipped]++
		}
	}
	for _, k := range c.Cases {
		if n := skipped[k.Skipped]; n > 0 {
			fmt.Fprintf(b, "\nskipped: %d, %s\n", n, printable(k.Skipped))
			delete(skipped, k.Skipped)
		}
	}
	b.WriteByte('\n')
	for _, line := range c.Summary.Audit {
		fmt.Fprintf(b, "audit: %s\n", printable(line))
	}
	if c.Summary.NotRun > 0 {
		fmt.Fprintf(b, "%d not run\n", c.Summary.NotRun)
	}
	if c.Summary.Interrupted {
		b.WriteString("interrupted\n")
	}
	fmt.Fprintf(b, "%s, in %.1fs\n", c.Summary, c.Summary.Duration.Seconds())
}
