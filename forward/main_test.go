//go:build linux

package forward

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

// TestMain plays the program that TestUnprivileged starts, or runs the tests and looks for what they left.
func TestMain(m *testing.M) {
	if os.Getenv(roleVariable) != "" {
		os.Exit(unprivilegedRun())
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

func openFiles() (int, error) { return entries("/proc/self/fd") }

func entries(folder string) (int, error) {
	list, err := os.ReadDir(folder)
	return len(list), err
}

// privileged skips a test where namespaces cannot be made.
func privileged(t testing.TB) {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN to make network namespaces")
	}
}
