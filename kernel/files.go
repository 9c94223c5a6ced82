package kernel

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// filesPerHost is about how many descriptors a host takes with a link and a connection: its namespace, the sockets to the kernel, a
// capture, its counters.
const filesPerHost = 8

// raiseFiles lets the process have as many files open as the largest lab takes, if it may. The Go runtime has raised the soft limit
// to the hard one already; where that is too low, and stays so, making hosts fails in time (see tooManyFiles).
func raiseFiles() {
	const want = defaultMaxHosts * filesPerHost
	var limit unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && limit.Max < want {
		_ = unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: want, Max: want})
	}
}

// tooManyFiles adds to an error that no more files can be opened what to do about it.
func tooManyFiles(err error) error {
	var limit unix.Rlimit
	switch {
	case errors.Is(err, unix.ENFILE):
		return fmt.Errorf("%w: the machine has no more (sysctl fs.file-max)", err)
	case !errors.Is(err, unix.EMFILE) || unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) != nil:
		return err
	}
	return fmt.Errorf("%w: this process may have %d, and a host takes about %d: raise the limit (ulimit -n), or make fewer hosts",
		err, limit.Cur, filesPerHost)
}
