package kernel_test

import (
	"fmt"
	"net/netip"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

func TestSysctl(t *testing.T) {
	l := newLab(t)
	h, err := l.Host(t.Context(), "h", lab.HostOptions{Sysctl: map[string]string{"net.mptcp.add_addr_timeout": "7"}})
	require.NoError(t, err)
	value, err := h.Sysctl("net.mptcp.add_addr_timeout")
	require.NoError(t, err)
	require.Equal(t, "7", value)
	require.NoError(t, h.SetSysctl("net.mptcp.add_addr_timeout", "9"))
	value, err = h.Sysctl("net.mptcp.add_addr_timeout")
	require.NoError(t, err)
	require.Equal(t, "9", value)

	for name, value := range map[string]string{
		"net.mptcp.no_such_thing":    "1",
		"net.mptcp.add_addr_timeout": "soon",
		"../../etc/passwd":           "1",
		"kernel.hostname":            "owned",
	} {
		err := h.SetSysctl(name, value)
		require.ErrorContains(t, err, "on h: ", name)
		require.ErrorContains(t, err, name)

		_, err = l.Host(t.Context(), "other", lab.HostOptions{Sysctl: map[string]string{name: value}})
		require.ErrorContains(t, err, "host other: ", name)
		require.ErrorContains(t, err, name)
	}
	_, err = h.Sysctl("net.mptcp.no_such_thing")
	require.ErrorContains(t, err, "on h: ")
	require.Len(t, l.Hosts(), 1, "no host is half made")
}

func TestAddresses(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	ctx := t.Context()
	second := prefixes("fd00::1/64")[0]
	require.NoError(t, client.AddAddress(ctx, "eth1", second))
	require.Equal(t, []lab.Address{
		{Interface: "eth1", Prefix: prefixes("10.0.1.1/24")[0]},
		{Interface: "eth1", Prefix: second},
	}, client.Addresses())
	require.NoError(t, server.AddAddress(ctx, "eth1", prefixes("fd00::2/64")[0]))
	c, s := connect(t, client, server, "fd00::2")
	exchange(t, c, s)
	require.Equal(t, second.Addr(), c.Local().Addr())
	require.NoError(t, client.DeleteAddress(ctx, "eth1", second))
	require.Len(t, client.Addresses(), 1)

	for what, err := range map[string]error{
		"twice":           client.AddAddress(ctx, "eth1", prefixes("10.0.1.1/24")[0]),
		"no interface":    client.AddAddress(ctx, "eth9", second),
		"none to delete":  client.DeleteAddress(ctx, "eth1", second),
		"unknown gateway": client.AddRoute(ctx, lab.Route{Destination: prefixes("10.9.0.0/16")[0], Via: netip.MustParseAddr("192.0.2.1")}),
	} {
		require.ErrorContains(t, err, "on client: ", what)
	}
}

func TestPathManager(t *testing.T) {
	h := addHost(t, newLab(t), "h")
	m := h.PathManager()
	address := netip.MustParseAddr("192.0.2.1")
	two := uint32(2)
	require.NoError(t, m.SetLimits(pm.LimitsUpdate{Subflows: &two}))
	limits, err := m.Limits()
	require.NoError(t, err)
	require.EqualValues(t, 2, limits.Subflows)

	require.NoError(t, m.AddEndpoint(pm.Endpoint{ID: 5, Address: address, Flags: pm.FlagSubflow}))
	require.NoError(t, m.ChangeEndpoint(pm.Endpoint{ID: 5, Flags: pm.FlagBackup}))
	e, err := m.Endpoint(5)
	require.NoError(t, err)
	require.Equal(t, pm.FlagSubflow|pm.FlagBackup, e.Flags)
	all, err := m.Endpoints()
	require.NoError(t, err)
	require.Equal(t, []pm.Endpoint{e}, all)

	err = m.AddEndpoint(pm.Endpoint{Address: address, Flags: pm.FlagSubflow})
	require.ErrorContains(t, err, "on h: add endpoint 192.0.2.1")
	var refused *pm.Error
	require.ErrorAs(t, err, &refused)
	_, err = m.Endpoint(6)
	require.ErrorContains(t, err, "on h: ")

	require.NoError(t, m.DeleteEndpoint(e))
	require.NoError(t, m.AddEndpoint(pm.Endpoint{Address: address, Flags: pm.FlagSignal}))
	require.NoError(t, m.FlushEndpoints())
	all, err = m.Endpoints()
	require.NoError(t, err)
	require.Empty(t, all)
}

func TestCounters(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	before, err := server.Counters()
	require.NoError(t, err)
	require.Contains(t, before, "MPCapableSYNRX")
	connect(t, client, server, "10.0.1.2")
	after, err := server.Counters()
	require.NoError(t, err)
	moved := after.Since(before)
	require.EqualValues(t, 1, moved["MPCapableSYNRX"])
	require.NotContains(t, moved, "MPCapableSYNTX")
}

func TestEvents(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	before := l.Now()
	for range 3 {
		c, s := connect(t, client, server, "10.0.1.2")
		exchange(t, c, s)
		require.NoError(t, c.Abort())
	}
	events, err := client.Events()
	require.NoError(t, err)
	var kinds []pm.EventKind
	for i, e := range events {
		kinds = append(kinds, e.Kind)
		require.GreaterOrEqual(t, e.Time, before)
		before = e.Time
		require.Equal(t, events[i/3*3].Token, e.Token, "the three events of a connection")
	}
	cycle := []pm.EventKind{pm.EventCreated, pm.EventEstablished, pm.EventClosed}
	require.Equal(t, append(append(cycle[:3:3], cycle...), cycle...), kinds)
}

// The command of Enter names the namespace of the host.
func TestEnter(t *testing.T) {
	l := newLab(t)
	namespaces := map[string]bool{}
	for _, name := range []string{"a", "b"} {
		var path string
		_, err := fmt.Sscanf(addHost(t, l, name).Enter(), "nsenter --net=%s", &path)
		if err != nil {
			t.Skip("in a user namespace the command has more to it")
		}
		namespace, err := os.Readlink(path)
		require.NoError(t, err)
		require.Regexp(t, `^net:\[\d+\]$`, namespace)
		namespaces[namespace] = true
	}
	require.Len(t, namespaces, 2)
	own, err := os.Readlink("/proc/self/ns/net")
	require.NoError(t, err)
	require.NotContains(t, namespaces, own)
}
