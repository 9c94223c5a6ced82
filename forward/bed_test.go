//go:build linux

package forward

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

const ms = time.Millisecond

// bed is two hosts and the hidden namespace between them:
//
//	hosts[0] eth0 == a hidden b == eth0 hosts[1]
type bed struct {
	hosts  [2]*netns.Namespace
	hidden *netns.Namespace
}

var addresses = [2]map[string]netip.Addr{
	{"ipv4": netip.MustParseAddr("10.0.0.1"), "ipv6": netip.MustParseAddr("fd00::1")},
	{"ipv4": netip.MustParseAddr("10.0.0.2"), "ipv6": netip.MustParseAddr("fd00::2")},
}

var macs = [2]string{"02:00:00:00:00:01", "02:00:00:00:00:02"}

// newBed makes a bed whose hosts know each other's MAC addresses. Nothing is on the link unless a test puts it there, apart from
// what IPv6 has to say.
func newBed(t testing.TB, ipv6 bool) *bed {
	t.Helper()
	privileged(t)
	b := &bed{hidden: newNamespace(t, false)}
	for i, name := range []string{"a", "b"} {
		b.hosts[i] = newNamespace(t, ipv6)
		in(t, b.hosts[i], func() error { return attachHost(i, name, b.hidden, ipv6) })
		in(t, b.hidden, func() error { return bringUp(name) })
		in(t, b.hosts[i], func() error { return bringUp("eth0") })
	}
	return b
}

func newNamespace(t testing.TB, ipv6 bool) *netns.Namespace {
	t.Helper()
	ns, err := netns.New()
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, errors.Join(ns.DestroySockets(), ns.Close())) })
	settings := map[string]string{
		"ipv4/tcp_congestion_control":  "reno",
		"ipv4/tcp_rmem":                "4096 8388608 134217728",
		"ipv4/tcp_wmem":                "4096 8388608 134217728",
		"ipv6/conf/default/accept_dad": "0",
	}
	if !ipv6 {
		settings["ipv6/conf/default/disable_ipv6"] = "1"
	}
	in(t, ns, func() error {
		for name, value := range settings {
			err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
		return nil
	})
	return ns
}

// in runs fn in a namespace.
func in(t testing.TB, ns *netns.Namespace, fn func() error) {
	t.Helper()
	require.NoError(t, ns.Do(fn))
}

// attachHost links the i-th host, in which the thread is, to the hidden namespace.
func attachHost(i int, peer string, hidden *netns.Namespace, ipv6 bool) error {
	mac, err := net.ParseMAC(macs[i])
	if err != nil {
		return err
	}
	err = netlink.LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "eth0", HardwareAddr: mac},
		PeerName:  peer, PeerNamespace: netlink.NsFd(hidden.FD()),
	})
	if err != nil {
		return err
	}
	if err := bringUp("eth0"); err != nil {
		return err
	}
	link, err := netlink.LinkByName("eth0")
	if err != nil {
		return err
	}
	other, err := net.ParseMAC(macs[1-i])
	if err != nil {
		return err
	}
	for family, bits := range map[string]int{"ipv4": 24, "ipv6": 64} {
		if family == "ipv6" && !ipv6 {
			continue
		}
		address, err := netlink.ParseAddr(netip.PrefixFrom(addresses[i][family], bits).String())
		if err != nil {
			return err
		}
		address.Flags = unix.IFA_F_NODAD
		neighbour := netlink.Neigh{
			LinkIndex: link.Attrs().Index, State: netlink.NUD_PERMANENT,
			IP: addresses[1-i][family].AsSlice(), HardwareAddr: other,
		}
		if err := errors.Join(netlink.AddrAdd(link, address), netlink.NeighAdd(&neighbour)); err != nil {
			return err
		}
	}
	return nil
}

// forward opens a forwarder on the bed.
func (b *bed) forward(t testing.TB, c Config) *Forwarder {
	t.Helper()
	c.In, c.A, c.B = b.hidden.Do, "a", "b"
	f, err := Open(c)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, f.Close())
		requireConserved(t, f)
		for d := range Direction(2) {
			c := f.Counters(d)
			require.Zero(t, c.InFlight+c.Waiting+c.Held, "after Close")
		}
	})
	return f
}

// requireConserved holds that no packet is lost or invented unaccounted for.
func requireConserved(t testing.TB, f *Forwarder) {
	t.Helper()
	for d := range Direction(2) {
		c := f.Counters(d)
		require.Equal(t, c.Received+c.Injected+c.Duplicated,
			c.Forwarded+c.DroppedTotal()+c.InFlight+c.Waiting+c.Held, "%s: %+v", d, c)
	}
}

// probe opens a prober from one host to the other.
func (b *bed) probe(t testing.TB, d Direction) *prober {
	t.Helper()
	p := &prober{from: -1, to: -1}
	t.Cleanup(func() { require.NoError(t, p.close()) })
	in(t, b.hosts[d], func() (err error) { p.from, err = openProbe("eth0"); return err })
	in(t, b.hosts[1-d], func() (err error) { p.to, err = openProbe("eth0"); return err })
	return p
}

func (p *prober) mustSend(t testing.TB, n int) time.Time {
	t.Helper()
	at, err := p.send(n, 46)
	require.NoError(t, err)
	return at
}

func (p *prober) mustReceive(t testing.TB) (int, time.Time) {
	t.Helper()
	n, at, err := p.receive(5 * time.Second)
	require.NoError(t, err)
	return n, at
}

// requireReceives holds that just these probes arrive, in this order.
func (p *prober) requireReceives(t testing.TB, want ...int) {
	t.Helper()
	for _, n := range want {
		got, _ := p.mustReceive(t)
		require.Equal(t, n, got)
	}
	p.requireNothing(t)
}

// requireNothing holds that no probe has arrived. A probe that the filter let pass would have by the time that an injected one has.
func (p *prober) requireNothing(t testing.TB) {
	t.Helper()
	_, _, err := p.receive(0)
	require.Error(t, err, "a probe arrived")
}

// connect makes a connection from host 0 to host 1.
func (b *bed) connect(t testing.TB, family string, protocol lab.Protocol) (client, server *traffic.Socket) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	l, err := traffic.Listen(ctx, b.hosts[1].Do, lab.ListenOptions{
		Address: netip.AddrPortFrom(addresses[1][family], 0), Protocol: protocol,
	})
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	client, err = traffic.Dial(ctx, b.hosts[0].Do, lab.DialOptions{Remote: l.Address(), Protocol: protocol})
	require.NoError(t, err)
	t.Cleanup(func() { _ = client.Abort() })
	server, err = l.Accept(ctx)
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Abort() })
	return client, server
}

// setLink brings the link of a host up or down.
func (b *bed) setLink(t testing.TB, i int, set func(netlink.Link) error) {
	t.Helper()
	in(t, b.hosts[i], func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return set(link)
	})
}

// capture receives whole frames at a host, in the order of their arrival.
func (b *bed) capture(t testing.TB, i int) (read func() []byte) {
	t.Helper()
	fd := -1
	in(t, b.hosts[i], func() (err error) {
		link, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		all := uint16(unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8)
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		return errors.Join(
			unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1),
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20),
			unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Index}),
		)
	})
	t.Cleanup(func() { require.NoError(t, unix.Close(fd)) })
	buf := make([]byte, 1<<17)
	return func() []byte {
		n, _, err := unix.Recvfrom(fd, buf, unix.MSG_DONTWAIT)
		if err == unix.EAGAIN {
			return nil
		}
		require.NoError(t, err)
		return buf[:n]
	}
}
