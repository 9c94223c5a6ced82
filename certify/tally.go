package certify

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// Case is what the runs of one case have shown.
type Case struct {
	Case    report.Case
	Runs    []Trial // in order of their seeds; not those that were skipped
	Skipped string  // why the case was skipped, if it was
	Suspect Suspect
	Why     string // of the suspect
}

// Trial is one run of a case.
type Trial struct {
	Verdict report.Verdict
	Message string
	Seed    uint64
	Late    time.Duration  // by how much the latest timer was late meanwhile
	Warned  bool           // the kernel logged a warning meanwhile
	Alone   report.Verdict // of the same again, alone on the idle machine; empty: not run again
	Said    string         // its message

	ended time.Time
	took  time.Duration
}

func (r Trial) failed() bool { return bad(r.Verdict) }

func bad(v report.Verdict) bool { return v == report.Failed || v == report.Error }

// Failures are the runs that failed or ended in an error.
func (c Case) Failures() []Trial {
	return slices.DeleteFunc(slices.Clone(c.Runs), func(r Trial) bool { return !r.failed() })
}

// Majority is the verdict of most of its runs, the better one of two that are as frequent.
func (c Case) Majority() report.Verdict {
	count := map[report.Verdict]int{}
	for _, r := range c.Runs {
		count[r.Verdict]++
	}
	best := report.Passed
	for _, v := range []report.Verdict{report.Failed, report.Error} {
		if count[v] > count[best] {
			best = v
		}
	}
	return best
}

// Late is the spread of the latest timers of the runs.
func (c Case) Late() Spread { return late(c.Runs) }

func late(runs []Trial) Spread {
	took := make([]time.Duration, len(runs))
	for i, r := range runs {
		took[i] = r.Late
	}
	return spreadOf(took)
}

// again are the seeds of the failures to be run again.
func (c *Case) again() []uint64 {
	var seeds []uint64
	for _, r := range c.Failures() {
		seeds = append(seeds, r.Seed)
	}
	return seeds[:min(len(seeds), maxAgain)]
}

// tally is a runner's observer that keeps what was found of each case.
type tally struct {
	order    []string
	cases    map[string]*Case
	noise    *meter
	progress *progress
}

func newTally(cases []runner.Case, noise *meter, p *progress) *tally {
	t := &tally{cases: map[string]*Case{}, noise: noise, progress: p}
	for _, c := range cases {
		t.order = append(t.order, c.ID)
		t.cases[c.ID] = &Case{Case: c.Case}
	}
	return t
}

func (t *tally) CaseStarted(report.Case)   {}
func (t *tally) CasePostponed(report.Case) {}
func (t *tally) Finish(report.Summary)     { t.progress.erase() }

// Start implements [runner.Observer]. The runner has looked by then at what is open, to compare it later.
func (t *tally) Start(n int) {
	t.progress.total = n
	t.noise.start()
}

// CaseDone keeps the result, without its timeline: there are many.
func (t *tally) CaseDone(r report.Result) {
	t.progress.done(r)
	c := t.cases[r.Case.ID]
	if r.Verdict == report.Skipped {
		c.Skipped = r.Message
		return
	}
	c.Runs = append(c.Runs, Trial{
		Verdict: r.Verdict,
		Message: r.Message,
		Seed:    r.Seed,
		Warned:  len(r.Kernel) > 0,
		ended:   time.Now(),
		took:    r.Duration,
	})
}

// settle puts the runs in order, and beside each what was measured meanwhile, when that is known to its end.
func (t *tally) settle() {
	for _, c := range t.cases {
		slices.SortFunc(c.Runs, func(a, b Trial) int { return cmp.Compare(a.Seed, b.Seed) })
		for i, r := range c.Runs {
			c.Runs[i].Late = t.noise.worstTimer(r.ended.Add(-r.took), r.ended)
		}
	}
}

// certified are the cases with what their failures look like.
func (t *tally) certified() []Case {
	cases := make([]Case, len(t.order))
	for i, id := range t.order {
		cases[i] = *t.cases[id]
		cases[i].Suspect, cases[i].Why = suspect(cases[i])
	}
	return cases
}

// aloneTally is the observer of the runs that are made again.
type aloneTally struct{ *tally }

// Start implements [runner.Observer].
func (aloneTally) Start(int) {}

// CaseDone puts the result beside the one that it repeats.
func (t aloneTally) CaseDone(r report.Result) {
	runs := t.cases[r.Case.ID].Runs
	i := slices.IndexFunc(runs, func(x Trial) bool { return x.Seed == r.Seed })
	runs[i].Alone, runs[i].Said = r.Verdict, r.Message
}

// progress tells of failures as they come.
type progress struct {
	out          io.Writer
	live         bool
	total, ended int
	bad          int
}

func (p *progress) done(r report.Result) {
	p.ended++
	p.erase()
	if bad(r.Verdict) {
		p.bad++
		fmt.Fprintf(p.out, "%s %s (seed %d): %s\n", r.Verdict, r.Case.ID, r.Seed, printable(firstLine(r.Message)))
	}
	if p.live {
		fmt.Fprintf(p.out, "[%d/%d] %d failed", p.ended, p.total, p.bad)
	}
}

func (p *progress) erase() {
	if p.live {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
