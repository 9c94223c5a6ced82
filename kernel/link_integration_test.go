package kernel_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestLinkNamesAndEnds(t *testing.T) {
	l := newLab(t)
	client, server, first := onePath(t, l)
	require.Equal(t, "client:eth1-server:eth1", first.Name())
	require.Equal(t, [2]lab.LinkEnd{
		{Node: "client", Interface: "eth1", Addresses: prefixes("10.0.1.1/24")},
		{Node: "server", Interface: "eth1", Addresses: prefixes("10.0.1.2/24")},
	}, first.Ends())

	named, err := l.Link(t.Context(), lab.End{Node: client, Interface: "eth3"}, lab.End{Node: server, Interface: "wan"}, lab.LinkOptions{})
	require.NoError(t, err)
	require.Equal(t, "client:eth3-server:wan", named.Name())
	next := addLink(t, l, client, "", server, "")
	require.Equal(t, "client:eth4-server:eth3", next.Name(), "past the name that was given")

	index, err := client.InterfaceIndex("eth3")
	require.NoError(t, err)
	require.Positive(t, index)
	_, err = client.InterfaceIndex("eth2")
	require.ErrorContains(t, err, "on client: ")
	require.ErrorContains(t, err, "eth2")
}

// A link that cannot be made leaves nothing: neither an interface nor an address, and the next one can be made.
func TestLinkErrors(t *testing.T) {
	b := open(t)
	l := openLab(t, b, lab.Options{})
	client, server, _ := onePath(t, l)
	sw, err := l.Switch(t.Context(), "sw")
	require.NoError(t, err)
	sw2, err := l.Switch(t.Context(), "sw2")
	require.NoError(t, err)
	foreign := addHost(t, openLab(t, b, lab.Options{}), "server")

	on := func(n lab.Node, iface string, addresses ...string) lab.End {
		return lab.End{Node: n, Interface: iface, Addresses: prefixes(addresses...)}
	}
	tests := []struct {
		name string
		a, b lab.End
		mtu  int
		err  string
	}{
		{"no node", on(client, ""), lab.End{}, 0, "both ends must be hosts or switches of this lab"},
		{"node of another lab", on(client, ""), on(foreign, ""), 0, "both ends must be hosts or switches of this lab"},
		{"one node", on(client, "x"), on(client, "y"), 0, "link client:x-client:y: both ends are on the same node"},
		{"two switches", on(sw, ""), on(sw2, ""), 0, "at least one end must be a host"},
		{"name taken", on(client, "eth1"), on(server, ""), 0, "client already has an interface eth1"},
		{"name too long", on(client, "a-name-of-16-cha"), on(server, ""), 0, `interface name "a-name-of-16-cha"`},
		{"loopback", on(client, ""), on(server, "lo"), 0, `interface name "lo"`},
		{"address on a switch", on(client, ""), on(sw, "", "10.0.9.1/24"), 0, "the interface of switch sw has no address"},
		{"address twice", on(client, "", "10.0.9.1/24", "10.0.9.1/24"), on(server, ""), 0, "client: address 10.0.9.1/24 is given twice"},
		{"no address", on(client, "", "10.0.9.1/24"), lab.End{Node: server, Addresses: []netip.Prefix{{}}}, 0, "server: add address to eth2"},
		{"refused address", on(client, "", "10.0.9.1/24", "fd00::1/64"), on(server, "", "ff02::1/64"), 0, "server: "},
		{"small MTU", on(client, ""), on(server, ""), 67, "MTU of 67 bytes: want 68 to 65535"},
		{"negative MTU", on(client, ""), on(server, ""), -1, "MTU of -1 bytes: want 68 to 65535"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			addresses := client.Addresses()
			_, err := l.Link(t.Context(), test.a, test.b, lab.LinkOptions{MTU: test.mtu})
			require.ErrorContains(t, err, test.err)
			require.Equal(t, addresses, client.Addresses())
			require.Len(t, server.Addresses(), 1)
			for _, made := range []string{"eth2", "eth3", "eth4"} {
				_, err := client.Sysctl("net.ipv6.conf." + made + ".mtu")
				require.Error(t, err, "%s is left", made)
			}
		})
	}
	next := addLink(t, l, client, "10.0.9.1/24", server, "10.0.9.2/24")
	require.Len(t, client.Addresses(), 2)
	c, s := connect(t, client, server, "10.0.9.2")
	exchange(t, c, s)
	packets, err := next.Packets()
	require.NoError(t, err)
	require.NotEmpty(t, packets)
}

