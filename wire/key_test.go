package wire

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKey(t *testing.T) {
	for _, c := range []struct {
		key   Key
		sum   string
		token uint32
		idsn  uint64
	}{
		{keyA, "e71b6b64895da878a94f7d66ff3071a44bd95da048fe45c5fb9ef3955d13dc64", 0xe71b6b64, 0xfb9ef3955d13dc64},
		{keyB, "3c761096f3a4a961fe02b9f89da43019ad1aac9125eab4c0887d6ab271b17a1a", 0x3c761096, 0x887d6ab271b17a1a},
		{0xa26ccee3ad9fe6a2, "69205bb9901098767845b2800a17fa8597d21af9144d97ce02a9a4e12eb070ae", 0x69205bb9, 0x02a9a4e12eb070ae},
		{0x7c63a98dbb16fde9, "4805ecdd05ef1f24204071bad8a40359116feb805be409d80285f22b9507db6c", 0x4805ecdd, 0x0285f22b9507db6c},
	} {
		t.Run(c.key.String(), func(t *testing.T) {
			sum := c.key.sum()
			require.Equal(t, c.sum, hex.EncodeToString(sum[:]))
			require.Equal(t, c.token, c.key.Token())
			require.Equal(t, c.idsn, c.key.IDSN())
		})
	}
	require.Equal(t, "0x0000000000000001", Key(1).String())
}

func TestJoinHMAC(t *testing.T) {
	const (
		keyA, keyB     Key    = 0xa26ccee3ad9fe6a2, 0x7c63a98dbb16fde9
		nonceA, nonceB uint32 = 0xddd7a87c, 0x9661c8c1
	)
	synAck := joinHMAC(keyB, keyA, nonceB, nonceA)
	require.Equal(t, "1fff9b4901b6a648681c28e84de42fb1ba60359704dab57fa19b2c50653c1911", hex.EncodeToString(synAck[:]))
	require.Equal(t, uint64(0x1fff9b4901b6a648), JoinSynAckHMAC(keyB, keyA, nonceB, nonceA))

	ack := joinHMAC(keyA, keyB, nonceA, nonceB)
	require.Equal(t, "b986ddf739b1a26ae8ba8f06135447a9fd1f99d021f99eca21b55937b9069144", hex.EncodeToString(ack[:]))
	sent := JoinAckHMAC(keyA, keyB, nonceA, nonceB)
	require.Equal(t, "b986ddf739b1a26ae8ba8f06135447a9fd1f99d0", hex.EncodeToString(sent[:]))
}

func TestAddAddrHMAC(t *testing.T) {
	const otherA, otherB Key = 0xa26ccee3ad9fe6a2, 0x7c63a98dbb16fde9
	for _, c := range []struct {
		name             string
		sender, receiver Key
		id               uint8
		address          string
		port             uint16
		digest           string // empty: only what was sent is known
		sent             uint64
	}{
		{
			"IPv4 with port", keyB, keyA, 3, "10.0.3.1", 7777,
			"7e3f465fca93021c6fdbdd3d9dd4558749eddbc9a012735140792e4f626fd948", 0x40792e4f626fd948,
		},
		{
			"IPv4", keyB, keyA, 1, "10.0.2.1", 0,
			"e3aa5e0b37777d0a1163f42da96e970ae2f493882e5099637c4fcff080be19d5", 0x7c4fcff080be19d5,
		},
		{
			"IPv6", keyB, keyA, 2, "fd00:2::1", 0,
			"9732fbb581de97b3e835ca5ca1cdddcc30690c4c75548d4b89b35fed5208ce72", 0x89b35fed5208ce72,
		},
		{"other connection, IPv4 with port", otherB, otherA, 2, "10.0.3.1", 7777, "", 0xf975505dc788ffe2},
		{
			"other connection, IPv4", otherB, otherA, 1, "10.0.2.1", 0,
			"e1a2c12ee9819fbdb87b6f3d95b5cdf1d077080f42c08e11f0c819a93e82bff9", 0xf0c819a93e82bff9,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			address := netip.MustParseAddr(c.address)
			digest := addAddrHMAC(c.sender, c.receiver, c.id, address, c.port)
			if c.digest != "" {
				require.Equal(t, c.digest, hex.EncodeToString(digest[:]))
			}
			require.Equal(t, c.sent, AddAddrHMAC(c.sender, c.receiver, c.id, address, c.port))
		})
	}
}
