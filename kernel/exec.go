package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Exec runs a program in the host's namespace, as the first process of a process namespace of its own: when it ends, or this
// process does, the kernel kills whatever it started.
func (h *host) Exec(ctx context.Context, argv []string, stdin string) (lab.ExecResult, error) {
	if !h.lab.options.AllowExec {
		return lab.ExecResult{}, errors.New("running a program needs --allow-exec")
	}
	if len(argv) == 0 {
		return lab.ExecResult{}, errors.New("no program to run")
	}
	var stdout, stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}

	// The death signal comes when the thread that started the program ends, so the goroutine keeps that thread meanwhile.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := h.real.Do(cmd.Start)
	if err == nil {
		err = cmd.Wait()
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return lab.ExecResult{}, fmt.Errorf("run %s on %s: %w", argv[0], h.name, context.Cause(ctx))
	case err != nil && !errors.As(err, &exit):
		return lab.ExecResult{}, fmt.Errorf("run %s on %s: %w", argv[0], h.name, err)
	}
	return lab.ExecResult{Status: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}, nil
}
