package runner

import (
	"fmt"
	"maps"
	"net"
	"slices"
)

// snapshot is what a run could leave behind or change: what the process holds, and what the host's namespace shows.
type snapshot struct {
	files    map[string]int    // open file descriptors of the process, counted by what they refer to
	children []string          // child processes: "PID (name)"
	links    []string          // of the namespace of the process
	named    []string          // network namespaces in /run/netns
	sysctls  map[string]string // values under net.ipv4, net.ipv6 and net.mptcp, but those of single interfaces
}

func takeSnapshot() snapshot {
	var s snapshot
	if links, err := net.Interfaces(); err == nil {
		for _, l := range links {
			s.links = append(s.links, l.Name)
		}
	}
	s.read()
	return s
}

// changes tells in words how the later snapshot differs. What went away is only told of the host, where it was not the
// run's to take; the process may close its own files at any time.
func (s snapshot) changes(later snapshot) []string {
	var out []string
	say := func(format string, args ...any) { out = append(out, fmt.Sprintf(format, args...)) }
	for _, name := range slices.Sorted(maps.Keys(later.files)) {
		if n := later.files[name] - s.files[name]; n > 0 {
			say("open file left: %s (%d)", name, n)
		}
	}
	for _, child := range missing(s.children, later.children) {
		say("child process left: %s", child)
	}
	sets := []struct {
		what          string
		before, after []string
	}{
		{"link of the host", s.links, later.links},
		{"named network namespace", s.named, later.named},
	}
	for _, set := range sets {
		for _, name := range missing(set.before, set.after) {
			say("%s appeared, by the run or by another program meanwhile: %s", set.what, name)
		}
		for _, name := range missing(set.after, set.before) {
			say("%s vanished, by the run or by another program meanwhile: %s", set.what, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(s.sysctls)) {
		before := s.sysctls[name]
		if after, still := later.sysctls[name]; still && after != before {
			say("sysctl of the host changed, by the run or by another program meanwhile: %s from %q to %q", name, before, after)
		}
	}
	return out
}

// missing returns the elements of list that known lacks, sorted.
func missing(known, list []string) []string {
	list = slices.DeleteFunc(slices.Clone(list), func(x string) bool { return slices.Contains(known, x) })
	slices.Sort(list)
	return list
}
