package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// roleVariable names what this program does in place of the tests, as which they start it again.
const roleVariable = "KERNEL_TEST_ROLE"

var roles = map[string]func(context.Context) (status int, err error){
	"open":     func(ctx context.Context) (int, error) { return 0, openAndClose(ctx) },
	"rootless": rootless,
	"files":    func(ctx context.Context) (int, error) { return 0, runOutOfFiles(ctx) },
}

func openAndClose(ctx context.Context) error {
	b, err := kernel.Open(ctx)
	if err != nil {
		return err
	}
	return b.Close()
}

// rootless runs a program in a host, as root of a user namespace.
func rootless(ctx context.Context) (int, error) {
	if !netns.Privileged() {
		return netns.Reexec(ctx, "KERNEL_TEST_REEXECUTED")
	}
	b, err := kernel.Open(ctx)
	if err != nil {
		return 0, err
	}
	l, err := b.Open(ctx, lab.Options{AllowExec: true})
	if err != nil {
		return 0, err
	}
	h, err := l.Host(ctx, "h", lab.HostOptions{})
	if err != nil {
		return 0, err
	}
	result, err := h.Exec(ctx, []string{"sh", "-c", "cat; exit 3"}, "in and out")
	fmt.Println(b.Describe())
	fmt.Println(h.Enter())
	fmt.Println(result.Stdout)
	return result.Status, errors.Join(err, l.Close(), b.Close())
}

// TestMain plays a role, or runs the tests and looks for what they left.
func TestMain(m *testing.M) {
	if role, ok := roles[os.Getenv(roleVariable)]; ok {
		status, err := role(context.Background())
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			status = 1
		}
		os.Exit(status)
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
