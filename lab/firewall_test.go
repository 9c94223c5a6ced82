package lab_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestFirewallRule(t *testing.T) {
	network, six := netip.MustParsePrefix("10.0.1.0/24"), netip.MustParsePrefix("fd00::1/128")
	tests := []struct {
		rule lab.FirewallRule
		text string
		err  string // empty: valid
	}{
		{lab.FirewallRule{Chain: "input", Target: "drop", Protocol: "tcp", DestinationPort: lab.PortRange{First: 80, Last: 90}}, "tcp dport 80-90 drop", ""},
		{lab.FirewallRule{Chain: "input", Target: "drop", State: lab.FlowNew | lab.FlowInvalid}, "ct state new,invalid drop", ""},
		{lab.FirewallRule{Chain: "output", Target: "accept", Protocol: "tcp", Mark: 7}, "meta l4proto tcp meta mark 7 accept", ""},
		{lab.FirewallRule{Chain: "forward", Target: "accept", InInterface: "eth1", OutInterface: "eth2", Source: network}, `iifname "eth1" oifname "eth2" ip saddr 10.0.1.0/24 accept`, ""},
		{lab.FirewallRule{Chain: "output", Target: "reject", Protocol: "tcp", Destination: six, RejectWith: lab.TCPReset}, "ip6 daddr fd00::1 meta l4proto tcp reject with tcp reset", ""},
		{lab.FirewallRule{Chain: "postrouting", Target: "masquerade", Protocol: "tcp"}, "meta l4proto tcp masquerade", ""},
		{lab.FirewallRule{Chain: "postrouting", Target: "snat", Protocol: "tcp", To: netip.MustParseAddr("fd00::1"), ToPort: lab.PortRange{First: 1024, Last: 2048}}, "meta l4proto tcp snat ip6 to [fd00::1]:1024-2048", ""},
		{lab.FirewallRule{Chain: "prerouting", Target: "dnat", Protocol: "tcp", To: netip.MustParseAddr("10.0.1.1"), ToPort: lab.PortRange{First: 80, Last: 80}}, "meta l4proto tcp dnat ip to 10.0.1.1:80", ""},

		{lab.FirewallRule{Chain: "input", Target: "nothing"}, "nothing", `no target is named "nothing"`},
		{lab.FirewallRule{Chain: "prerouting", Target: "drop"}, "drop", `drop cannot be in the chain "prerouting": it is for input, output, forward`},
		{lab.FirewallRule{Chain: "input", Target: "drop", OutInterface: "eth1"}, `oifname "eth1" drop`, "say iif, not oif"},
		{lab.FirewallRule{Chain: "output", Target: "drop", InInterface: "eth1"}, `iifname "eth1" drop`, "say oif, not iif"},
		{lab.FirewallRule{Chain: "input", Target: "drop", Protocol: "sctp"}, "meta l4proto sctp drop", `protocol "sctp" is not one of`},
		{lab.FirewallRule{Chain: "input", Target: "drop", SourcePort: lab.PortRange{First: 1, Last: 1}}, " sport 1 drop", "only tcp and udp have ports"},
		{lab.FirewallRule{Chain: "input", Target: "drop", Source: network, Destination: six}, "ip saddr 10.0.1.0/24 ip daddr fd00::1 drop", "fd00::1 is not of IPv4"},
		{lab.FirewallRule{Chain: "input", Target: "reject", RejectWith: "smoke"}, "reject with icmpx smoke", `reject cannot answer "smoke"`},
		{lab.FirewallRule{Chain: "input", Target: "reject", RejectWith: lab.TCPReset}, "reject with tcp reset", "tcp-reset answers tcp only"},
		{lab.FirewallRule{Chain: "postrouting", Target: "masquerade", Protocol: "tcp", ToPort: lab.PortRange{First: 1, Last: 1}}, "meta l4proto tcp masquerade", "masquerade takes no ports"},
		{lab.FirewallRule{Chain: "prerouting", Target: "dnat"}, "dnat  to invalid IP", "dnat needs the address"},
	}
	for _, test := range tests {
		require.Equal(t, test.text, test.rule.String())
		if test.err == "" {
			require.NoError(t, test.rule.Validate(), test.text)
			continue
		}
		require.ErrorContains(t, test.rule.Validate(), test.err)
	}
}

func TestParsePortRange(t *testing.T) {
	for text, want := range map[string]lab.PortRange{
		"80":        {First: 80, Last: 80},
		"1024-2048": {First: 1024, Last: 2048},
		"1-65535":   {First: 1, Last: 65535},
	} {
		got, err := lab.ParsePortRange(text)
		require.NoError(t, err)
		require.Equal(t, want, got)
		require.Equal(t, text, got.String())
	}
	for _, text := range []string{"", "0", "65536", "-1", "1-", "2-1", "080", "1-2-3", " 1", "x"} {
		_, err := lab.ParsePortRange(text)
		require.Error(t, err, text)
	}
}

func FuzzParsePortRange(f *testing.F) {
	f.Add("1024-2048")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := lab.ParsePortRange(text)
		if err != nil {
			return
		}
		require.LessOrEqual(t, r.First, r.Last)
		again, err := lab.ParsePortRange(r.String())
		require.NoError(t, err)
		require.Equal(t, r, again)
	})
}
