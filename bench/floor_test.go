package bench

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	vnetns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// floor does by hand what two_paths.star describes: two namespaces, two veth links, an announced address, one connection, its
// join seen as an event, all closed. It goes straight to netlink and sockets, with nothing else observed.
type floor struct {
	tb             testing.TB
	family         pm.Family
	client, server vnetns.NsHandle
	home           vnetns.NsHandle
}

func (f *floor) run() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	f.client, f.server = f.namespace(), f.namespace()
	defer f.client.Close()
	defer f.server.Close()
	client, server := f.handle(f.client), f.handle(f.server)
	defer client.Close()
	defer server.Close()
	f.up(client, "lo")
	f.up(server, "lo")
	for i := 1; i <= 2; i++ {
		f.link(client, server, i)
	}
	f.settle(client, server)
	f.pathManagers()
	f.connection()
}

func (f *floor) namespace() vnetns.NsHandle {
	ns, err := vnetns.New()
	require.NoError(f.tb, err)
	require.NoError(f.tb, vnetns.Set(f.home))
	return ns
}

func (f *floor) handle(ns vnetns.NsHandle) *netlink.Handle {
	h, err := netlink.NewHandleAt(ns, 0)
	require.NoError(f.tb, err)
	return h
}

func (f *floor) up(h *netlink.Handle, name string) netlink.Link {
	l, err := h.LinkByName(name)
	require.NoError(f.tb, err)
	require.NoError(f.tb, h.LinkSetUp(l))
	return l
}

func (f *floor) link(client, server *netlink.Handle, i int) {
	name := fmt.Sprintf("eth%d", i)
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: name, PeerNamespace: netlink.NsFd(f.server),
	}
	require.NoError(f.tb, client.LinkAdd(veth))
	for end, h := range []*netlink.Handle{client, server} {
		l := f.up(h, name)
		for _, format := range []string{"10.0.%d.%d/24", "fd00:%d::%d/64"} {
			a, err := netlink.ParseAddr(fmt.Sprintf(format, i, end+1))
			require.NoError(f.tb, err)
			a.Flags = unix.IFA_F_NODAD // ready at once
			require.NoError(f.tb, h.AddrAdd(l, a))
		}
	}
}

// settle asks for the links, which makes the kernel act on their carriers: before that, a new link may drop what is sent.
func (f *floor) settle(hosts ...*netlink.Handle) {
	for _, h := range hosts {
		for _, name := range []string{"eth1", "eth2"} {
			_, err := h.LinkByName(name)
			require.NoError(f.tb, err)
		}
	}
}

func (f *floor) pathManagers() {
	one, two := uint32(1), uint32(2)
	for _, ns := range []vnetns.NsHandle{f.client, f.server} {
		c, err := pm.Dial(pm.Config{NetNS: int(ns), Family: f.family})
		require.NoError(f.tb, err)
		if ns == f.client {
			require.NoError(f.tb, c.SetLimits(pm.LimitsUpdate{Subflows: &two, AddAddrAccepted: &one}))
		} else {
			require.NoError(f.tb, c.SetLimits(pm.LimitsUpdate{Subflows: &two}))
			require.NoError(f.tb, c.AddEndpoint(pm.Endpoint{Address: server2, Flags: pm.FlagSignal}))
		}
		require.NoError(f.tb, c.Close())
	}
}

func (f *floor) connection() {
	events, err := pm.Listen(pm.Config{NetNS: int(f.client), Family: f.family})
	require.NoError(f.tb, err)
	defer events.Close()

	require.NoError(f.tb, vnetns.Set(f.server))
	listen := net.ListenConfig{}
	listen.SetMultipathTCP(true)
	ln, err := listen.Listen(context.Background(), "tcp", "0.0.0.0:8000")
	require.NoError(f.tb, err)
	defer ln.Close()

	require.NoError(f.tb, vnetns.Set(f.client))
	dial := net.Dialer{}
	dial.SetMultipathTCP(true)
	c, err := dial.Dial("tcp", "10.0.1.2:8000")
	require.NoError(f.tb, err)
	require.NoError(f.tb, vnetns.Set(f.home))
	s, err := ln.Accept()
	require.NoError(f.tb, err)

	f.exchange(c, s)
	f.exchange(s, c)
	f.awaitJoin(events)
	for _, conn := range []net.Conn{c, s} {
		require.NoError(f.tb, conn.(*net.TCPConn).SetLinger(0))
		require.NoError(f.tb, conn.Close())
	}
}

func (f *floor) exchange(from, to net.Conn) {
	b := make([]byte, 1)
	_, err := from.Write(b)
	require.NoError(f.tb, err)
	_, err = to.Read(b)
	require.NoError(f.tb, err)
}

func (f *floor) awaitJoin(events *pm.Monitor) {
	for {
		batch, err := events.Receive()
		require.NoError(f.tb, err)
		for _, e := range batch {
			if e.Kind == pm.EventSubEstablished {
				return
			}
		}
	}
}

// bareNamespaces makes and drops empty namespaces.
func (f *floor) bareNamespaces(n int) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	made := make([]vnetns.NsHandle, n)
	for i := range made {
		made[i] = f.namespace()
	}
	for i := range made {
		require.NoError(f.tb, made[i].Close())
	}
}

// awaitGone waits until the kernel has taken down the namespaces of earlier runs, which would else disturb whatever follows. It
// takes down one closed later not before them.
func (f *floor) awaitGone() {
	r, err := netns.NewRegistry()
	require.NoError(f.tb, err)
	last, err := netns.New()
	require.NoError(f.tb, err)
	require.NoError(f.tb, r.Add(last))
	require.NoError(f.tb, last.Close())
	require.NoError(f.tb, r.WaitGone(context.Background()))
	require.NoError(f.tb, r.Close())
}
