package certify

import (
	"errors"
	"fmt"
	"io"
	"os/exec"
	"sync/atomic"
)

// load is processes that keep CPUs busy: processes and not goroutines, so that it is the kernel that shares out the CPUs between
// them and the cases, as on any busy machine.
type load struct {
	processes []*exec.Cmd
	ends      []io.Closer
}

// startLoad starts n processes that call [Spin] on their standard input.
func startLoad(n int, spin func() *exec.Cmd) (l *load, err error) {
	l = &load{}
	defer func() {
		if err != nil {
			l.end()
		}
	}()
	for range n {
		cmd := spin()
		end, err := cmd.StdinPipe()
		if err != nil {
			return l, fmt.Errorf("keep a CPU busy: %w", err)
		}
		if err := cmd.Start(); err != nil {
			return l, errors.Join(fmt.Errorf("keep a CPU busy: %w", err), end.Close())
		}
		l.processes, l.ends = append(l.processes, cmd), append(l.ends, end)
	}
	return l, nil
}

// end ends the processes and waits for them.
func (l *load) end() {
	for _, end := range l.ends {
		_ = end.Close() // which they end by, as they do when this process is killed
	}
	for _, p := range l.processes {
		_ = p.Wait()
	}
	l.processes, l.ends = nil, nil
}

// Spin keeps one CPU busy until r, such as a pipe from the process that wants it so, ends.
func Spin(r io.Reader) {
	var ended atomic.Bool
	go func() {
		_, _ = io.Copy(io.Discard, r)
		ended.Store(true)
	}()
	for !ended.Load() {
	}
}
