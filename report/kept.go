package report

import (
	"fmt"
	"os"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Kept tells how to enter the hosts of a lab that stays open after its case.
func (t *Terminal) Kept(c Case, l lab.Lab) {
	t.erase()
	width := 0
	for _, h := range l.Hosts() {
		if h.Enter() != "" {
			width = max(width, len(h.Name()))
		}
	}
	if width == 0 {
		fmt.Fprintf(t.out, "kept the lab of %s, until Ctrl-C; it has no host that can be entered\n", c.ID)
		return
	}
	fmt.Fprintf(t.out, "kept the lab of %s, until Ctrl-C or mptcp-lab clean\n  mptcp-lab shell %d HOST enters a host, as does\n", c.ID, os.Getpid())
	for _, h := range l.Hosts() {
		if how := h.Enter(); how != "" {
			fmt.Fprintf(t.out, "  %-*s  %s\n", width, h.Name(), how)
		}
	}
}
