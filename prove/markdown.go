package prove

import (
	"fmt"
	"io"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// WriteMarkdown writes which faults each case notices, as a document. It holds nothing that differs from one run to the next,
// unless the cases do.
func (r *Report) WriteMarkdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Proof\n\nWhich faults make the cases fail, as `mptcp-lab prove` found it: %s.\n\n", r)
	b.WriteString("| case | fails under | ends in an error under | passes under |\n| --- | --- | --- | --- |\n")
	for _, p := range r.Proofs {
		if p.Standing != Proven && p.Standing != Survivor {
			continue
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", strings.ReplaceAll(p.Case.ID, "|", `\|`),
			namesOf(p.Under(report.Failed)), namesOf(p.Under(report.Error)), namesOf(p.Under(report.Passed)))
	}
	sections := []string{
		listed("\nNo fault takes effect in", r.With(Unconcerned), asItem),
		listed("\nNot proven, since they do not pass without a fault", r.With(Unfit), asItem),
		listed("\nSkipped", r.With(Skipped), asItem),
	}
	b.WriteString(strings.Join(sections, ""))
	b.WriteString("\n## Faults\n\n| fault | what is wrong | concerned | failed | error |\n| --- | --- | --- | --- | --- |\n")
	for _, x := range r.Reach() {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d |\n", x.Fault.Name, x.Fault.Effect, x.Concerned, x.Failed, x.Erred)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func asItem(p *Proof) string { return "- `" + p.Case.ID + "`" }
