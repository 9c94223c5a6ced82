package pathmanager

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Counters are the names of the MPTcpExt counters of the release, in the kernel's order. No other is counted.
func (v Version) Counters() []string {
	var names []string
	for _, c := range lab.KnownCounters() {
		if v.counts(c) {
			names = append(names, c.Name)
		}
	}
	return names
}

// counts tells whether the release has a counter.
func (v Version) counts(c lab.KnownCounter) bool {
	return !v.before(firstOf(c.Since)) || slices.ContainsFunc(c.Stable, func(release string) bool {
		stable, err := readVersion(release)
		return err == nil && v.series() == stable.series() && !v.before(stable)
	})
}
