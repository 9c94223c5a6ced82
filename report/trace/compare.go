package trace

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Divergence is the first difference between two traces.
type Divergence struct {
	ID   string // of the case
	Seed uint64
	What string      // differs: "entry 12", "verdict", …
	Same []lab.Entry // the last entries before it, the same in both
	Each [2]string   // what stands there in each, empty: nothing
}

// before is how many common entries a divergence shows.
const before = 5

// Compare returns the first difference between two traces, or nil: the first entry of the first case that differs, and else
// its verdict or message.
func Compare(a, b Trace) *Divergence {
	for i, x := range a.Cases {
		if i >= len(b.Cases) {
			return absent(x, 1)
		}
		y := b.Cases[i]
		switch order := compareCases(x, y); {
		case order < 0:
			return absent(x, 1)
		case order > 0:
			return absent(y, 0)
		}
		if d := compareCase(x, y); d != nil {
			return d
		}
	}
	if len(b.Cases) > len(a.Cases) {
		return absent(b.Cases[len(a.Cases)], 0)
	}
	return nil
}

// absent tells that one of the two traces has a case which the other has not.
func absent(c Case, side int) *Divergence {
	d := &Divergence{ID: c.ID, Seed: c.Seed, What: "the case"}
	d.Each[1-side] = string(c.Verdict)
	return d
}

func compareCase(a, b Case) *Divergence {
	d := &Divergence{ID: a.ID, Seed: a.Seed}
	for i := range max(len(a.Entries), len(b.Entries)) {
		x, y := a.Entries[min(i, len(a.Entries)):], b.Entries[min(i, len(b.Entries)):]
		if len(x) > 0 && len(y) > 0 && x[0] == y[0] {
			continue
		}
		d.What = fmt.Sprintf("entry %d", i+1)
		d.Same = a.Entries[max(0, i-before):i]
		for side, rest := range [][]lab.Entry{x, y} {
			if len(rest) > 0 {
				// Times to the nanosecond, which may be all that differs.
				d.Each[side] = fmt.Sprintf("%s (at %d ns)", rest[0], rest[0].Time.Nanoseconds())
			}
		}
		return d
	}
	return compareVerdicts(a, b)
}

// Verdicts returns the first difference between the verdicts of two traces, or nil, whatever else differs.
func Verdicts(a, b Trace) *Divergence {
	return Compare(a.verdicts(), b.verdicts())
}

// verdicts is the trace without all that runs on a real clock have of their own.
func (t Trace) verdicts() Trace {
	v := Trace{Cases: slices.Clone(t.Cases)}
	for i := range v.Cases {
		v.Cases[i].Entries, v.Cases[i].Message = nil, ""
	}
	return v
}

func compareVerdicts(a, b Case) *Divergence {
	d := &Divergence{ID: a.ID, Seed: a.Seed}
	switch {
	case a.Verdict != b.Verdict:
		d.What, d.Each = "the verdict", [2]string{string(a.Verdict), string(b.Verdict)}
	case a.Message != b.Message:
		d.What, d.Each = "the message", [2]string{a.Message, b.Message}
	default:
		return nil
	}
	return d
}

// Text tells it to people; the names are those of the two traces.
func (d *Divergence) Text(names [2]string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (seed %d): %s differs\n", d.ID, d.Seed, d.What)
	width := max(len(names[0]), len(names[1]), len("both"))
	for _, e := range d.Same {
		fmt.Fprintf(&b, "  %-*s  %s\n", width, "both", e)
	}
	for i, text := range d.Each {
		if text == "" {
			text = "(nothing)"
		}
		fmt.Fprintf(&b, "  %-*s  %s\n", width, names[i], strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n"+strings.Repeat(" ", width+4)))
	}
	return b.String()
}
