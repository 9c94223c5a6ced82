//go:build linux

package observe

import (
	"context"
	"net"
	"net/netip"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// enterNamespace moves the test into a fresh network namespace with its loopback interface up. The test's thread dies
// with the test, and the namespace with the last socket in it.
func enterNamespace(t testing.TB) {
	t.Helper()
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		t.Skipf("a network namespace needs root or a user namespace: %v", err)
	}
	setLoopback(t, netlink.LinkSetUp)
}

// enterMPTCP is enterNamespace for a test that needs MPTCP.
func enterMPTCP(t testing.TB) {
	t.Helper()
	enterNamespace(t)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, unix.IPPROTO_MPTCP)
	if err != nil {
		t.Skipf("this kernel has no MPTCP: %v", err)
	}
	require.NoError(t, unix.Close(fd))
}

func setLoopback(t testing.TB, set func(netlink.Link) error) {
	t.Helper()
	lo, err := netlink.LinkByName("lo")
	require.NoError(t, err)
	require.NoError(t, set(lo))
}

// pair is a connection within one namespace.
type pair struct {
	client, server *net.TCPConn
	listener       net.Listener
}

// protocols says which ends of a pair ask for MPTCP.
type protocols struct{ client, server bool }

var mptcp = protocols{client: true, server: true}

// connect makes a pair over loopback, of the network "tcp4" or "tcp6".
func connect(t testing.TB, network string, p protocols) pair {
	t.Helper()
	address := map[string]string{"tcp4": "0.0.0.0:0", "tcp6": "[::]:0"}[network]
	var config net.ListenConfig
	config.SetMultipathTCP(p.server)
	listener, err := config.Listen(context.Background(), network, address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = listener.Close() })

	client := dial(t, network, listener, p.client, nil)
	server, err := listener.Accept()
	require.NoError(t, err)
	t.Cleanup(func() { abort(server.(*net.TCPConn)) })
	return pair{client: client, server: server.(*net.TCPConn), listener: listener}
}

func dial(t testing.TB, network string, l net.Listener, mptcp bool, control controlFunc) *net.TCPConn {
	t.Helper()
	host := map[string]netip.Addr{"tcp4": netip.MustParseAddr("127.0.0.1"), "tcp6": netip.IPv6Loopback()}[network]
	dialer := net.Dialer{Control: control}
	dialer.SetMultipathTCP(mptcp)
	conn, err := dialer.Dial(network, netip.AddrPortFrom(host, addrOf(l.Addr()).Port()).String())
	require.NoError(t, err)
	t.Cleanup(func() { abort(conn.(*net.TCPConn)) })
	return conn.(*net.TCPConn)
}

type controlFunc = func(network, address string, c syscall.RawConn) error

// abort closes at once, so that nothing keeps the namespace.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// send moves bytes from one end to the other.
func send(t testing.TB, from, to *net.TCPConn, n int) {
	t.Helper()
	sent := make(chan error, 1)
	go func() {
		_, err := from.Write(make([]byte, n))
		sent <- err
	}()
	for got := 0; got < n; {
		k, err := to.Read(make([]byte, n))
		require.NoError(t, err)
		got += k
	}
	require.NoError(t, <-sent)
}

func addrOf(a net.Addr) netip.AddrPort {
	p := a.(*net.TCPAddr).AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

func rawConn(t testing.TB, c syscall.Conn) syscall.RawConn {
	t.Helper()
	raw, err := c.SyscallConn()
	require.NoError(t, err)
	return raw
}

// openPM opens the path manager of the namespace, with limits that no test reaches.
func openPM(t testing.TB) *pm.Client {
	t.Helper()
	client, err := pm.Dial(pm.Config{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Close() })
	most := uint32(8)
	require.NoError(t, client.SetLimits(pm.LimitsUpdate{AddAddrAccepted: &most, Subflows: &most}))
	return client
}

func openDiag(t testing.TB) *Diag {
	t.Helper()
	d, err := OpenDiag()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, d.Close()) })
	return d
}

// conns is every connection by its local address.
func conns(t testing.TB, d *Diag) map[netip.AddrPort]lab.Conn {
	t.Helper()
	all, err := d.Conns()
	require.NoError(t, err)
	byLocal := make(map[netip.AddrPort]lab.Conn, len(all))
	for _, c := range all {
		byLocal[c.Local] = c
	}
	require.Len(t, byLocal, len(all), "two connections with one local address: %v", all)
	return byLocal
}

// eventually asks again until the kernel shows what is expected of it.
func eventually(t testing.TB, cond func() bool) {
	t.Helper()
	for deadline := time.Now().Add(5 * time.Second); !cond(); runtime.Gosched() {
		require.True(t, time.Now().Before(deadline), "not seen within 5s")
	}
}
