//go:build linux

package forward

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// largeFrame is a TCP segment as the kernel hands it over: its checksum field has the sum of the pseudo header.
func largeFrame(t testing.TB, family string, flags wire.TCPFlags, payload []byte, size int) (virtioHdr, []byte) {
	t.Helper()
	ip, err := wire.Encode(wire.Packet{
		Src: netip.AddrPortFrom(addresses[0][family], 1000), Dst: netip.AddrPortFrom(addresses[1][family], 80),
		Flags: flags, Seq: 0xffffff00, Ack: 7, Window: 500,
		Options: []wire.Option{&wire.DSS{
			HasAck: true, Ack: 9, HasMapping: true, DSN64: true, DSN: 1 << 40, SubflowSeq: 1, DataLen: uint16(len(payload)),
		}},
	}, payload)
	require.NoError(t, err)
	etherType, network, kind := uint16(unix.ETH_P_IP), 20, uint8(unix.VIRTIO_NET_HDR_GSO_TCPV4)
	if family == "ipv6" {
		etherType, network, kind = unix.ETH_P_IPV6, 40, unix.VIRTIO_NET_HDR_GSO_TCPV6
	} else {
		binary.BigEndian.PutUint16(ip[4:], 0xfffe) // IP ID
	}
	b := append([]byte("\x02\x00\x00\x00\x00\x02\x02\x00\x00\x00\x00\x01"), byte(etherType>>8), byte(etherType))
	b = append(b, ip...)
	h := virtioHdr{
		Flags: unix.VIRTIO_NET_HDR_F_NEEDS_CSUM, GSOType: kind, GSOSize: uint16(size),
		CsumStart: uint16(ethernetHeader + network), CsumOffset: tcpChecksum,
	}
	tcp := b[h.CsumStart:]
	binary.BigEndian.PutUint16(tcp[tcpChecksum:], slowFold(pseudoSum(b[ethernetHeader:], len(tcp))))
	return h, b
}

// slowSum is the sum of RFC 1071 as it is written there, beside the quick one of the forwarder.
func slowSum(b []byte) (s uint64) {
	for i := range b {
		s += uint64(b[i]) << (8 * (1 - i%2))
	}
	return s
}

func slowFold(s uint64) uint16 {
	for s > 0xffff {
		s = s>>16 + s&0xffff
	}
	return uint16(s)
}

// pseudoSum is the sum of the pseudo header of a TCP or UDP packet over IP.
func pseudoSum(ip []byte, length int) uint64 {
	if ip[0]>>4 == 4 {
		return slowSum(ip[12:20]) + uint64(ip[9]) + uint64(length)
	}
	return slowSum(ip[8:40]) + uint64(ip[6]) + uint64(length)
}

// requireIntact holds that lengths and checksums of an Ethernet frame with TCP or UDP are right, and returns its transport header.
func requireIntact(t testing.TB, b []byte) []byte {
	t.Helper()
	ip := b[ethernetHeader:]
	network := 40
	if ip[0]>>4 == 4 {
		network = int(ip[0]&0xf) * 4
		require.EqualValues(t, len(ip), binary.BigEndian.Uint16(ip[2:]), "length in the IPv4 header")
		require.EqualValues(t, 0xffff, slowFold(slowSum(ip[:network])), "checksum of the IPv4 header")
	} else {
		require.EqualValues(t, len(ip)-40, binary.BigEndian.Uint16(ip[4:]), "length in the IPv6 header")
	}
	transport := ip[network:]
	require.EqualValues(t, 0xffff, slowFold(pseudoSum(ip, len(transport))+slowSum(transport)), "checksum")
	return transport
}

// pieces cuts a frame.
func pieces(t testing.TB, h virtioHdr, b []byte) [][]byte {
	t.Helper()
	g, err := parseGSO(h, b)
	require.NoError(t, err)
	var all [][]byte
	total := 0
	for i := range g.count(b) {
		dst := make([]byte, len(b))
		n := g.write(dst, b, i)
		all = append(all, dst[:n])
		total += n - g.network
	}
	require.Equal(t, total, g.wireBytes(b))
	return all
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * 7 >> 3)
	}
	return b
}

