package observe

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

const protocolsText = `protocol  size sockets  memory press maxhdr  slab module     cl co di ac io in de sh ss gs se re sp bi br ha uh gp em
MPTCPv6   2072      2       0   no       0   yes  kernel      y  n  y  y  n  y  y  y  y  y  y  y  n  n  n  y  y  y  n
TCPv6     2448      4       0   no     320   yes  kernel      y  y  y  y  y  y  y  y  y  y  y  y  y  n  y  y  y  y  y
MPTCP     1912      1       0   no       0   yes  kernel      y  n  y  y  n  y  y  y  y  y  y  y  n  n  n  y  y  y  n
TCP       2288     -1       0   no     320   yes  kernel      y  y  y  y  y  y  y  y  y  y  y  y  y  n  y  y  y  y  y
`

func TestParseProtocols(t *testing.T) {
	for protocol, want := range map[lab.Protocol]int{lab.MPTCP: 3, lab.TCP: 3} {
		n, err := parseProtocols([]byte(protocolsText), protocol)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	n, err := parseProtocols(nil, lab.MPTCP)
	require.NoError(t, err)
	require.Zero(t, n)
	_, err = parseProtocols([]byte("MPTCP 1912 many"), lab.MPTCP)
	require.ErrorContains(t, err, "sockets of MPTCP")
}
