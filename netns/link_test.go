package netns_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	vnetlink "github.com/vishvananda/netlink"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

func TestLink(t *testing.T) {
	a, b := newHost(t, netns.Options{Number: 1}), newHost(t, netns.Options{Number: 0x203})
	require.NoError(t, netns.Link(netns.Endpoint{Host: a, Name: "eth1"}, netns.Endpoint{Host: b, Name: "wan.1"}, 1400))
	require.NoError(t, b.SetMTU("wan.1", 1300))
	for _, end := range []struct {
		host *netns.Host
		name string
		mac  string
		mtu  int
	}{
		{a, "eth1", "02:00:00:01:00:01", 1400},
		{b, "wan.1", "02:00:02:03:00:01", 1300},
	} {
		index, err := end.host.InterfaceIndex(end.name)
		require.NoError(t, err)
		require.NoError(t, end.host.Do(func() error {
			l, err := vnetlink.LinkByIndex(int(index))
			if err != nil {
				return err
			}
			require.Equal(t, end.name, l.Attrs().Name)
			require.Equal(t, end.mac, l.Attrs().HardwareAddr.String())
			require.Equal(t, end.mtu, l.Attrs().MTU)
			require.Equal(t, vnetlink.LinkOperState(vnetlink.OperUp), l.Attrs().OperState)
			return nil
		}))
	}
	require.NoError(t, b.SetSysctl("net/ipv4/conf/wan.1/forwarding", "1"))
}

// TestSwitch has three hosts on one segment, two of which have an address elsewhere too.
func TestSwitch(t *testing.T) {
	privileged(t)
	s, err := netns.NewSwitch(nil)
	require.NoError(t, err)
	closeAfter(t, s)
	hosts := make([]*netns.Host, 3)
	for i, addresses := range []string{"10.0.1.1/24 2001:db8:1::1/64", "10.0.1.2/24 2001:db8:1::2/64", "10.0.1.3/24 2001:db8:1::3/64"} {
		hosts[i] = newHost(t, netns.Options{Number: i + 1})
		port := []string{"port1", "port2", "port3"}[i]
		ends := []netns.Endpoint{{Host: hosts[i], Name: "eth1"}, {Switch: s, Name: port}}
		require.NoError(t, netns.Link(ends[i%2], ends[1-i%2], 0))
		require.NoError(t, hosts[i].AddAddress("eth1", prefixes(addresses)...))
	}
	for _, pair := range [][2]int{{0, 1}, {1, 2}, {2, 0}} {
		for _, family := range []string{"10.0.1.", "2001:db8:1::"} {
			from, to := family+string(rune('1'+pair[0])), family+string(rune('1'+pair[1]))
			exchange(t, hosts[pair[0]], from, hosts[pair[1]], to)
		}
	}
	link(t, hosts[0], "eth2", "10.0.2.1/24", hosts[1], "eth2", "10.0.2.2/24")
	exchange(t, hosts[0], "10.0.1.1", hosts[1], "10.0.2.2")
	require.NoError(t, hosts[0].SetInterfaceUp("eth1", false))
	require.NoError(t, hosts[0].SetInterfaceUp("eth1", true))
	exchange(t, hosts[0], "2001:db8:1::1", hosts[2], "2001:db8:1::3")
}
