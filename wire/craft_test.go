package wire

import (
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

func TestNextAndAnswer(t *testing.T) {
	options := []Option{&RemoveAddr{IDs: []uint8{9}}}
	for _, c := range []struct {
		name  string
		flags TCPFlags
		data  int
		end   uint32
	}{
		{"ACK", FlagACK, 0, 0xfffffffe},
		{"data, around the end of the numbers", FlagACK | FlagPSH, 5, 3},
		{"SYN", FlagSYN, 0, 0xffffffff},
		{"FIN with data", FlagACK | FlagFIN, 5, 4},
	} {
		t.Run(c.name, func(t *testing.T) {
			seen := Packet{
				Src: client4, Dst: server4, Flags: c.flags, Seq: 0xfffffffe, Ack: 77, Window: 3, PayloadLen: c.data,
				Options: []Option{&DSS{}},
			}
			require.Equal(t, Packet{
				Src: client4, Dst: server4, Flags: FlagACK, Seq: c.end, Ack: 77, Window: 3, Options: options,
			}, seen.Next(FlagACK, options...))
			require.Equal(t, Packet{
				Src: server4, Dst: client4, Flags: FlagRST, Seq: 77, Ack: c.end, Window: 3, Options: options,
			}, seen.Answer(FlagRST, options...))
		})
	}
}

func TestEncodeLike(t *testing.T) {
	const there, back = "aaaaaaaaaaaa" + "bbbbbbbbbbbb", "bbbbbbbbbbbb" + "aaaaaaaaaaaa"
	seen := samplePacket()
	ip4 := mustEncode(t, seen)
	plain := append(unhex(t, there+"0800"), ip4...)
	tagged := append(unhex(t, there+"8100"+"0007"+"0800"), ip4...)
	other := Packet{Src: netip.MustParseAddrPort("10.0.9.9:1"), Dst: server4, Flags: FlagSYN}
	for _, c := range []struct {
		name   string
		frame  []byte
		first  LayerType
		packet Packet
		head   string
	}{
		{"the same way", plain, LayerEthernet, seen.Next(FlagACK), there + "0800"},
		{"the other way", plain, LayerEthernet, seen.Answer(FlagACK), back + "0800"},
		{"the other family", plain, LayerEthernet, samplePacket6(), there + "86dd"},
		{"VLAN", tagged, LayerEthernet, seen.Answer(FlagACK), back + "8100" + "0007" + "0800"},
		{"another sender", plain, LayerEthernet, other, there + "0800"},
		{"IP", ip4, LayerIP, seen.Next(FlagACK), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			frame, err := EncodeLike(c.frame, c.first, c.packet, []byte("hello"))
			require.NoError(t, err)
			packet, err := Encode(c.packet, []byte("hello"))
			require.NoError(t, err)
			require.Equal(t, append(unhex(t, c.head), packet...), frame)
		})
	}

	_, err := EncodeLike(ethernet(nil, layers.EthernetTypeARP), LayerEthernet, seen, nil)
	require.ErrorIs(t, err, ErrNotTCP)
	require.EqualError(t, err, "encode like a frame: not TCP: ARP")
	_, err = EncodeLike(plain, LayerEthernet, Packet{}, nil)
	require.ErrorContains(t, err, "the addresses are not of one family")
}

// Bytes of segments as an attacker or a broken peer sends them, into the connection of the vectors.
func TestForgedSegments(t *testing.T) {
	seen := Packet{Src: server4, Dst: client4, Flags: FlagPSH | FlagACK, Seq: 0x10, Ack: 0x20, Window: 0x1f6, PayloadLen: 6}
	address := netip.MustParseAddr("10.0.2.1")
	right := AddAddrHMAC(keyB, keyA, 1, address, 0)
	join := Packet{
		Src: netip.MustParseAddrPort("10.0.3.2:4000"), Dst: server4, Flags: FlagSYN, Seq: 1, Window: 0xffff,
		Options: []Option{&MPJoin{Phase: JoinSYN, ID: 1, Token: keyB.Token() ^ 1, Nonce: 5}},
	}
	const (
		toClient = "0050" + "1092" + "00000016" + "00000020"
		toServer = "1092" + "0050" + "00000020" + "00000016"
	)
	for _, c := range []struct {
		name   string
		packet Packet
		want   string // from the TCP header on, the checksum left out
	}{
		{
			"ADD_ADDR", seen.Next(FlagACK, &AddAddr{ID: 1, Address: address, HMAC: right}),
			toClient + "901001f6" + "0000" + "1e1030010a0002017c4fcff080be19d5",
		},
		{
			"ADD_ADDR of a wrong HMAC", seen.Next(FlagACK, &AddAddr{ID: 1, Address: address, HMAC: right ^ 1}),
			toClient + "901001f6" + "0000" + "1e1030010a0002017c4fcff080be19d4",
		},
		{
			"REMOVE_ADDR of an unknown id", seen.Next(FlagACK, &RemoveAddr{IDs: []uint8{200}}),
			toClient + "601001f6" + "0000" + "1e0440c8",
		},
		{"MP_PRIO", seen.Answer(FlagACK, &MPPrio{Backup: true}), toServer + "601001f6" + "0000" + "1e035101"},
		{
			"MP_FAIL", seen.Answer(FlagACK, &MPFail{DSN: keyB.IDSN() + 1}),
			toServer + "801001f6" + "0000" + "1e0c6000887d6ab271b17a1b",
		},
		{
			"MP_FASTCLOSE", seen.Next(FlagRST|FlagACK, &FastClose{Key: keyA}, &TCPRst{}),
			toClient + "901401f6" + "0000" + "1e0c7000a38b4fce5d5ebed8" + "1e048000",
		},
		{
			"reset", seen.Next(FlagRST|FlagACK, &TCPRst{Flags: ResetTransient, Reason: ResetProhibited}),
			toClient + "601401f6" + "0000" + "1e048103",
		},
		{"plain reset", seen.Next(FlagRST), toClient + "500401f6" + "0000"},
		{
			"MP_JOIN of a wrong token", join,
			"0fa0" + "0050" + "00000001" + "00000000" + "8002ffff" + "0000" + "1e0c10013c76109700000005",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Encode(c.packet, nil)
			require.NoError(t, err)
			require.Empty(t, mismatches(t, b, layers.LayerTypeIPv4))
			tcp := b[lenIPv4Header:]
			clear(tcp[offTCPChecksum : offTCPChecksum+2])
			want := unhex(t, c.want)
			require.Equal(t, append(want[:offTCPChecksum:offTCPChecksum], append([]byte{0, 0}, want[offTCPChecksum:]...)...), tcp)
		})
	}
}
