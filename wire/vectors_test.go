package wire

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

// The keys of a connection captured on Linux 6.18, whose options are in vectors: A opened it, B listened.
const (
	keyA Key = 0xa38b4fce5d5ebed8
	keyB Key = 0xe6a4e54a314c4752
)

// vectors are options as they were on the wire, as values, and as text.
var vectors = []struct {
	name   string
	hex    string
	option Option
	text   string
}{
	{
		"MP_CAPABLE SYN", "1e040101",
		&MPCapable{Version: 1, Crypto: CryptoHMACSHA256},
		"mptcp 4 capable v1",
	},
	{
		"MP_CAPABLE SYN-ACK", "1e0c0101e6a4e54a314c4752",
		&MPCapable{Version: 1, Crypto: CryptoHMACSHA256, HasSenderKey: true, SenderKey: keyB},
		"mptcp 12 capable v1 {0xe6a4e54a314c4752}",
	},
	{
		"MP_CAPABLE ACK", "1e140101a38b4fce5d5ebed8e6a4e54a314c4752",
		&MPCapable{
			Version: 1, Crypto: CryptoHMACSHA256,
			HasSenderKey: true, SenderKey: keyA, HasReceiverKey: true, ReceiverKey: keyB,
		},
		"mptcp 20 capable v1 {0xa38b4fce5d5ebed8,0xe6a4e54a314c4752}",
	},
	{
		"MP_CAPABLE data", "1e160101a38b4fce5d5ebed8e6a4e54a314c47520005",
		&MPCapable{
			Version: 1, Crypto: CryptoHMACSHA256,
			HasSenderKey: true, SenderKey: keyA, HasReceiverKey: true, ReceiverKey: keyB, HasData: true, DataLen: 5,
		},
		"mptcp 22 capable v1 {0xa38b4fce5d5ebed8,0xe6a4e54a314c4752} len 5",
	},
	{
		"DSS ack of server", "1e0c2003fb9ef3955d13dc6a",
		&DSS{HasAck: true, Ack64: true, Ack: keyA.IDSN() + 1 + 5},
		"mptcp 12 dss ack 18131196972677454954",
	},
	{
		"DSS data", "1e1a200ffb9ef3955d13dc6a887d6ab271b17a1b000000010006",
		&DSS{
			HasAck: true, Ack64: true, Ack: keyA.IDSN() + 1 + 5,
			HasMapping: true, DSN64: true, DSN: keyB.IDSN() + 1, SubflowSeq: 1, DataLen: 6,
		},
		"mptcp 26 dss ack 18131196972677454954 seq 9835134475891210779 subseq 1 len 6",
	},
	{
		"DSS ack of client", "1e0c2003887d6ab271b17a21",
		&DSS{HasAck: true, Ack64: true, Ack: keyB.IDSN() + 1 + 6},
		"mptcp 12 dss ack 9835134475891210785",
	},
	{
		"ADD_ADDR with port", "1e1230030a0003011e6140792e4f626fd948",
		&AddAddr{ID: 3, Address: netip.MustParseAddr("10.0.3.1"), Port: 7777, HMAC: 0x40792e4f626fd948},
		"mptcp 18 add-addr id 3 10.0.3.1:7777 hmac 0x40792e4f626fd948",
	},
	{
		"echo with port", "1e0a31030a0003011e61",
		&AddAddr{Echo: true, ID: 3, Address: netip.MustParseAddr("10.0.3.1"), Port: 7777},
		"mptcp 10 add-addr echo id 3 10.0.3.1:7777",
	},
	{
		"MP_JOIN SYN", "1e0c11013c76109692cc749a",
		&MPJoin{Phase: JoinSYN, Backup: true, ID: 1, Token: keyB.Token(), Nonce: 0x92cc749a},
		"mptcp 12 join backup id 1 token 0x3c761096 nonce 0x92cc749a",
	},
	{
		"MP_JOIN SYN-ACK", "1e101003c4c696b762aeac2f26e06d22",
		&MPJoin{Phase: JoinSYNACK, ID: 3, TruncatedHMAC: JoinSynAckHMAC(keyB, keyA, 0x26e06d22, 0x92cc749a), Nonce: 0x26e06d22},
		"mptcp 16 join id 3 hmac 0xc4c696b762aeac2f nonce 0x26e06d22",
	},
	{
		"MP_JOIN ACK", "1e18100012e9806f0646871a0f90971f79d606615868a68f",
		&MPJoin{Phase: JoinACK, HMAC: JoinAckHMAC(keyA, keyB, 0x92cc749a, 0x26e06d22)},
		"mptcp 24 join hmac 0x12e9806f0646871a0f90971f79d606615868a68f",
	},
	{
		"second MP_JOIN SYN", "1e0c11013c761096b374424b",
		&MPJoin{Phase: JoinSYN, Backup: true, ID: 1, Token: keyB.Token(), Nonce: 0xb374424b},
		"mptcp 12 join backup id 1 token 0x3c761096 nonce 0xb374424b",
	},
	{
		"second MP_JOIN SYN-ACK", "1e1010006206e7e1868f4f41fa41e883",
		&MPJoin{Phase: JoinSYNACK, TruncatedHMAC: JoinSynAckHMAC(keyB, keyA, 0xfa41e883, 0xb374424b), Nonce: 0xfa41e883},
		"mptcp 16 join id 0 hmac 0x6206e7e1868f4f41 nonce 0xfa41e883",
	},
	{
		"second MP_JOIN ACK", "1e181000cd58a77a7888af0128abf8d5758d7c74e848ca02",
		&MPJoin{Phase: JoinACK, HMAC: JoinAckHMAC(keyA, keyB, 0xb374424b, 0xfa41e883)},
		"mptcp 24 join hmac 0xcd58a77a7888af0128abf8d5758d7c74e848ca02",
	},
	{
		"ADD_ADDR", "1e1030010a0002017c4fcff080be19d5",
		&AddAddr{ID: 1, Address: netip.MustParseAddr("10.0.2.1"), HMAC: 0x7c4fcff080be19d5},
		"mptcp 16 add-addr id 1 10.0.2.1 hmac 0x7c4fcff080be19d5",
	},
	{
		"echo", "1e0831010a000201",
		&AddAddr{Echo: true, ID: 1, Address: netip.MustParseAddr("10.0.2.1")},
		"mptcp 8 add-addr echo id 1 10.0.2.1",
	},
	{
		"ADD_ADDR IPv6", "1e1c3002fd00000200000000000000000000000189b35fed5208ce72",
		&AddAddr{ID: 2, Address: netip.MustParseAddr("fd00:2::1"), HMAC: 0x89b35fed5208ce72},
		"mptcp 28 add-addr id 2 fd00:2::1 hmac 0x89b35fed5208ce72",
	},
	{
		"echo IPv6", "1e143102fd000002000000000000000000000001",
		&AddAddr{Echo: true, ID: 2, Address: netip.MustParseAddr("fd00:2::1")},
		"mptcp 20 add-addr echo id 2 fd00:2::1",
	},
	{"MP_PRIO clear", "1e0350", &MPPrio{}, "mptcp 3 prio non-backup"},
	{"REMOVE_ADDR", "1e044001", &RemoveAddr{IDs: []uint8{1}}, "mptcp 4 rem-addr id 1"},
	{"REMOVE_ADDR of two", "1e05400302", &RemoveAddr{IDs: []uint8{3, 2}}, "mptcp 5 rem-addr id 3 2"},
	{"MP_FASTCLOSE", "1e0c7000a38b4fce5d5ebed8", &FastClose{Key: keyA}, "mptcp 12 fast-close key 0xa38b4fce5d5ebed8"},
	{"MP_TCPRST", "1e048000", &TCPRst{}, "mptcp 4 tcprst reason 0 (unspecified)"},

	// Not of that connection: the remaining layouts and flags of RFC 8684.
	{
		"MP_CAPABLE with all flags", "1e0401ff",
		&MPCapable{Version: 1, ChecksumRequired: true, Extensibility: true, DenyJoinInitial: true, Crypto: 0x1f},
		"mptcp 4 capable v1 csum ext deny-join crypto 0x1f",
	},
	{
		"MP_CAPABLE data with checksum", "1e180181a38b4fce5d5ebed8e6a4e54a314c475200051098",
		&MPCapable{
			Version: 1, ChecksumRequired: true, Crypto: CryptoHMACSHA256,
			HasSenderKey: true, SenderKey: keyA, HasReceiverKey: true, ReceiverKey: keyB,
			HasData: true, DataLen: 5, HasChecksum: true, Checksum: 0x1098,
		},
		"mptcp 24 capable v1 csum {0xa38b4fce5d5ebed8,0xe6a4e54a314c4752} len 5 csum 0x1098",
	},
	{"DSS empty", "1e042000", &DSS{}, "mptcp 4 dss"},
	{"DSS 32-bit ack", "1e08200100000007", &DSS{HasAck: true, Ack: 7}, "mptcp 8 dss ack 7"},
	{
		"DSS 32-bit mapping with checksum", "1e102004000000090000000100060102",
		&DSS{HasMapping: true, DSN: 9, SubflowSeq: 1, DataLen: 6, HasChecksum: true, Checksum: 0x0102},
		"mptcp 16 dss seq 9 subseq 1 len 6 csum 0x0102",
	},
	{
		"DSS DATA_FIN alone", "1e1a201f00000000000000070000000000000009000000000001",
		&DSS{
			DataFIN: true, HasAck: true, Ack64: true, Ack: 7,
			HasMapping: true, DSN64: true, DSN: 9, DataLen: 1,
		},
		"mptcp 26 dss fin ack 7 seq 9 subseq 0 len 1",
	},
	{
		"ADD_ADDR IPv6 with port", "1e1e3002fd0000020000000000000000000000011e610000000000000001",
		&AddAddr{ID: 2, Address: netip.MustParseAddr("fd00:2::1"), Port: 7777, HMAC: 1},
		"mptcp 30 add-addr id 2 [fd00:2::1]:7777 hmac 0x0000000000000001",
	},
	{
		"echo IPv6 with port", "1e163102fd0000020000000000000000000000011e61",
		&AddAddr{Echo: true, ID: 2, Address: netip.MustParseAddr("fd00:2::1"), Port: 7777},
		"mptcp 22 add-addr echo id 2 [fd00:2::1]:7777",
	},
	{"MP_PRIO set", "1e0351", &MPPrio{Backup: true}, "mptcp 3 prio backup"},
	{"MP_FAIL", "1e0c60000000000000000007", &MPFail{DSN: 7}, "mptcp 12 fail seq 7"},
	{
		"MP_TCPRST transient", "1e048102",
		&TCPRst{Flags: ResetTransient, Reason: ResetResources},
		"mptcp 4 tcprst transient reason 2 (lack of resources)",
	},
	{
		"MP_TCPRST of the future", "1e048cff",
		&TCPRst{Flags: 0x0c, Reason: 0xff},
		"mptcp 4 tcprst flags 0xc reason 255 (unassigned)",
	},
	{"unassigned subtype", "1e0490ff", &Unknown{Bytes: []byte{0x1e, 4, 0x90, 0xff}}, "mptcp 4 unknown 0x1e0490ff"},
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	require.NoError(t, err)
	return b
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.name, func(t *testing.T) {
			b := unhex(t, v.hex)

			parsed, err := ParseOption(b)
			require.NoError(t, err)
			require.Equal(t, v.option, parsed)
			require.Equal(t, v.text, parsed.String())

			before := []byte{0xaa}
			appended, err := AppendOption(before, v.option)
			require.NoError(t, err)
			require.Equal(t, "aa"+v.hex, hex.EncodeToString(appended))
		})
	}
}
