package pm_test

import (
	"errors"
	"os"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// newNetNS makes an anonymous network namespace with loopback up, and skips the test where that cannot be.
func newNetNS(t *testing.T) int {
	t.Helper()
	if _, err := pm.LookupFamily(); errors.Is(err, pm.ErrNotSupported) {
		t.Skip(err)
	}
	ns := -1
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		var err error
		if ns, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
			return err
		}
		return loopbackUp()
	})
	if errors.Is(err, os.ErrPermission) {
		t.Skipf("a network namespace needs CAP_SYS_ADMIN: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unix.Close(ns)) })
	return ns
}

// inNetNS runs f on a thread that is in the network namespace.
func inNetNS(t *testing.T, ns int, f func() error) {
	t.Helper()
	require.NoError(t, onThread(func() error {
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		return f()
	}))
}

// onThread runs f on a thread of its own, which ends with it: whatever f did to the thread harms nobody.
func onThread(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// dial opens a client in the namespace for the length of the test.
func dial(t *testing.T, ns int) *pm.Client {
	t.Helper()
	c, err := pm.Dial(pm.Config{NetNS: ns})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, c.Close()) })
	return c
}

// listen opens a monitor in the namespace for the length of the test.
func listen(t *testing.T, ns int) *pm.Monitor {
	t.Helper()
	m, err := pm.Listen(pm.Config{NetNS: ns})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, m.Close()) })
	return m
}
