package netns_test

import (
	"context"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

func newRegistry(t testing.TB) *netns.Registry {
	t.Helper()
	privileged(t)
	r, err := netns.NewRegistry()
	require.NoError(t, err)
	closeAfter(t, r)
	return r
}

// requireGone waits for all namespaces of the registry to be taken down: by itself that takes some 20 ms.
func requireGone(t testing.TB, r *netns.Registry) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	require.NoError(t, r.WaitGone(ctx))
}

func TestRegistry(t *testing.T) {
	r := newRegistry(t)
	alive, err := r.Alive()
	require.NoError(t, err)
	require.Empty(t, alive)

	a, b := newHost(t, netns.Options{}), newHost(t, netns.Options{})
	require.NoError(t, r.Add(a.Namespace))
	require.NoError(t, r.Add(b.Namespace))
	require.NoError(t, r.Add(a.Namespace))
	alive, err = r.Alive()
	require.NoError(t, err)
	require.Len(t, alive, 2)

	require.NoError(t, a.Close())
	require.NoError(t, b.Close())
	requireGone(t, r)
}

// TestRegistryShowsPinned keeps a namespace alive by a socket of its own, and sees that the registry tells.
func TestRegistryShowsPinned(t *testing.T) {
	r := newRegistry(t)
	ns, err := netns.New()
	require.NoError(t, err)
	require.NoError(t, r.Add(ns))
	var socket net.PacketConn
	require.NoError(t, ns.Do(func() (err error) {
		socket, err = net.ListenPacket("udp4", "0.0.0.0:0")
		return err
	}))
	require.NoError(t, ns.Close())

	ended, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, r.WaitGone(ended), context.Canceled)
	alive, err := r.Alive()
	require.NoError(t, err)
	require.Len(t, alive, 1)

	require.NoError(t, socket.Close())
	requireGone(t, r)
}
