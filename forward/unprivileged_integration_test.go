//go:build linux

package forward

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

const (
	roleVariable = "FORWARD_TEST_ROLE"
	marker       = "FORWARD_TEST_REEXECUTED"
	nobody       = 65534
)

// unprivilegedRun calibrates in a user namespace, and returns the exit status.
func unprivilegedRun() int {
	if os.Getenv(marker) == "" {
		status, err := netns.Reexec(context.Background(), marker)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		return status
	}
	a, err := Calibrate(context.Background(), time.Millisecond, 50, false)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(a)
	return 0
}

// TestUnprivileged runs a link as a user without any privilege.
func TestUnprivileged(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root, to start a program as another user")
	}
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "forward")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "forward.test")
	require.NoError(t, os.WriteFile(program, self, 0o755))

	cmd := exec.Command(program)
	cmd.Env = []string{roleVariable + "=calibrate"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	text, err := io.ReadAll(out)
	require.NoError(t, err)
	require.NoError(t, cmd.Wait(), "%s", text)
	t.Logf("%s", text)
	require.Contains(t, string(text), "50 probes, ordinary scheduling")
}
