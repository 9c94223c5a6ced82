package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// How long a process may take to end: one that was asked to, before it is killed, and a guard or a run, which wait for the kernel.
const (
	askedTime = 2 * time.Second
	endTime   = 60 * time.Second
)

// Cleanings are the guards whose process has ended.
func Cleanings() ([]Cleaning, error) {
	all, err := processes()
	if err != nil {
		return nil, err
	}
	var cleaning []Cleaning
	for _, p := range all {
		if guarded, ok := p.guards(); ok && (guarded <= 0 || guarded.ended()) {
			cleaning = append(cleaning, Cleaning{int(p)})
		}
	}
	return cleaning, nil
}

// guards is the process that a guard guards, -1 when that is gone; not ok: the process is no guard.
func (p process) guards() (process, bool) {
	if !p.has(guardFile) {
		return 0, false
	}
	info, err := os.ReadFile(p.path("fdinfo", strconv.Itoa(GuardedFD)))
	if err != nil {
		return 0, false
	}
	for l := range strings.Lines(string(info)) {
		if text, ok := strings.CutPrefix(l, "Pid:"); ok {
			pid, err := strconv.Atoi(strings.TrimSpace(text))
			return process(pid), err == nil
		}
	}
	return 0, false
}

// Wait waits until the guard has done its work.
func (c Cleaning) Wait(ctx context.Context) error {
	fd, err := process(c.PID).hold(func() bool { return process(c.PID).has(guardFile) })
	if err != nil || fd < 0 {
		return err
	}
	defer unix.Close(fd)
	if ended, err := awaitEnd(ctx, fd, endTime); err != nil || ended {
		return err
	}
	return fmt.Errorf("process %d, which cleans up behind a killed run, has not ended within %v", c.PID, endTime)
}

// End ends the programs in the hosts of a kept lab and then the process that keeps it, and waits until both are gone: programs are
// asked by SIGHUP, as by a terminal that goes away, and killed if that does not help.
func (l Lab) End(ctx context.Context) error {
	for _, p := range l.inhabitants() {
		if err := p.end(ctx, l); err != nil {
			return err
		}
	}
	keeper := process(l.PID)
	fd, err := keeper.hold(func() bool { return keeper.has(keptFile) })
	if err != nil || fd < 0 {
		return err
	}
	defer unix.Close(fd)
	if err := unix.PidfdSendSignal(fd, unix.SIGTERM, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("end the process %d, which keeps lab %s: %w", l.PID, l.Name, err)
	}
	if ended, err := awaitEnd(ctx, fd, endTime); err != nil || ended {
		return err
	}
	return fmt.Errorf("process %d, which keeps lab %s, has not ended within %v", l.PID, l.Name, endTime)
}

// inhabitants are the processes in the hosts of the lab, but for that which has it.
func (l Lab) inhabitants() []process {
	all, err := processes()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(all, func(p process) bool { return int(p) == l.PID || !l.houses(p) })
}

// houses tells whether a process is in a host of the lab.
func (l Lab) houses(p process) bool {
	ns := p.namespace()
	return ns != 0 && slices.ContainsFunc(l.Hosts, func(h Host) bool { return h.Namespace == ns })
}

// end ends a program in a host of the lab.
func (p process) end(ctx context.Context, l Lab) error {
	fd, err := p.hold(func() bool { return l.houses(p) })
	if err != nil || fd < 0 {
		return err
	}
	defer unix.Close(fd)
	for _, signal := range []unix.Signal{unix.SIGHUP, unix.SIGKILL} {
		if err := unix.PidfdSendSignal(fd, signal, nil, 0); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("end the process %d (%s) in lab %s: %w", int(p), p.name(), l.Name, err)
		}
		if ended, err := awaitEnd(ctx, fd, askedTime); err != nil || ended {
			return err
		}
	}
	return fmt.Errorf("process %d (%s) in lab %s does not end", int(p), p.name(), l.Name)
}

// hold opens a pidfd of the process if that is still what the caller takes it for: its number may be that of another by now.
// -1: it is not.
func (p process) hold(still func() bool) (fd int, err error) {
	fd, err = unix.PidfdOpen(int(p), 0)
	if errors.Is(err, unix.ESRCH) {
		return -1, nil
	}
	if err != nil {
		return -1, fmt.Errorf("process %d: %w", int(p), err)
	}
	if !still() {
		return -1, unix.Close(fd)
	}
	return fd, nil
}

// awaitEnd waits until the process of a pidfd has ended, or for so long.
func awaitEnd(ctx context.Context, fd int, during time.Duration) (ended bool, err error) {
	wake := make([]int, 2)
	if err := unix.Pipe2(wake, unix.O_CLOEXEC); err != nil {
		return false, os.NewSyscallError("pipe", err)
	}
	defer unix.Close(wake[0])
	stop := context.AfterFunc(ctx, func() { _ = unix.Close(wake[1]) })
	defer func() {
		if stop() {
			_ = unix.Close(wake[1])
		}
	}()
	deadline := time.Now().Add(during)
	for {
		files := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}, {Fd: int32(wake[0])}}
		_, err := unix.Poll(files, int(max(time.Until(deadline), 0).Milliseconds()))
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false, os.NewSyscallError("poll", err)
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		}
		return files[0].Revents != 0, nil
	}
}
