package netns_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// How long a connection is waited for that must not come, and one that must.
const (
	soon     = 200 * time.Millisecond
	patience = 10 * time.Second
)

// rule is a rule as tests write it.
func rule(chain, target string, set ...func(*lab.FirewallRule)) lab.FirewallRule {
	r := lab.FirewallRule{Chain: chain, Target: target}
	if target == "reject" {
		r.RejectWith, r.Protocol = lab.TCPReset, "tcp"
	}
	for _, f := range set {
		f(&r)
	}
	return r
}

func from(network string) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) { r.Source = netip.MustParsePrefix(network) }
}

func to(network string) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) { r.Destination = netip.MustParsePrefix(network) }
}

func ports(first, last uint16) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) {
		r.Protocol, r.DestinationPort = "tcp", lab.PortRange{First: first, Last: last}
	}
}

func sourcePorts(first, last uint16) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) { r.Protocol, r.SourcePort = "tcp", lab.PortRange{First: first, Last: last} }
}

func protocol(name string) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) { r.Protocol = name }
}

func in(dev string) func(*lab.FirewallRule) { return func(r *lab.FirewallRule) { r.InInterface = dev } }

func out(dev string) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) { r.OutInterface = dev }
}

func state(s lab.FlowState) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) { r.State = s }
}

func answer(with string) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) { r.RejectWith = with }
}

func translate(address string, ports lab.PortRange) func(*lab.FirewallRule) {
	return func(r *lab.FirewallRule) {
		r.Protocol, r.To, r.ToPort = "tcp", netip.MustParseAddr(address), ports
	}
}

func addRule(t testing.TB, h *netns.Host, r lab.FirewallRule) lab.FirewallEntry {
	t.Helper()
	e, err := h.Firewall().Add(r)
	require.NoError(t, err)
	return e
}

// serve listens on a port of all addresses of a host.
func serve(t testing.TB, h *netns.Host, port uint16) net.Listener {
	t.Helper()
	l, err := listen(h, netip.AddrPortFrom(netip.IPv6Unspecified(), port).String())
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// reach opens a TCP connection, from a local end if one is given.
func reach(t testing.TB, h *netns.Host, local, remote string) (net.Conn, error) {
	t.Helper()
	return reachWithin(t, patience, h, local, remote)
}

func reachWithin(t testing.TB, limit time.Duration, h *netns.Host, local, remote string) (conn net.Conn, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var d net.Dialer
	d.SetMultipathTCP(false)
	if local != "" {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.MustParseAddrPort(local))
	}
	err = h.Do(func() (err error) {
		conn, err = d.DialContext(ctx, "tcp", remote)
		return err
	})
	if err == nil {
		t.Cleanup(func() { _ = conn.Close() })
	}
	return conn, err
}

