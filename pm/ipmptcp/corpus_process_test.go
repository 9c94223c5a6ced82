//go:build linux

package ipmptcp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// process is a program that runs, and what it has printed.
type process struct {
	cmd    *exec.Cmd
	stdout *transcript
	stderr bytes.Buffer
	close  []*os.File // ends of what the program has, when it has started
	read   chan error // of the terminal's end
}

// redirect gives the program a file or a terminal to write to.
func (p *process) redirect(c command) error {
	switch {
	case c.output != "":
		f, err := os.OpenFile(c.output, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		p.cmd.Stdout, p.close = f, append(p.close, f)
	case c.terminal:
		master, slave, err := openTerminal()
		if err != nil {
			return err
		}
		p.cmd.Stdout, p.close = slave, append(p.close, slave)
		p.read = make(chan error, 1)
		go func() {
			_, err := p.stdout.buffer(master)
			p.read <- errors.Join(err, master.Close())
		}()
	}
	return nil
}

// openTerminal makes a pseudo terminal that passes on what is written to it as it is.
func openTerminal() (master, slave *os.File, err error) {
	master, err = os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, nil, err
	}
	fd := int(master.Fd())
	number, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open a terminal: %w", err), master.Close())
	}
	settings, err := unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	if err == nil {
		settings.Oflag &^= unix.OPOST
		err = unix.IoctlSetTermios(int(slave.Fd()), unix.TCSETS, settings)
	}
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("set up a terminal: %w", err), slave.Close(), master.Close())
	}
	return master, slave, nil
}

// started closes what only the program is to have.
func (p *process) started() (err error) {
	for _, f := range p.close {
		err = errors.Join(err, f.Close())
	}
	return err
}

// wait waits for the end of the program, and returns what it did.
func (p *process) wait() (result, error) {
	err := p.cmd.Wait()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		return result{}, err
	}
	if p.read != nil {
		if err := <-p.read; err != nil && !errors.Is(err, syscall.EIO) { // what a terminal says when its other end is gone
			return result{}, err
		}
	}
	r := result{stdout: p.stdout.String(), stderr: p.stderr.String()}
	state := p.cmd.ProcessState.Sys().(syscall.WaitStatus)
	switch {
	case state.Signaled():
		r.status = unix.SignalName(state.Signal())
	case state.ExitStatus() != 0:
		r.status = strconv.Itoa(state.ExitStatus())
	}
	return r, nil
}

// stop ends the program if a failed test has left it running.
func (p *process) stop() {
	if p.cmd.ProcessState == nil {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	}
}

// subscribed waits until the program is told of path manager's events: until its namespace has a generic netlink socket that is in
// a multicast group.
func (p *process) subscribed(ctx context.Context) error {
	table := fmt.Sprintf("/proc/%d/net/netlink", p.cmd.Process.Pid)
	for ctx.Err() == nil {
		text, err := os.ReadFile(table)
		if err != nil {
			return fmt.Errorf("the program has ended: %w", err)
		}
		for line := range strings.Lines(string(text)) {
			// sk Eth Pid Groups ...
			f := strings.Fields(line)
			if len(f) > 3 && f[1] == strconv.Itoa(unix.NETLINK_GENERIC) && strings.Trim(f[3], "0") != "" {
				return nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the program has not subscribed to events")
}

// idle waits until all threads of the program sleep. A signal between the write and the bookkeeping of C's stdio would make
// iproute2, which calls exit in the handler, print its last event once more; and one before the handler is set would kill.
func (p *process) idle(ctx context.Context) error {
	for ctx.Err() == nil {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p.cmd.Process.Pid))
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(threads, running) {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return errors.New("the program does not come to rest")
}

// running tells by the file of a thread whether it does not sleep.
func running(stat string) bool {
	text, err := os.ReadFile(stat)
	_, after, _ := strings.Cut(string(text), ") ") // PID (NAME) STATE
	return err == nil && !strings.HasPrefix(after, "S")
}

// transcript is what a program has printed so far. It is an io.Writer.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
	seen int // up to here it was awaited
	grew chan struct{}
}

func newTranscript() *transcript { return &transcript{grew: make(chan struct{}, 1)} }

func (t *transcript) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case t.grew <- struct{}{}:
	default:
	}
	return t.text.Write(b)
}

func (t *transcript) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// buffer takes all that f has.
func (t *transcript) buffer(f *os.File) (int64, error) { return f.WriteTo(t) }

// await waits until text was printed after what was awaited before.
func (t *transcript) await(ctx context.Context, text string) error {
	for !t.found(text) {
		select {
		case <-t.grew:
		case <-ctx.Done():
			return fmt.Errorf("ip has not printed %q, but:\n%s", text, t)
		}
	}
	return nil
}

func (t *transcript) found(text string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := bytes.Index(t.text.Bytes()[t.seen:], []byte(text))
	if n < 0 {
		return false
	}
	t.seen += n + len(text)
	return true
}
