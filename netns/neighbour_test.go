package netns_test

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	vnetlink "github.com/vishvananda/netlink"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

// neighbours are the unicast addresses that a host knows the MAC address of, by kind of entry, in order; without the stand-ins.
func neighbours(t *testing.T, h *netns.Host) (permanent, learned []string) {
	t.Helper()
	require.NoError(t, h.Do(func() error {
		all, err := vnetlink.NeighList(0, vnetlink.FAMILY_ALL)
		for _, n := range all {
			a, _ := netip.AddrFromSlice(n.IP)
			a = a.Unmap()
			switch {
			case a.IsMulticast() || a.IsLinkLocalUnicast() || a.IsLoopback() || a.IsUnspecified():
			case n.State == vnetlink.NUD_PERMANENT:
				permanent = append(permanent, a.String())
			default:
				learned = append(learned, a.String())
			}
		}
		return err
	}))
	slices.Sort(permanent)
	return permanent, learned
}

// TestNeighbours watches what two hosts know of each other: of the ends of their links all, without asking.
func TestNeighbours(t *testing.T) {
	client, server := twoPaths(t)
	all := []string{"10.0.1.2", "10.0.2.2", "2001:db8:1::2", "2001:db8:2::2"}
	known := func(want ...string) {
		t.Helper()
		permanent, learned := neighbours(t, client)
		require.Equal(t, want, permanent)
		require.Empty(t, learned)
	}
	for _, pair := range append(own[:4:4], cross...) {
		exchange(t, client, pair[0], server, pair[1])
	}
	known(all...)
	_, learned := neighbours(t, server)
	require.Empty(t, learned)

	require.NoError(t, client.SetInterfaceUp("eth1", false))
	known("10.0.2.2", "2001:db8:2::2")
	require.NoError(t, client.SetInterfaceUp("eth1", true))
	known(all...)
	require.NoError(t, server.SetInterfaceUp("eth1", false)) // of which this end sees the carrier
	require.NoError(t, server.SetInterfaceUp("eth1", true))
	known(all...)

	require.NoError(t, server.DeleteAddress("eth2", netip.MustParsePrefix("10.0.2.2/24")))
	known("10.0.1.2", "2001:db8:1::2", "2001:db8:2::2")
	require.NoError(t, client.SetInterfaceUp("eth2", false))
	require.NoError(t, server.AddAddress("eth2", netip.MustParsePrefix("10.0.2.7/24")))
	require.NoError(t, client.SetInterfaceUp("eth2", true))
	known("10.0.1.2", "10.0.2.7", "2001:db8:1::2", "2001:db8:2::2")
	exchange(t, client, "10.0.2.1", server, "10.0.2.7")
}

// TestNeighboursOfCutLink has a link that is cut while it exists.
func TestNeighboursOfCutLink(t *testing.T) {
	client, server := twoPaths(t)
	_, err := newMiddle(t).Relink(netns.Endpoint{Host: client, Name: "eth1"}, netns.Endpoint{Host: server, Name: "eth1"}, 0)
	require.NoError(t, err)
	for host, want := range map[*netns.Host][]string{
		client: {"10.0.1.2", "10.0.2.2", "2001:db8:1::2", "2001:db8:2::2"},
		server: {"10.0.1.1", "10.0.2.1", "2001:db8:1::1", "2001:db8:2::1"},
	} {
		permanent, _ := neighbours(t, host)
		require.Equal(t, want, permanent)
	}
}

// TestNeighboursOfSwitch asks, as on any Ethernet.
func TestNeighboursOfSwitch(t *testing.T) {
	privileged(t)
	s, err := netns.NewSwitch(nil)
	require.NoError(t, err)
	closeAfter(t, s)
	hosts := [2]*netns.Host{newHost(t, netns.Options{Number: 1}), newHost(t, netns.Options{Number: 2})}
	for i, address := range []string{"10.0.1.1/24", "10.0.1.2/24"} {
		port := []string{"port1", "port2"}[i]
		require.NoError(t, netns.Link(netns.Endpoint{Host: hosts[i], Name: "eth1"}, netns.Endpoint{Switch: s, Name: port}, 0))
		require.NoError(t, hosts[i].AddAddress("eth1", prefixes(address)...))
	}
	exchange(t, hosts[0], "10.0.1.1", hosts[1], "10.0.1.2")
	permanent, learned := neighbours(t, hosts[0])
	require.Empty(t, permanent)
	require.Equal(t, []string{"10.0.1.2"}, learned)
}
