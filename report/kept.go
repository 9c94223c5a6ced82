package report

import (
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Kept tells how to enter the hosts of a lab that stays open after its case.
func (t *Terminal) Kept(c Case, l lab.Lab) {
	t.erase()
	fmt.Fprintf(t.out, "kept the lab of %s, until Ctrl-C\n", c.ID)
	width := 0
	for _, h := range l.Hosts() {
		width = max(width, len(h.Name()))
	}
	for _, h := range l.Hosts() {
		if how := h.Enter(); how != "" {
			fmt.Fprintf(t.out, "  %-*s  %s\n", width, h.Name(), how)
		}
	}
}
