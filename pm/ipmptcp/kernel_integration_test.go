//go:build linux

package ipmptcp_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// openNetNS makes an anonymous network namespace with a link e0 of index 10, and skips the test where that cannot be.
func openNetNS(t *testing.T) *os.File {
	t.Helper()
	if _, err := pm.LookupFamily(); errors.Is(err, pm.ErrNotSupported) {
		t.Skip(err)
	}
	var ns *os.File
	err := onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		var err error
		if ns, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetUp(lo); err != nil {
			return err
		}
		e0 := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "e0", Index: 10}, PeerName: "e1"}
		if err := netlink.LinkAdd(e0); err != nil {
			return err
		}
		return netlink.LinkAddAltName(e0, "uplink")
	})
	if errors.Is(err, os.ErrPermission) {
		t.Skipf("a network namespace needs CAP_SYS_ADMIN: %v", err)
	}
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, ns.Close()) })
	return ns
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

// ip runs a line in the namespace.
func ip(t *testing.T, ns *os.File, line string) (stdout, stderr string, r ipmptcp.Result) {
	t.Helper()
	var out, err bytes.Buffer
	c := ipmptcp.Command{Namespace: ipmptcp.Kernel{NetNS: int(ns.Fd())}, Stdout: &out, Stderr: &err}
	r = c.Run(t.Context(), strings.Fields(line))
	return out.String(), err.String(), r
}

func TestKernel(t *testing.T) {
	ns := openNetNS(t)
	tests := []struct {
		line, stdout, stderr string
		status               int
	}{
		{"mptcp limits", "add_addr_accepted 0 subflows 2 \n", "", 0},
		{"mptcp limits set subflows 3 add_addr_accepted 1", "", "", 0},
		{"mptcp limits", "add_addr_accepted 1 subflows 3 \n", "", 0},
		{"mptcp limits set subflows 9 add_addr_accepted 2", "", "Error: limit greater than maximum (8).\n", 2},
		{"mptcp limits", "add_addr_accepted 1 subflows 3 \n", "", 0},
		{"mptcp endpoint", "", "", 0},
		{"-j mptcp endpoint", "[]\n", "", 0},
		{"mptcp endpoint add 10.0.1.1 dev uplink id 3 signal", "", "", 0},
		{"mptcp endpoint add 2001:db8::1 dev e0:1 subflow backup fullmesh", "", "", 0},
		{"mptcp endpoint add 10.0.1.3 dev if99", "", "", 0},
		{"mptcp endpoint", "10.0.1.1 id 3 signal dev e0 \n2001:db8::1 id 4 subflow backup fullmesh dev e0 \n10.0.1.3 id 5 dev if99 \n", "", 0},
		{"mptcp endpoint show id 3", "10.0.1.1 id 3 signal dev e0 \n", "", 0},
		{"mptcp endpoint show id 9", "", "Error: address not found.\n", 2},
		{"-j mptcp endpoint show id 9", "", "Error: address not found.\n", 2},
		{"mptcp endpoint add any", "", "Error: binary attribute size out of range.\n", 2},
		{"mptcp endpoint add 10.0.1.1", "", "Error: too many addresses or duplicate one: -17.\n", 2},
		{"mptcp endpoint add 10.0.1.9 dev e2", "", "Error: argument \"e2\" is wrong: device does not exist\n\n", 255},
		{"mptcp endpoint change id 4", "", "", 0},
		{"mptcp endpoint delete id 3", "", "", 0},
		{"mptcp endpoint show", "2001:db8::1 id 4 subflow dev e0 \n10.0.1.3 id 5 dev if99 \n", "", 0},
		{"mptcp endpoint change", "", "Error: missing address ID.\n", 2},
		{"mptcp endpoint delete id 0 10.9.9.9", "", "", 0},
		{"mptcp endpoint flush", "", "", 0},
		{"mptcp endpoint", "", "", 0},
	}
	for _, tt := range tests {
		stdout, stderr, r := ip(t, ns, tt.line)
		require.Equal(t, tt.stdout, stdout, tt.line)
		require.Equal(t, tt.stderr, stderr, tt.line)
		require.Equal(t, tt.status, r.Status, tt.line)
	}
}

func TestKernelResult(t *testing.T) {
	ns := openNetNS(t)
	ip(t, ns, "mptcp endpoint add 10.0.1.1 dev e0 id 3 port 8000 signal")
	ip(t, ns, "mptcp endpoint add 10.0.1.1 dev e0 id 3 signal")
	_, _, r := ip(t, ns, "mptcp endpoint")
	require.Equal(t, []pm.Endpoint{{ID: 3, Address: netip.MustParseAddr("10.0.1.1"), Flags: pm.FlagSignal, IfIndex: 10}}, r.Endpoints)
	_, _, r = ip(t, ns, "mptcp limits")
	require.Equal(t, &pm.Limits{Subflows: 2}, r.Limits)
}

