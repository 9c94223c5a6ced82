package kernel_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestSocketOptions(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	c, s := connectAs(t, client, lab.MPTCP, server, lab.MPTCP, "10.0.1.2")
	exchange(t, c, s)

	conn, err := c.Conn()
	require.NoError(t, err)
	info, err := c.Option("MPTCP_INFO")
	require.NoError(t, err)
	require.Equal(t, conn.Token, info.(lab.Info).Token)
	pairs, err := c.Option("MPTCP_SUBFLOW_ADDRS")
	require.NoError(t, err)
	require.Equal(t, []lab.SubflowAddrs{{Local: c.Local(), Remote: c.Remote()}}, pairs)
	tcp, err := c.Option("MPTCP_TCPINFO")
	require.NoError(t, err)
	require.Equal(t, "ESTAB", tcp.([]lab.TCPInfo)[0].State)
	full, err := c.Option("MPTCP_FULL_INFO")
	require.NoError(t, err)
	require.EqualValues(t, 1, full.(lab.FullInfo).Subflows[0].ID)

	require.NoError(t, c.SetOption(lab.SocketOption{Name: "SO_PRIORITY", Value: 3}))
	priority, err := c.Option("SO_PRIORITY")
	require.NoError(t, err)
	require.Equal(t, 3, priority)
	_, err = c.Option("SO_NOTHING")
	require.ErrorContains(t, err, "on client: read SO_NOTHING of the connection from")

	one, err := client.Conn(conn.Token)
	require.NoError(t, err)
	require.Equal(t, conn.Local, one.Local)
	_, err = client.Conn(conn.Token + 1)
	require.ErrorContains(t, err, "on client: look up MPTCP socket with token")

	listeners, err := server.Listeners()
	require.NoError(t, err)
	require.Len(t, listeners, 2) // itself, and the TCP socket beneath
	n, err := server.SocketsInUse(lab.MPTCP)
	require.NoError(t, err)
	require.Equal(t, 2, n) // the listener, and what it accepted
}

// After it has connected again, a socket is another connection, with another token.
func TestReconnect(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	ln, err := server.Listen(t.Context(), lab.ListenOptions{})
	require.NoError(t, err)
	c, s := connectAs(t, client, lab.MPTCP, server, lab.MPTCP, "10.0.1.2")
	exchange(t, c, s)
	before, err := c.Conn()
	require.NoError(t, err)

	remote := netip.AddrPortFrom(c.Remote().Addr(), ln.Address().Port())
	require.NoError(t, c.Reconnect(t.Context(), remote))
	again, err := ln.Accept(t.Context())
	require.NoError(t, err)
	exchange(t, c, again)

	after, err := c.Conn()
	require.NoError(t, err)
	require.NotEqual(t, before.Token, after.Token)
	require.Equal(t, remote, after.Remote)
	require.Equal(t, "ESTAB", after.State)
	m, err := s.ReceiveMessage(t.Context(), 1, false)
	require.ErrorContains(t, err, "on server: receive a message", "%v", m)
}
