//go:build linux

package pm_test

import (
	"fmt"
	"io/fs"
	"net/netip"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

var address = netip.MustParseAddr

// nth is the address 10.0.n.1.
func nth(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n), 1}) }

func TestEndpointIsKeptAsAdded(t *testing.T) {
	tests := []struct {
		name     string
		endpoint pm.Endpoint
		text     string
	}{
		{"no flag", pm.Endpoint{ID: 9, Address: nth(1)}, "10.0.1.1 id 9"},
		{"signal", pm.Endpoint{ID: 1, Address: nth(1), Flags: pm.FlagSignal}, "10.0.1.1 id 1 signal"},
		{"subflow", pm.Endpoint{ID: 1, Address: nth(1), Flags: pm.FlagSubflow}, "10.0.1.1 id 1 subflow"},
		{"backup", pm.Endpoint{ID: 1, Address: nth(1), Flags: pm.FlagBackup}, "10.0.1.1 id 1 backup"},
		{"fullmesh", pm.Endpoint{ID: 1, Address: nth(1), Flags: pm.FlagSubflow | pm.FlagFullmesh}, "10.0.1.1 id 1 subflow fullmesh"},
		{"signal and subflow", pm.Endpoint{ID: 1, Address: nth(1), Flags: pm.FlagSignal | pm.FlagSubflow}, "10.0.1.1 id 1 signal subflow"},
		{"port", pm.Endpoint{ID: 2, Address: address("127.0.0.1"), Port: 10100, Flags: pm.FlagSignal}, "127.0.0.1 port 10100 id 2 signal"},
		{"device", pm.Endpoint{ID: 255, Address: nth(1), IfIndex: 1}, "10.0.1.1 id 255 dev if1"},
		{"negative device", pm.Endpoint{ID: 1, Address: nth(1), IfIndex: -1}, "10.0.1.1 id 1 dev if4294967295"},
		{"IPv6", pm.Endpoint{ID: 1, Address: address("2001:db8::1"), Flags: pm.FlagSignal}, "2001:db8::1 id 1 signal"},
		{"mapped IPv4", pm.Endpoint{ID: 1, Address: address("::ffff:10.0.1.1")}, "::ffff:10.0.1.1 id 1"},
	}
	c := dial(t, newNetNS(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, c.FlushEndpoints())
			require.NoError(t, c.AddEndpoint(tt.endpoint))

			got, err := c.Endpoint(tt.endpoint.ID)
			require.NoError(t, err)
			require.Equal(t, tt.endpoint, got)
			require.Equal(t, tt.text, got.String())

			all, err := c.Endpoints()
			require.NoError(t, err)
			require.Equal(t, []pm.Endpoint{tt.endpoint}, all)
		})
	}
}

// An old kernel must not refuse the flag of a later one: it leaves out the bits that it does not know. It is what "ignore unknown
// flags" of pm_netlink.sh looks at.
func TestUnknownFlagsAreIgnored(t *testing.T) {
	const unknown = pm.Flags(1 << 30)
	c := dial(t, newNetNS(t))
	require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: 1, Address: nth(1), Flags: pm.FlagSignal | unknown}))
	got, err := c.Endpoint(1)
	require.NoError(t, err)
	require.Equal(t, pm.FlagSignal, got.Flags)
	require.Equal(t, "10.0.1.1 id 1 signal", got.String())
}

func TestLaminarEndpoint(t *testing.T) {
	c := dial(t, newNetNS(t))
	e := pm.Endpoint{ID: 1, Address: nth(1), Flags: pm.FlagLaminar}
	require.NoError(t, c.AddEndpoint(e))
	got, err := c.Endpoint(1)
	require.NoError(t, err)
	if got.Flags == 0 {
		t.Skip("this kernel has no laminar endpoints (Linux 6.18 and newer do)")
	}
	require.Equal(t, e, got)
}

func TestEndpointsInOrderOfID(t *testing.T) {
	c := dial(t, newNetNS(t))
	none, err := c.Endpoints()
	require.NoError(t, err)
	require.Empty(t, none)

	var want []pm.Endpoint
	for i := range 8 {
		want = append(want, pm.Endpoint{ID: uint8(10 + i), Address: nth(i)})
	}
	for i := range want {
		require.NoError(t, c.AddEndpoint(want[len(want)-1-i]))
	}
	got, err := c.Endpoints()
	require.NoError(t, err)
	require.Equal(t, want, got)
}

