package runner

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// read fills in all but the links. What cannot be read is left out, on both sides of a comparison.
func (s *snapshot) read() {
	s.files = openFiles()
	s.children = childProcesses()
	s.named = names("/run/netns")
	s.sysctls = sysctls("ipv4", "ipv6", "mptcp")
}

func openFiles() map[string]int {
	startPoller()
	files := map[string]int{}
	for _, fd := range names("/proc/self/fd") {
		if target, err := os.Readlink("/proc/self/fd/" + fd); err == nil { // fails for that of the listing itself
			files[target]++
		}
	}
	return files
}

// startPoller makes the Go runtime open the files of its poller, which it else does at the first use, between snapshots.
func startPoller() {
	if r, w, err := os.Pipe(); err == nil {
		_ = r.Close()
		_ = w.Close()
	}
}

// childProcesses asks each process for its parent: the kernel need not be built with /proc/PID/task/TID/children.
func childProcesses() []string {
	var children []string
	self := strconv.Itoa(os.Getpid())
	for _, pid := range names("/proc") {
		if _, err := strconv.Atoi(pid); err != nil {
			continue
		}
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue // it has just ended
		}
		// "PID (name) state PPID …", where the name may hold spaces and parentheses
		end := strings.LastIndexByte(string(stat), ')')
		if fields := strings.Fields(string(stat[end+1:])); len(fields) > 1 && fields[1] == self {
			children = append(children, string(stat[:end+1]))
		}
	}
	return children
}

// sysctls reads the values of the families, without those of single interfaces: there are hundreds, and a link that comes or
// goes shows by itself.
func sysctls(families ...string) map[string]string {
	values := map[string]string{}
	for _, family := range families {
		root := filepath.Join("/proc/sys/net", family)
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return nil // a family that the kernel lacks
			case d.IsDir():
				if ofInterface(path) {
					return fs.SkipDir
				}
				return nil
			}
			if value, err := os.ReadFile(path); err == nil {
				name := strings.ReplaceAll(strings.TrimPrefix(path, "/proc/sys/"), "/", ".")
				values[name] = strings.TrimSpace(string(value))
			}
			return nil
		})
	}
	return values
}

// ofInterface tells whether a directory holds the values of one interface, not those of all.
func ofInterface(dir string) bool {
	parent, name := filepath.Base(filepath.Dir(dir)), filepath.Base(dir)
	return (parent == "conf" || parent == "neigh") && name != "all" && name != "default"
}

// names lists a directory; one that is not there is empty.
func names(dir string) []string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	out := make([]string, len(entries))
	for i, e := range entries {
		out[i] = e.Name()
	}
	return out
}
