package netns_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

func newMiddle(t *testing.T) *netns.Middle {
	t.Helper()
	privileged(t)
	m, err := netns.NewMiddle(nil)
	require.NoError(t, err)
	closeAfter(t, m)
	return m
}

// interfaceOf is an interface of a host as the kernel shows it.
func interfaceOf(t *testing.T, h *netns.Host, name string) *netlink.LinkAttrs {
	t.Helper()
	var attrs *netlink.LinkAttrs
	require.NoError(t, h.Do(func() error {
		l, err := netlink.LinkByName(name)
		if err == nil {
			attrs = l.Attrs()
		}
		return err
	}))
	return attrs
}

// TestMiddleLink makes a cut link: both halves transmit, and lead into the middle.
func TestMiddleLink(t *testing.T) {
	m := newMiddle(t)
	a, b := newHost(t, netns.Options{Number: 1}), newHost(t, netns.Options{Number: 2})
	cut, err := m.Link(netns.Endpoint{Host: a, Name: "eth1"}, netns.Endpoint{Host: b, Name: "eth1"}, 1400)
	require.NoError(t, err)
	for _, h := range []*netns.Host{a, b} {
		attrs := interfaceOf(t, h, "eth1")
		require.Equal(t, netlink.LinkOperState(netlink.OperUp), attrs.OperState)
		require.Equal(t, 1400, attrs.MTU)
	}
	require.NoError(t, m.Do(func() error {
		for _, name := range []string{cut.A, cut.B} {
			l, err := netlink.LinkByName(name)
			require.NoError(t, err)
			require.Equal(t, 65535, l.Attrs().MTU)
			addresses, err := netlink.AddrList(l, netlink.FAMILY_ALL)
			require.NoError(t, err)
			require.Empty(t, addresses)
		}
		return nil
	}))
	_, err = m.Link(netns.Endpoint{Host: a, Name: "eth1"}, netns.Endpoint{Host: b, Name: "eth2"}, 0)
	require.ErrorContains(t, err, "file exists")
	_, err = b.InterfaceIndex("eth2")
	require.Error(t, err)
}

// TestRelink cuts a link that exists: its ends stay what they were.
func TestRelink(t *testing.T) {
	m := newMiddle(t)
	a, b := newHost(t, netns.Options{Number: 1}), newHost(t, netns.Options{Number: 2})
	ends := [2]netns.Endpoint{{Host: a, Name: "eth1"}, {Host: b, Name: "eth7"}}
	require.NoError(t, netns.Link(ends[0], ends[1], 1400))
	require.NoError(t, a.AddAddress("eth1", netip.MustParsePrefix("10.0.1.1/24"), netip.MustParsePrefix("fd00:1::1/64")))
	require.NoError(t, b.AddAddress("eth7", netip.MustParsePrefix("10.0.1.2/24")))
	require.NoError(t, a.AddRoute(lab.Route{Destination: netip.MustParsePrefix("10.9.0.0/16"), Via: netip.MustParseAddr("10.0.1.2")}))
	state := func(h *netns.Host, name string) (s hostState) {
		attrs := interfaceOf(t, h, name)
		s.index, s.mac, s.mtu = attrs.Index, attrs.HardwareAddr.String(), attrs.MTU
		require.NoError(t, h.Do(func() error {
			l, err := netlink.LinkByName(name)
			require.NoError(t, err)
			addresses, err := netlink.AddrList(l, netlink.FAMILY_V4)
			require.NoError(t, err)
			for _, x := range addresses {
				s.addresses = append(s.addresses, x.IPNet.String())
			}
			routes, err := netlink.RouteListFiltered(netlink.FAMILY_V4, &netlink.Route{Table: 0}, netlink.RT_FILTER_TABLE)
			require.NoError(t, err)
			for _, r := range routes {
				s.routes = append(s.routes, r.String())
			}
			return nil
		}))
		return s
	}
	before := [2]hostState{state(a, "eth1"), state(b, "eth7")}
	_, err := m.Relink(ends[0], ends[1], 1400)
	require.NoError(t, err)
	after := [2]hostState{state(a, "eth1"), state(b, "eth7")}
	for i := range before {
		require.ElementsMatch(t, before[i].routes, after[i].routes)
		before[i].routes, after[i].routes = nil, nil
	}
	require.Equal(t, before, after)

	_, err = m.Relink(netns.Endpoint{Host: a, Name: "eth5"}, ends[1], 0)
	require.Error(t, err)
}

type hostState struct {
	index     int
	mac       string
	mtu       int
	addresses []string
	routes    []string
}

// TestCarrier takes one end of a link down: the other end loses its carrier, whether the link is a cable, is cut, or is cut
// meanwhile.
func TestCarrier(t *testing.T) {
	tests := map[string]struct {
		link   func(m *netns.Middle, a, b netns.Endpoint) error
		relink bool
	}{
		"cable": {func(_ *netns.Middle, a, b netns.Endpoint) error { return netns.Link(a, b, 0) }, false},
		"cut": {func(m *netns.Middle, a, b netns.Endpoint) error {
			_, err := m.Link(a, b, 0)
			return err
		}, false},
		"cut while down": {func(_ *netns.Middle, a, b netns.Endpoint) error { return netns.Link(a, b, 0) }, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m := newMiddle(t)
			a, b := newHost(t, netns.Options{Number: 1}), newHost(t, netns.Options{Number: 2})
			ends := [2]netns.Endpoint{{Host: a, Name: "eth1"}, {Host: b, Name: "eth2"}}
			require.NoError(t, test.link(m, ends[0], ends[1]))
			address := netip.MustParsePrefix("10.0.1.1/24")
			require.NoError(t, a.AddAddress("eth1", address))
			requireStates := func(wantA, wantB netlink.LinkOperState) {
				t.Helper()
				got := [2]netlink.LinkOperState{interfaceOf(t, a, "eth1").OperState, interfaceOf(t, b, "eth2").OperState}
				require.Equal(t, [2]netlink.LinkOperState{wantA, wantB}, got)
			}

			require.NoError(t, a.SetInterfaceUp("eth1", false))
			requireStates(netlink.OperDown, netlink.OperDown)
			if test.relink {
				_, err := m.Relink(ends[0], ends[1], 0)
				require.NoError(t, err)
				requireStates(netlink.OperDown, netlink.OperDown)
			}
			require.NoError(t, b.SetInterfaceUp("eth2", false))
			requireStates(netlink.OperDown, netlink.OperDown)
			require.NoError(t, a.SetInterfaceUp("eth1", true))
			requireStates(netlink.OperDown, netlink.OperDown)
			require.NoError(t, b.SetInterfaceUp("eth2", true))
			requireStates(netlink.OperUp, netlink.OperUp)
			require.Contains(t, a.Addresses(), lab.Address{Interface: "eth1", Prefix: address})
		})
	}
}
