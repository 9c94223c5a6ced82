package wire

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/require"
)

func mustParse(t testing.TB, frame []byte, first LayerType) *Segment {
	t.Helper()
	s, err := ParseSegment(frame, first)
	require.NoError(t, err)
	return s
}

func mustBytes(t testing.TB, s *Segment) []byte {
	t.Helper()
	b, err := s.Bytes()
	require.NoError(t, err)
	return b
}

// mismatches are the layers whose checksum is wrong by gopacket's reckoning.
func mismatches(t testing.TB, frame []byte, first gopacket.Decoder) (wrong []string) {
	t.Helper()
	packet := gopacket.NewPacket(frame, first, gopacket.Default)
	require.Nil(t, packet.ErrorLayer())
	tcp := packet.TransportLayer().(*layers.TCP)
	require.NoError(t, tcp.SetNetworkLayerForChecksum(packet.NetworkLayer()))
	err, found := packet.VerifyChecksums()
	require.NoError(t, err)
	for _, m := range found {
		wrong = append(wrong, m.Layer.LayerType().String())
	}
	return wrong
}

// frames are of all kinds that can be edited, with their 5 bytes of payload.
func frames(t testing.TB) map[string]struct {
	frame []byte
	first LayerType
} {
	ip4, ip6 := mustEncode(t, samplePacket()), mustEncode(t, samplePacket6())
	tagged := append([]byte{0, 7, 0x08, 0}, ip4...) // VLAN 7
	wrong := bytes.Clone(ip4)
	wrong[offIPv4Checksum]++
	wrong[lenIPv4Header+offTCPChecksum]++
	ones := bytes.Clone(ip4) // an unusual form of zero, and the reserved bits
	ones[lenIPv4Header+offTCPChecksum], ones[lenIPv4Header+offTCPChecksum+1] = 0xff, 0xff
	ones[lenIPv4Header+offTCPOffset] |= 0x0f
	return map[string]struct {
		frame []byte
		first LayerType
	}{
		"IPv4":                   {ip4, LayerIP},
		"IPv6":                   {ip6, LayerIP},
		"Ethernet IPv4":          {ethernet(ip4, layers.EthernetTypeIPv4), LayerEthernet},
		"Ethernet IPv6":          {ethernet(ip6, layers.EthernetTypeIPv6), LayerEthernet},
		"VLAN":                   {ethernet(tagged, layers.EthernetTypeDot1Q), LayerEthernet},
		"Ethernet padding":       {append(ethernet(ip4, layers.EthernetTypeIPv4), 1, 2, 3), LayerEthernet},
		"IPv4 options":           {withIPv4Options(ip4), LayerIP},
		"IPv6 extension headers": {withExtensions(ip6), LayerIP},
		"wrong checksums":        {wrong, LayerIP},
		"ones":                   {ones, LayerIP},
	}
}

func TestSegmentUnchanged(t *testing.T) {
	for name, f := range frames(t) {
		t.Run(name, func(t *testing.T) {
			for _, mode := range []ChecksumMode{ChecksumAdjust, ChecksumKeep} {
				s := mustParse(t, f.frame, f.first)
				s.Checksum = mode
				require.Equal(t, f.frame, mustBytes(t, s))
			}
		})
	}
}

// Each field and each kind of frame at once, the payload growing to an odd length.
func TestSegmentFields(t *testing.T) {
	for name, f := range frames(t) {
		t.Run(name, func(t *testing.T) {
			before := bytes.Clone(f.frame)
			want, err := Decode(f.frame, f.first)
			require.NoError(t, err)
			s := mustParse(t, f.frame, f.first)
			src, dst := "192.0.2.1", "192.0.2.2"
			if s.Src.Addr().Is6() {
				src, dst = "2001:db8::1", "2001:db8::2"
			}
			s.Src = netip.AddrPortFrom(netip.MustParseAddr(src), 1000)
			s.Dst = netip.AddrPortFrom(netip.MustParseAddr(dst), 1001)
			s.Seq, s.Ack, s.Window, s.Flags = 7, 8, 9, FlagFIN|FlagACK|FlagCWR
			s.Payload[0] = 0xab
			s.Payload = append(s.Payload, 0xff, 0xfe)
			want.Src, want.Dst, want.Seq, want.Ack, want.Window, want.Flags = s.Src, s.Dst, s.Seq, s.Ack, s.Window, s.Flags
			want.PayloadLen = 7

			edited := mustBytes(t, s)
			got, err := Decode(edited, f.first)
			require.NoError(t, err)
			require.Equal(t, want, got)
			require.Equal(t, before, f.frame, "the frame itself is not touched")
			again := mustParse(t, edited, f.first)
			require.Equal(t, []byte{0xab, 0, 0, 0, 0, 0xff, 0xfe}, again.Payload)
			require.Equal(t, s.tail, again.tail)
		})
	}
}

