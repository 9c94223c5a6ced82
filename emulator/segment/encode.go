package segment

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

const (
	defaultTTL  = 64 // net.ipv4.ip_default_ttl
	protocolTCP = 6
)

// Append appends the segment as an IP packet, with lengths and checksums, to b. The id is that of the IPv4 header. The error
// tells what has no place in a packet, such as options of more than 40 bytes.
func (s *Segment) Append(b []byte, id uint16) ([]byte, error) {
	if err := s.check(); err != nil {
		return b, err
	}
	start := len(b)
	ip := LenIP(s.Src.Addr())
	b = append(b, make([]byte, ip+LenTCP)...)
	b = s.appendOptions(b)
	for _, o := range s.MPTCP {
		var err error
		if b, err = wire.AppendOption(b, o); err != nil {
			return b[:start], fmt.Errorf("segment from %v to %v: %w", s.Src, s.Dst, err)
		}
		for (len(b)-start-ip)%4 != 0 {
			b = append(b, kindNOP)
		}
	}
	header := len(b) - start - ip
	if header > LenTCP+MaxOptions {
		return b[:start], fmt.Errorf("segment from %v to %v: %d bytes of options, more than the %d of a TCP header",
			s.Src, s.Dst, header-LenTCP, MaxOptions)
	}
	b = append(b, s.Payload...)
	packet := b[start:]
	WriteIP(packet, s.Src.Addr(), s.Dst.Addr(), protocolTCP, id, s.TOS)
	s.writeTCP(packet[ip:], header)
	return b, nil
}

// appendOptions appends TCP's own options in the order and with the padding of Linux (tcp_options_write).
func (s *Segment) appendOptions(b []byte) []byte {
	o := &s.TCPOptions
	if o.MSS != 0 {
		b = append(b, kindMSS, 4, byte(o.MSS>>8), byte(o.MSS))
	}
	if o.HasTimestamps {
		if o.SACKPermitted {
			b = append(b, kindPermitted, 2)
		} else {
			b = append(b, kindNOP, kindNOP)
		}
		b = append(b, kindTime, 10)
		b = binary.BigEndian.AppendUint32(b, o.TSVal)
		b = binary.BigEndian.AppendUint32(b, o.TSEcr)
	} else if o.SACKPermitted {
		b = append(b, kindNOP, kindNOP, kindPermitted, 2)
	}
	if o.HasScale {
		b = append(b, kindNOP, kindScale, 3, o.Scale)
	}
	if len(o.SACK) > 0 {
		b = append(b, kindNOP, kindNOP, kindSACK, byte(2+8*len(o.SACK)))
		for _, r := range o.SACK {
			b = binary.BigEndian.AppendUint32(b, r.Start)
			b = binary.BigEndian.AppendUint32(b, r.End)
		}
	}
	if o.HasFastOpen {
		b = append(b, kindFastOpen, byte(2+len(o.Cookie)))
		b = append(b, o.Cookie...)
		for n := 2 + len(o.Cookie); n%4 != 0; n++ {
			b = append(b, kindNOP)
		}
	}
	return b
}

// WriteIP writes the IP header in front of what a packet carries; it has its place there already.
func WriteIP(packet []byte, from, to netip.Addr, protocol byte, id uint16, tos uint8) {
	if from.Is4() {
		packet[0], packet[1] = 4<<4|LenIPv4/4, tos
		binary.BigEndian.PutUint16(packet[2:], uint16(len(packet)))
		binary.BigEndian.PutUint16(packet[4:], id)
		packet[6] = 0x40 // don't fragment
		packet[8], packet[9] = defaultTTL, protocol
		src, dst := from.As4(), to.As4()
		copy(packet[12:], src[:])
		copy(packet[16:], dst[:])
		binary.BigEndian.PutUint16(packet[10:], ^fold(sum(packet[:LenIPv4])))
		return
	}
	packet[0], packet[1] = 6<<4|tos>>4, tos<<4
	binary.BigEndian.PutUint16(packet[4:], uint16(len(packet)-LenIPv6))
	packet[6], packet[7] = protocol, defaultTTL
	src, dst := from.As16(), to.As16()
	copy(packet[8:], src[:])
	copy(packet[24:], dst[:])
}

// Checksum is that of what an IP packet carries, with the pseudo-header where the protocol wants it, as all do but ICMP.
func Checksum(src, dst netip.Addr, protocol byte, carried []byte) uint16 {
	const icmp = 1
	total := sum(carried)
	if protocol != icmp {
		total += pseudo(src, dst, protocol, len(carried))
	}
	return ^fold(total)
}

func (s *Segment) writeTCP(p []byte, header int) {
	binary.BigEndian.PutUint16(p, s.Src.Port())
	binary.BigEndian.PutUint16(p[2:], s.Dst.Port())
	binary.BigEndian.PutUint32(p[4:], s.Seq)
	binary.BigEndian.PutUint32(p[8:], s.Ack)
	p[12] = byte(header/4) << 4
	p[13] = byte(s.Flags)
	binary.BigEndian.PutUint16(p[14:], s.Window)
	binary.BigEndian.PutUint16(p[16:], Checksum(s.Src.Addr(), s.Dst.Addr(), protocolTCP, p))
}

// pseudo is the sum of the pseudo-header (RFC 9293 section 3.1).
func pseudo(src, dst netip.Addr, protocol byte, length int) uint64 {
	if src.Is4() {
		s, d := src.As4(), dst.As4()
		return sum(s[:]) + sum(d[:]) + uint64(protocol) + uint64(length)
	}
	s, d := src.As16(), dst.As16()
	return sum(s[:]) + sum(d[:]) + uint64(protocol) + uint64(length)
}

// sum adds up 16-bit words, the last one padded with zero.
func sum(b []byte) (total uint64) {
	for ; len(b) >= 8; b = b[8:] {
		x := binary.BigEndian.Uint64(b)
		total += x>>32 + x&0xffffffff
	}
	for ; len(b) >= 2; b = b[2:] {
		total += uint64(b[0])<<8 | uint64(b[1])
	}
	if len(b) == 1 {
		total += uint64(b[0]) << 8
	}
	return total
}

// fold is the 16-bit one's complement sum.
func fold(total uint64) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}
