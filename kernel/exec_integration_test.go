package kernel_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// execLab is a lab with a host that may run programs, of which the tests need a shell.
func execLab(t *testing.T) (*kernel.Backend, lab.Lab, lab.Host) {
	t.Helper()
	if _, err := exec.LookPath("sh"); err != nil {
		t.Skip("needs sh")
	}
	b := open(t)
	l := openLab(t, b, lab.Options{AllowExec: true})
	return b, l, addHost(t, l, "h")
}

func TestExec(t *testing.T) {
	_, _, h := execLab(t)
	tests := []struct {
		name, script, stdin string
		want                lab.ExecResult
	}{
		{"output", "echo out; echo err >&2", "", lab.ExecResult{Stdout: "out\n", Stderr: "err\n"}},
		{"input", "cat", "in", lab.ExecResult{Stdout: "in"}},
		{"input left unread", "true", strings.Repeat("x", 1<<20), lab.ExecResult{}},
		{"status", "exit 7", "", lab.ExecResult{Status: 7}},
		{"first of its processes", "echo $$", "", lab.ExecResult{Stdout: "1\n"}},
		{"only loopback", "grep -c : /proc/net/dev", "", lab.ExecResult{Stdout: "1\n"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := h.Exec(t.Context(), []string{"sh", "-c", test.script}, test.stdin)
			require.NoError(t, err)
			require.Equal(t, test.want, got)
		})
	}
}

func TestExecErrors(t *testing.T) {
	b, _, h := execLab(t)
	forbidden := addHost(t, openLab(t, b, lab.Options{}), "h")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	tests := []struct {
		name string
		host lab.Host
		ctx  context.Context
		argv []string
		err  string
	}{
		{"forbidden", forbidden, t.Context(), []string{"true"}, "running a program needs --allow-exec"},
		{"nothing", h, t.Context(), nil, "no program to run"},
		{"not found", h, t.Context(), []string{"no-such-program"}, `on h: run no-such-program: exec: "no-such-program": executable file not found in $PATH`},
		{"no such path", h, t.Context(), []string{"/no/such/program"}, "on h: run /no/such/program: fork/exec /no/such/program: no such file or directory"},
		{"cancelled", h, cancelled, []string{"true"}, "on h: run true: context canceled"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.host.Exec(test.ctx, test.argv, "")
			require.EqualError(t, err, test.err)
		})
	}
}

func TestExecOutputIsBounded(t *testing.T) {
	_, _, h := execLab(t)
	got, err := h.Exec(t.Context(), []string{"sh", "-c", "head -c 3000000 /dev/zero; head -c 2000000 /dev/zero >&2; echo end"}, "")
	require.NoError(t, err)
	require.Zero(t, got.Status, "the program could write it all")
	require.True(t, strings.HasSuffix(got.Stdout, "\n… (1951428 more bytes left out)\n"), got.Stdout[1<<20:])
	require.True(t, strings.HasSuffix(got.Stderr, "\n… (951424 more bytes left out)\n"), got.Stderr[1<<20:])
}

// What a program leaves running ends with it: else it would keep the namespace, and the backend could not close.
func TestExecLeavesNoProcess(t *testing.T) {
	_, _, h := execLab(t)
	got, err := h.Exec(t.Context(), []string{"sh", "-c", "(sleep 1000 </dev/null >/dev/null 2>&1 &) ; sleep 1000 & echo left"}, "")
	require.NoError(t, err)
	require.Equal(t, "left\n", got.Stdout)
}

// The status of a program that is killed from outside is that which a shell shows.
func TestExecStatusOfSignal(t *testing.T) {
	_, _, h := execLab(t)
	fifo := filepath.Join(t.TempDir(), "fifo")
	require.NoError(t, syscall.Mkfifo(fifo, 0o600))
	done := make(chan lab.ExecResult)
	go func() {
		result, err := h.Exec(t.Context(), []string{"sh", "-c", "read pid rest </proc/self/stat; echo $pid >" + fifo + "; sleep 1000"}, "")
		if err != nil {
			t.Error(err)
		}
		done <- result
	}()
	text, err := os.ReadFile(fifo)
	require.NoError(t, err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(pid, syscall.SIGKILL))
	require.Equal(t, lab.ExecResult{Status: 128 + int(syscall.SIGKILL)}, <-done)
}

// A program that runs is killed, and all that it started, by the end of the context and by that of the lab.
func TestExecIsKilled(t *testing.T) {
	enough := errors.New("enough")
	for name, end := range map[string]func(context.CancelCauseFunc, lab.Lab) error{
		"enough":            func(cancel context.CancelCauseFunc, _ lab.Lab) error { cancel(enough); return nil },
		"the lab is closed": func(_ context.CancelCauseFunc, l lab.Lab) error { return l.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			_, l, h := execLab(t)
			fifo := filepath.Join(t.TempDir(), "fifo")
			require.NoError(t, syscall.Mkfifo(fifo, 0o600))
			ctx, cancel := context.WithCancelCause(t.Context())
			defer cancel(nil)
			done := make(chan error)
			go func() {
				_, err := h.Exec(ctx, []string{"sh", "-c", "sleep 1000 & echo up >" + fifo + "; sleep 1000"}, "")
				done <- err
			}()
			up, err := os.ReadFile(fifo)
			require.NoError(t, err)
			require.Equal(t, "up\n", string(up))
			require.NoError(t, end(cancel, l))
			require.EqualError(t, <-done, "on h: run sh: "+name)
		})
	}
}
