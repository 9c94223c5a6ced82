package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// The names of the files in memory.
const (
	labFile   = "mptcp-lab lab"   // describes an open lab
	keptFile  = "mptcp-lab kept"  // tells that the process only keeps its labs
	guardFile = "mptcp-lab guard" // tells that the process cleans up behind another, which it holds as the descriptor below
)

// GuardedFD is the file descriptor at which a guard holds the pidfd of the process that it guards.
const GuardedFD = 4

// Record describes an open lab to others.
type Record struct {
	file *os.File
	enc  *json.Encoder
}

// Open describes a new lab of this process.
func Open(forCase string) (*Record, error) {
	f, err := inMemory(labFile)
	if err != nil {
		return nil, err
	}
	r := &Record{file: f, enc: json.NewEncoder(f)}
	if err := r.enc.Encode(line{Case: forCase, Opened: time.Now()}); err != nil {
		return nil, errors.Join(fmt.Errorf("describe the lab: %w", err), f.Close())
	}
	return r, nil
}

// Host adds a host, by a file descriptor of its network namespace.
func (r *Record) Host(name string, fd int) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("describe host %s: %w", name, err)
	}
	if err := r.enc.Encode(line{Host: name, Namespace: st.Ino}); err != nil {
		return fmt.Errorf("describe host %s: %w", name, err)
	}
	return nil
}

// Close takes the description away.
func (r *Record) Close() error { return r.file.Close() }

// Keep tells that this process does nothing but keep its labs, until the result is closed.
func Keep() (io.Closer, error) { return inMemory(keptFile) }

// Guard tells that this process cleans up behind another, of which it has a pidfd as [GuardedFD].
func Guard() (io.Closer, error) { return inMemory(guardFile) }

func inMemory(name string) (*os.File, error) {
	fd, err := unix.MemfdCreate(name, unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3; later ones warn when it is missing
		fd, err = unix.MemfdCreate(name, unix.MFD_CLOEXEC)
	}
	if err != nil {
		return nil, fmt.Errorf("make a file in memory: %w", err)
	}
	return os.NewFile(uintptr(fd), name), nil
}
