package pm

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"
)

func TestEndpointString(t *testing.T) {
	addr := netip.MustParseAddr
	tests := []struct {
		endpoint Endpoint
		want     string
	}{
		{Endpoint{}, "id 0"},
		{Endpoint{ID: 3}, "id 3"},
		{Endpoint{Address: addr("10.0.2.1")}, "10.0.2.1"},
		{Endpoint{ID: 9, Address: addr("10.0.1.1"), Port: 8000, Flags: FlagSignal, IfIndex: 3}, "10.0.1.1 port 8000 id 9 signal dev if3"},
		{Endpoint{ID: 4, Address: addr("2001:db8:1::1"), Flags: FlagSubflow | FlagBackup | FlagFullmesh | FlagLaminar}, "2001:db8:1::1 id 4 subflow backup fullmesh laminar"},
		{Endpoint{ID: 1, Address: addr("10.0.2.1"), Flags: FlagBackup | FlagImplicit}, "10.0.2.1 id 1 backup implicit"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.endpoint.String())
	}
	named := Endpoint{Address: addr("10.0.2.1"), IfIndex: 3}.Format(func(int32) string { return "eth1" })
	require.Equal(t, "10.0.2.1 dev eth1", named)
}

// The nests are as long as their attributes say, each padded to four bytes.
func TestEndpointRequest(t *testing.T) {
	tests := []struct {
		name     string
		endpoint Endpoint
		want     string
	}{
		{"nothing", Endpoint{}, "04000180"},
		{"ID", Endpoint{ID: 7}, "0c000180" + "0500020007000000"},
		{"IPv4", Endpoint{Address: netip.MustParseAddr("10.0.2.1")}, "14000180" + "0600010002000000" + "080003000a000201"},
		{
			"everything",
			Endpoint{ID: 1, Address: netip.MustParseAddr("2001:db8::1"), Port: 8000, Flags: FlagSignal, IfIndex: -1},
			"40000180" + "060001000a000000" + "1400040020010db8000000000000000000000001" +
				"0500020001000000" + "06000500401f0000" + "0800060001000000" + "08000700ffffffff",
		},
	}
	recordings(t) // skips on a big-endian machine, as the bytes here are little-endian too
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.endpoint.request()
			require.NoError(t, err)
			require.Equal(t, tt.want, hex.EncodeToString(got))
		})
	}
}

func TestEndpointComesBack(t *testing.T) {
	want := Endpoint{ID: 255, Address: netip.MustParseAddr("::ffff:10.0.0.1"), Port: 65535, Flags: 1<<31 | FlagSignal, IfIndex: -7}
	attrs, err := want.request()
	require.NoError(t, err)
	got, err := parseEndpoint(attrs)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestEndpointWithZone(t *testing.T) {
	_, err := Endpoint{Address: netip.MustParseAddr("fe80::1%eth1")}.request()
	require.ErrorContains(t, err, `an endpoint cannot carry the zone "eth1"`)
}

func TestParseEndpointRefuses(t *testing.T) {
	_, err := parseEndpoint(nil)
	require.ErrorIs(t, err, errNoEndpoint)

	attrs := netlink.NewAttributeEncoder()
	attrs.Nested(attrAddr, func(nest *netlink.AttributeEncoder) error {
		nest.Bytes(addrAddr4, []byte{10, 0, 0})
		return nil
	})
	short, err := attrs.Encode()
	require.NoError(t, err)
	_, err = parseEndpoint(short)
	require.ErrorContains(t, err, "attribute 3: an address of 3 bytes, not 4")
}

func TestFlags(t *testing.T) {
	tests := []struct {
		flags Flags
		want  string
	}{
		{0, ""},
		{FlagBackup | FlagSignal, "signal backup"},
		{1<<6 - 1, "signal subflow backup fullmesh implicit laminar"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.flags.String())
		got, err := ParseFlags(tt.want)
		require.NoError(t, err)
		require.Equal(t, tt.flags, got)
	}
	require.Equal(t, "backup rawflags 40", (FlagBackup | 1<<6).String())
	_, err := ParseFlags("signal mesh")
	require.EqualError(t, err, `unknown endpoint flag "mesh"; known: signal, subflow, backup, fullmesh, implicit, laminar`)
}

func TestLimitsString(t *testing.T) {
	require.Equal(t, "add_addr_accepted 0 subflows 2", Limits{Subflows: 2}.String())
	require.Equal(t, "subflows 3", LimitsUpdate{Subflows: new(uint32(3))}.String())
}

func FuzzParseEndpoint(f *testing.F) {
	for _, e := range []Endpoint{{}, {ID: 1, Address: netip.MustParseAddr("10.0.0.1"), Port: 1, Flags: 1, IfIndex: 1}} {
		attrs, err := e.request()
		require.NoError(f, err)
		f.Add(attrs)
	}
	f.Fuzz(func(t *testing.T, attrs []byte) {
		e, err := parseEndpoint(attrs)
		if err != nil {
			return
		}
		again, err := e.request()
		require.NoError(t, err)
		got, err := parseEndpoint(again)
		require.NoError(t, err)
		require.Equal(t, e, got)
	})
}
