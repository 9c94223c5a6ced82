package netns_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	vnetlink "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

var (
	own   = [][2]string{{"10.0.1.1", "10.0.1.2"}, {"10.0.2.1", "10.0.2.2"}, {"2001:db8:1::1", "2001:db8:1::2"}, {"2001:db8:2::1", "2001:db8:2::2"}}
	cross = [][2]string{{"10.0.2.1", "10.0.1.2"}, {"10.0.1.1", "10.0.2.2"}, {"2001:db8:2::1", "2001:db8:1::2"}, {"2001:db8:1::1", "2001:db8:2::2"}}
)

// TestSourceRouting connects each address of one host with each of the other, and sees by which link the packets left.
func TestSourceRouting(t *testing.T) {
	client, server := twoPaths(t)
	for _, pair := range append(own[:4:4], cross...) {
		t.Run(pair[0]+" to "+pair[1], func(t *testing.T) {
			via := map[string]string{"10.0.1.1": "eth1", "10.0.2.1": "eth2", "2001:db8:1::1": "eth1", "2001:db8:2::1": "eth2"}[pair[0]]
			require.Equal(t, via, routeInterface(t, client, pair[0], pair[1]))
			exchange(t, client, pair[0], server, pair[1])
		})
	}
	for _, remote := range []string{"10.0.1.2", "10.0.2.2", "2001:db8:1::2", "2001:db8:2::2"} {
		t.Run("unbound to "+remote, func(t *testing.T) { exchange(t, client, "", server, remote) })
	}
}

// routeInterface is the interface by which the kernel would send a packet.
func routeInterface(t testing.TB, h *netns.Host, from, to string) (name string) {
	t.Helper()
	require.NoError(t, h.Do(func() error {
		routes, err := vnetlink.RouteGetWithOptions(netip.MustParseAddr(to).AsSlice(),
			&vnetlink.RouteGetOptions{SrcAddr: netip.MustParseAddr(from).AsSlice()})
		if err != nil {
			return err
		}
		link, err := vnetlink.LinkByIndex(routes[0].LinkIndex)
		if err != nil {
			return err
		}
		name = link.Attrs().Name
		return nil
	}))
	return name
}

// TestReadyAtOnce looks at what the kernel does in work queues after it has answered.
func TestReadyAtOnce(t *testing.T) {
	for range 10 {
		client, server := twoPaths(t)
		for _, h := range []*netns.Host{client, server} {
			require.NoError(t, h.Do(func() error {
				addresses, err := vnetlink.AddrList(nil, unix.AF_INET6)
				for _, a := range addresses {
					require.Zero(t, a.Flags&unix.IFA_F_TENTATIVE, a.IPNet)
				}
				return err
			}))
		}
	}
}

// TestInterfaceDown takes a link away, whose addresses must not use the other one, and back again.
func TestInterfaceDown(t *testing.T) {
	client, server := twoPaths(t)
	require.NoError(t, client.AddRoute(lab.Route{Destination: netip.MustParsePrefix("10.9.0.0/24"), Via: netip.MustParseAddr("10.0.2.2")}))
	require.NoError(t, client.SetInterfaceUp("eth2", false))
	require.ErrorIs(t, tryExchange(client, "10.0.2.1", server, "10.0.1.2"), unix.EHOSTUNREACH)
	require.Error(t, tryExchange(client, "2001:db8:2::1", server, "2001:db8:1::2"))
	exchange(t, client, "10.0.1.1", server, "10.0.1.2")

	require.NoError(t, client.SetInterfaceUp("eth2", true))
	for _, pair := range append(own[:4:4], cross...) {
		exchange(t, client, pair[0], server, pair[1])
	}
	require.Equal(t, "eth2", routeInterface(t, client, "10.0.2.1", "10.9.0.1"))
	require.NoError(t, client.SetInterfaceUp("eth2", true), "setting it up twice")

	for _, up := range []bool{false, true} {
		require.NoError(t, client.SetInterfaceUp("eth1", up))
		require.NoError(t, server.SetInterfaceUp("eth1", up))
	}
	for _, pair := range append(own[:4:4], cross...) {
		exchange(t, client, pair[0], server, pair[1])
	}
}

