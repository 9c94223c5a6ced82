package pcap

import (
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Folder is a reporter that writes a file for each case into a folder. Cases without a snapshot have none.
type Folder struct {
	path  string
	taken map[string]int // how often each name was wanted
	err   error
}

// NewFolder returns a reporter that writes into a folder, which it makes if need be. Files of an earlier run are
// overwritten one by one.
func NewFolder(path string) (*Folder, error) {
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, err
	}
	return &Folder{path: path, taken: map[string]int{}}, nil
}

// Start implements [report.Reporter].
func (*Folder) Start(int) {}

// CaseStarted implements [report.Reporter].
func (*Folder) CaseStarted(report.Case) {}

// CasePostponed implements [report.Reporter].
func (*Folder) CasePostponed(report.Case) {}

// CaseDone writes the file of the case.
func (f *Folder) CaseDone(r report.Result) {
	if r.Snapshot == nil || f.err != nil {
		return
	}
	f.err = f.write(filepath.Join(f.path, f.name(r.Case.ID)), r)
}

// Finish implements [report.Reporter].
func (*Folder) Finish(report.Summary) {}

// Err implements [report.Writer].
func (f *Folder) Err() error { return f.err }

func (f *Folder) write(path string, r report.Result) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write packets: %w", err)
	}
	if err := errors.Join(Write(file, r), file.Close()); err != nil {
		return fmt.Errorf("write packets to %s: %w", path, err)
	}
	return nil
}

// maxName is how long a file's name may be: the bound of file systems, less what is appended.
const maxName = 200

// name is that of a case's file: its ID with what file systems do not bear replaced, and a number from its second run on.
func (f *Folder) name(id string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune("._-=,[]+", r):
			return r
		}
		return '_'
	}, strings.TrimLeft(strings.ReplaceAll(id, "::", "-"), "./"))
	if len(name) > maxName || name == "" {
		h := fnv.New64a()
		_, _ = h.Write([]byte(id)) // a hash takes everything
		name = fmt.Sprintf("%s-%016x", name[:min(len(name), maxName-17)], h.Sum64())
	}
	f.taken[name]++
	if n := f.taken[name]; n > 1 {
		name = fmt.Sprintf("%s-%d", name, n)
	}
	return name + ".pcapng"
}

// Path is the folder.
func (f *Folder) Path() string { return f.path }
