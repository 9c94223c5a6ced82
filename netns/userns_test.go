package netns_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

const (
	roleVariable = "NETNS_TEST_ROLE"
	marker       = "NETNS_TEST_REEXECUTED"
	nobody       = 65534
)

// roles are the programs that TestReexec starts; each returns its exit status.
var roles = map[string]func() int{
	"topology": func() int { return reexecuted(buildInUserNamespace) },
	"wait":     func() int { return reexecuted(waitForSignal) },
	"hopeless": func() int {
		_, err := netns.Reexec(context.Background(), roleVariable)
		fmt.Println(err)
		return 1
	},
}

// reexecuted runs fn in the second run of this program.
func reexecuted(fn func() error) int {
	if os.Getenv(marker) == "" {
		status, err := netns.Reexec(context.Background(), marker)
		if err != nil {
			fmt.Println(err)
			return 1
		}
		return status
	}
	if err := fn(); err != nil {
		fmt.Println(err)
		return 1
	}
	return 7
}

// buildInUserNamespace makes two hosts that talk, and meets a sysctl which only the machine's root may write.
func buildInUserNamespace() error {
	if !netns.Privileged() {
		return fmt.Errorf("not privileged")
	}
	var hosts [2]*netns.Host
	ends := [2]netns.Endpoint{}
	for i := range hosts {
		h, err := netns.NewHost(netns.Options{Router: i == 1})
		if err != nil {
			return err
		}
		defer h.Close()
		hosts[i], ends[i] = h, netns.Endpoint{Host: h, Name: "eth1"}
	}
	if err := netns.Link(ends[0], ends[1], 0); err != nil {
		return err
	}
	for i, list := range []string{"10.0.1.1/24 2001:db8::1/64", "10.0.1.2/24 2001:db8::2/64"} {
		if err := hosts[i].AddAddress("eth1", prefixes(list)...); err != nil {
			return err
		}
	}
	for _, remote := range []string{"10.0.1.2", "2001:db8::2"} {
		if err := tryExchange(hosts[0], "", hosts[1], remote); err != nil {
			return err
		}
	}
	fmt.Println("uid", os.Getuid(), hosts[0].SetSysctl("net.ipv4.tcp_congestion_control", "cubic"))
	return hosts[0].DestroySockets()
}

func waitForSignal() error {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGTERM)
	fmt.Println("ready")
	<-signals
	return nil
}

// asNobody starts this test program in a role, without any privilege.
func asNobody(t *testing.T, role string) (*exec.Cmd, *bufio.Reader) {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("needs root, to start a program as another user")
	}
	self, err := os.ReadFile("/proc/self/exe")
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "netns")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "netns.test")
	require.NoError(t, os.WriteFile(program, self, 0o755))

	cmd := exec.Command(program)
	cmd.Env = []string{roleVariable + "=" + role}
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	return cmd, bufio.NewReader(out)
}

func TestReexec(t *testing.T) {
	cmd, out := asNobody(t, "topology")
	text, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Equal(t, 7, exitCode(cmd), "%s", text)
	require.Contains(t, string(text), "uid 0")
}

func TestReexecPassesSignals(t *testing.T) {
	cmd, out := asNobody(t, "wait")
	line, err := out.ReadString('\n')
	require.NoError(t, err)
	require.Equal(t, "ready", strings.TrimSpace(line))
	require.NoError(t, cmd.Process.Signal(unix.SIGTERM))
	require.Equal(t, 7, exitCode(cmd))
}

// TestReexecKilled kills the first run; the second must end too, and so close the pipe.
func TestReexecKilled(t *testing.T) {
	cmd, out := asNobody(t, "wait")
	_, err := out.ReadString('\n')
	require.NoError(t, err)
	require.NoError(t, cmd.Process.Kill())
	_, err = out.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.Equal(t, -1, exitCode(cmd))
}

func TestReexecTwice(t *testing.T) {
	cmd, out := asNobody(t, "hopeless")
	text, err := io.ReadAll(out)
	require.NoError(t, err)
	require.Equal(t, 1, exitCode(cmd))
	require.Contains(t, string(text), "run in a user namespace: the namespace of this program has no capabilities")
}

func exitCode(cmd *exec.Cmd) int {
	_ = cmd.Wait() // its error is that the status is not 0
	return cmd.ProcessState.ExitCode()
}
