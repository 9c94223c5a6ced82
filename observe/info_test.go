package observe

import (
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// infoBytes has another value in each field of the struct mptcp_info of Linux 6.18 (little endian).
const infoBytes = "010203040506ffff" + // extra_subflows … limit_add_addr_accepted, hole
	"02000000" + "78563412" + // flags, token
	"0100000000000010" + "0200000000000020" + "0300000000000030" + // write_seq, snd_una, rcv_nxt
	"070801ff" + "09000000" + // local_addr_used, endp_subflow_max, csum_enabled, hole; retransmits
	"0a00000000000000" + "0b00000000000000" + "0c00000000000000" + "0d00000000000000" + // bytes_*
	"0e0fffff" + "e8030000" + "d0070000" + "b80b0000" // subflows_total, endp_laminar_max, hole; last_*

func TestDecodeInfo(t *testing.T) {
	skipBigEndian(t)
	b, err := hex.DecodeString(infoBytes)
	require.NoError(t, err)
	require.Len(t, b, 96)
	want := lab.Info{
		ExtraSubflows: 1, AddAddrSignaled: 2, AddAddrAccepted: 3, LimitExtraSubflows: 4, EndpSignalMax: 5,
		LimitAddAddrAccepted: 6, Flags: 2, Token: 0x12345678, WriteSeq: 1<<60 + 1, SndUna: 2<<60 + 2, RcvNxt: 3<<60 + 3,
		LocalAddrUsed: 7, EndpSubflowMax: 8, ChecksumEnabled: true, Retransmits: 9, BytesRetrans: 10, BytesSent: 11,
		BytesReceived: 12, BytesAcked: 13, SubflowsTotal: 14, EndpLaminarMax: 15, LastDataSent: time.Second,
		LastDataRecv: 2 * time.Second, LastAckRecv: 3 * time.Second,
	}
	require.Equal(t, want, decodeInfo(b))
	require.Equal(t, want, decodeInfo(append(b, 1, 2, 3, 4)), "a newer kernel's")

	short := decodeInfo(b[:43])
	require.True(t, short.ChecksumEnabled, "Linux 5.14's")
	require.Zero(t, short.Retransmits)
	require.Zero(t, short.SubflowsTotal)
	require.Zero(t, decodeInfo(nil))
}

// skipBigEndian skips a test on bytes that a little-endian kernel wrote.
func skipBigEndian(t testing.TB) {
	t.Helper()
	if one := uint16(1); asBytes(&one)[0] != 1 {
		t.Skip("the recorded bytes are little endian")
	}
}
