package kernel_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/google/nftables"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestFirewallFeatures(t *testing.T) {
	features := open(t).Features()
	for _, name := range []string{"nf_tables", "reject", "conntrack", "nat"} {
		f, known := features.Find(name)
		require.True(t, known, name)
		require.NotEmpty(t, f.Meaning, name)
	}
}

// TestFirewall has the server refuse subflows, and looks for what that changes outside of it.
func TestFirewall(t *testing.T) {
	b := open(t)
	for _, name := range []string{"reject", "conntrack"} {
		if f, _ := b.Features().Find(name); !f.OK {
			t.Skipf("needs %s: %s", name, f.Reason)
		}
	}
	before := machineTables(t)
	l := openLab(t, b, lab.Options{Name: t.Name(), Seed: 1})
	client, server := twoPaths(t, l)
	rule, err := server.Firewall().Add(lab.FirewallRule{
		Chain: "input", Protocol: "tcp", State: lab.FlowNew, Target: "reject", RejectWith: lab.TCPReset,
	})
	require.NoError(t, err)
	require.Equal(t, before, machineTables(t))

	near, far := connect(t, server, client, "10.0.1.1")
	exchange(t, near, far)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err = client.Dial(ctx, lab.DialOptions{Remote: netip.MustParseAddrPort("10.0.2.2:80")})
	require.ErrorIs(t, err, unix.ECONNREFUSED)
	rules, err := server.Firewall().Rules()
	require.NoError(t, err)
	require.Len(t, rules, 1)
	require.EqualValues(t, 1, rules[0].Packets)
	elsewhere, err := client.Firewall().Rules()
	require.NoError(t, err)
	require.Empty(t, elsewhere)

	flows, err := server.Firewall().Flows()
	require.NoError(t, err)
	require.Len(t, flows, 1)
	require.Equal(t, near.Local(), flows[0].Original.Source)
	n, err := server.Firewall().DeleteFlows(lab.FlowSelector{Protocol: "tcp"})
	require.NoError(t, err)
	require.Equal(t, 1, n)

	require.NoError(t, server.Firewall().Delete(rule))
	require.ErrorContains(t, server.Firewall().Delete(rule), "on server: ")
	require.NoError(t, server.Firewall().Flush())
	_, err = server.Firewall().Add(lab.FirewallRule{Chain: "input", InInterface: "eth9", Target: "drop"})
	require.ErrorContains(t, err, "on server: interface eth9: the host has only eth1, eth2")
}

// machineTables are the tables of the namespace that the tests run in.
func machineTables(t testing.TB) (names []string) {
	t.Helper()
	c, err := nftables.New()
	require.NoError(t, err)
	tables, err := c.ListTables()
	require.NoError(t, err)
	for _, table := range tables {
		names = append(names, table.Name)
	}
	return names
}

// BenchmarkFirewallRule adds a rule and removes it.
func BenchmarkFirewallRule(b *testing.B) {
	h := addHost(b, newLab(b), "host")
	for b.Loop() {
		e, err := h.Firewall().Add(lab.FirewallRule{Chain: "input", Target: "drop"})
		require.NoError(b, err)
		require.NoError(b, h.Firewall().Delete(e))
	}
}
