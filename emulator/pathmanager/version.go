package pathmanager

import (
	"fmt"
	"strconv"
	"strings"
)

// Version is a release of Linux. The zero value is no release.
type Version struct {
	Major, Minor int
	Patch        int // of a stable series; Newest: the last one of the series
}

// Newest stands for the last release of a stable series, with all that was ported back to it.
const Newest = 1<<15 - 1

// Checked is the release that the model was checked against, on a kernel that ran.
var Checked = Version{6, 18, 44}

// Oldest is the first release that is modelled: the first with events, ports and changes on live connections.
var Oldest = Version{5, 12, 0}

// ParseVersion reads a release such as "6.1" or "6.18.44". Without a patch level it is the newest of its series, which for that
// of [Checked] is Checked. What follows a hyphen, as "uname -r" has it, is passed over.
func ParseVersion(s string) (Version, error) {
	v, err := readVersion(s)
	if err != nil {
		return Version{}, err
	}
	if v.Patch == Newest && v.series() == Checked.series() {
		v = Checked
	}
	if v.before(Oldest) {
		return Version{}, fmt.Errorf("kernel version %q: the oldest that is modelled is %s", s, Oldest)
	}
	return v, nil
}

// firstOf is the first release of a series such as "6.1", of which package lab says that something came with it; that of any other
// text is no release, before which nothing is.
func firstOf(series string) Version {
	v, _ := readVersion(series)
	return v.series()
}

// readVersion reads a release, modelled or not.
func readVersion(s string) (Version, error) {
	release, _, _ := strings.Cut(s, "-")
	parts := strings.Split(release, ".")
	if len(parts) != 2 && len(parts) != 3 {
		return Version{}, fmt.Errorf("kernel version %q: want one such as 6.18 or 6.18.44", s)
	}
	numbers := [3]int{0, 0, Newest}
	for i, part := range parts {
		n, err := strconv.ParseUint(part, 10, 14)
		if err != nil {
			return Version{}, fmt.Errorf("kernel version %q: %q is no number; want one such as 6.18 or 6.18.44", s, part)
		}
		numbers[i] = int(n)
	}
	return Version{numbers[0], numbers[1], numbers[2]}, nil
}

// String is the release as [ParseVersion] reads it.
func (v Version) String() string {
	if v.Patch == Newest {
		return fmt.Sprintf("%d.%d", v.Major, v.Minor)
	}
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

func (v Version) series() Version { return Version{v.Major, v.Minor, 0} }

func (v Version) before(w Version) bool {
	if v.Major != w.Major {
		return v.Major < w.Major
	}
	if v.Minor != w.Minor {
		return v.Minor < w.Minor
	}
	return v.Patch < w.Patch
}

// Has tells whether the release has a change: since its mainline release, or through a stable one of the same series.
func (v Version) Has(c Change) bool {
	known := changes[c]
	if !v.before(known.since) {
		return true
	}
	for _, backport := range known.backports {
		if v.series() == backport.series() && !v.before(backport) {
			return true
		}
	}
	return false
}