// TestFirewallFilters has a connection from 10.0.1.1:40000 to 10.0.1.2:8001, or of IPv6 the same, meet one rule of the server.
func TestFirewallFilters(t *testing.T) {
	const v4, v6 = "10.0.1.", "2001:db8:1::"
	tests := []struct {
		rule    lab.FirewallRule
		network string
		stops   bool
	}{
		{rule("input", "drop"), v4, true},
		{rule("input", "drop"), v6, true},
		{rule("input", "accept"), v4, false},
		{rule("output", "drop"), v4, true},
		{rule("forward", "drop"), v4, false},
		{rule("input", "drop", in("eth1")), v4, true},
		{rule("input", "drop", in("eth2")), v4, false},
		{rule("output", "drop", out("eth1")), v6, true},
		{rule("output", "drop", out("eth2")), v6, false},
		{rule("input", "drop", from("10.0.1.1/32")), v4, true},
		{rule("input", "drop", from("10.0.1.3/32")), v4, false},
		{rule("input", "drop", from("10.0.1.3/30")), v4, true},
		{rule("input", "drop", from("10.0.1.4/30")), v4, false},
		{rule("input", "drop", from("0.0.0.0/0")), v4, true},
		{rule("input", "drop", from("0.0.0.0/0")), v6, false},
		{rule("input", "drop", to("10.0.1.2/32")), v4, true},
		{rule("input", "drop", to("10.0.1.1/32")), v4, false},
		{rule("input", "drop", from("2001:db8:1::/64")), v6, true},
		{rule("input", "drop", from("2001:db8:2::/64")), v6, false},
		{rule("input", "drop", to("2001:db8:1::2/128")), v6, true},
		{rule("input", "drop", to("2001:db8:1::3/128")), v6, false},
		{rule("input", "drop", ports(8001, 8001)), v4, true},
		{rule("input", "drop", ports(8000, 8001)), v6, true},
		{rule("input", "drop", ports(8002, 9000)), v4, false},
		{rule("input", "drop", ports(1, 8000)), v4, false},
		{rule("input", "drop", sourcePorts(40000, 40000)), v4, true},
		{rule("input", "drop", sourcePorts(40001, 40001)), v6, false},
		{rule("input", "drop", protocol("tcp")), v4, true},
		{rule("input", "drop", protocol("udp")), v4, false},
		{rule("input", "drop", protocol("icmp")), v4, false},
		{rule("output", "drop", func(r *lab.FirewallRule) { r.Mark = 7 }), v4, false}, // nobody has set it
		{rule("input", "drop", state(lab.FlowNew)), v4, true},
		{rule("input", "drop", state(lab.FlowEstablished|lab.FlowRelated)), v4, false}, // the third packet of the handshake stops later
		{rule("output", "drop", state(lab.FlowEstablished)), v6, true},
		{rule("output", "drop", state(lab.FlowInvalid)), v6, false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %s over %s", test.rule.Chain, test.rule, test.network), func(t *testing.T) {
			t.Parallel()
			client, server := twoPaths(t)
			serve(t, server, 8001)
			e := addRule(t, server, test.rule)
			limit := map[bool]time.Duration{true: soon, false: patience}[test.stops]
			_, err := reachWithin(t, limit, client, net.JoinHostPort(test.network+"1", "40000"), net.JoinHostPort(test.network+"2", "8001"))
			require.Equal(t, test.stops, err != nil, "%v", err)
			rules, err := server.Firewall().Rules()
			require.NoError(t, err)
			require.Len(t, rules, 1)
			require.Equal(t, test.rule.String(), rules[0].Text)
			require.Equal(t, e.Handle, rules[0].Handle)
			if test.stops {
				require.Positive(t, rules[0].Packets)
				require.GreaterOrEqual(t, rules[0].Bytes, 40*rules[0].Packets)
			}
		})
	}
}

// TestFirewallRejects reads from the client's error what the server has answered. To a SYN that an ICMP error answers before
// connect(2) is done with the socket, the kernel pays no heed (LockDroppedIcmps): it hears that of the next one, a second later.
func TestFirewallRejects(t *testing.T) {
	tests := []struct {
		answer string
		v4, v6 error
	}{
		{lab.TCPReset, unix.ECONNREFUSED, unix.ECONNREFUSED},
		{"port-unreachable", unix.ECONNREFUSED, unix.ECONNREFUSED},
		{"host-unreachable", unix.EHOSTUNREACH, unix.EHOSTUNREACH},
		{"no-route", unix.ENETUNREACH, unix.ENETUNREACH},
		{"admin-prohibited", unix.EHOSTUNREACH, unix.EACCES},
	}
	for _, test := range tests {
		t.Run(test.answer, func(t *testing.T) {
			t.Parallel()
			client, server := twoPaths(t)
			serve(t, server, 8001)
			addRule(t, server, rule("input", "reject", ports(8001, 8001), answer(test.answer)))
			_, err := reach(t, client, "", "10.0.1.2:8001")
			require.ErrorIs(t, err, test.v4)
			_, err = reach(t, client, "", "[2001:db8:1::2]:8001")
			require.ErrorIs(t, err, test.v6)
		})
	}
}

