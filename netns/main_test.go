package netns_test

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain plays the roles of the programs that TestReexec starts, or runs the tests and looks for what they left.
func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		os.Exit(role())
	}
	before, err := openFiles()
	status := m.Run()
	after, err2 := openFiles()
	if err := errors.Join(err, err2); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	if after > before+pollerFiles {
		fmt.Fprintf(os.Stderr, "%d files are open, %d were before\n", after, before)
		status = 1
	}
	if err := goleak.Find(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

// pollerFiles are those that the Go runtime keeps for its network poller.
const pollerFiles = 2

func openFiles() (int, error) {
	files, err := os.ReadDir("/proc/self/fd")
	return len(files), err
}
