package wire

import (
	"encoding/binary"
	"net"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

// samplePacket has 5 bytes of payload and two options.
func samplePacket() Packet {
	return Packet{
		Src: client4, Dst: server4, Flags: FlagPSH | FlagACK, Seq: 1, Ack: 2, Window: 3, TOS: 0x28, PayloadLen: 5,
		Options: []Option{&DSS{HasAck: true, Ack64: true, Ack: 7}, &RemoveAddr{IDs: []uint8{1, 2}}},
	}
}

func samplePacket6() Packet {
	p := samplePacket()
	p.Src, p.Dst = client6, server6
	return p
}

func mustEncode(t testing.TB, p Packet) []byte {
	t.Helper()
	b, err := Encode(p, make([]byte, p.PayloadLen))
	require.NoError(t, err)
	return b
}

// ethernet puts a header of that type in front of b.
func ethernet(b []byte, typ layers.EthernetType) []byte {
	head := append(make([]byte, 12, 14+len(b)), byte(typ>>8), byte(typ))
	return append(head, b...)
}

func TestDecode(t *testing.T) {
	p4, p6 := samplePacket(), samplePacket6()
	ip4, ip6 := mustEncode(t, p4), mustEncode(t, p6)
	tagged := append([]byte{0, 7, 0x08, 0}, ip4...) // VLAN 7
	for _, c := range []struct {
		name  string
		frame []byte
		first LayerType
		want  Packet
	}{
		{"IPv4", ip4, LayerIP, p4},
		{"IPv6", ip6, LayerIP, p6},
		{"Ethernet IPv4", ethernet(ip4, layers.EthernetTypeIPv4), LayerEthernet, p4},
		{"Ethernet IPv6", ethernet(ip6, layers.EthernetTypeIPv6), LayerEthernet, p6},
		{"VLAN", ethernet(tagged, layers.EthernetTypeDot1Q), LayerEthernet, p4},
		{"Ethernet padding", append(ethernet(ip4, layers.EthernetTypeIPv4), 0, 0, 0), LayerEthernet, p4},
		{"IPv4 payload cut off", ip4[:len(ip4)-p4.PayloadLen], LayerIP, p4},
		{"IPv6 payload cut in two", ip6[:len(ip6)-2], LayerIP, p6},
		{"IPv4 options", withIPv4Options(ip4), LayerIP, p4},
		{"IPv6 extension headers", withExtensions(ip6), LayerIP, p6},
		{"IPv6 extension headers, cut off", withExtensions(ip6)[:len(ip6)+4*8-p6.PayloadLen], LayerIP, p6},
		{"IPv4 of unset length", withIPv4Length(ip4, 0), LayerIP, p4},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Decode(c.frame, c.first)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

// withIPv4Options puts four NOPs into the IP header.
func withIPv4Options(ip4 []byte) []byte {
	b := append([]byte{}, ip4[:20]...)
	b = append(append(b, 1, 1, 1, 1), ip4[20:]...)
	b[0] = 0x46
	return withIPv4Length(b, len(b))
}

func withIPv4Length(ip4 []byte, n int) []byte {
	b := append([]byte{}, ip4...)
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	return b
}

// withExtensions puts hop-by-hop options, an atomic fragment header, destination options and a spent routing header in front
// of the segment, 8 bytes each.
func withExtensions(ip6 []byte) []byte {
	b := append([]byte{}, ip6[:40]...)
	b[6] = byte(layers.IPProtocolIPv6HopByHop)
	b = append(b, byte(layers.IPProtocolIPv6Fragment), 0, 1, 4, 0, 0, 0, 0)
	b = append(b, byte(layers.IPProtocolIPv6Destination), 0, 0, 0, 0, 0, 0, 7)
	b = append(b, byte(layers.IPProtocolIPv6Routing), 0, 1, 4, 0, 0, 0, 0)
	b = append(b, byte(layers.IPProtocolTCP), 0, 4, 0, 0, 0, 0, 0)
	b = append(b, ip6[40:]...)
	binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
	return b
}

func TestDecodeBigTCP(t *testing.T) {
	want := samplePacket()
	header := mustEncode(t, want)[:20+20+20]
	want.PayloadLen = 100_000
	got, err := Decode(append(withIPv4Length(header, 0), make([]byte, want.PayloadLen)...), LayerIP)
	require.NoError(t, err)
	require.Equal(t, want, got)
}

func TestDecodeJumbogram(t *testing.T) {
	p := samplePacket6()
	p.PayloadLen = 100_000
	plain := p
	plain.PayloadLen = 0
	ip6 := mustEncode(t, plain)
	const hopByHop = 8
	b := append([]byte{}, ip6[:40]...)
	b[6] = byte(layers.IPProtocolIPv6HopByHop)
	binary.BigEndian.PutUint16(b[4:], 0)
	b = append(b, byte(layers.IPProtocolTCP), 0, layers.IPv6HopByHopOptionJumbogram, 4)
	b = binary.BigEndian.AppendUint32(b, uint32(hopByHop+len(ip6)-40+p.PayloadLen))
	b = append(b, ip6[40:]...)

	got, err := Decode(b, LayerIP)
	require.NoError(t, err)
	require.Equal(t, p, got)
}

func TestDecodeNotTCP(t *testing.T) {
	udp := mustEncode(t, samplePacket())
	udp[9] = byte(layers.IPProtocolUDP)
	fragment := mustEncode(t, samplePacket())
	fragment[6] = 0x20 // more fragments
	fragment6 := withExtensions(mustEncode(t, samplePacket6()))
	fragment6[40+8+3] = 8 // offset 8 bytes
	for _, c := range []struct {
		name  string
		frame []byte
		first LayerType
		want  string
	}{
		{"ARP", ethernet(make([]byte, 28), layers.EthernetTypeARP), LayerEthernet, "not TCP: ARP"},
		{"UDP", udp, LayerIP, "not TCP: UDP"},
		{"IPv4 fragment", fragment, LayerIP, "not TCP: Fragment"},
		{"IPv6 fragment", fragment6, LayerIP, "not TCP: Fragment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.frame, c.first)
			require.ErrorIs(t, err, ErrNotTCP)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestDecodeErrors(t *testing.T) {
	ip4, ip6 := mustEncode(t, samplePacket()), mustEncode(t, samplePacket6())
	for _, c := range []struct {
		name  string
		frame []byte
		first LayerType
		want  string
	}{
		{"layer type", ip4, 9, "decode frame: unknown layer type 9"},
		{"no Ethernet", nil, LayerEthernet, "decode Ethernet: "},
		{"no IP", nil, LayerIP, "decode IP: empty packet"},
		{"IP version", []byte{0x50}, LayerIP, "decode IP: version 5"},
		{"IPv6 as IPv4", ethernet(append([]byte{0x65}, ip4[1:]...), layers.EthernetTypeIPv4), LayerEthernet, "decode IPv4: version 6"},
		{"IPv4 cut off", ip4[:19], LayerIP, "decode IPv4: "},
		{"TCP not captured", ip4[:20], LayerIP, "decode TCP: "},
		{"TCP options cut off", ip4[:48], LayerIP, "decode TCP: "},
		{"IPv6 extension not captured", withExtensions(ip6)[:48], LayerIP, "decode IPv6Fragment: "},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Decode(c.frame, c.first)
			require.ErrorContains(t, err, c.want)
			require.NotErrorIs(t, err, ErrNotTCP)
		})
	}
}

// A host reads on behind an option that it does not understand, up to a length that leads nowhere.
func TestDecodeOptions(t *testing.T) {
	prio := &MPPrio{Backup: true}
	for _, c := range []struct {
		name, hex string
		want      []Option
	}{
		{"none", "", nil},
		{"others skipped", "020405b4" + "0402" + "0101" + "1e0351", []Option{prio}},
		{"end of list", "1e0351" + "00" + "1e0351", []Option{prio}},
		{
			"malformed", "1e045101" + "1e0351",
			[]Option{&Unknown{Bytes: []byte{0x1e, 4, 0x51, 1}, Malformed: "MP_PRIO: length 4, want 3"}, prio},
		},
		{
			"no subtype", "1e02" + "1e0351",
			[]Option{&Unknown{Bytes: []byte{0x1e, 2}, Malformed: "MPTCP option: length 2 leaves no room for a subtype"}, prio},
		},
		{
			"too long", "1e0351" + "1e0951",
			[]Option{prio, &Unknown{Bytes: []byte{0x1e, 9, 0x51}, Malformed: "MPTCP option: length byte 9, but 3 bytes"}},
		},
		{"length 0", "1e0351" + "05001e0351", []Option{prio}},
		{
			"length 1", "1e0151",
			[]Option{&Unknown{Bytes: []byte{0x1e, 1, 0x51}, Malformed: "MPTCP option: length byte 1, but 3 bytes"}},
		},
		{
			"no length", "1e",
			[]Option{&Unknown{Bytes: []byte{0x1e}, Malformed: "MPTCP option: 1 bytes, want at least 3"}},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			require.Equal(t, c.want, parseOptions(unhex(t, c.hex)))
		})
	}
}

func TestDecoderKeepsNothing(t *testing.T) {
	want := samplePacket()
	want.Options = append(want.Options, &Unknown{Bytes: []byte{KindMPTCP, 4, 0x90, 0xff}})
	frame := mustEncode(t, want)
	var d Decoder
	first, err := d.Decode(frame, LayerIP)
	require.NoError(t, err)
	clear(frame)
	_, err = d.Decode(mustEncode(t, samplePacket6()), LayerIP)
	require.NoError(t, err)
	require.Equal(t, want, first)
}

// The reference is gopacket's own decoding, with its verification of the checksums.
func TestEncodeChecksums(t *testing.T) {
	for _, p := range []Packet{samplePacket(), samplePacket6()} {
		t.Run(p.Src.String(), func(t *testing.T) {
			b, err := Encode(p, []byte("hello"))
			require.NoError(t, err)
			first := layers.LayerTypeIPv4
			if p.Src.Addr().Is6() {
				first = layers.LayerTypeIPv6
			}
			packet := gopacket.NewPacket(b, first, gopacket.Default)
			require.Nil(t, packet.ErrorLayer())
			tcp := packet.TransportLayer().(*layers.TCP)
			require.NoError(t, tcp.SetNetworkLayerForChecksum(packet.NetworkLayer()))
			err, mismatches := packet.VerifyChecksums()
			require.NoError(t, err)
			require.Empty(t, mismatches)
			require.Equal(t, []byte("hello"), tcp.LayerPayload())
			require.Equal(t, net.IP(p.Dst.Addr().AsSlice()).String(), packet.NetworkLayer().NetworkFlow().Dst().String())
		})
	}
}

func TestEncodeErrors(t *testing.T) {
	mixed, crowded, wrong := samplePacket(), samplePacket(), samplePacket()
	mixed.Dst = server6
	crowded.Options = append(crowded.Options, &MPJoin{Phase: JoinACK})
	wrong.Options = []Option{&RemoveAddr{}}
	for _, c := range []struct {
		name    string
		packet  Packet
		payload int
		want    string
	}{
		{"families", mixed, 0, "encode 10.0.1.2:4242 > [fd00:1::1]:80: the addresses are not of one family"},
		{"no addresses", Packet{}, 0, "encode invalid AddrPort > invalid AddrPort: the addresses are not of one family"},
		{"options", crowded, 0, "encode 10.0.1.2:4242 > 10.0.1.1:80: the options take 44 bytes with their padding, more than the 40 of a TCP header"},
		{"option", wrong, 0, "encode 10.0.1.2:4242 > 10.0.1.1:80: REMOVE_ADDR: no address id"},
		{"payload", samplePacket(), 65500, "encode 10.0.1.2:4242 > 10.0.1.1:80: a segment of 65540 bytes is longer than the 65515 of an IP packet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Encode(c.packet, make([]byte, c.payload))
			require.EqualError(t, err, c.want)
		})
	}
}

func FuzzDecode(f *testing.F) {
	ip4, ip6 := mustEncode(f, samplePacket()), mustEncode(f, samplePacket6())
	for _, b := range [][]byte{ip4, ip6, withIPv4Options(ip4), withExtensions(ip6)} {
		f.Add(b, uint8(LayerIP))
	}
	f.Add(ethernet(ip4, layers.EthernetTypeIPv4), uint8(LayerEthernet))
	f.Add(ethernet(ip6, layers.EthernetTypeIPv6), uint8(LayerEthernet))
	for _, v := range vectors {
		if option, err := ParseOption(unhex(f, v.hex)); err == nil {
			p := samplePacket()
			p.Options = []Option{option}
			f.Add(mustEncode(f, p), uint8(LayerIP))
		}
	}
	var d Decoder
	f.Fuzz(func(t *testing.T, frame []byte, first uint8) {
		p, err := d.Decode(frame, LayerType(first))
		if err != nil {
			return
		}
		require.GreaterOrEqual(t, p.PayloadLen, 0)
		_ = p.String()
		if p.PayloadLen > 65_000 {
			return // a jumbogram, which Encode does not write
		}
		b, err := Encode(p, make([]byte, p.PayloadLen))
		if err != nil {
			return // options that only fit unpadded, or whose length leads nowhere
		}
		again, err := d.Decode(b, LayerIP)
		require.NoError(t, err)
		require.Equal(t, p, again)
	})
}

func BenchmarkDecoder(b *testing.B) {
	var d Decoder
	bulk := samplePacket()
	bulk.Options = bulk.Options[:1]
	tcp := samplePacket()
	tcp.Options = nil
	for _, c := range []struct {
		name   string
		packet Packet
	}{{"TCP", tcp}, {"DSS", bulk}, {"IPv6 two options", samplePacket6()}} {
		frame := mustEncode(b, c.packet)
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := d.Decode(frame, LayerIP); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
