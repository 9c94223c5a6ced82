package pathmanager

import "github.com/mptcp-lab/mptcp-lab/lab"

// Counters are the names of the MPTcpExt counters of the release, in the kernel's order. No other is counted.
func (v Version) Counters() []string {
	var names []string
	for _, c := range lab.KnownCounters() {
		if !v.before(firstOf(c.Since)) {
			names = append(names, c.Name)
		}
	}
	return names
}
