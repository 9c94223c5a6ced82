//go:build linux

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

func (s side) String() string {
	if s.token == 0 {
		return "?"
	}
	return fmt.Sprintf("%s from %s to %s", s.name, s.local, s.remote)
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
		addr, err := netlink.ParseAddr("fd00::2/128")
		if err != nil {
			return err
		}
		addr.Flags = unix.IFA_F_NODAD // usable at once
		return netlink.AddrAdd(lo, addr)
	})
	return ns
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

func TestAnnounceAndRemove(t *testing.T) {
	eachSide(t, []path{ipv4, ipv6, mapped}, func(t *testing.T, s side) {
		first := pm.Endpoint{ID: 3, Address: s.second, Flags: pm.FlagSignal}
		require.NoError(t, s.Announce(s.token, first))
		e := s.seen(t, pm.EventAnnounced)
		require.Equal(t, uint8(3), e.RemoteID)
		require.Equal(t, netip.AddrPortFrom(s.second, s.local.Port()), e.Remote, "the connection's port")
		s.requireList(t, first)

		second := pm.Endpoint{ID: 255, Address: s.foreign, Flags: pm.FlagSignal}
		require.NoError(t, s.Announce(s.token, second), "it may be of another host")
		require.Equal(t, s.foreign, s.seen(t, pm.EventAnnounced).Remote.Addr())
		s.requireList(t, first, second)

		require.NoError(t, s.Remove(s.token, 3))
		require.Equal(t, uint8(3), s.seen(t, pm.EventRemoved).RemoteID)
		s.requireList(t, second)
		require.ErrorContains(t, s.Remove(s.token, 3), "address with id 3 not found")
	})
}

// The option of an IPv6 announcement with a port has no room beside TCP timestamps.
func TestAnnounceWithPort(t *testing.T) {
	eachSide(t, []path{ipv4, mapped}, func(t *testing.T, s side) {
		require.NoError(t, s.Announce(s.token, pm.Endpoint{ID: 3, Address: s.second, Port: 8001, Flags: pm.FlagSignal}))
		require.Equal(t, netip.AddrPortFrom(s.second, 8001), s.seen(t, pm.EventAnnounced).Remote)
	})
}

func TestSubflowFromTheClient(t *testing.T) {
	for _, p := range []path{ipv4, ipv6, mapped} {
		t.Run(p.name, func(t *testing.T) {
			s, server := establish(t, userspaceNetNS(t), p)
			require.NoError(t, s.SubflowCreate(s.token, pm.Endpoint{ID: 7, Address: s.second, Flags: pm.FlagBackup}, s.remote))
			own, peers := s.both(t, pm.EventSubEstablished)
			require.Equal(t, s.second, own.Local.Addr())
			require.Equal(t, s.remote, own.Remote)
			require.Equal(t, uint8(7), own.LocalID)
			require.Equal(t, uint8(7), peers.RemoteID)
			require.True(t, peers.Backup, "the client asked for a backup")
			s.requireList(t, pm.Endpoint{ID: 7, Address: s.second, Flags: pm.FlagSubflow | pm.FlagBackup})

			require.NoError(t, server.SetFlags(server.token, peers.Local, peers.Remote, pm.FlagBackup))
			require.True(t, server.seen(t, pm.EventSubPriority).Backup)

			require.NoError(t, s.SubflowDestroy(s.token, own.Local, own.Remote))
			own, _ = s.both(t, pm.EventSubClosed)
			require.Equal(t, s.second, own.Local.Addr())
			s.requireList(t)
		})
	}
}

// The client announces where it listens, and the server opens the subflow.
func TestSubflowFromTheServer(t *testing.T) {
	for _, p := range []path{ipv4, ipv6} {
		t.Run(p.name, func(t *testing.T) {
			client, s := establish(t, userspaceNetNS(t), p)
			inNetNS(t, client.ns, func() error {
				var listen net.ListenConfig
				listen.SetMultipathTCP(true)
				l, err := listen.Listen(context.Background(), "tcp", netip.AddrPortFrom(p.second, client.local.Port()).String())
				if err == nil {
					t.Cleanup(func() { _ = l.Close() })
				}
				return err
			})
			require.NoError(t, client.Announce(client.token, pm.Endpoint{ID: 3, Address: p.second, Flags: pm.FlagSignal}))
			announced := client.seen(t, pm.EventAnnounced)

			require.NoError(t, s.SubflowCreate(s.token, pm.Endpoint{ID: 4, Address: p.second}, announced.Remote))
			own, peers := s.both(t, pm.EventSubEstablished)
			require.Equal(t, announced.Remote, own.Remote)
			require.Equal(t, uint8(4), own.LocalID)
			require.Equal(t, uint8(3), own.RemoteID, "as announced")
			require.Equal(t, uint8(4), peers.RemoteID)
			s.requireList(t, pm.Endpoint{ID: 4, Address: p.second, Flags: pm.FlagSubflow})

			require.NoError(t, s.SubflowDestroy(s.token, own.Local, own.Remote))
			s.both(t, pm.EventSubClosed)
		})
	}
}

func TestSubflowOfIDZeroAndPort(t *testing.T) {
	s, _ := establish(t, userspaceNetNS(t), ipv4)
	local := pm.Endpoint{Address: s.second, Port: s.local.Port()}
	require.NoError(t, s.SubflowCreate(s.token, local, s.remote))
	own, peers := s.both(t, pm.EventSubEstablished)
	require.Equal(t, netip.AddrPortFrom(s.second, s.local.Port()), own.Local, "the port is bound")
	require.Zero(t, own.LocalID)
	require.Zero(t, peers.RemoteID)

	require.NoError(t, s.Remove(s.token, 0))
	require.Zero(t, s.seen(t, pm.EventRemoved).RemoteID)
}

