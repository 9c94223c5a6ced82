package runner

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSnapshotSeesFilesAndSysctls(t *testing.T) {
	before := takeSnapshot()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	changes := before.changes(takeSnapshot())
	require.Len(t, changes, 1, "both ends of a pipe have one name")
	require.Contains(t, changes[0], "open file left: pipe:[")
	require.NoError(t, r.Close())
	require.NoError(t, w.Close())
	require.Contains(t, before.sysctls, "net.ipv4.ip_forward")
}

// TestMain cannot be shared with a helper process, so the child is this test binary, which waits for the end of its input.
func TestSnapshotSeesChildren(t *testing.T) {
	if os.Getenv("RUNNER_TEST_CHILD") != "" {
		_, _ = fmt.Scanln()
		return
	}
	before := takeSnapshot()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSnapshotSeesChildren$")
	cmd.Env = append(os.Environ(), "RUNNER_TEST_CHILD=1")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	require.Contains(t, before.changes(takeSnapshot()), fmt.Sprintf("child process left: %d (runner.test)", cmd.Process.Pid))
	require.NoError(t, stdin.Close())
	require.NoError(t, cmd.Wait())
}