func TestSegment(t *testing.T) {
	flags := wire.FlagACK | wire.FlagPSH | wire.FlagFIN | wire.FlagCWR
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, size := range []int{1, 99, 1000, 1001} {
			payload := pattern(3 * 1000)
			h, b := largeFrame(t, family, flags, payload, size)
			before := bytes.Clone(b)
			all := pieces(t, h, b)
			require.Equal(t, before, b, "the source remains")
			require.Len(t, all, (len(payload)+size-1)/size)
			var whole []byte
			for i, piece := range all {
				tcp := requireIntact(t, piece)
				p, err := wire.Decode(piece, wire.LayerEthernet)
				require.NoError(t, err)
				start := uint32(0xffffff00)
				require.Equal(t, start+uint32(i*size), p.Seq)
				require.EqualValues(t, 7, p.Ack)
				require.Equal(t, i == 0, p.Flags&wire.FlagCWR != 0)
				require.Equal(t, i == len(all)-1, p.Flags&wire.FlagFIN != 0)
				require.Equal(t, i == len(all)-1, p.Flags&wire.FlagPSH != 0)
				require.Equal(t, &wire.DSS{
					HasAck: true, Ack: 9, HasMapping: true, DSN64: true, DSN: 1 << 40, SubflowSeq: 1, DataLen: 3000,
				}, p.Option(wire.NameDSS))
				if family == "ipv4" {
					id := uint16(0xfffe)
					require.Equal(t, id+uint16(i), binary.BigEndian.Uint16(piece[ethernetHeader+4:]))
				}
				whole = append(whole, tcp[len(tcp)-p.PayloadLen:]...)
			}
			require.Equal(t, payload, whole)
		}
	}
}

func TestSegmentVLAN(t *testing.T) {
	h, b := largeFrame(t, "ipv4", wire.FlagACK, pattern(2000), 1000)
	tagged := append(bytes.Clone(b[:12]), 0x81, 0, 0, 5)
	tagged = append(tagged, b[12:]...)
	h.CsumStart += vlanTag
	for i, piece := range pieces(t, h, tagged) {
		require.Equal(t, tagged[:18], piece[:18])
		require.Equal(t, pieces(t, virtioHdr{h.Flags, h.GSOType, 0, h.GSOSize, h.CsumStart - vlanTag, h.CsumOffset}, b)[i][14:], piece[18:])
	}
}

func TestSegmentUDP(t *testing.T) {
	payload := pattern(2500)
	length := udpHeader + len(payload)
	ip := append([]byte{0x45, 0, 0, 0, 0, 9, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}, 0, 1, 0, 2)
	ip = binary.BigEndian.AppendUint16(ip, uint16(length))
	ip = binary.BigEndian.AppendUint16(ip, slowFold(pseudoSum(ip, length)))
	b := append(append(make([]byte, ethernetHeader), ip...), payload...)
	binary.BigEndian.PutUint16(b[12:], unix.ETH_P_IP)
	h := virtioHdr{
		Flags: unix.VIRTIO_NET_HDR_F_NEEDS_CSUM, GSOType: unix.VIRTIO_NET_HDR_GSO_UDP_L4, GSOSize: 1000,
		CsumStart: 34, CsumOffset: udpChecksum,
	}
	var whole []byte
	for _, piece := range pieces(t, h, b) {
		udp := requireIntact(t, piece)
		require.EqualValues(t, len(udp), binary.BigEndian.Uint16(udp[udpLength:]))
		whole = append(whole, udp[udpHeader:]...)
	}
	require.Equal(t, payload, whole)
}

