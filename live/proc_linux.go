package live

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// process is a process as /proc shows it.
type process int

// processes are all that there are.
func processes() ([]process, error) {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil, fmt.Errorf("list processes: %w", err)
	}
	var all []process
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			all = append(all, process(pid))
		}
	}
	return all, nil
}

// path is that of a file of the process in /proc.
func (p process) path(elem ...string) string {
	return filepath.Join(append([]string{"/proc", strconv.Itoa(int(p))}, elem...)...)
}

// files are the open files of the process: what they are, by their paths in /proc. A process that has ended, or that this one may
// not look into, has none.
func (p process) files() map[string]string {
	entries, err := os.ReadDir(p.path("fd"))
	if err != nil {
		return nil
	}
	files := map[string]string{}
	for _, e := range entries {
		path := p.path("fd", e.Name())
		if target, err := os.Readlink(path); err == nil {
			files[path] = target
		}
	}
	return files
}

// link is how /proc shows a file in memory.
func link(name string) string { return "/memfd:" + name + " (deleted)" }

// has tells whether the process holds a file in memory of that name.
func (p process) has(name string) bool {
	for _, target := range p.files() {
		if target == link(name) {
			return true
		}
	}
	return false
}

// name is the program's.
func (p process) name() string {
	text, err := os.ReadFile(p.path("comm"))
	if err != nil {
		return "?"
	}
	return printable(strings.TrimSpace(string(text)))
}

// namespace is the inode number of the process's network namespace, 0 if it cannot be seen.
func (p process) namespace() uint64 {
	target, err := os.Readlink(p.path("ns/net"))
	if err != nil {
		return 0
	}
	return inode(target)
}

// inode reads the number in "net:[4026531840]".
func inode(target string) uint64 {
	text, ok := strings.CutPrefix(target, "net:[")
	if !ok {
		return 0
	}
	n, _ := strconv.ParseUint(strings.TrimSuffix(text, "]"), 10, 64)
	return n
}

// ended tells whether a process is gone, or only waits to be reaped.
func (p process) ended() bool {
	stat, err := os.ReadFile(p.path("stat"))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

// Labs are the labs that are open on this machine, as far as this process may look into others: those of the same user, or with
// root all of them.
func Labs() ([]Lab, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var labs []Lab
	seen := map[uint64]bool{} // a process that is being started still shares the files of the one that starts it
	for _, p := range all {
		files := p.files()
		kept := false
		for _, target := range files {
			kept = kept || target == link(keptFile)
		}
		for path, target := range files {
			if target != link(labFile) {
				continue
			}
			l, id, err := read(path)
			if err != nil || seen[id] {
				continue // it has just been closed, or is no description
			}
			seen[id] = true
			l.PID, l.Kept = int(p), kept
			labs = append(labs, l)
		}
	}
	order(labs)
	return labs, nil
}

// read reads a description, and tells its owner and the number of its file.
func read(path string) (Lab, uint64, error) {
	f, err := os.Open(path)
	if err != nil {
		return Lab{}, 0, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Lab{}, 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return Lab{}, 0, errors.New("the file has no inode")
	}
	l, err := parse(f)
	l.User = int(st.Uid)
	return l, st.Ino, err
}

// open opens the network namespace of a host, by one of the descriptors that the lab's process has of it.
func (l Lab) open(h Host) (*os.File, error) {
	for path, target := range process(l.PID).files() {
		if inode(target) != h.Namespace || h.Namespace == 0 {
			continue
		}
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		return f, err
	}
	return nil, fmt.Errorf("lab %s is closed, or has no host %s any more", l.Name, h.Name)
}
