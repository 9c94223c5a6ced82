package kernel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Exec runs a program in the host's network namespace, with this process's environment and directory, as the first process of a
// process namespace of its own: when it ends, ctx or the lab does, or this process does, the kernel kills whatever it started.
func (h *host) Exec(ctx context.Context, argv []string, stdin string) (lab.ExecResult, error) {
	if !h.lab.options.AllowExec {
		return lab.ExecResult{}, errors.New("running a program needs --allow-exec")
	}
	if len(argv) == 0 {
		return lab.ExecResult{}, errors.New("no program to run")
	}
	ctx, done, err := h.lab.within(ctx)
	if err != nil {
		return lab.ExecResult{}, h.on(fmt.Errorf("run %s: %w", argv[0], err))
	}
	defer done()
	h.ports.Store(true) // it may drive the path manager itself
	var stdout, stderr output
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Pdeathsig: syscall.SIGKILL}

	// Started and awaited on one thread: the death signal comes when the thread that started the program ends.
	err = h.real.Do(cmd.Run)
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return lab.ExecResult{}, h.on(fmt.Errorf("run %s: %w", argv[0], context.Cause(ctx)))
	case err != nil && !errors.As(err, &exit):
		return lab.ExecResult{}, h.on(fmt.Errorf("run %s: %w", argv[0], err))
	}
	return lab.ExecResult{Status: exitStatus(cmd.ProcessState), Stdout: stdout.String(), Stderr: stderr.String()}, nil
}

// exitStatus is what a shell shows in $?: for a program that a signal ended, 128 and its number.
func exitStatus(s *os.ProcessState) int {
	if w, ok := s.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return 128 + int(w.Signal())
	}
	return s.ExitCode()
}

// maxOutput is how much of each output of a program is kept, in bytes.
const maxOutput = 1 << 20

// output keeps the beginning of what a program writes, and lets it write on.
type output struct {
	kept    bytes.Buffer
	leftOut int
}

func (o *output) Write(p []byte) (int, error) {
	n := min(len(p), maxOutput-o.kept.Len())
	o.leftOut += len(p) - n
	o.kept.Write(p[:n])
	return len(p), nil
}

// String is what was kept; when that is not all, it ends with a line that says so.
func (o *output) String() string {
	if o.leftOut == 0 {
		return o.kept.String()
	}
	return fmt.Sprintf("%s\n… (%d more bytes left out)\n", o.kept.String(), o.leftOut)
}
