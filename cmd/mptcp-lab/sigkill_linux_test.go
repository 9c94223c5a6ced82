package main

import (
	"errors"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

const (
	kills       = 100
	killingInfo = "MPTCP_LAB_TEST_KILLS" // set in the user namespace in which the killing is done
	netLimit    = "/proc/sys/user/max_net_namespaces"
)

// TestSIGKILLLeavesNothing kills runs at random moments. The killing is done in a user namespace of its own, because that counts
// its network namespaces: when no more than the first one may exist, another can be made only if all others are gone.
func TestSIGKILLLeavesNothing(t *testing.T) {
	if os.Getenv(killingInfo) != "" {
		killRuns(t)
		return
	}
	if testing.Short() {
		t.Skip("kills 100 runs")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestSIGKILLLeavesNothing$", "-test.v")
	cmd.Env = append(os.Environ(), killingInfo+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENOSPC) {
		t.Skipf("needs user namespaces: %v", err)
	}
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestSIGKILLLeavesNothing")
}

// killRuns does the killing, as the first process of its user and network namespaces.
func killRuns(t *testing.T) {
	// What a killed run leaves behind becomes a child of this process.
	require.NoError(t, unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))
	script, err := filepath.Abs("testdata/kill.star")
	require.NoError(t, err)
	dir := t.TempDir()
	links, mounts := linkNames(t), mountTable(t)

	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	for range kills {
		cmd := exec.Command("mptcp-lab", "run", "-j", "8", "--repeat", "100000", "--allow-exec", script)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "TMPDIR="+dir)
		require.NoError(t, cmd.Start())
		// The moment of the kill is what the test varies.
		time.Sleep(time.Duration(random.Int64N(int64(300 * time.Millisecond))))
		require.NoError(t, cmd.Process.Kill())
		err := cmd.Wait()
		require.ErrorContains(t, err, "signal: killed")
	}

	requireNoChildren(t)
	require.Equal(t, links, linkNames(t))
	require.Equal(t, mounts, mountTable(t))
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Empty(t, left)
	requireNoNamespaces(t)
}

// requireNoChildren reaps what was left. The kernel kills the processes of a program of a script a moment after the run.
func requireNoChildren(t *testing.T) {
	require.Eventually(t, func() bool {
		_, err := unix.Wait4(-1, nil, unix.WNOHANG, nil)
		return errors.Is(err, unix.ECHILD)
	}, 10*time.Second, time.Millisecond, "a process is left")
}

// requireNoNamespaces lowers the limit to the one namespace of this process and a further one, until that can be made.
func requireNoNamespaces(t *testing.T) {
	require.NoError(t, os.WriteFile(netLimit, []byte("2"), 0))
	require.Eventually(t, func() bool { return newNamespace() == nil }, 30*time.Second, 10*time.Millisecond,
		"a namespace is left")
	// The limit does limit.
	require.NoError(t, os.WriteFile(netLimit, []byte("1"), 0))
	require.ErrorIs(t, newNamespace(), unix.ENOSPC)
}

// newNamespace makes a network namespace on a thread that ends with it.
func newNamespace() error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() == unix.Getpid() { // the first thread does not end with its goroutine: keep it busy, and use another
			defer runtime.UnlockOSThread()
			result <- newNamespace()
			return
		}
		result <- unix.Unshare(unix.CLONE_NEWNET)
	}()
	return <-result
}

func linkNames(t *testing.T) []string {
	links, err := net.Interfaces()
	require.NoError(t, err)
	names := make([]string, len(links))
	for i, l := range links {
		names[i] = strconv.Itoa(l.Index) + " " + l.Name
	}
	return names
}

func mountTable(t *testing.T) []string {
	b, err := os.ReadFile("/proc/self/mountinfo")
	require.NoError(t, err)
	return strings.Split(string(b), "\n")
}
