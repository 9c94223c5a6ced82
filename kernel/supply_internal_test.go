package kernel

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

func startSupply(t *testing.T) *supply {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	r, err := netns.NewRegistry()
	require.NoError(t, err)
	s := newSupply(r)
	t.Cleanup(func() {
		require.NoError(t, s.close())
		require.NoError(t, s.close())
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, r.WaitGone(ctx))
		require.NoError(t, r.Close())
	})
	return s
}

// TestSupply takes more hosts than are ready, each with properties of its own.
func TestSupply(t *testing.T) {
	s := startSupply(t)
	for range 5 {
		s.opens()
		router, err := s.take(netns.Options{Router: true})
		require.NoError(t, err)
		host, err := s.take(netns.Options{Sysctl: map[string]string{"net.mptcp.enabled": "0"}})
		require.NoError(t, err)
		for _, want := range []struct {
			at          *readyHost
			name, value string
		}{
			{router, "net.ipv4.ip_forward", "1"},
			{router, "net.mptcp.enabled", "1"},
			{host, "net.ipv4.ip_forward", "0"},
			{host, "net.mptcp.enabled", "0"},
			{host, "net.ipv4.tcp_congestion_control", "reno"},
		} {
			value, err := want.at.real.Sysctl(want.name)
			require.NoError(t, err)
			require.Equal(t, want.value, value, want.name)
		}
		require.NoError(t, router.close())
		require.NoError(t, host.close())
	}
}

// TestSupplyRefuses closes a host that cannot become what is asked for.
func TestSupplyRefuses(t *testing.T) {
	s := startSupply(t)
	_, err := s.take(netns.Options{Sysctl: map[string]string{"net.ipv4.nothing": "1"}})
	require.ErrorContains(t, err, "net.ipv4.nothing: no such setting")
	_, err = s.take(netns.Options{Number: -1})
	require.ErrorContains(t, err, "number -1: want 0 to 65535")
}
