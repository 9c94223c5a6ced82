package wire_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// The keys of a connection, as MP_CAPABLE carried them.
const (
	clientKey wire.Key = 0xa38b4fce5d5ebed8
	serverKey wire.Key = 0xe6a4e54a314c4752
)

// A packet is built, sent, captured without its payload, and read.
func ExampleDecoder_Decode() {
	payload := []byte("worlds")
	sent := wire.Packet{
		Src:    netip.MustParseAddrPort("10.0.1.1:5000"),
		Dst:    netip.MustParseAddrPort("10.0.1.2:4242"),
		Flags:  wire.FlagPSH | wire.FlagACK,
		Seq:    1,
		Ack:    6,
		Window: 509,
		Options: []wire.Option{
			&wire.DSS{HasMapping: true, DSN: 9, SubflowSeq: 1, DataLen: 6},
			&wire.RemoveAddr{IDs: []uint8{1}},
		},
	}
	frame, err := wire.Encode(sent, payload)
	if err != nil {
		fmt.Println(err)
		return
	}

	var decoder wire.Decoder
	packet, err := decoder.Decode(frame[:len(frame)-len(payload)], wire.LayerIP)
	switch {
	case errors.Is(err, wire.ErrNotTCP):
		return
	case err != nil:
		fmt.Println(err)
		return
	}
	fmt.Println(packet)
	if removed, ok := packet.Option(wire.NameRemoveAddr).(*wire.RemoveAddr); ok {
		fmt.Println("removed:", removed.IDs)
	}
	// Output:
	// 10.0.1.1:5000 > 10.0.1.2:4242: Flags [P.], seq 1:7, ack 6, win 509, length 6, mptcp 14 dss seq 9 subseq 1 len 6, mptcp 4 rem-addr id 1
	// removed: [1]
}

// An ADD_ADDR is announced by the server, and verified by the client.
func ExampleAddAddrHMAC() {
	address := netip.MustParseAddr("10.0.2.1")
	option, err := wire.AppendOption(nil, &wire.AddAddr{
		ID:      1,
		Address: address,
		HMAC:    wire.AddAddrHMAC(serverKey, clientKey, 1, address, 0),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%x\n", option)

	parsed, err := wire.ParseOption(option)
	if err != nil {
		fmt.Println(err)
		return
	}
	announced := parsed.(*wire.AddAddr)
	fmt.Println(announced)
	fmt.Println(announced.HMAC == wire.AddAddrHMAC(serverKey, clientKey, announced.ID, announced.Address, announced.Port))
	// Output:
	// 1e1030010a0002017c4fcff080be19d5
	// mptcp 16 add-addr id 1 10.0.2.1 hmac 0x7c4fcff080be19d5
	// true
}

func ExampleKey() {
	fmt.Println(clientKey)
	fmt.Printf("token 0x%08x, first DSN 0x%016x\n", clientKey.Token(), clientKey.IDSN()+1)
	// Output:
	// 0xa38b4fce5d5ebed8
	// token 0xe71b6b64, first DSN 0xfb9ef3955d13dc65
}

// A middlebox takes MP_JOIN out of a SYN, and gives it the address of a NAT.
func ExampleParseSegment() {
	frame, err := wire.Encode(wire.Packet{
		Src:    netip.MustParseAddrPort("10.0.2.2:5000"),
		Dst:    netip.MustParseAddrPort("10.0.1.1:80"),
		Flags:  wire.FlagSYN,
		Seq:    1,
		Window: 64240,
		Options: []wire.Option{
			&wire.MPJoin{Phase: wire.JoinSYN, ID: 1, Token: serverKey.Token(), Nonce: 5},
		},
	}, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	segment, err := wire.ParseSegment(frame, wire.LayerIP)
	if err != nil {
		fmt.Println(err)
		return
	}
	segment.Strip(wire.NameMPJoin)
	segment.Src = netip.MustParseAddrPort("192.0.2.1:1024")
	edited, err := segment.Bytes()
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, b := range [][]byte{frame, edited} {
		packet, err := wire.Decode(b, wire.LayerIP)
		fmt.Println(len(b), packet, err)
	}
	// Output:
	// 52 10.0.2.2:5000 > 10.0.1.1:80: Flags [S], seq 1, win 64240, length 0, mptcp 12 join id 1 token 0x3c761096 nonce 0x00000005 <nil>
	// 40 192.0.2.1:1024 > 10.0.1.1:80: Flags [S], seq 1, win 64240, length 0 <nil>
}

// Whoever has seen the handshake can forge what the server says.
func ExamplePacket_Next() {
	seen := wire.Packet{
		Src:    netip.MustParseAddrPort("10.0.1.1:80"),
		Dst:    netip.MustParseAddrPort("10.0.1.2:4242"),
		Flags:  wire.FlagPSH | wire.FlagACK,
		Seq:    1,
		Ack:    6,
		Window: 509, PayloadLen: 6,
	}
	address := netip.MustParseAddr("10.0.2.1")
	forged := seen.Next(wire.FlagACK, &wire.AddAddr{
		ID:      1,
		Address: address,
		HMAC:    wire.AddAddrHMAC(serverKey, clientKey, 1, address, 0),
	})
	fmt.Println(forged)
	fmt.Println(seen.Answer(wire.FlagRST|wire.FlagACK, &wire.TCPRst{Reason: wire.ResetProhibited}))
	// Output:
	// 10.0.1.1:80 > 10.0.1.2:4242: Flags [.], ack 6, win 509, length 0, mptcp 16 add-addr id 1 10.0.2.1 hmac 0x7c4fcff080be19d5
	// 10.0.1.2:4242 > 10.0.1.1:80: Flags [R.], seq 6, ack 7, win 509, length 0, mptcp 4 tcprst reason 3 (administratively prohibited)
}
