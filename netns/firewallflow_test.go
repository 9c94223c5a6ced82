package netns_test

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// behindRouter is a host inside, 10.0.1.1, a router with 10.0.1.2 and 10.0.2.1, and a host outside, 10.0.2.2; of IPv6 the same.
func behindRouter(t testing.TB) (inside, router, outside *netns.Host) {
	inside = newHost(t, netns.Options{Number: 1})
	router = newHost(t, netns.Options{Number: 2, Router: true})
	outside = newHost(t, netns.Options{Number: 3})
	link(t, inside, "eth1", "10.0.1.1/24 2001:db8:1::1/64", router, "eth1", "10.0.1.2/24 2001:db8:1::2/64")
	link(t, router, "eth2", "10.0.2.1/24 2001:db8:2::1/64", outside, "eth1", "10.0.2.2/24 2001:db8:2::2/64")
	for _, r := range []struct {
		host    *netns.Host
		to, via string
	}{
		{inside, "10.0.2.0/24", "10.0.1.2"},
		{inside, "2001:db8:2::/64", "2001:db8:1::2"},
		{outside, "10.0.1.0/24", "10.0.2.1"},
		{outside, "2001:db8:1::/64", "2001:db8:2::1"},
	} {
		require.NoError(t, r.host.AddRoute(lab.Route{Destination: netip.MustParsePrefix(r.to), Via: netip.MustParseAddr(r.via)}))
	}
	return inside, router, outside
}

// TestFirewallTranslates connects through a router that translates, and compares what either end sees with what is tracked.
func TestFirewallTranslates(t *testing.T) {
	tests := []struct {
		name                 string
		rule                 lab.FirewallRule
		inwards              bool   // the connection is from the outside
		remote, seen, answer string // whom is connected to, whom the server sees, and whom it answers from its own view
		low, high            int    // the port that the server sees
	}{
		{"masquerade", rule("postrouting", "masquerade", out("eth2")), false, "10.0.2.2:80", "10.0.2.1", "10.0.2.2:80", 40000, 40000},
		{"masquerade", rule("postrouting", "masquerade", out("eth2")), false, "[2001:db8:2::2]:80", "2001:db8:2::1", "[2001:db8:2::2]:80", 40000, 40000},
		{"masquerade elsewhere", rule("postrouting", "masquerade", out("eth1")), false, "10.0.2.2:80", "10.0.1.1", "10.0.2.2:80", 40000, 40000},
		{"snat", rule("postrouting", "snat", translate("10.0.2.1", lab.PortRange{}), out("eth2")), false, "10.0.2.2:80", "10.0.2.1", "10.0.2.2:80", 40000, 40000},
		{"snat with ports", rule("postrouting", "snat", translate("10.0.2.1", lab.PortRange{First: 2000, Last: 2009})), false, "10.0.2.2:80", "10.0.2.1", "10.0.2.2:80", 2000, 2009},
		{"snat with ports", rule("postrouting", "snat", translate("2001:db8:2::1", lab.PortRange{First: 2000, Last: 2009})), false, "[2001:db8:2::2]:80", "2001:db8:2::1", "[2001:db8:2::2]:80", 2000, 2009},
		{"dnat", rule("prerouting", "dnat", translate("10.0.1.1", lab.PortRange{}), in("eth2")), true, "10.0.2.1:80", "10.0.2.2", "10.0.1.1:80", 40000, 40000},
		{"dnat with port", rule("prerouting", "dnat", translate("10.0.1.1", lab.PortRange{First: 81, Last: 81})), true, "10.0.2.1:80", "10.0.2.2", "10.0.1.1:81", 40000, 40000},
		{"dnat with port", rule("prerouting", "dnat", translate("2001:db8:1::1", lab.PortRange{First: 81, Last: 81})), true, "[2001:db8:2::1]:80", "2001:db8:2::2", "[2001:db8:1::1]:81", 40000, 40000},
	}
	for _, test := range tests {
		t.Run(test.name+" "+test.remote, func(t *testing.T) {
			inside, router, outside := behindRouter(t)
			client, server, number := inside, outside, 1
			if test.inwards {
				client, server, number = outside, inside, 2
			}
			addRule(t, router, test.rule)
			local := fmt.Sprintf("10.0.%d.%d:40000", number, number)
			if strings.HasPrefix(test.remote, "[") {
				local = fmt.Sprintf("[2001:db8:%d::%d]:40000", number, number)
			}
			l := serve(t, server, netip.MustParseAddrPort(test.answer).Port())
			near, err := reach(t, client, local, test.remote)
			require.NoError(t, err)
			require.Equal(t, test.remote, near.RemoteAddr().String())
			far, err := l.Accept()
			require.NoError(t, err)
			defer far.Close()
			seen := netip.MustParseAddrPort(far.RemoteAddr().String())
			require.Equal(t, test.seen, seen.Addr().String())
			require.GreaterOrEqual(t, int(seen.Port()), test.low)
			require.LessOrEqual(t, int(seen.Port()), test.high)
			require.Equal(t, test.answer, far.LocalAddr().String())

			flows, err := router.Firewall().Flows()
			require.NoError(t, err)
			require.Equal(t, []lab.Flow{{
				Protocol: "tcp", State: "ESTABLISHED",
				Original: lab.FlowEnds{Source: netip.MustParseAddrPort(local), Destination: netip.MustParseAddrPort(test.remote)},
				Reply:    lab.FlowEnds{Source: netip.MustParseAddrPort(test.answer), Destination: seen},
			}}, flows)
			rules, err := router.Firewall().Rules()
			require.NoError(t, err)
			if test.seen != "10.0.1.1" {
				require.EqualValues(t, 1, rules[0].Packets, "one for the connection")
			}
		})
	}
}

