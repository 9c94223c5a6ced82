//go:build linux

package pm_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

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