func TestLinkDownAndUp(t *testing.T) {
	l := newLab(t)
	client, server, k := onePath(t, l)
	ctx := t.Context()
	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)

	require.NoError(t, k.SetUp(ctx, false))
	_, err := client.Dial(ctx, lab.DialOptions{Remote: netip.MustParseAddrPort("10.0.1.2:8000")})
	require.ErrorContains(t, err, "on client: connect to 10.0.1.2:8000")
	require.ErrorContains(t, err, "unreachable")
	require.NoError(t, k.SetUp(ctx, true))
	require.NoError(t, k.SetUp(ctx, true), "up already")
	c, s = connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)

	require.NoError(t, client.SetInterfaceUp(ctx, "eth1", false))
	require.NoError(t, client.SetInterfaceUp(ctx, "eth1", true))
	err = client.SetInterfaceUp(ctx, "eth9", true)
	require.ErrorContains(t, err, "on client: ")
	require.ErrorContains(t, err, "eth9")
}

func TestLinkMTU(t *testing.T) {
	l := newLab(t)
	client, server := addHost(t, l, "client"), addHost(t, l, "server")
	k, err := l.Link(t.Context(),
		lab.End{Node: client, Addresses: prefixes("10.0.1.1/24")},
		lab.End{Node: server, Addresses: prefixes("10.0.1.2/24")}, lab.LinkOptions{MTU: 1400})
	require.NoError(t, err)
	mtu, err := client.Sysctl("net.ipv6.conf.eth1.mtu")
	require.NoError(t, err)
	require.Equal(t, "1400", mtu)
	require.NoError(t, k.SetMTU(t.Context(), 1300))
	err = k.SetMTU(t.Context(), 1<<20)
	require.ErrorContains(t, err, "link client:eth1-server:eth1: client: set MTU of eth1 to 1048576")

	for _, h := range []lab.Host{client, server} {
		mtu, err := h.Sysctl("net.ipv6.conf.eth1.mtu")
		require.NoError(t, err)
		require.Equal(t, "1300", mtu, h.Name())
	}
}

func TestPackets(t *testing.T) {
	l := newLab(t)
	client, server, k := onePath(t, l)
	before := l.Now()
	c, s := connect(t, client, server, "10.0.1.2")
	require.NoError(t, c.Send(t.Context(), 1<<20))
	require.NoError(t, s.Receive(t.Context(), 1<<20))
	packets, err := k.Packets()
	require.NoError(t, err)
	for i, p := range packets {
		require.Equal(t, k.Name(), p.Link)
		require.Greater(t, p.Time, before)
		require.Less(t, p.Time, l.Now())
		require.NotEqual(t, p.From, p.To)
		if i > 0 {
			require.GreaterOrEqual(t, p.Time, packets[i-1].Time)
		}
	}
	require.Less(t, len(packets), 100, "bulk data is left out")
}

// The capture is at a host's end, whichever that is.
func TestSwitch(t *testing.T) {
	l := newLab(t)
	client, server := addHost(t, l, "client"), addHost(t, l, "server")
	sw, err := l.Switch(t.Context(), "sw")
	require.NoError(t, err)
	near := addLink(t, l, client, "10.0.1.1/24", sw, "")
	far := addLink(t, l, sw, "", server, "10.0.1.2/24")
	require.Equal(t, "client:eth1-sw:eth1", near.Name())
	require.Equal(t, "sw:eth2-server:eth1", far.Name())
	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)

	for _, test := range []struct {
		link     lab.Link
		from, to string
	}{{near, "client", "sw"}, {far, "sw", "server"}} {
		packets, err := test.link.Packets()
		require.NoError(t, err)
		require.Equal(t, test.from, packets[0].From, "SYN")
		require.Equal(t, test.to, packets[0].To, "SYN")
		require.Equal(t, test.to, packets[1].From, "SYN-ACK")
	}

	require.NoError(t, far.SetMTU(t.Context(), 1400))
	require.NoError(t, far.SetUp(t.Context(), false))
	require.NoError(t, far.SetUp(t.Context(), true))
	c, s = connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)
}

func TestRouter(t *testing.T) {
	tests := []struct{ name, client, near, far, server, everywhere string }{
		{"IPv4", "10.0.1.1/24", "10.0.1.2/24", "10.0.2.2/24", "10.0.2.1/24", "0.0.0.0/0"},
		{"IPv6", "fd00:1::1/64", "fd00:1::2/64", "fd00:2::2/64", "fd00:2::1/64", "::/0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			l := newLab(t)
			client, server := addHost(t, l, "client"), addHost(t, l, "server")
			router, err := l.Host(t.Context(), "router", lab.HostOptions{Router: true})
			require.NoError(t, err)
			addLink(t, l, client, test.client, router, test.near)
			addLink(t, l, router, test.far, server, test.server)
			everywhere := netip.MustParsePrefix(test.everywhere)
			for _, r := range []struct {
				host lab.Host
				via  string
			}{{client, test.near}, {server, test.far}} {
				via := netip.MustParsePrefix(r.via).Addr()
				require.NoError(t, r.host.AddRoute(t.Context(), lab.Route{Destination: everywhere, Via: via}))
			}
			c, s := connect(t, client, server, netip.MustParsePrefix(test.server).Addr().String())
			exchange(t, c, s)
		})
	}
}
