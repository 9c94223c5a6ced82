//go:build linux

package forward

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// gso is where to cut a frame that is larger than the packets it stands for. Offsets count from the start of the frame.
type gso struct {
	network, transport, payload int
	size                        int // bytes of payload in each packet but the last
	ipv6, udp                   bool
}

const (
	tcpFlags    = 13 // offsets in the TCP header
	tcpChecksum = 16
	udpHeader   = 8
	udpLength   = 4
	udpChecksum = 6
)

// gso tells whether the frame is large, and how to cut it. The error is of large frames that are not understood.
func (f *frame) gso() (g gso, large bool, err error) {
	if f.header().GSOType == unix.VIRTIO_NET_HDR_GSO_NONE {
		return g, false, nil
	}
	g, err = parseGSO(*f.header(), f.ethernet())
	return g, err == nil, err
}

// parseGSO understands TCP over IPv4 and IPv6, and UDP with UDP_SEGMENT.
func parseGSO(h virtioHdr, b []byte) (g gso, err error) {
	field := tcpChecksum
	switch h.GSOType &^ unix.VIRTIO_NET_HDR_GSO_ECN {
	case unix.VIRTIO_NET_HDR_GSO_TCPV4, unix.VIRTIO_NET_HDR_GSO_TCPV6:
	case unix.VIRTIO_NET_HDR_GSO_UDP_L4:
		g.udp, field = true, udpChecksum
	default:
		return g, fmt.Errorf("segment a frame of GSO type %#x: want TCP or UDP", h.GSOType)
	}
	g.transport, g.size = int(h.CsumStart), int(h.GSOSize)
	switch {
	case h.Flags&unix.VIRTIO_NET_HDR_F_NEEDS_CSUM == 0 || int(h.CsumOffset) != field:
		return g, errors.New("segment a frame: its checksum is not left to the interface")
	case g.size == 0:
		return g, errors.New("segment a frame: its packets are empty")
	}
	if err := g.findHeaders(b); err != nil {
		return g, fmt.Errorf("segment a frame: %w", err)
	}
	return g, nil
}

func (g *gso) findHeaders(b []byte) error {
	g.network = ethernetHeader
	for ; len(b) >= g.network && isVLAN(b[g.network-2:]); g.network += vlanTag {
	}
	header := udpHeader
	if !g.udp {
		header = 20
	}
	if g.transport < g.network+20 || len(b) < g.transport+header {
		return errCutFrame
	}
	switch version := b[g.network] >> 4; {
	case version == 6 && g.transport >= g.network+40:
		g.ipv6 = true
	case version != 4 || int(b[g.network]&0xf)*4 != g.transport-g.network:
		return errors.New("its IP header makes no sense")
	}
	if !g.udp {
		header = int(b[g.transport+12]>>4) * 4
	}
	g.payload = g.transport + header
	if header < udpHeader || !g.udp && header < 20 || g.payload >= len(b) {
		return errCutFrame
	}
	return nil
}

func isVLAN(etherType []byte) bool {
	t := binary.BigEndian.Uint16(etherType)
	return t == unix.ETH_P_8021Q || t == unix.ETH_P_8021AD
}

// count is how many packets the frame b stands for.
func (g gso) count(b []byte) int { return (len(b) - g.payload + g.size - 1) / g.size }

// wireBytes is the length of all of these packets, from their IP headers.
func (g gso) wireBytes(b []byte) int {
	return len(b) - g.payload + g.count(b)*(g.payload-g.network)
}

// write puts the i-th packet of the frame src into dst, complete with its checksums, and returns its length.
//
// As tcp_gso_segment and inet_gso_segment have it: sequence numbers and IP IDs count on, FIN and PSH belong to the
// last packet and CWR to the first, and every packet has all options.
func (g gso) write(dst, src []byte, i int) int {
	from := g.payload + i*g.size
	n := copy(dst, src[:g.payload])
	n += copy(dst[n:], src[from:min(from+g.size, len(src))])
	dst = dst[:n]

	g.writeIP(dst[g.network:], i)
	header, segment := dst[g.transport:], n-g.transport
	field := tcpChecksum
	if g.udp {
		field = udpChecksum
		binary.BigEndian.PutUint16(header[udpLength:], uint16(segment))
	} else {
		g.writeTCP(header, i, from+g.size >= len(src))
	}
	// The field holds the sum of the pseudo header, of which only the length differs.
	partial := uint32(binary.BigEndian.Uint16(src[g.transport+field:]))
	partial += uint32(^fold(uint32(len(src) - g.transport)))
	partial += uint32(segment)
	binary.BigEndian.PutUint16(header[field:], 0)
	binary.BigEndian.PutUint16(header[field:], checksum(uint32(fold(partial))+uint32(fold(sum(header)))))
	return n
}

func (g gso) writeIP(b []byte, i int) {
	if g.ipv6 {
		binary.BigEndian.PutUint16(b[4:], uint16(len(b)-40))
		return
	}
	header := b[:g.transport-g.network]
	binary.BigEndian.PutUint16(header[2:], uint16(len(b)))
	binary.BigEndian.PutUint16(header[4:], binary.BigEndian.Uint16(header[4:])+uint16(i))
	binary.BigEndian.PutUint16(header[10:], 0)
	binary.BigEndian.PutUint16(header[10:], ^fold(sum(header)))
}

func (g gso) writeTCP(b []byte, i int, last bool) {
	seq := binary.BigEndian.Uint32(b[4:])
	binary.BigEndian.PutUint32(b[4:], seq+uint32(i*g.size))
	flags := wire.TCPFlags(b[tcpFlags])
	if !last {
		flags &^= wire.FlagFIN | wire.FlagPSH
	}
	if i > 0 {
		flags &^= wire.FlagCWR
	}
	b[tcpFlags] = byte(flags)
}