// TestFirewallOrder has the first rule decide, and removes rules one by one.
func TestFirewallOrder(t *testing.T) {
	client, server := twoPaths(t)
	serve(t, server, 8001)
	accept := addRule(t, server, rule("input", "accept", ports(8001, 8001)))
	drop := addRule(t, server, rule("input", "drop"))
	sent := addRule(t, server, rule("output", "accept"))
	_, err := reach(t, client, "", "10.0.1.2:8001")
	require.NoError(t, err)

	require.NoError(t, server.Firewall().Delete(accept))
	_, err = reachWithin(t, soon, client, "", "10.0.1.2:8001")
	require.Error(t, err)
	rules, err := server.Firewall().Rules()
	require.NoError(t, err)
	require.Equal(t, []string{drop.Text, sent.Text}, []string{rules[0].Text, rules[1].Text})
	require.Equal(t, []string{"input", "output"}, []string{rules[0].Chain, rules[1].Chain})

	err = server.Firewall().Delete(accept)
	require.ErrorIs(t, err, unix.ENOENT)
	require.ErrorContains(t, err, "tcp dport 8001 accept: it is not there any more")

	require.NoError(t, server.Firewall().Flush())
	require.NoError(t, server.Firewall().Flush(), "of nothing")
	rules, err = server.Firewall().Rules()
	require.NoError(t, err)
	require.Empty(t, rules)
	_, err = reach(t, client, "", "10.0.1.2:8001")
	require.NoError(t, err)
}

func TestFirewallRefuses(t *testing.T) {
	client, _ := twoPaths(t)
	tests := []struct {
		rule lab.FirewallRule
		err  string
	}{
		{rule("input", "drop", in("eth9")), "interface eth9: the host has only eth1, eth2"},
		{rule("forward", "drop", in("eth1"), out("wlan0")), "interface wlan0: the host has only eth1, eth2"},
		{rule("input", "masquerade"), `firewall rule masquerade: masquerade cannot be in the chain "input": it is for postrouting`},
		{rule("input", "reject", protocol("udp")), "tcp-reset answers tcp only"},
	}
	for _, test := range tests {
		_, err := client.Firewall().Add(test.rule)
		require.ErrorContains(t, err, test.err)
	}
	rules, err := client.Firewall().Rules()
	require.NoError(t, err)
	require.Empty(t, rules)
}

// TestFirewallLongestRule has as many words as a rule can have: more than the kernel keeps of a comment.
func TestFirewallLongestRule(t *testing.T) {
	router := newHost(t, netns.Options{Router: true})
	other := newHost(t, netns.Options{})
	long := "2001:db8:1111:2222:3333:4444:5555:6600/120"
	link(t, router, "a-long-name-of1", "10.0.1.1/24", other, "eth1", "10.0.1.2/24")
	link(t, router, "a-long-name-of2", "10.0.2.1/24", other, "eth2", "10.0.2.2/24")
	r := rule("forward", "reject", in("a-long-name-of1"), out("a-long-name-of2"), from(long), to(long),
		sourcePorts(10000, 20000), ports(10000, 20000), answer("admin-prohibited"),
		state(lab.FlowNew|lab.FlowEstablished|lab.FlowRelated|lab.FlowInvalid))
	e := addRule(t, router, r)
	kept, cut := strings.CutSuffix(e.Text, "…")
	require.True(t, cut)
	require.Len(t, e.Text, 253)
	require.True(t, strings.HasPrefix(r.String(), kept))
	require.NoError(t, router.Firewall().Delete(e))
}

// TestFirewallOfClosedHost must not fall back to the namespace that the test runs in.
func TestFirewallOfClosedHost(t *testing.T) {
	privileged(t)
	h, err := netns.NewHost(netns.Options{})
	require.NoError(t, err)
	f := h.Firewall()
	require.NoError(t, h.Close())
	_, err = f.Add(rule("input", "drop"))
	require.ErrorIs(t, err, unix.EBADF)
	require.ErrorIs(t, f.Delete(lab.FirewallEntry{Chain: "input", Handle: 1}), unix.EBADF)
	require.ErrorIs(t, f.Flush(), unix.EBADF)
	_, err = f.Rules()
	require.ErrorIs(t, err, unix.EBADF)
	_, err = f.Flows()
	require.ErrorIs(t, err, unix.EBADF)
	_, err = f.DeleteFlows(lab.FlowSelector{})
	require.ErrorIs(t, err, unix.EBADF)
}