// The peer may join an address that nobody announced; the kernel then picks its ID.
func TestAddressThatThePeerJoined(t *testing.T) {
	s, server := establish(t, userspaceNetNS(t), mapped) // its server listens on all addresses
	remote := netip.AddrPortFrom(address("127.0.0.3"), s.remote.Port())
	require.NoError(t, s.SubflowCreate(s.token, pm.Endpoint{ID: 7, Address: s.second}, remote))
	own, _ := s.both(t, pm.EventSubEstablished)
	list, err := server.Addresses(server.token)
	require.NoError(t, err)
	require.Len(t, list, 1)
	require.Equal(t, remote.Addr(), list[0].Address.Unmap())
	require.Equal(t, own.RemoteID, list[0].ID)
}

func TestSetFlags(t *testing.T) {
	eachSide(t, []path{ipv4, ipv6, mapped}, func(t *testing.T, s side) {
		for _, flags := range []pm.Flags{pm.FlagBackup, 0, pm.FlagBackup | pm.FlagFullmesh, pm.FlagFullmesh} {
			require.NoError(t, s.SetFlags(s.token, s.local, s.remote, flags))
			require.Equal(t, flags&pm.FlagBackup != 0, s.seen(t, pm.EventSubPriority).Backup, flags)
		}
		local, remote := netip.AddrPortFrom(s.local.Addr(), 0), netip.AddrPortFrom(s.remote.Addr(), 0)
		require.NoError(t, s.SetFlags(s.token, local, remote, pm.FlagBackup), "port 0 is any port")
		require.True(t, s.seen(t, pm.EventSubPriority).Backup)
	})
}

// The server's events tell mapped addresses. The flags may be set by their IPv4 forms as well; a subflow is found only
// if one of the two addresses is mapped.
func TestMappedAddresses(t *testing.T) {
	client, s := establish(t, userspaceNetNS(t), mapped)
	require.True(t, s.local.Addr().Is4In6() && s.remote.Addr().Is4In6(), s)
	require.True(t, client.local.Addr().Is4(), client)
	unmap := func(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

	require.NoError(t, s.SetFlags(s.token, unmap(s.local), unmap(s.remote), pm.FlagBackup))
	require.True(t, s.seen(t, pm.EventSubPriority).Backup)
	require.NoError(t, s.SetFlags(s.token, s.local, s.remote, 0))
	require.False(t, s.seen(t, pm.EventSubPriority).Backup)

	for _, ends := range []func(local, remote netip.AddrPort) (netip.AddrPort, netip.AddrPort){
		func(local, remote netip.AddrPort) (netip.AddrPort, netip.AddrPort) { return local, remote },
		func(local, remote netip.AddrPort) (netip.AddrPort, netip.AddrPort) { return unmap(local), remote },
		func(local, remote netip.AddrPort) (netip.AddrPort, netip.AddrPort) { return local, unmap(remote) },
	} {
		require.NoError(t, client.SubflowCreate(client.token, pm.Endpoint{ID: 7, Address: client.second}, client.remote))
		_, joined := client.both(t, pm.EventSubEstablished)
		require.True(t, joined.Remote.Addr().Is4In6())
		require.ErrorIs(t, s.SubflowDestroy(s.token, unmap(joined.Local), unmap(joined.Remote)), unix.ESRCH)

		local, remote := ends(joined.Local, joined.Remote)
		require.NoError(t, s.SubflowDestroy(s.token, local, remote))
		s.both(t, pm.EventSubClosed)
		require.NoError(t, client.Remove(client.token, 7))
	}
}

// The path manager of the example, beside another monitor that sees what it does.
func TestExamplePathManager(t *testing.T) {
	for _, p := range []path{ipv4, ipv6} {
		t.Run(p.name, func(t *testing.T) {
			ns := userspaceNetNS(t)
			events, err := pm.Listen(pm.Config{NetNS: ns})
			require.NoError(t, err)
			done := make(chan error)
			client := dial(t, ns)
			go func() { done <- useSecondPath(client, events, pm.Endpoint{ID: 2, Address: p.second}) }()

			s, _ := establish(t, ns, p)
			own, _ := s.both(t, pm.EventSubEstablished)
			require.Equal(t, p.second, own.Local.Addr())
			require.Equal(t, uint8(2), own.LocalID)

			require.NoError(t, events.Close())
			require.ErrorIs(t, <-done, fs.ErrClosed)
		})
	}
}

func TestUserspaceNeedsPrivilege(t *testing.T) {
	s, _ := establish(t, userspaceNetNS(t), ipv4)
	err := onThread(func() error {
		if err := unix.Setns(s.ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := dropCapabilities(); err != nil {
			return err
		}
		c, err := pm.Dial(pm.Config{})
		if err != nil {
			return err
		}
		if _, err := c.Addresses(s.token); err != nil {
			return errors.Join(errors.New("reading needs none"), err, c.Close())
		}
		return errors.Join(c.Remove(s.token, 0), c.Close())
	})
	require.EqualError(t, err, s.words("remove id 0 on token TOKEN: operation not permitted (this needs CAP_NET_ADMIN over the network namespace)"))
}
