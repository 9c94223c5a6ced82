package pm_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// path says which addresses a test uses.
type path struct {
	name         string
	listen, dial string     // of the initial subflow
	second       netip.Addr // another address of the host
	foreign      netip.Addr // of the same family, of no host and without a route
	other        netip.Addr // of the other family
	source       netip.Addr // of the initial subflow; zero: as the route says
}

var (
	ipv4 = path{
		name: "IPv4", listen: "127.0.0.1", dial: "127.0.0.1",
		second: address("127.0.0.2"), foreign: address("10.9.9.9"), other: address("fd00::2"),
	}
	ipv6 = path{
		name: "IPv6", listen: "::1", dial: "::1",
		second: address("fd00::2"), foreign: address("2001:db8::9"), other: address("127.0.0.2"),
	}
	// mapped is IPv4 whose server has an IPv6 socket, which takes the addresses for mapped ones.
	mapped = path{
		name: "mapped", listen: "::", dial: "127.0.0.1",
		second: address("127.0.0.2"), foreign: address("10.9.9.9"), other: address("fd00::2"),
	}
)

// side is one end of a connection, and what its path manager knows of it.
type side struct {
	path
	*pm.Client
	monitor       *pm.Monitor
	ns            int
	token, peer   uint32
	local, remote netip.AddrPort // of the initial subflow
}

// words puts the side's addresses and token in the place of their names; SECOND_1 is the second address with port 1.
func (s side) words(text string) string {
	var names []string
	for _, a := range []struct {
		name string
		addr netip.Addr
	}{{"SECOND", s.second}, {"FOREIGN", s.foreign}, {"OTHER", s.other}} {
		for _, port := range []uint16{0, 1} {
			names = append(names, fmt.Sprintf("%s_%d", a.name, port), netip.AddrPortFrom(a.addr, port).String())
		}
		names = append(names, a.name, a.addr.String())
	}
	names = append(names,
		"LOCAL_IP", s.local.Addr().String(), "LOCAL_PORT", fmt.Sprint(s.local.Port()), "LOCAL", s.local.String(),
		"REMOTE", s.remote.String(), "TOKEN", fmt.Sprintf("%08x", s.token),
	)
	return strings.NewReplacer(names...).Replace(text)
}

// userspaceNetNS makes a network namespace whose connections are left to a path manager in userspace.
func userspaceNetNS(t *testing.T) int {
	t.Helper()
	ns := newNetNS(t)
	selectManager(t, ns, "1")
	inNetNS(t, ns, func() error {
		lo, err := netlink.LinkByName("lo")
		if err != nil {
			return err
		}
		second := &net.IPNet{IP: ipv6.second.AsSlice(), Mask: net.CIDRMask(128, 128)}
		if err := netlink.AddrAdd(lo, &netlink.Addr{IPNet: second, Flags: unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE}); err != nil {
			return err
		}
		return reachable(second.IP)
	})
	return ns
}

// reachable waits until the address is routed: the kernel adds the local route of an IPv6 address from a work queue.
func reachable(ip net.IP) error {
	for deadline := time.Now().Add(patience); ; time.Sleep(time.Millisecond) {
		_, err := netlink.RouteGet(ip)
		if err == nil || time.Now().After(deadline) {
			return err
		}
	}
}

// selectManager writes net.mptcp.pm_type: 0 is the kernel, 1 userspace.
func selectManager(t *testing.T, ns int, pmType string) {
	t.Helper()
	var missing error
	inNetNS(t, ns, func() error {
		err := os.WriteFile("/proc/sys/net/mptcp/pm_type", []byte(pmType), 0)
		if errors.Is(err, fs.ErrNotExist) {
			missing, err = err, nil
		}
		return err
	})
	if missing != nil {
		t.Skipf("this kernel has no path managers in userspace (Linux 5.19 and newer do): %v", missing)
	}
}

// open makes a connection of the namespace. Its client is not fully established before the ends exchange data.
func open(t *testing.T, ns int, p path) connection {
	t.Helper()
	var c connection
	inNetNS(t, ns, func() (err error) {
		var listen net.ListenConfig
		listen.SetMultipathTCP(true)
		if c.listener, err = listen.Listen(context.Background(), "tcp", net.JoinHostPort(p.listen, "0")); err != nil {
			return err
		}
		var dialer net.Dialer
		dialer.SetMultipathTCP(true)
		if p.source.IsValid() {
			dialer.LocalAddr = &net.TCPAddr{IP: p.source.AsSlice()}
		}
		port := addrPort(c.listener.Addr()).Port()
		c.client, err = dialer.Dial("tcp", net.JoinHostPort(p.dial, fmt.Sprint(port)))
		return err
	})
	var err error
	c.server, err = c.listener.Accept()
	require.NoError(t, err)
	t.Cleanup(c.close)
	return c
}

func (c connection) exchange(t *testing.T) {
	t.Helper()
	for _, pair := range [][2]net.Conn{{c.client, c.server}, {c.server, c.client}} {
		_, err := pair[0].Write([]byte{1})
		require.NoError(t, err)
		_, err = pair[1].Read(make([]byte, 1))
		require.NoError(t, err)
	}
}

// establish makes a connection under userspace path managers, and returns its client's and its server's side.
func establish(t *testing.T, ns int, p path) (client, server side) {
	t.Helper()
	client = side{path: p, Client: dial(t, ns), monitor: listen(t, ns), ns: ns}
	server = client
	conn := open(t, ns, p)
	conn.exchange(t)
	for client.token == 0 || server.token == 0 {
		e := last(until(t, client.monitor, pm.EventEstablished, anyEvent))
		s := &client
		if e.ServerSide {
			s = &server
		}
		s.token, s.local, s.remote = e.Token, e.Local, e.Remote
	}
	client.peer, server.peer = server.token, client.token
	return client, server
}

// eachSide runs a test on both sides of a connection for each path, each in a namespace and on a connection of its own.
func eachSide(t *testing.T, paths []path, test func(*testing.T, side)) {
	for _, p := range paths {
		t.Run(p.name+"/client", func(t *testing.T) {
			client, _ := establish(t, userspaceNetNS(t), p)
			test(t, client)
		})
		t.Run(p.name+"/server", func(t *testing.T) {
			_, server := establish(t, userspaceNetNS(t), p)
			test(t, server)
		})
	}
}

// both waits for an event of that kind on each side, in either order, and returns that of the side and that of its peer.
func (s side) both(t *testing.T, kind pm.EventKind) (own, peers pm.Event) {
	t.Helper()
	for own.Token == 0 || peers.Token == 0 {
		e := last(until(t, s.monitor, kind, anyEvent))
		if e.Token == s.token {
			own = e
		} else {
			peers = e
		}
	}
	require.Equal(t, s.peer, peers.Token)
	return own, peers
}

// seen waits for an event of that kind on the peer's side.
func (s side) seen(t *testing.T, kind pm.EventKind) pm.Event {
	t.Helper()
	return last(until(t, s.monitor, kind, func(e pm.Event) bool { return e.Token == s.peer }))
}

// requireList compares the connection's list, whole and one by one.
func (s side) requireList(t *testing.T, want ...pm.Endpoint) {
	t.Helper()
	got, err := s.Addresses(s.token)
	require.NoError(t, err)
	require.ElementsMatch(t, want, got)
	for _, e := range want {
		one, err := s.Address(s.token, e.ID)
		require.NoError(t, err)
		require.Equal(t, e, one)
	}
}
