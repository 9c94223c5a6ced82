//go:build linux

package pm_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

func TestLimits(t *testing.T) {
	tests := []struct {
		name string
		set  pm.LimitsUpdate
		want pm.Limits
		err  pm.Error // zero: none
	}{
		{"nothing", pm.LimitsUpdate{}, pm.Limits{AddAddrAccepted: 3, Subflows: 4}, pm.Error{}},
		{"lowest", pm.LimitsUpdate{AddAddrAccepted: new(uint32(0)), Subflows: new(uint32(0))}, pm.Limits{}, pm.Error{}},
		{"highest", pm.LimitsUpdate{AddAddrAccepted: new(uint32(8)), Subflows: new(uint32(8))}, pm.Limits{AddAddrAccepted: 8, Subflows: 8}, pm.Error{}},
		{"one", pm.LimitsUpdate{AddAddrAccepted: new(uint32(1))}, pm.Limits{AddAddrAccepted: 1, Subflows: 4}, pm.Error{}},
		{"the other", pm.LimitsUpdate{Subflows: new(uint32(1))}, pm.Limits{AddAddrAccepted: 3, Subflows: 1}, pm.Error{}},
		{
			"subflows too many",
			pm.LimitsUpdate{AddAddrAccepted: new(uint32(1)), Subflows: new(uint32(9))},
			pm.Limits{AddAddrAccepted: 3, Subflows: 4},
			pm.Error{Op: "set limits add_addr_accepted 1 subflows 9", Errno: unix.EINVAL, Message: "limit greater than maximum (8)", Attr: "SUBFLOWS"},
		},
		{
			"add_addr_accepted too many",
			pm.LimitsUpdate{AddAddrAccepted: new(^uint32(0))},
			pm.Limits{AddAddrAccepted: 3, Subflows: 4},
			pm.Error{Op: "set limits add_addr_accepted 4294967295", Errno: unix.EINVAL, Message: "limit greater than maximum (8)", Attr: "RCV_ADD_ADDRS"},
		},
	}
	c := dial(t, newNetNS(t))
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.NoError(t, c.SetLimits(pm.LimitsUpdate{AddAddrAccepted: new(uint32(3)), Subflows: new(uint32(4))}))
			err := c.SetLimits(tt.set)
			if tt.err.Op == "" {
				require.NoError(t, err)
			} else {
				requireRefused(t, tt.err, err)
			}
			got, err := c.Limits()
			require.NoError(t, err)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestFlushKeepsLimits(t *testing.T) {
	c := dial(t, newNetNS(t))
	require.NoError(t, c.SetLimits(pm.LimitsUpdate{Subflows: new(uint32(5))}))
	require.NoError(t, c.AddEndpoint(pm.Endpoint{Address: nth(1)}))
	require.NoError(t, c.FlushEndpoints())

	limits, err := c.Limits()
	require.NoError(t, err)
	require.Equal(t, uint32(5), limits.Subflows)
	none, err := c.Endpoints()
	require.NoError(t, err)
	require.Empty(t, none)
}