// The reference is gopacket's verification.
func TestSegmentChecksums(t *testing.T) {
	edit := func(s *Segment) {
		s.Src = netip.AddrPortFrom(s.Src.Addr().Next(), 1)
		s.Payload = append(s.Payload, 0x12, 0x34)
		s.Strip(NameRemoveAddr)
	}
	for _, p := range []Packet{samplePacket(), samplePacket6()} {
		first := layers.LayerTypeIPv4
		if p.Src.Addr().Is6() {
			first = layers.LayerTypeIPv6
		}
		right := mustEncode(t, p)
		checksum := len(right) - p.PayloadLen - 20 - lenTCPHeader + offTCPChecksum // of 20 bytes of options
		wrong, partial := bytes.Clone(right), bytes.Clone(right)
		wrong[checksum+1] ^= 0x40
		pseudo := pseudoSum(p.Src.Addr(), p.Dst.Addr(), lenTCPHeader+20+p.PayloadLen)
		binary.BigEndian.PutUint16(partial[checksum:], fold(pseudo))
		for _, c := range []struct {
			name  string
			frame []byte
			mode  ChecksumMode
			right bool
		}{
			{"right, adjusted", right, ChecksumAdjust, true},
			{"wrong, adjusted", wrong, ChecksumAdjust, false},
			{"wrong, fixed", wrong, ChecksumFix, true},
			{"right, kept", right, ChecksumKeep, false},
			{"partial, completed", partial, ChecksumFix, true},
			{"partial, kept partial", partial, ChecksumPartial, false},
		} {
			t.Run(first.String()+" "+c.name, func(t *testing.T) {
				s := mustParse(t, c.frame, LayerIP)
				s.Checksum = c.mode
				edit(s)
				b := mustBytes(t, s)
				require.Equal(t, c.right, len(mismatches(t, b, first)) == 0)
				require.NotContains(t, mismatches(t, b, first), "IPv4")
				got := binary.BigEndian.Uint16(b[checksum:])
				switch c.mode {
				case ChecksumKeep:
					require.Equal(t, binary.BigEndian.Uint16(c.frame[checksum:]), got)
				case ChecksumPartial:
					// What a network card does: it sums all up from the TCP header, this field included.
					tcp := bytes.Clone(b[checksum-offTCPChecksum:])
					binary.BigEndian.PutUint16(tcp[offTCPChecksum:], ^fold(sum16(tcp)))
					require.Empty(t, mismatches(t, append(b[:checksum-offTCPChecksum:checksum-offTCPChecksum], tcp...), first))
				}
			})
		}
	}
}

func TestSegmentFixesIPv4HeaderOnlyAsFarAsChanged(t *testing.T) {
	frame := mustEncode(t, samplePacket())
	frame[offIPv4Checksum] ^= 0x40
	s := mustParse(t, frame, LayerIP)
	s.Dst = netip.MustParseAddrPort("192.0.2.9:9")
	require.Equal(t, []string{"IPv4"}, mismatches(t, mustBytes(t, s), layers.LayerTypeIPv4))
}

func TestParseSegmentErrors(t *testing.T) {
	ip4, ip6 := mustEncode(t, samplePacket()), mustEncode(t, samplePacket6())
	tunnel := append(withIPv4Length(ip4, 20+len(ip4))[:20], ip4...)
	tunnel[9] = byte(layers.IPProtocolIPv4)
	for _, c := range []struct {
		name  string
		frame []byte
		want  string
	}{
		{"not TCP", append(bytes.Clone(ip4[:9]), append([]byte{17}, ip4[10:]...)...), "not TCP: UDP"},
		{"cut off", ip4[:len(ip4)-1], "edit: 5 bytes of payload, of which 4 were captured"},
		{"IPv6 cut off", ip6[:len(ip6)-5], "edit: 5 bytes of payload, of which 0 were captured"},
		{"BIG TCP", withIPv4Length(ip4, 0), "edit: the IP header has no length: a jumbogram or BIG TCP, to be cut into segments first"},
		{"tunnel", tunnel, "edit: an IP packet within an IP packet"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSegment(c.frame, LayerIP)
			require.EqualError(t, err, c.want)
		})
	}
}

