package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// runOutOfFiles makes hosts in a row until this process can open no more files, and says what happened.
func runOutOfFiles(ctx context.Context) error {
	b, err := kernel.Open(ctx)
	if err != nil {
		return err
	}
	l, err := b.Open(ctx, lab.Options{})
	if err != nil {
		return errors.Join(err, b.Close())
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	fmt.Println(limit.Max)
	few := limit
	few.Cur = 200
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &few); err != nil {
		return err
	}
	var last lab.Host
	for i := 0; err == nil; i++ {
		h, e := l.Host(ctx, "h"+strconv.Itoa(i), lab.HostOptions{})
		if err = e; err == nil && last != nil {
			_, err = l.Link(ctx, lab.End{Node: last}, lab.End{Node: h}, lab.LinkOptions{})
		}
		last = h
	}
	fmt.Println(err)
	limit.Cur = limit.Max
	return errors.Join(unix.Setrlimit(unix.RLIMIT_NOFILE, &limit), l.Close(), b.Close())
}

// TestTooManyFiles runs out of files in a program of its own, whose hard limit is too low to begin with. With CAP_SYS_RESOURCE it is
// raised.
func TestTooManyFiles(t *testing.T) {
	open(t)
	cmd := exec.CommandContext(t.Context(), "sh", "-c", "ulimit -n 1000; exec /proc/self/fd/3")
	self, err := os.Open("/proc/self/exe")
	require.NoError(t, err)
	defer self.Close()
	cmd.ExtraFiles = []*os.File{self}
	cmd.Env = append(os.Environ(), roleVariable+"=files")
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	hard := "1000"
	if exec.CommandContext(t.Context(), "sh", "-c", "ulimit -n 1000; ulimit -n 16384").Run() == nil {
		hard = "16384"
	}
	require.Regexp(t, `^`+hard+`\n(host|link) \S+: .*too many open files.*: this process may have 200, and a host takes about 8: `+
		`raise the limit \(ulimit -n\), or make fewer hosts\n$`, string(out))
}
