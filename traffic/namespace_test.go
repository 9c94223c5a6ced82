//go:build linux

package traffic_test

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// namespace is an anonymous network namespace, held by its descriptor alone.
type namespace struct{ f *os.File }

// newNamespace makes a namespace with loopback up, and skips the test where that is not possible.
func newNamespace(t testing.TB) *namespace {
	t.Helper()
	var f *os.File
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		var err error
		f, err = os.Open("/proc/thread-self/ns/net")
		return err
	})
	if errors.Is(err, unix.EPERM) {
		t.Skip("needs root: no network namespace may be made")
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, f.Close()) })
	n := &namespace{f: f}
	require.NoError(t, n.in(func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		return netlink.LinkSetUp(lo)
	}))
	n.sysctl(t, "ipv4/tcp_congestion_control", "reno") // others may pace, and so measure time rather than the code
	return n
}

// in runs f on a thread inside the namespace.
func (n *namespace) in(f func() error) error {
	return onThread(func() error {
		if err := unix.Setns(int(n.f.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		return f()
	})
}

func (n *namespace) sysctl(t testing.TB, path, value string) {
	t.Helper()
	require.NoError(t, n.in(func() error { return os.WriteFile("/proc/sys/net/"+path, []byte(value), 0o644) }))
}

// activeOpens is how often a connect was tried: the fifth value of Tcp in /proc/net/snmp.
func (n *namespace) activeOpens(t testing.TB) (opens int) {
	t.Helper()
	require.NoError(t, n.in(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/snmp")
		if err != nil {
			return err
		}
		_, values, _ := strings.Cut(string(b), "\nTcp: R")
		_, values, _ = strings.Cut(values, "\nTcp: ")
		opens, err = strconv.Atoi(strings.Fields(values)[4])
		return err
	}))
	return opens
}

// onThread runs f on a thread of its own, which ends with it.
func onThread(f func() error) error {
	result := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		result <- f()
	}()
	return <-result
}

// listen listens in the namespace until the test ends, and skips it where the kernel has no MPTCP.
func (n *namespace) listen(t testing.TB, o lab.ListenOptions) *traffic.Listener {
	t.Helper()
	l, err := traffic.Listen(context.Background(), n.in, o)
	if errors.Is(err, traffic.ErrUnsupported) {
		t.Skip(err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// pair connects to a listener; both ends are aborted when the test ends.
func (n *namespace) pair(t testing.TB, l *traffic.Listener, o lab.DialOptions) (client, server *traffic.Socket) {
	t.Helper()
	client, err := traffic.Dial(context.Background(), n.in, o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, client.Abort()) })
	server, err = l.Accept(context.Background())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Abort()) })
	return client, server
}
