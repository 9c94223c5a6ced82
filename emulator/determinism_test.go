package emulator

import (
	"context"
	"encoding/hex"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// busy runs a connection over two bad paths, with everything going on at once, and returns the digest of its packets.
func busy(t *testing.T, seed uint64) string {
	ctx := context.Background()
	l := open(t, seed, Options{})
	client, server := hostsOf(t, l, 3)
	sum := l.digest()
	bad := impair.Impairment{Delay: 5 * time.Millisecond, Jitter: time.Millisecond, Loss: 0.02, Duplicate: 0.02, Corrupt: 0.01, Rate: 20_000_000}
	for _, k := range l.links {
		for from := range 2 {
			require.NoError(t, k.Impair(ctx, from, bad))
		}
	}
	two := uint32(2)
	for _, h := range []*host{client, server} {
		require.NoError(t, h.PathManager().SetLimits(pm.LimitsUpdate{Subflows: &two, AddAddrAccepted: &two}))
	}
	require.NoError(t, client.PathManager().AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow}))
	require.NoError(t, server.PathManager().AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.3.2"), Flags: pm.FlagSignal}))
	near, far := connect(t, client, server, "10.0.1.2:80")
	const size = 1_000_000
	send := func(s lab.Socket) func(context.Context) error {
		return func(ctx context.Context) error { return s.Send(ctx, size) }
	}
	receive := func(s lab.Socket) func(context.Context) error {
		return func(ctx context.Context) error { return s.Receive(ctx, size) }
	}
	require.NoError(t, l.Together(ctx, send(near), receive(far), send(far), receive(near)))
	require.NoError(t, near.Close())
	require.NoError(t, far.Close())
	_, err := l.Wait(ctx, time.Minute, func() (bool, error) { return false, nil })
	require.NoError(t, err)
	return hex.EncodeToString(sum.Sum(nil))
}

// TestDeterminism holds that one seed gives one series of packets, byte for byte and at the same times, and another one another.
func TestDeterminism(t *testing.T) {
	first := busy(t, 1)
	require.Equal(t, first, busy(t, 1))
	require.NotEqual(t, first, busy(t, 2))
}
