//go:build linux

package pm_test

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// patience bounds how long a test waits for an event that does not come; no test that passes waits so long.
const patience = 10 * time.Second

// connection is a fully established MPTCP connection over loopback.
type connection struct {
	listener       net.Listener
	client, server net.Conn
}

func connect(t *testing.T, ns int, host string) connection {
	t.Helper()
	var c connection
	inNetNS(t, ns, func() (err error) {
		var listen net.ListenConfig
		listen.SetMultipathTCP(true)
		if c.listener, err = listen.Listen(context.Background(), "tcp", net.JoinHostPort(host, "0")); err != nil {
			return err
		}
		var dialer net.Dialer
		dialer.SetMultipathTCP(true)
		c.client, err = dialer.Dial("tcp", c.listener.Addr().String())
		return err
	})
	var err error
	c.server, err = c.listener.Accept()
	require.NoError(t, err)
	t.Cleanup(c.close)

	// The client counts as established once the server has answered.
	for _, pair := range [][2]net.Conn{{c.client, c.server}, {c.server, c.client}} {
		_, err := pair[0].Write([]byte{1})
		require.NoError(t, err)
		_, err = pair[1].Read(make([]byte, 1))
		require.NoError(t, err)
	}
	return c
}

func (c connection) close() {
	_ = c.client.Close()
	_ = c.server.Close()
	_ = c.listener.Close()
}

// until receives events up to one of the kind for which ok holds.
func until(t *testing.T, m *pm.Monitor, kind pm.EventKind, ok func(pm.Event) bool) []pm.Event {
	t.Helper()
	require.NoError(t, m.SetReadDeadline(time.Now().Add(patience)))
	var seen []pm.Event
	for {
		events, err := m.Receive()
		require.NoError(t, err, "no such %s among %v", kind, seen)
		for _, e := range events {
			seen = append(seen, e)
			if e.Kind == kind && ok(e) {
				return seen
			}
		}
	}
}

func anyEvent(pm.Event) bool { return true }

func last(events []pm.Event) pm.Event { return events[len(events)-1] }

func count(events []pm.Event) map[pm.EventKind]int {
	n := map[pm.EventKind]int{}
	for _, e := range events {
		n[e.Kind]++
	}
	return n
}

func addrPort(a net.Addr) netip.AddrPort { return netip.MustParseAddrPort(a.String()) }

func TestEventsOfAConnection(t *testing.T) {
	for _, host := range []string{"127.0.0.1", "::1"} {
		t.Run(host, func(t *testing.T) {
			ns := newNetNS(t)
			m := listen(t, ns)
			c := connect(t, ns, host)
			c.close()
			events := until(t, m, pm.EventListenerClosed, anyEvent)

			require.Equal(t, map[pm.EventKind]int{
				pm.EventListenerCreated: 1, pm.EventCreated: 2, pm.EventEstablished: 2, pm.EventClosed: 2, pm.EventListenerClosed: 1,
			}, count(events))
			require.Equal(t, addrPort(c.listener.Addr()), events[0].Local)
			tokens := map[bool]uint32{}
			for _, e := range events {
				if e.Kind != pm.EventCreated {
					continue
				}
				tokens[e.ServerSide] = e.Token
				local, remote := c.client.LocalAddr(), c.server.LocalAddr()
				if e.ServerSide {
					local, remote = remote, local
				}
				require.Equal(t, addrPort(local), e.Local, e)
				require.Equal(t, addrPort(remote), e.Remote, e)
			}
			require.Len(t, tokens, 2, "one event for each end")
			require.NotEqual(t, tokens[false], tokens[true])
		})
	}
}

func TestEventsOfASubflow(t *testing.T) {
	ns := newNetNS(t)
	c := dial(t, ns)
	require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: 5, Address: address("127.0.0.2"), Flags: pm.FlagSubflow | pm.FlagBackup, IfIndex: 1}))
	m := listen(t, ns)
	connect(t, ns, "127.0.0.1")

	fromClient := func(e pm.Event) bool { return e.LocalID == 5 }
	fromServer := func(e pm.Event) bool { return e.RemoteID == 5 }

	seen := until(t, m, pm.EventSubEstablished, fromServer)
	require.True(t, last(seen).Backup, "the client asked for a backup")
	require.Equal(t, address("127.0.0.2"), last(seen).Remote.Addr())
	for _, e := range seen {
		if e.Kind == pm.EventSubEstablished && fromClient(e) {
			require.Equal(t, int32(1), e.IfIndex)
			require.True(t, e.Has.Contains(pm.AttrIfIndex))
		}
	}

	require.NoError(t, c.ChangeEndpoint(pm.Endpoint{ID: 5}))
	require.False(t, last(until(t, m, pm.EventSubPriority, fromServer)).Backup)

	require.NoError(t, c.DeleteEndpoint(pm.Endpoint{ID: 5}))
	until(t, m, pm.EventRemoved, fromServer)
}

