package netns

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Privileged tells whether hosts can be made here and now: it makes a namespace and configures its loopback, which
// needs CAP_SYS_ADMIN and CAP_NET_ADMIN in the current user namespace.
func Privileged() bool {
	ns, c, err := newConnected(nil, func() error { return nil })
	if err != nil {
		return false
	}
	up := c.do(newRequest("set lo up", unix.RTM_NEWLINK, 0, upMessage(1, true)))
	return errors.Join(up, c.close(), ns.Close()) == nil
}

// Reexec runs this program again, with the same arguments and standard files, as root of a user namespace and in a network
// namespace of its own, and returns its exit status (128 and the number of the signal that ended it). The environment
// variable named by marker, set there to 1, keeps the second run from doing so again: then Reexec returns an error that
// explains why the program is not privileged yet.
//
// SIGINT and SIGTERM are passed on, and the end of ctx as SIGTERM. The second run does not outlive the first.
func Reexec(ctx context.Context, marker string) (status int, err error) {
	if os.Getenv(marker) != "" {
		return 0, forbidden(errors.New("the namespace of this program has no capabilities"))
	}
	// The kernel sends Pdeathsig when the thread that made the process ends, not the process (prctl(2)).
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM)
	defer signal.Stop(signals)

	cmd := reexecCommand(marker)
	if err := cmd.Start(); err != nil {
		return 0, forbidden(cause(err))
	}
	done := make(chan struct{})
	passed := make(chan struct{})
	go func() {
		defer close(passed)
		passSignals(ctx, cmd.Process, signals, done)
	}()
	err = cmd.Wait()
	close(done)
	<-passed
	return exitStatus(cmd.ProcessState, err)
}

// reexecCommand is the second run. It needs its network namespace at once: without, its threads could not return to the
// one which they come from, as that belongs to another user namespace.
func reexecCommand(marker string) *exec.Cmd {
	cmd := &exec.Cmd{
		Path:   "/proc/self/exe",
		Args:   os.Args,
		Env:    append(os.Environ(), marker+"=1"),
		Stdin:  os.Stdin,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		Pdeathsig:   unix.SIGKILL,
	}
	return cmd
}

// passSignals sends on what this process is told, until done.
func passSignals(ctx context.Context, p *os.Process, signals <-chan os.Signal, done <-chan struct{}) {
	cancelled := ctx.Done()
	for {
		select {
		case s := <-signals:
			if s != unix.SIGINT || !terminalSignals() {
				_ = p.Signal(s) // it may just have ended
			}
		case <-cancelled:
			_ = p.Signal(unix.SIGTERM)
			cancelled = nil
		case <-done:
			return
		}
	}
}

// terminalSignals tells whether the terminal itself sends SIGINT to the second run, as to all of the foreground group.
func terminalSignals() bool {
	group, err := unix.IoctlGetInt(int(os.Stdin.Fd()), unix.TIOCGPGRP)
	return err == nil && group == unix.Getpgrp()
}

func exitStatus(state *os.ProcessState, err error) (int, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return 0, fmt.Errorf("wait for this program in a user namespace: %w", err)
	}
	if ws := state.Sys().(syscall.WaitStatus); ws.Signaled() {
		return 128 + int(ws.Signal()), nil
	}
	return state.ExitCode(), nil
}

// userNamespaceLimits are the settings that forbid user namespaces, and the value that does so.
var userNamespaceLimits = []struct{ file, value string }{
	{"/proc/sys/kernel/unprivileged_userns_clone", "0"},
	{"/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1"},
	{"/proc/sys/user/max_user_namespaces", "0"},
	{"/proc/sys/user/max_net_namespaces", "0"},
}

// forbidden explains why a user namespace could not be had.
func forbidden(err error) error {
	reasons := forbiddingSettings()
	if reasons == "" {
		return fmt.Errorf("run in a user namespace: %w; run as root instead", err)
	}
	return fmt.Errorf("run in a user namespace: %w: %s; change that by sysctl(8), or run as root", err, reasons)
}

// forbiddingSettings lists the settings that forbid user namespaces: "user.max_user_namespaces is 0".
func forbiddingSettings() string {
	var reasons []string
	for _, l := range userNamespaceLimits {
		value, err := os.ReadFile(l.file)
		if err == nil && string(bytes.TrimSpace(value)) == l.value {
			name := strings.ReplaceAll(strings.TrimPrefix(l.file, "/proc/sys/"), "/", ".")
			reasons = append(reasons, fmt.Sprintf("%s is %s", name, l.value))
		}
	}
	return strings.Join(reasons, ", ")
}

// InUserNamespace tells whether this process is in a user namespace other than the machine's first one, which alone maps
// every user ID to itself.
func InUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && string(bytes.Join(bytes.Fields(b), []byte(" "))) != "0 0 4294967295"
}

// UserNamespaces tells why users without privileges cannot make user namespaces on this machine, if a setting says so.
func UserNamespaces() error {
	if reasons := forbiddingSettings(); reasons != "" {
		return errors.New(reasons)
	}
	return nil
}
