package prove

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Standing is what is known of a case.
type Standing string

// The standings.
const (
	Open        Standing = "open"        // not all was run that is needed to know more
	Proven      Standing = "proven"      // a fault makes it fail
	Survivor    Standing = "survivor"    // it passes under every fault that concerns it
	Unconcerned Standing = "unconcerned" // no fault takes effect in it
	Unfit       Standing = "unfit"       // it does not pass without a fault
	Skipped     Standing = "skipped"     // it needs something that is missing
)

// Trial is a run of a case under a fault that took effect.
type Trial struct {
	Fault   *Fault
	Verdict report.Verdict
	Message string // of the case, unless it passed
}

// Noticed tells whether the case did not pass. That it failed is a check's work, an error may be anybody's.
func (t Trial) Noticed() bool { return t.Verdict == report.Failed || t.Verdict == report.Error }

// Proof is what became of one case.
type Proof struct {
	Case     report.Case
	Standing Standing
	Message  string  // why it is unfit or skipped
	Trials   []Trial // in the order of the faults
}

// Under returns the trials that ended so.
func (p *Proof) Under(v report.Verdict) []Trial {
	return slices.DeleteFunc(slices.Clone(p.Trials), func(t Trial) bool { return t.Verdict != v })
}

// judge gives the standing, when all is run that shall be.
func (p *Proof) judge() {
	switch {
	case len(p.Trials) == 0:
		p.Standing = Unconcerned
	case slices.ContainsFunc(p.Trials, Trial.Noticed):
		p.Standing = Proven
	default:
		p.Standing = Survivor
	}
}

// Report is what became of all cases.
type Report struct {
	Proofs  []*Proof // in the order of the cases
	Faults  []*Fault // that were tried
	Summary report.Summary
}

// With returns the proofs of that standing.
func (r *Report) With(s Standing) []*Proof {
	return slices.DeleteFunc(slices.Clone(r.Proofs), func(p *Proof) bool { return p.Standing != s })
}

// Reach is how far a fault reaches: the cases that it concerned, as far as it was tried, and those that noticed it.
type Reach struct {
	Fault         *Fault
	Concerned     int
	Failed, Erred int
}

// Reach returns how far each fault reaches.
func (r *Report) Reach() []Reach {
	reach := make([]Reach, len(r.Faults))
	for i, f := range r.Faults {
		reach[i].Fault = f
	}
	for _, p := range r.Proofs {
		for _, t := range p.Trials {
			x := &reach[slices.Index(r.Faults, t.Fault)]
			x.Concerned++
			switch t.Verdict {
			case report.Failed:
				x.Failed++
			case report.Error:
				x.Erred++
			}
		}
	}
	return reach
}

// Unnoticed tells whether the fault concerned cases, and none noticed it.
func (r Reach) Unnoticed() bool { return r.Concerned > 0 && r.Failed+r.Erred == 0 }
