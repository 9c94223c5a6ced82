package netns_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

// TestSupply takes more hosts than a supply holds, each with properties of its own.
func TestSupply(t *testing.T) {
	r := newRegistry(t)
	s := netns.NewSupply(r, 2)
	for range 5 {
		router, err := s.Host(netns.Options{Router: true})
		require.NoError(t, err)
		host, err := s.Host(netns.Options{Sysctl: map[string]string{"net.mptcp.enabled": "0"}})
		require.NoError(t, err)
		for _, want := range []struct {
			at          *netns.Host
			name, value string
		}{
			{router, "net.ipv4.ip_forward", "1"},
			{router, "net.mptcp.enabled", "1"},
			{host, "net.ipv4.ip_forward", "0"},
			{host, "net.mptcp.enabled", "0"},
			{host, "net.ipv4.tcp_congestion_control", "reno"},
		} {
			value, err := want.at.Sysctl(want.name)
			require.NoError(t, err)
			require.Equal(t, want.value, value, want.name)
		}
		require.NoError(t, router.Close())
		require.NoError(t, host.Close())
	}
	require.NoError(t, s.Close())
	require.NoError(t, s.Close())
	requireGone(t, r)
}

// TestSupplyRefuses closes a host that cannot become what is asked for.
func TestSupplyRefuses(t *testing.T) {
	r := newRegistry(t)
	s := netns.NewSupply(r, 1)
	_, err := s.Host(netns.Options{Sysctl: map[string]string{"net.ipv4.nothing": "1"}})
	require.ErrorContains(t, err, "net.ipv4.nothing: no such setting")
	_, err = s.Host(netns.Options{Number: -1})
	require.ErrorContains(t, err, "number -1: want 0 to 65535")
	require.NoError(t, s.Close())
	requireGone(t, r)
}