// The kernel looks for a free ID from the last assigned one on, itself included.
func TestIDAllocation(t *testing.T) {
	type step struct {
		delete []uint8
		flush  bool
		give   uint8 // the ID asked for; 0: any
		want   uint8
	}
	tests := []struct {
		name  string
		steps []step
	}{
		{"in order", []step{{want: 1}, {want: 2}, {want: 3}}},
		{"a hole stays", []step{
			{want: 1},
			{want: 2},
			{want: 3},
			{delete: []uint8{2}, want: 4},
			{delete: []uint8{4, 3}, want: 4},
			{want: 5},
			{delete: []uint8{1}, want: 6},
		}},
		{"from a given one on", []step{{give: 100, want: 100}, {want: 101}}},
		{"around", []step{{give: 254, want: 254}, {want: 255}, {want: 1}}},
		{"anew after a flush", []step{{give: 100, want: 100}, {flush: true, want: 1}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := dial(t, newNetNS(t))
			for i, s := range tt.steps {
				for _, id := range s.delete {
					require.NoError(t, c.DeleteEndpoint(pm.Endpoint{ID: id}))
				}
				if s.flush {
					require.NoError(t, c.FlushEndpoints())
				}
				require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: s.give, Address: nth(i)}))
				got, err := c.Endpoint(s.want)
				require.NoError(t, err, "step %d", i)
				require.Equal(t, nth(i), got.Address, "step %d", i)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	const fullmeshSignal = pm.FlagSignal | pm.FlagFullmesh
	taken := pm.Endpoint{ID: 3, Address: nth(1), Flags: pm.FlagSignal}
	tests := []struct {
		name string
		do   func(*pm.Client) error
		want pm.Error
	}{
		{
			"add without address",
			func(c *pm.Client) error { return c.AddEndpoint(pm.Endpoint{ID: 1}) },
			pm.Error{Op: "add endpoint id 1", Errno: unix.EINVAL, Message: "missing family", Attr: "ADDR"},
		},
		{
			"add a port without signal",
			func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: nth(2), Port: 1, Flags: pm.FlagSubflow})
			},
			pm.Error{
				Op: "add endpoint 10.0.2.1 port 1 subflow", Errno: unix.EINVAL,
				Message: "flags must have signal and not subflow when using port", Attr: "ADDR",
			},
		},
		{
			"add signal with fullmesh",
			func(c *pm.Client) error { return c.AddEndpoint(pm.Endpoint{Address: nth(2), Flags: fullmeshSignal}) },
			pm.Error{
				Op: "add endpoint 10.0.2.1 signal fullmesh", Errno: unix.EINVAL,
				Message: "flags mustn't have both signal and fullmesh", Attr: "ADDR",
			},
		},
		{
			"add implicit",
			func(c *pm.Client) error { return c.AddEndpoint(pm.Endpoint{Address: nth(2), Flags: pm.FlagImplicit}) },
			pm.Error{Op: "add endpoint 10.0.2.1 implicit", Errno: unix.EINVAL, Message: "can't create IMPLICIT endpoint", Attr: "ADDR"},
		},
		{
			"add a port on a foreign address",
			func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: nth(2), Port: 7, Flags: pm.FlagSignal})
			},
			pm.Error{Op: "add endpoint 10.0.2.1 port 7 signal", Errno: unix.EADDRNOTAVAIL, Message: "create listen socket error: -99"},
		},
		{
			"add a taken ID",
			func(c *pm.Client) error { return c.AddEndpoint(pm.Endpoint{ID: 3, Address: nth(2)}) },
			pm.Error{Op: "add endpoint 10.0.2.1 id 3", Errno: unix.EBUSY, Message: "too many addresses or duplicate one: -16"},
		},
		{
			"add a taken address",
			func(c *pm.Client) error { return c.AddEndpoint(pm.Endpoint{Address: nth(1)}) },
			pm.Error{Op: "add endpoint 10.0.1.1", Errno: unix.EEXIST, Message: "too many addresses or duplicate one: -17"},
		},
		{
			"delete an unknown ID",
			func(c *pm.Client) error { return c.DeleteEndpoint(pm.Endpoint{ID: 200, Address: nth(1)}) },
			pm.Error{Op: "delete endpoint id 200", Errno: unix.EINVAL, Message: "address not found", Attr: "ADDR"},
		},
		{
			"get an unknown ID",
			func(c *pm.Client) error { _, err := c.Endpoint(200); return err },
			pm.Error{Op: "get endpoint id 200", Errno: unix.EINVAL, Message: "address not found", Attr: "ADDR"},
		},
		{
			"change nothing",
			func(c *pm.Client) error { return c.ChangeEndpoint(pm.Endpoint{Flags: pm.FlagBackup}) },
			pm.Error{Op: "change endpoint id 0 backup", Errno: unix.EOPNOTSUPP, Message: "missing address ID", Attr: "ADDR"},
		},
		{
			"change an unknown ID",
			func(c *pm.Client) error { return c.ChangeEndpoint(pm.Endpoint{ID: 200}) },
			pm.Error{Op: "change endpoint id 200", Errno: unix.EINVAL, Message: "address not found", Attr: "ADDR"},
		},
		{
			"change an unknown address",
			func(c *pm.Client) error { return c.ChangeEndpoint(pm.Endpoint{Address: nth(2)}) },
			pm.Error{Op: "change endpoint 10.0.2.1", Errno: unix.EINVAL, Message: "address not found", Attr: "ADDR"},
		},
		{
			"change signal to fullmesh",
			func(c *pm.Client) error { return c.ChangeEndpoint(pm.Endpoint{ID: 3, Flags: pm.FlagFullmesh}) },
			pm.Error{Op: "change endpoint id 3 fullmesh", Errno: unix.EINVAL, Message: "invalid addr flags", Attr: "ADDR"},
		},
	}
	c := dial(t, newNetNS(t))
	require.NoError(t, c.AddEndpoint(taken))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			requireRefused(t, tt.want, tt.do(c))

			all, err := c.Endpoints()
			require.NoError(t, err, "the client stays usable")
			require.Equal(t, []pm.Endpoint{taken}, all, "nothing changed")
		})
	}
}

