//go:build linux

package observe

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

func TestSocketOptions(t *testing.T) {
	for _, network := range []string{"tcp4", "tcp6"} {
		t.Run(network, func(t *testing.T) {
			enterMPTCP(t)
			p := connect(t, network, mptcp)
			send(t, p.server, p.client, 1000)
			raw := rawConn(t, p.client)
			pair := lab.SubflowAddrs{Local: addrOf(p.client.LocalAddr()), Remote: addrOf(p.client.RemoteAddr())}

			info, err := MPTCPInfo(raw)
			require.NoError(t, err)
			require.NotZero(t, info.Token)
			require.EqualValues(t, 1000, info.BytesReceived)
			require.EqualValues(t, 1, info.SubflowsTotal)

			addrs, err := SubflowAddrs(raw)
			require.NoError(t, err)
			require.Equal(t, []lab.SubflowAddrs{pair}, addrs)

			tcp, err := TCPInfos(raw)
			require.NoError(t, err)
			require.Len(t, tcp, 1)
			require.EqualValues(t, 1000, tcp[0].BytesReceived)

			full, err := FullInfo(raw)
			require.NoError(t, err)
			require.Equal(t, info.Token, full.Info.Token)
			require.Len(t, full.Subflows, 1)
			require.EqualValues(t, 1, full.Subflows[0].ID)
			require.Equal(t, pair, full.Subflows[0].SubflowAddrs)
			require.EqualValues(t, 1000, full.Subflows[0].TCP.BytesReceived)

			is, err := IsMPTCP(raw)
			require.NoError(t, err)
			require.True(t, is)
			protocol, err := Protocol(raw)
			require.NoError(t, err)
			require.Equal(t, unix.IPPROTO_MPTCP, protocol)
		})
	}
}

func TestSocketOptionsWithoutMPTCP(t *testing.T) {
	enterMPTCP(t)
	fallback, plain := connect(t, "tcp4", protocols{client: true}), connect(t, "tcp4", protocols{server: true})
	tests := map[string]struct {
		conn     pair
		client   bool
		protocol int
	}{
		"fallen back":                     {fallback, true, unix.IPPROTO_MPTCP},
		"its peer":                        {fallback, false, unix.IPPROTO_TCP},
		"TCP":                             {plain, true, unix.IPPROTO_TCP},
		"accepted by a listener of MPTCP": {plain, false, unix.IPPROTO_TCP},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			conn := test.conn.server
			if test.client {
				conn = test.conn.client
			}
			raw := rawConn(t, conn)
			_, err := MPTCPInfo(raw)
			require.ErrorIs(t, err, ErrNotMPTCP)
			require.EqualError(t, err, "read MPTCP_INFO: not an MPTCP connection")
			_, err = SubflowAddrs(raw)
			require.ErrorIs(t, err, ErrNotMPTCP)
			_, err = TCPInfos(raw)
			require.ErrorIs(t, err, ErrNotMPTCP)
			_, err = FullInfo(raw)
			require.ErrorIs(t, err, ErrNotMPTCP)
			is, err := IsMPTCP(raw)
			require.NoError(t, err)
			require.False(t, is)
			protocol, err := Protocol(raw)
			require.NoError(t, err)
			require.Equal(t, test.protocol, protocol)
		})
	}
}

// The kernel counts all subflows, but writes no more than there is room for.
func TestFullInfoOfTwoSubflows(t *testing.T) {
	enterMPTCP(t)
	paths := openPM(t)
	p := connect(t, "tcp4", mptcp)
	send(t, p.server, p.client, 1)
	require.NoError(t, paths.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("127.0.0.2"), Flags: pm.FlagSubflow}))
	raw := rawConn(t, p.client)
	eventually(t, func() bool {
		addrs, err := SubflowAddrs(raw)
		require.NoError(t, err)
		return len(addrs) == 2
	})
	full, count, err := fullInfo(raw, 1)
	require.NoError(t, err)
	require.EqualValues(t, 2, count)
	require.Len(t, full.Subflows, 1)
	full, err = FullInfo(raw)
	require.NoError(t, err)
	require.Len(t, full.Subflows, 2)
	require.EqualValues(t, 2, full.Subflows[1].ID)
	require.Equal(t, netip.MustParseAddr("127.0.0.2"), full.Subflows[1].Local.Addr())
}

func TestOptionUnknownToTheKernel(t *testing.T) {
	enterMPTCP(t)
	err := control(rawConn(t, connect(t, "tcp4", mptcp).client), "an option", func(fd uintptr) error {
		_, err := getMPTCP(fd, 99, make([]byte, 8))
		return err
	})
	require.ErrorIs(t, err, unix.EOPNOTSUPP)
	require.NotErrorIs(t, err, ErrNotMPTCP)
}

func TestSocketOptionsOfAClosedSocket(t *testing.T) {
	enterMPTCP(t)
	p := connect(t, "tcp4", mptcp)
	raw := rawConn(t, p.client)
	require.NoError(t, p.client.Close())
	_, err := MPTCPInfo(raw)
	require.ErrorContains(t, err, "read MPTCP_INFO: ")
	require.NotErrorIs(t, err, ErrNotMPTCP)
}