// TestDeleteAddress deletes addresses of both families with all that came with them, and adds them again.
func TestDeleteAddress(t *testing.T) {
	client, server := twoPaths(t)
	before := client.Addresses()
	gone := prefixes("10.0.2.1/24 2001:db8:2::1/64")
	for _, p := range gone {
		require.NoError(t, client.DeleteAddress("eth2", p))
		require.ErrorContains(t, client.DeleteAddress("eth2", p), "eth2 does not have it")
	}
	require.Len(t, client.Addresses(), len(before)-len(gone))
	require.ErrorIs(t, tryExchange(client, "10.0.2.1", server, "10.0.2.2"), unix.EADDRNOTAVAIL)
	require.Equal(t, 2, countSourceRules(t, client))

	require.NoError(t, client.AddAddress("eth2", gone...))
	require.Equal(t, before, client.Addresses())
	require.Equal(t, 4, countSourceRules(t, client))
	exchange(t, client, "10.0.2.1", server, "10.0.1.2")
	exchange(t, client, "2001:db8:2::1", server, "2001:db8:1::2")
}

// TestDeletePrimaryAddress deletes the first of two addresses in a subnet, with which the kernel would drop the second.
func TestDeletePrimaryAddress(t *testing.T) {
	client, server := twoPaths(t)
	require.NoError(t, client.AddAddress("eth1", netip.MustParsePrefix("10.0.1.5/24")))
	require.NoError(t, client.DeleteAddress("eth1", netip.MustParsePrefix("10.0.1.1/24")))
	exchange(t, client, "10.0.1.5", server, "10.0.1.2")
}

func countSourceRules(t testing.TB, h *netns.Host) (n int) {
	t.Helper()
	require.NoError(t, h.Do(func() error {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			rules, err := vnetlink.RuleList(family)
			if err != nil {
				return err
			}
			for _, r := range rules {
				if r.Src != nil {
					n++
				}
			}
		}
		return nil
	}))
	return n
}