// watchedBuffer tells of each write.
type watchedBuffer struct {
	mu    sync.Mutex
	b     bytes.Buffer
	wrote chan struct{}
}

func (w *watchedBuffer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wrote <- struct{}{}
	return w.b.Write(p)
}

func (w *watchedBuffer) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.b.String()
}

// watchedNamespace tells when somebody has subscribed to its events.
type watchedNamespace struct {
	ipmptcp.Namespace
	subscribed chan<- struct{}
}

func (n watchedNamespace) Open(ctx context.Context, receiveBuffer int) (ipmptcp.Manager, error) {
	m, err := n.Namespace.Open(ctx, receiveBuffer)
	return watchedManager{m, n.subscribed}, err
}

type watchedManager struct {
	ipmptcp.Manager
	subscribed chan<- struct{}
}

func (m watchedManager) Listen(ctx context.Context) (ipmptcp.Listener, error) {
	l, err := m.Manager.Listen(ctx)
	close(m.subscribed)
	return l, err
}

func TestKernelMonitor(t *testing.T) {
	ns := openNetNS(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &watchedBuffer{wrote: make(chan struct{}, 16)}
	ready, done := make(chan struct{}), make(chan int)
	c := ipmptcp.Command{
		Namespace: watchedNamespace{ipmptcp.Kernel{NetNS: int(ns.Fd())}, ready},
		Stdout:    out,
	}
	go func() { done <- c.Run(ctx, strings.Fields("-j mptcp monitor")).Status }()
	<-ready

	require.NoError(t, onThread(func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return err
		}
		listen := net.ListenConfig{}
		listen.SetMultipathTCP(true)
		ln, err := listen.Listen(ctx, "tcp4", "127.0.0.1:8000")
		if err != nil {
			return err
		}
		return ln.Close()
	}))
	for !strings.Contains(out.String(), "LISTENER_CLOSED") { // both may be written at once
		select {
		case <-out.wrote:
		case <-time.After(10 * time.Second):
			t.Fatalf("not all events were printed: %s", out.String())
		}
	}
	stop()
	require.Zero(t, <-done)
	require.Equal(t, `[{"event":"LISTENER_CREATED","saddr4":"127.0.0.1","sport":8000},`+
		`{"event":"LISTENER_CLOSED","saddr4":"127.0.0.1","sport":8000}]`+"\n", out.b.String())
}

// Names are looked up where "ip netns" keeps them; the test has that folder for itself.
func TestKernelNamed(t *testing.T) {
	ns := openNetNS(t)
	ip(t, ns, "mptcp limits set subflows 7")
	require.NoError(t, onThread(func() error {
		if err := ownNames(ns, "blue"); err != nil {
			return err
		}
		for line, want := range map[string]string{
			"-n blue mptcp limits": "add_addr_accepted 0 subflows 7 \n",
			"-n red mptcp limits":  "Cannot open network namespace \"red\": No such file or directory\n",
			"-n file mptcp limits": "setting the network namespace \"file\" failed: Invalid argument\n",
			"-n blue -n blue -b -": "add_addr_accepted 0 subflows 7 \n",
		} {
			var out bytes.Buffer
			c := ipmptcp.Command{Namespace: ipmptcp.Kernel{}, Stdin: strings.NewReader("mptcp limits"), Stdout: &out, Stderr: &out}
			c.Run(t.Context(), strings.Fields(line))
			if out.String() != want {
				return fmt.Errorf("%s: %q, want %q", line, &out, want)
			}
		}
		return nil
	}))
}

// ownNames gives the thread a folder of namespaces of its own: one of the name, and a file that is none.
func ownNames(ns *os.File, name string) error {
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return err
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return err
	}
	if err := unix.Mount("", "/var/run", "tmpfs", 0, ""); err != nil {
		return err
	}
	if err := os.Mkdir("/var/run/netns", 0o700); err != nil {
		return err
	}
	for _, file := range []string{name, "file"} {
		if err := os.WriteFile("/var/run/netns/"+file, nil, 0o600); err != nil {
			return err
		}
	}
	return unix.Mount(fmt.Sprintf("/proc/self/fd/%d", ns.Fd()), "/var/run/netns/"+name, "", unix.MS_BIND, "")
}

func TestKernelInterrupted(t *testing.T) {
	ns := openNetNS(t)
	m, err := ipmptcp.Kernel{NetNS: int(ns.Fd())}.Open(t.Context(), 1<<20)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err = m.Do(ctx, ipmptcp.Request{Cmd: ipmptcp.CmdGetLimits})
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, m.Close())
	_, err = m.Do(t.Context(), ipmptcp.Request{Cmd: ipmptcp.CmdGetLimits})
	require.Error(t, err)
}
