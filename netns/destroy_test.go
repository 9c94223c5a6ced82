package netns_test

import (
	"context"
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

// TestDestroySockets leaves a closed connection with data that can never be sent, which would pin its namespace for
// minutes, and sees both namespaces go at once.
func TestDestroySockets(t *testing.T) {
	for _, x := range []struct {
		name  string
		mptcp bool
		local string
		peer  string
	}{
		{"TCP IPv4", false, "10.0.1.1", "10.0.1.2"},
		{"TCP IPv6", false, "2001:db8:1::1", "2001:db8:1::2"},
		{"MPTCP IPv4", true, "10.0.1.1", "10.0.1.2"},
		{"MPTCP IPv6", true, "2001:db8:1::1", "2001:db8:1::2"},
	} {
		t.Run(x.name, func(t *testing.T) {
			client, server := twoPaths(t)
			r := newRegistry(t)
			for _, h := range []*netns.Host{client, server} {
				err := r.Add(h.Namespace)
				require.NoError(t, err)
			}
			c, s := connect(t, client, server, x.peer, x.mptcp)
			require.NoError(t, client.SetInterfaceUp("eth1", false))
			fill(t, c)
			require.NoError(t, c.Close())
			require.NoError(t, s.Close())
			require.NoError(t, client.Close())
			require.NoError(t, server.Close())
			requireGone(t, r)
		})
	}
}

// TestDestroySocketsInUse aborts a connection that programs still hold.
func TestDestroySocketsInUse(t *testing.T) {
	client, server := twoPaths(t)
	c, s := connect(t, client, server, "10.0.1.2", false)
	defer c.Close()
	defer s.Close()
	require.NoError(t, client.DestroySockets())
	_, err := c.Read(make([]byte, 1))
	require.Error(t, err)
	require.NotErrorIs(t, err, os.ErrDeadlineExceeded)
}

// TestDestroyClosedMPTCP closes both ends of an idle connection, one of whose FINs cannot arrive.
func TestDestroyClosedMPTCP(t *testing.T) {
	client, server := twoPaths(t)
	r := newRegistry(t)
	for _, h := range []*netns.Host{client, server} {
		err := r.Add(h.Namespace)
		require.NoError(t, err)
	}
	c, s := connect(t, client, server, "10.0.1.2", true)
	require.NoError(t, client.SetInterfaceUp("eth1", false))
	// All subflows first: the connection is left alone with its close timeout.
	require.NoError(t, client.DestroySockets())
	require.NoError(t, c.Close())
	require.NoError(t, s.Close())
	require.NoError(t, client.Close())
	require.NoError(t, server.Close())
	requireGone(t, r)
}

// connect makes a connection between two hosts.
func connect(t testing.TB, from, to *netns.Host, remote string, mptcp bool) (client, server net.Conn) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	var listener net.Listener
	require.NoError(t, to.Do(func() (err error) {
		var c net.ListenConfig
		c.SetMultipathTCP(mptcp)
		listener, err = c.Listen(ctx, "tcp", net.JoinHostPort(remote, "0"))
		return err
	}))
	defer listener.Close()
	require.NoError(t, from.Do(func() (err error) {
		var d net.Dialer
		d.SetMultipathTCP(mptcp)
		client, err = d.DialContext(ctx, "tcp", listener.Addr().String())
		return err
	}))
	server, err := listener.Accept()
	require.NoError(t, err)
	used, err := client.(*net.TCPConn).MultipathTCP()
	require.NoError(t, err)
	if mptcp && !used {
		t.Skip("the kernel has no MPTCP")
	}
	return client, server
}

// fill writes until the kernel takes no more.
func fill(t testing.TB, c net.Conn) {
	t.Helper()
	b := make([]byte, 1<<16)
	require.NoError(t, c.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
	for {
		if _, err := c.Write(b); err != nil {
			require.True(t, errors.Is(err, os.ErrDeadlineExceeded), err)
			return
		}
	}
}
