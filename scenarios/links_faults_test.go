//go:build linux

package scenarios_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// misbehaving are the scripts whose cases need links that do what the script says.
var misbehaving = []string{"regression/links", "regression/middlebox/boxes.star"}

// TestNeedsItsLink runs each function about links and boxes that misbehave, by its last case, on links that behave: nothing is
// lost, late, changed or made up. It must notice.
func TestNeedsItsLink(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every function about links that misbehave, most until they give up")
	}
	var cases []runner.Case
	for _, c := range lastCases(load(t, open(t).Features(), misbehaving...)) {
		script := c.Run
		c.Run = func(ctx context.Context, l lab.Lab) runner.Outcome {
			return script(ctx, faultlessLab{faultyLab{Lab: l}})
		}
		cases = append(cases, c)
	}
	for id, result := range run(t, 16, cases) {
		t.Run(id, func(t *testing.T) {
			if result.Verdict == report.Skipped {
				t.Skip(result.Message)
			}
			require.Contains(t, []report.Verdict{report.Failed, report.Error}, result.Verdict)
		})
	}
}

// faultlessLab is a lab whose links do nothing but forward.
type faultlessLab struct{ faultyLab }

// Link implements [lab.Lab].
func (l faultlessLab) Link(ctx context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	o.Impair = [2]impair.Impairment{}
	link, err := l.faultyLab.Link(ctx, a, b, o)
	if err != nil {
		return nil, err
	}
	return faultlessLink{link}, nil
}

// faultlessLink is a plain cable, whatever it is told.
type faultlessLink struct{ lab.Link }

// SetUp implements [lab.Link].
func (faultlessLink) SetUp(context.Context, bool) error { return nil }

// Impair implements [lab.Link].
func (faultlessLink) Impair(context.Context, int, impair.Impairment) error { return nil }

// AddRule implements [lab.Link].
func (faultlessLink) AddRule(context.Context, *lab.Rule) error { return nil }

// RemoveRule implements [lab.Link].
func (faultlessLink) RemoveRule(*lab.Rule) error { return nil }

// Seen implements [lab.Link].
func (faultlessLink) Seen(*lab.Rule) (matched, selected uint) { return 0, 0 }

// Inject implements [lab.Link].
func (faultlessLink) Inject(context.Context, lab.Injection) error { return nil }