// requireRefused compares errors by what the kernel said.
func requireRefused(t *testing.T, want pm.Error, got error) {
	t.Helper()
	var e *pm.Error
	require.ErrorAs(t, got, &e)
	require.Equal(t, want, *e)
	require.ErrorIs(t, got, want.Errno)
}

func TestNinthEndpointIsRefused(t *testing.T) {
	c := dial(t, newNetNS(t))
	for i := range 8 {
		require.NoError(t, c.AddEndpoint(pm.Endpoint{Address: nth(i)}))
	}
	err := c.AddEndpoint(pm.Endpoint{Address: nth(8)})
	require.ErrorIs(t, err, unix.ERANGE)
	require.EqualError(t, err, fmt.Sprintf("add endpoint 10.0.8.1: %s: too many addresses or duplicate one: -34", syscall.ERANGE))
}

func TestErrorsAreThoseOfGo(t *testing.T) {
	c := dial(t, newNetNS(t))
	require.NoError(t, c.AddEndpoint(pm.Endpoint{Address: nth(1)}))
	err := c.AddEndpoint(pm.Endpoint{Address: nth(1)})
	require.ErrorIs(t, err, fs.ErrExist)
	require.EqualError(t, err, "add endpoint 10.0.1.1: file exists: too many addresses or duplicate one: -17")
}

func TestDuplicatesMayDifferByPort(t *testing.T) {
	c := dial(t, newNetNS(t))
	for _, port := range []uint16{0, 10100, 10101} {
		require.NoError(t, c.AddEndpoint(pm.Endpoint{Address: address("127.0.0.1"), Port: port, Flags: pm.FlagSignal}))
	}
	err := c.AddEndpoint(pm.Endpoint{Address: address("::ffff:127.0.0.1")})
	require.ErrorIs(t, err, unix.EEXIST, "a mapped IPv4 address is the IPv4 address")
}

func TestDeleteByID(t *testing.T) {
	c := dial(t, newNetNS(t))
	require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: 1, Address: nth(1)}))
	require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: 2, Address: nth(2)}))
	require.NoError(t, c.DeleteEndpoint(pm.Endpoint{ID: 1, Address: nth(2)}), "the ID wins")
	all, err := c.Endpoints()
	require.NoError(t, err)
	require.Equal(t, []pm.Endpoint{{ID: 2, Address: nth(2)}}, all)
}

func TestDeleteIDZeroLeavesTheTable(t *testing.T) {
	c := dial(t, newNetNS(t))
	e := pm.Endpoint{ID: 1, Address: nth(1)}
	require.NoError(t, c.AddEndpoint(e))
	for _, zero := range []pm.Endpoint{{}, {Address: nth(1)}, {Address: nth(9)}} {
		require.NoError(t, c.DeleteEndpoint(zero))
	}
	all, err := c.Endpoints()
	require.NoError(t, err)
	require.Equal(t, []pm.Endpoint{e}, all)
}

func TestChange(t *testing.T) {
	const both = pm.FlagBackup | pm.FlagFullmesh
	tests := []struct {
		name   string
		change pm.Endpoint
		want   pm.Flags
	}{
		{"by ID", pm.Endpoint{ID: 7, Flags: both}, pm.FlagSubflow | both},
		{"by address", pm.Endpoint{Address: nth(1), Flags: pm.FlagBackup}, pm.FlagSubflow | pm.FlagBackup},
		{"the ID wins", pm.Endpoint{ID: 7, Address: nth(9), Flags: pm.FlagBackup}, pm.FlagSubflow | pm.FlagBackup},
		{"clear", pm.Endpoint{ID: 7}, pm.FlagSubflow},
		{"not the others", pm.Endpoint{ID: 7, Flags: pm.FlagSignal}, pm.FlagSubflow},
	}
	c := dial(t, newNetNS(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, c.FlushEndpoints())
			require.NoError(t, c.AddEndpoint(pm.Endpoint{ID: 7, Address: nth(1), Flags: pm.FlagSubflow | pm.FlagFullmesh}))
			require.NoError(t, c.ChangeEndpoint(tt.change))
			got, err := c.Endpoint(7)
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Flags)
		})
	}
}

func TestNamespacesAreApart(t *testing.T) {
	a, b := dial(t, newNetNS(t)), dial(t, newNetNS(t))
	require.NoError(t, a.AddEndpoint(pm.Endpoint{Address: nth(1)}))
	none, err := b.Endpoints()
	require.NoError(t, err)
	require.Empty(t, none)
}