// TestFirewallForgets deletes the tracked connection of a stateful firewall, which then takes its packets for strangers.
func TestFirewallForgets(t *testing.T) {
	inside, router, outside := behindRouter(t)
	require.NoError(t, router.SetSysctl("net.netfilter.nf_conntrack_tcp_loose", "0"))
	addRule(t, router, rule("forward", "drop", state(lab.FlowNew), in("eth2")))
	invalid := addRule(t, router, rule("forward", "drop", state(lab.FlowInvalid)))
	l := serve(t, outside, 80)
	serve(t, inside, 80)
	_, err := reachWithin(t, soon, outside, "", "10.0.1.1:80")
	require.Error(t, err, "unsolicited")

	for _, remote := range []string{"10.0.2.2:80", "[2001:db8:2::2]:80"} {
		near, err := reach(t, inside, "", remote)
		require.NoError(t, err)
		far, err := l.Accept()
		require.NoError(t, err)
		defer far.Close()
		exchangeByte(t, near, far)

		for _, wrong := range []lab.FlowSelector{
			{Protocol: "udp"},
			{Source: netip.MustParsePrefix("10.0.9.0/24")},
			{SourcePort: lab.PortRange{First: 80, Last: 80}},
			{Destination: netip.MustParsePrefix("2001:db8:9::/64")},
			{DestinationPort: lab.PortRange{First: 81, Last: 90}},
		} {
			n, err := router.Firewall().DeleteFlows(wrong)
			require.NoError(t, err)
			require.Zero(t, n, "%+v", wrong)
		}
		a := netip.MustParseAddrPort(remote)
		n, err := router.Firewall().DeleteFlows(lab.FlowSelector{
			Protocol: "tcp", Destination: netip.PrefixFrom(a.Addr(), a.Addr().BitLen()), DestinationPort: lab.PortRange{First: 80, Last: 80},
		})
		require.NoError(t, err)
		require.Equal(t, 1, n)

		_, err = far.Write([]byte("x"))
		require.NoError(t, err)
		require.NoError(t, near.SetReadDeadline(time.Now().Add(soon)))
		_, err = near.Read(make([]byte, 1))
		require.ErrorContains(t, err, "timeout")
	}
	rules, err := router.Firewall().Rules()
	require.NoError(t, err)
	require.Equal(t, invalid.Handle, rules[1].Handle)
	require.GreaterOrEqual(t, rules[1].Packets, uint64(2))
}

func exchangeByte(t testing.TB, a, b net.Conn) {
	t.Helper()
	_, err := a.Write([]byte("x"))
	require.NoError(t, err)
	require.NoError(t, b.SetReadDeadline(time.Now().Add(patience)))
	_, err = b.Read(make([]byte, 1))
	require.NoError(t, err)
}

// TestFirewallPortRange has as many connections as there are ports in the range of a translation: each has one to itself.
func TestFirewallPortRange(t *testing.T) {
	inside, router, outside := behindRouter(t)
	addRule(t, router, rule("postrouting", "snat", translate("10.0.2.1", lab.PortRange{First: 2000, Last: 2003})))
	l := serve(t, outside, 80)
	var seen []string
	for range 4 {
		_, err := reach(t, inside, "", "10.0.2.2:80")
		require.NoError(t, err)
		far, err := l.Accept()
		require.NoError(t, err)
		defer far.Close()
		seen = append(seen, far.RemoteAddr().String())
	}
	require.ElementsMatch(t, []string{"10.0.2.1:2000", "10.0.2.1:2001", "10.0.2.1:2002", "10.0.2.1:2003"}, seen)
	_, err := reachWithin(t, soon, inside, "", "10.0.2.2:80")
	require.Error(t, err, "no port is left")
}