func TestSegmentErrors(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(s *Segment)
		want string
	}{
		{
			"family", func(s *Segment) { s.Dst = server6 },
			"edit 10.0.1.2:4242 > [fd00:1::1]:80: address fd00:1::1 in a frame of IPv4: the family of a frame cannot be changed",
		},
		{
			"no address", func(s *Segment) { s.Src = netip.AddrPort{} },
			"edit invalid AddrPort > 10.0.1.1:80: address invalid IP in a frame of IPv4: the family of a frame cannot be changed",
		},
		{
			"options", func(s *Segment) { s.Options = make([]byte, 41) },
			"edit 10.0.1.2:4242 > 10.0.1.1:80: 41 bytes of options, more than the 40 of a TCP header",
		},
		{
			"payload", func(s *Segment) { s.Payload = make([]byte, 65_536-20-20-20) },
			"edit 10.0.1.2:4242 > 10.0.1.1:80: an IP packet of 65536 bytes is longer than the 65535 that it may have",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := mustParse(t, mustEncode(t, samplePacket()), LayerIP)
			c.edit(s)
			_, err := s.Bytes()
			require.EqualError(t, err, c.want)
		})
	}
	_, err := new(Segment).Bytes()
	require.ErrorContains(t, err, "the segment was not parsed from a frame")

	s := mustParse(t, mustEncode(t, samplePacket6()), LayerIP)
	s.Src = netip.AddrPortFrom(netip.MustParseAddr("fe80::1%eth1"), 1)
	_, err = s.Bytes()
	require.ErrorContains(t, err, "address fe80::1%eth1 has a zone")

	s = mustParse(t, mustEncode(t, samplePacket6()), LayerIP)
	s.Payload = make([]byte, 65_535-20-20) // IPv6 does not count its own header
	require.Len(t, mustBytes(t, s), 65_535+40)
}

// Two edits that undo each other give the frame again, whatever it was.
func FuzzSegment(f *testing.F) {
	for _, frame := range frames(f) {
		f.Add(frame.frame, uint8(frame.first), uint8(0))
	}
	for i, v := range vectors {
		if option, err := ParseOption(unhex(f, v.hex)); err == nil {
			p := samplePacket()
			p.Options = []Option{option}
			f.Add(mustEncode(f, p), uint8(LayerIP), uint8(i))
		}
	}
	f.Fuzz(func(t *testing.T, frame []byte, first, n uint8) {
		before := bytes.Clone(frame)
		s, err := ParseSegment(frame, LayerType(first))
		if err != nil {
			return
		}
		require.Equal(t, frame, mustBytes(t, s))
		p, err := Decode(frame, LayerType(first))
		require.NoError(t, err)
		require.Equal(t, p.Options, parseOptions(s.Options))

		s.Src, s.Dst = s.Dst, s.Src
		s.Payload = append(s.Payload, n)
		s.Flags ^= TCPFlags(n)
		if edited, err := s.Bytes(); err == nil {
			back := mustParse(t, edited, LayerType(first))
			back.Src, back.Dst = back.Dst, back.Src
			back.Payload = back.Payload[:len(back.Payload)-1]
			back.Flags ^= TCPFlags(n)
			again := mustBytes(t, back)
			// A sum of zero has two forms, of which an edit and its undoing may exchange one for the other.
			want := mustParse(t, frame, LayerType(first))
			got := mustParse(t, again, LayerType(first))
			require.Equal(t, want.Payload, got.Payload)
			require.Equal(t, want.Options, got.Options)
			require.Len(t, again, len(frame))
			require.Equal(t, fold(want.sum), fold(got.sum))
		}

		s = mustParse(t, frame, LayerType(first))
		inserted := s.Insert(&RemoveAddr{IDs: []uint8{n}}) == nil
		count := len(parseOptions(s.Options))
		if inserted {
			require.GreaterOrEqual(t, count, len(p.Options))
		}
		_ = s.Replace(func(o Option) Option { return o })
		require.Len(t, parseOptions(s.Options), count)
		s.StripKind(KindMPTCP)
		for _, o := range parseOptions(s.Options) {
			require.NotEmpty(t, o.(*Unknown).Malformed, "only what leads nowhere is left")
		}
		_ = mustBytes(t, s)
		require.Equal(t, before, frame)
	})
}
