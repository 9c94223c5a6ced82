package live

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Lab is an open lab of a process.
type Lab struct {
	Name   string    // by which [Find] finds it: the number of its process, and ".2", ".3" from its second lab on
	Case   string    // what it was opened for
	PID    int       // of its process
	User   int       // number of the user whose process it is
	Opened time.Time // when it was opened
	Kept   bool      // its process does nothing but keep it
	Hosts  []Host    // in order of creation
}

// Host is a host of an open lab.
type Host struct {
	Name      string
	Namespace uint64 // inode number of its network namespace
}

// Cleaning is a process that cleans up behind one that was killed.
type Cleaning struct{ PID int }

// Find finds the lab that a person means: by its name, or by a text that only its case contains.
func Find(labs []Lab, what string) (Lab, error) {
	var found, names []string
	var first Lab
	for _, l := range labs {
		if l.Name == what {
			return l, nil
		}
		if strings.Contains(l.Case, what) {
			if len(found) == 0 {
				first = l
			}
			found = append(found, l.Name)
		}
		names = append(names, l.Name)
	}
	switch {
	case len(labs) == 0:
		return Lab{}, fmt.Errorf("no lab %s: no lab is open; run --keep keeps one", what)
	case len(found) == 0:
		return Lab{}, fmt.Errorf("no lab %s: there are %s (see mptcp-lab ps)", what, strings.Join(names, ", "))
	case len(found) > 1:
		return Lab{}, fmt.Errorf("%s may be any of the labs %s: say which (see mptcp-lab ps)", what, strings.Join(found, ", "))
	}
	return first, nil
}

// Host finds a host of the lab.
func (l Lab) Host(name string) (Host, error) {
	var names []string
	for _, h := range l.Hosts {
		if h.Name == name {
			return h, nil
		}
		names = append(names, h.Name)
	}
	if len(names) == 0 {
		return Host{}, fmt.Errorf("lab %s has no host %s: it has none", l.Name, name)
	}
	return Host{}, fmt.Errorf("lab %s has no host %s: there are %s", l.Name, name, strings.Join(names, ", "))
}

// order sorts labs by process and age, and names them.
func order(labs []Lab) {
	slices.SortFunc(labs, func(a, b Lab) int {
		if a.PID != b.PID {
			return a.PID - b.PID
		}
		return a.Opened.Compare(b.Opened)
	})
	nth := 0
	for i := range labs {
		nth++
		if i == 0 || labs[i-1].PID != labs[i].PID {
			nth = 1
		}
		labs[i].Name = strconv.Itoa(labs[i].PID)
		if nth > 1 {
			labs[i].Name += "." + strconv.Itoa(nth)
		}
	}
}

// printable replaces what would not print, or would move the cursor of a terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if strconv.IsPrint(r) {
			return r
		}
		return '�'
	}, s)
}