func TestSegmentErrors(t *testing.T) {
	good, b := largeFrame(t, "ipv4", wire.FlagACK, pattern(2000), 1000)
	for _, tc := range []struct {
		change func(h *virtioHdr, b []byte) []byte
		want   string
	}{
		{func(h *virtioHdr, b []byte) []byte { h.GSOType = unix.VIRTIO_NET_HDR_GSO_UDP; return b }, "GSO type 0x3: want TCP or UDP"},
		{func(h *virtioHdr, b []byte) []byte { h.GSOSize = 0; return b }, "its packets are empty"},
		{func(h *virtioHdr, b []byte) []byte { h.Flags = 0; return b }, "checksum is not left to the interface"},
		{func(h *virtioHdr, b []byte) []byte { h.CsumOffset = 6; return b }, "checksum is not left to the interface"},
		{func(h *virtioHdr, b []byte) []byte { return b[:40] }, "the headers are cut off"},
		{func(h *virtioHdr, b []byte) []byte { return b[:5] }, "the headers are cut off"},
		{func(h *virtioHdr, b []byte) []byte { h.CsumStart = 20; return b }, "the headers are cut off"},
		{func(h *virtioHdr, b []byte) []byte { b[14] = 0x46; return b }, "its IP header makes no sense"},
		{func(h *virtioHdr, b []byte) []byte { b[14] = 0x65; return b }, "its IP header makes no sense"},
		{func(h *virtioHdr, b []byte) []byte { b[14+20+12] = 0x10; return b }, "the headers are cut off"},
	} {
		h := good
		_, err := parseGSO(h, b)
		require.NoError(t, err)
		changed := tc.change(&h, bytes.Clone(b))
		_, err = parseGSO(h, changed)
		require.ErrorContains(t, err, tc.want)
	}
}

// FuzzSegment cuts anything: no payload is lost, and no packet is longer than it may be.
func FuzzSegment(f *testing.F) {
	for _, family := range []string{"ipv4", "ipv6"} {
		h, b := largeFrame(f, family, wire.FlagACK, pattern(2000), 1000)
		f.Add(h.Flags, h.GSOType, h.GSOSize, h.CsumStart, h.CsumOffset, b)
	}
	f.Fuzz(func(t *testing.T, flags, kind uint8, size, start, offset uint16, b []byte) {
		if len(b) < ethernetHeader || len(b) > maxFrame {
			return
		}
		h := virtioHdr{Flags: flags, GSOType: kind, GSOSize: size, CsumStart: start, CsumOffset: offset}
		g, err := parseGSO(h, b)
		if err != nil {
			return
		}
		var whole []byte
		dst := make([]byte, g.payload+g.size)
		for i := range g.count(b) {
			n := g.write(dst, b, i)
			whole = append(whole, dst[g.payload:n]...)
		}
		require.Equal(t, b[g.payload:], whole)
	})
}

// FuzzComplete fills in checksums of anything.
func FuzzComplete(f *testing.F) {
	f.Add(uint8(1), uint16(34), uint16(16), pattern(100))
	f.Fuzz(func(t *testing.T, flags uint8, start, offset uint16, b []byte) {
		x := new(pool).get(virtioHeader + min(len(b), maxFrame))
		x.setEthernet(b[:min(len(b), maxFrame)])
		*x.header() = virtioHdr{Flags: flags, CsumStart: start, CsumOffset: offset}
		if x.complete() == nil {
			require.Zero(t, *x.header())
		}
	})
}

func TestSum(t *testing.T) {
	for n := range 70 {
		b := pattern(n)
		for i := range b {
			b[i] ^= 0xff // large sums
		}
		require.Equal(t, slowFold(slowSum(b)), fold(sum(b)), "%d bytes", n)
	}
	require.EqualValues(t, 0xffff, checksum(0xffff), "a checksum of 0 means none")
}

func BenchmarkSegment(b *testing.B) {
	h, frame := largeFrame(b, "ipv4", wire.FlagACK, pattern(60_000), 1448)
	dst := make([]byte, 2048)
	b.SetBytes(int64(len(frame)))
	for b.Loop() {
		g, err := parseGSO(h, frame)
		require.NoError(b, err)
		for i := range g.count(frame) {
			g.write(dst, frame, i)
		}
	}
}