// TestRouters has a router in each of two paths, with explicit routes only for sockets that are not bound.
func TestRouters(t *testing.T) {
	client, server := newHost(t, netns.Options{}), newHost(t, netns.Options{})
	for i, n := range []string{"1", "2"} {
		r := newHost(t, netns.Options{Router: true, Number: i + 1})
		link(t, client, "eth"+n, "10.0."+n+".1/24 2001:db8:"+n+"::1/64", r, "eth1", "10.0."+n+".254/24 2001:db8:"+n+"::ff/64")
		link(t, r, "eth2", "10.1."+n+".254/24 2001:db8:1"+n+"::ff/64", server, "eth"+n, "10.1."+n+".1/24 2001:db8:1"+n+"::1/64")
	}
	exchange(t, client, "10.0.1.1", server, "10.1.1.1")
	exchange(t, client, "2001:db8:2::1", server, "2001:db8:12::1")
	require.ErrorIs(t, tryExchange(client, "", server, "10.1.2.1"), unix.ENETUNREACH)

	for _, via := range []string{"10.0.2.254", "2001:db8:2::ff"} {
		gateway := netip.MustParseAddr(via)
		all := netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if gateway.Is6() {
			all = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
		require.NoError(t, client.AddRoute(lab.Route{Destination: all, Via: gateway}))
		require.NoError(t, client.AddRoute(lab.Route{
			Destination: all, Via: netip.MustParseAddr(map[bool]string{true: "2001:db8:1::ff", false: "10.0.1.254"}[gateway.Is6()]),
			Source: netip.MustParseAddr(map[bool]string{true: "2001:db8:1::1", false: "10.0.1.1"}[gateway.Is6()]),
		}))
	}
	exchange(t, client, "", server, "10.1.2.1")
	exchange(t, client, "", server, "2001:db8:12::1")
	exchange(t, client, "10.0.1.1", server, "10.1.1.1")
	exchange(t, client, "2001:db8:1::1", server, "2001:db8:11::1")
}

// TestOneRouter has both links of a client, and the server's one, on a router: replies to its own addresses go back.
func TestOneRouter(t *testing.T) {
	client, router, server := newHost(t, netns.Options{}), newHost(t, netns.Options{Router: true}), newHost(t, netns.Options{})
	link(t, client, "eth1", "10.0.1.1/24 2001:db8:1::1/64", router, "eth1", "10.0.1.254/24 2001:db8:1::ff/64")
	link(t, client, "eth2", "10.0.2.1/24 2001:db8:2::1/64", router, "eth2", "10.0.2.254/24 2001:db8:2::ff/64")
	link(t, router, "eth3", "10.0.3.254/24 2001:db8:3::ff/64", server, "eth1", "10.0.3.1/24 2001:db8:3::1/64")
	for _, pair := range [][2]string{
		{"10.0.1.1", "10.0.3.1"},
		{"10.0.2.1", "10.0.3.1"},
		{"2001:db8:1::1", "2001:db8:3::1"},
		{"2001:db8:2::1", "2001:db8:3::1"},
	} {
		exchange(t, client, pair[0], server, pair[1])
	}
	exchange(t, client, "10.0.1.1", router, "10.0.2.254")
	exchange(t, client, "2001:db8:1::1", router, "2001:db8:3::ff")
}

// TestWithoutIPv6 has hosts that a script has made IPv4 only.
func TestWithoutIPv6(t *testing.T) {
	off := netns.Options{Sysctl: map[string]string{"net.ipv6.conf.all.disable_ipv6": "1", "net.ipv6.conf.default.disable_ipv6": "1"}}
	client, server := newHost(t, off), newHost(t, off)
	link(t, client, "eth1", "10.0.1.1/24", server, "eth1", "10.0.1.2/24")
	link(t, client, "eth2", "10.0.2.1/24", server, "eth2", "10.0.2.2/24")
	exchange(t, client, "10.0.2.1", server, "10.0.1.2")
	require.ErrorContains(t, client.AddAddress("eth1", netip.MustParsePrefix("2001:db8:1::1/64")),
		"add address 2001:db8:1::1/64 of eth1: permission denied (ipv6: IPv6 is disabled on this device)")
}

// TestErrors are those that a person who writes a script sees.
func TestErrors(t *testing.T) {
	client, server := twoPaths(t)
	p := netip.MustParsePrefix
	via := func(destination, via string) lab.Route {
		return lab.Route{Destination: p(destination), Via: netip.MustParseAddr(via)}
	}
	index := func(name string) error {
		_, err := client.InterfaceIndex(name)
		return err
	}
	from := via("0.0.0.0/0", "10.0.1.2")
	from.Source = netip.MustParseAddr("10.7.7.7")
	dev := via("0.0.0.0/0", "10.5.5.5")
	dev.Interface = "eth1"
	for _, x := range []struct {
		want string
		err  error
	}{
		{"interface eth9: the host has only eth1, eth2", client.AddAddress("eth9", p("10.0.9.1/24"))},
		{"interface eth9: the host has only eth1, eth2", client.SetInterfaceUp("eth9", true)},
		{"interface eth9: the host has only eth1, eth2", client.SetMTU("eth9", 1400)},
		{"interface eth9: the host has only eth1, eth2", index("eth9")},
		{"add address 10.0.1.1/24 of eth1: file exists (ipv4: Address already assigned)", client.AddAddress("eth1", p("10.0.1.1/24"))},
		{"set MTU of eth1 to 10: invalid argument (mtu less than device minimum)", client.SetMTU("eth1", 10)},
		{"route default via 10.5.5.5: next hop 10.5.5.5 is in no subnet of the host", client.AddRoute(via("0.0.0.0/0", "10.5.5.5"))},
		{"route default via 10.5.5.5 dev eth1: network is unreachable (Nexthop has invalid gateway)", client.AddRoute(dev)},
		{"route default via 10.0.1.2 from 10.7.7.7: the host does not have address 10.7.7.7", client.AddRoute(from)},
		{"route default via 10.0.1.2: an IPv6 route cannot go via an IPv4 next hop", client.AddRoute(via("::/0", "10.0.1.2"))},
		{"route 10.9.0.1/24 via 10.0.1.2: the destination has bits set beyond its length, want 10.9.0.0/24", client.AddRoute(via("10.9.0.1/24", "10.0.1.2"))},
		{`interface name "eth0123456789012": want 1 to 15 characters without space, slash or colon`, netns.Link(netns.Endpoint{Host: client, Name: "eth0123456789012"}, netns.Endpoint{Host: server, Name: "x"}, 0)},
		{"link eth1 to eth3: file exists", netns.Link(netns.Endpoint{Host: client, Name: "eth1"}, netns.Endpoint{Host: server, Name: "eth3"}, 0)},
	} {
		require.ErrorContains(t, x.err, x.want)
	}
	require.Equal(t, []string{"eth1", "eth2"}, client.Interfaces())
	require.Equal(t, 4, countSourceRules(t, client))
	exchange(t, client, "10.0.1.1", server, "10.0.1.2")
}

// TestHundredHosts makes as many hosts as a big lab has.
func TestHundredHosts(t *testing.T) {
	r := newRegistry(t)
	hosts := make([]*netns.Host, 100)
	start := time.Now()
	for i := range hosts {
		hosts[i] = newHost(t, netns.Options{Number: i + 1})
	}
	t.Logf("made in %s", time.Since(start))
	for _, h := range hosts {
		err := r.Add(h.Namespace)
		require.NoError(t, err)
		require.NoError(t, h.Close())
	}
	requireGone(t, r)
}