// The listener has only 127.0.0.1, so the join that an announcement of 127.0.0.4 leads to is refused.
func TestEventsOfAnAnnouncement(t *testing.T) {
	ns := newNetNS(t)
	c := dial(t, ns)
	require.NoError(t, c.SetLimits(pm.LimitsUpdate{AddAddrAccepted: new(uint32(8)), Subflows: new(uint32(8))}))
	require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: 9, Address: address("127.0.0.4"), Flags: pm.FlagSignal}))
	m := listen(t, ns)
	conn := connect(t, ns, "127.0.0.1")
	port := addrPort(conn.listener.Addr()).Port()

	closed := last(until(t, m, pm.EventSubClosed, func(e pm.Event) bool { return e.RemoteID == 9 && e.Remote.Port() == port }))
	require.Equal(t, netip.AddrPortFrom(address("127.0.0.4"), port), closed.Remote)
	require.Equal(t, syscall.ECONNREFUSED, closed.Error)
}

func TestEventsOfAPortEndpoint(t *testing.T) {
	ns := newNetNS(t)
	m := listen(t, ns)
	c := dial(t, ns)
	require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: 1, Address: address("::1"), Port: 10100, Flags: pm.FlagSignal}))
	require.NoError(t, c.FlushEndpoints())
	events := until(t, m, pm.EventListenerClosed, anyEvent)
	require.Len(t, events, 2)
	require.Equal(t, pm.EventListenerCreated, events[0].Kind)
	require.Equal(t, netip.MustParseAddrPort("[::1]:10100"), events[0].Local)
}

func TestOverrun(t *testing.T) {
	ns := newNetNS(t)
	m := listen(t, ns)
	require.NoError(t, m.SetReadBuffer(1))
	c := dial(t, ns)
	listener := func(port uint16) {
		require.NoError(t, c.AddEndpoint(pm.Endpoint{Address: address("127.0.0.1"), Port: port, Flags: pm.FlagSignal}))
		require.NoError(t, c.FlushEndpoints())
	}
	for range 100 {
		listener(10100)
	}

	require.NoError(t, m.SetReadDeadline(time.Now().Add(patience)))
	_, err := m.Receive()
	require.ErrorIs(t, err, pm.ErrOverrun)

	// The kernel drops events until all that it queued before the overrun is received; then they come again.
	require.NoError(t, m.SetReadBuffer(1<<20))
	for {
		listener(10200)
		events, err := m.Receive()
		require.NoError(t, err)
		if last(events).Local.Port() == 10200 {
			return
		}
	}
}

func TestDeadlineEndsReceive(t *testing.T) {
	m := listen(t, newNetNS(t))
	received := make(chan error)
	go func() {
		_, err := m.Receive()
		received <- err
	}()
	require.NoError(t, m.SetReadDeadline(time.Unix(1, 0)))
	require.ErrorIs(t, <-received, os.ErrDeadlineExceeded)
}

func TestCloseEndsReceive(t *testing.T) {
	m, err := pm.Listen(pm.Config{NetNS: newNetNS(t)})
	require.NoError(t, err)
	received := make(chan error)
	go func() {
		_, err := m.Receive()
		received <- err
	}()
	require.NoError(t, m.Close())
	require.ErrorIs(t, <-received, fs.ErrClosed)
}

func TestListenNeedsPrivilege(t *testing.T) {
	ns := newNetNS(t)
	err := onThread(func() error {
		if err := unix.Setns(ns, unix.CLONE_NEWNET); err != nil {
			return err
		}
		if err := dropCapabilities(); err != nil {
			return err
		}
		m, err := pm.Listen(pm.Config{})
		if err == nil {
			err = errors.Join(errors.New("allowed"), m.Close())
		}
		return err
	})
	require.EqualError(t, err, "listen to mptcp_pm_events: operation not permitted (this needs CAP_NET_ADMIN over the network namespace)")
	require.ErrorIs(t, err, fs.ErrPermission)
}

// dropCapabilities takes from the thread what it may do beyond any user.
func dropCapabilities() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var none [2]unix.CapUserData
	return unix.Capset(&header, &none[0])
}
