package story

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
)

// Teller is a reporter that tells each case when it ends: its messages as a diagram, what happened in sentences, and how its
// hosts were set, and why there were no more subflows.
type Teller struct {
	out   io.Writer
	width int
	err   error
}

// NewTeller returns a reporter that writes to out, in about that many columns.
func NewTeller(out io.Writer, width int) *Teller { return &Teller{out: out, width: width} }

// Start implements [report.Reporter].
func (*Teller) Start(int) {}

// CaseStarted implements [report.Reporter].
func (*Teller) CaseStarted(report.Case) {}

// CasePostponed implements [report.Reporter].
func (*Teller) CasePostponed(report.Case) {}

// CaseDone tells the case.
func (t *Teller) CaseDone(r report.Result) {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s\n", r.Case.ID)
	if r.Case.Title != "" {
		fmt.Fprintf(&b, "%s\n", oneLine(r.Case.Title))
	}
	s := New(r)
	b.WriteByte('\n')
	_ = s.Diagram(&b, t.width) // a buffer takes everything
	if told := s.Tell(); len(told) > 0 {
		b.WriteString("\nWhat happened:\n")
		for _, sentence := range told {
			fmt.Fprintf(&b, "%10.3f  %s\n", float64(s.Items[sentence.Item].Time.Microseconds())/1000, oneLine(sentence.Text))
		}
	}
	if r.Snapshot != nil {
		settings(&b, r.Snapshot)
		findings(&b, r.Snapshot)
	}
	fmt.Fprintf(&b, "\n%s\n", verdict(r))
	b.WriteByte('\n')
	if _, err := t.out.Write(b.Bytes()); err != nil && t.err == nil {
		t.err = fmt.Errorf("tell the case: %w", err)
	}
}

// Finish tells what the run left behind.
func (t *Teller) Finish(s report.Summary) {
	for _, left := range s.Audit {
		fmt.Fprintf(t.out, "audit: %s\n", oneLine(left))
	}
}

// Err implements [report.Writer].
func (t *Teller) Err() error { return t.err }

// settings are the limits and endpoints of each host at the end.
func settings(b *bytes.Buffer, s *snapshot.Snapshot) {
	b.WriteString("\nAt the end:\n")
	for _, n := range s.Nodes {
		if n.Switch {
			continue
		}
		fmt.Fprintf(b, "  %s: limits %s\n", n.Name, strings.TrimSpace(n.Limits.String()))
		for _, e := range n.Endpoints {
			fmt.Fprintf(b, "    endpoint %s\n", strings.TrimSpace(e.String()))
		}
		for _, c := range n.Conns {
			fmt.Fprintf(b, "    connection %s to %s: %s, %d subflows\n", c.Local, c.Remote, c.State, len(c.Subflows))
		}
	}
	for _, m := range s.Missing {
		fmt.Fprintf(b, "  not read: %s\n", oneLine(m))
	}
}

// findings are why pairs of addresses were no subflows at the end.
func findings(b *bytes.Buffer, s *snapshot.Snapshot) {
	if len(s.Findings) > 0 {
		b.WriteString("\nWhy there were no more subflows:\n")
	}
	for _, f := range s.Findings {
		for i, line := range f.Lines() {
			fmt.Fprintf(b, "  %s%s\n", when(i > 0, "  "), oneLine(line))
		}
	}
}

// verdict is how the case ended, and why.
func verdict(r report.Result) string {
	text := fmt.Sprintf("The case %s, after %d checks.", words[r.Verdict], r.Checks)
	for line := range strings.Lines(strings.TrimSpace(r.Message)) {
		text += "\n  " + strings.TrimRight(oneLine(line), " ")
	}
	return text
}

var words = map[report.Verdict]string{
	report.Passed: "passed", report.Failed: "failed", report.Error: "ended in an error", report.Skipped: "was skipped",
}
