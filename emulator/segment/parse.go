package segment

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// ErrNotTCP is the error of parsing an IP packet that carries something else.
var ErrNotTCP = errors.New("not TCP")

var (
	errShort    = errors.New("the packet is cut off")
	errChecksum = errors.New("wrong checksum")
)

// Parse reads an IP packet as the host that it is for does: what is malformed, or has a wrong checksum, is an error, but for
// MPTCP options, which become *wire.Unknown. The payload shares its memory with the packet.
func Parse(packet []byte) (*Segment, error) {
	s := &Segment{}
	tcp, err := s.parseIP(packet)
	if err != nil {
		return nil, err
	}
	if err := s.parseTCP(tcp); err != nil {
		return nil, fmt.Errorf("segment from %v to %v: %w", s.Src, s.Dst, err)
	}
	return s, nil
}

// Addresses are the source and destination of an IP packet.
func Addresses(p []byte) (src, dst netip.Addr, err error) {
	switch {
	case len(p) >= LenIPv4 && p[0]>>4 == 4:
		return netip.AddrFrom4([4]byte(p[12:16])), netip.AddrFrom4([4]byte(p[16:20])), nil
	case len(p) >= LenIPv6 && p[0]>>4 == 6:
		return netip.AddrFrom16([16]byte(p[8:24])), netip.AddrFrom16([16]byte(p[24:40])), nil
	}
	return src, dst, errShort
}

// parseIP reads the IP header, and returns what it carries.
func (s *Segment) parseIP(p []byte) ([]byte, error) {
	src, dst, err := Addresses(p)
	if err != nil {
		return nil, err
	}
	s.Src, s.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	header, length, protocol := LenIPv6, 0, byte(0)
	if src.Is4() {
		header, length, protocol = int(p[0]&0xf)*4, int(binary.BigEndian.Uint16(p[2:])), p[9]
		if header < LenIPv4 || length < header || length > len(p) {
			return nil, errShort
		}
		if fold(sum(p[:header])) != 0xffff {
			return nil, errChecksum
		}
	} else {
		length, protocol = LenIPv6+int(binary.BigEndian.Uint16(p[4:])), p[6]
		if length > len(p) {
			return nil, errShort
		}
	}
	if protocol != protocolTCP {
		return nil, ErrNotTCP
	}
	return p[header:length], nil
}

func (s *Segment) parseTCP(p []byte) error {
	if len(p) < LenTCP {
		return errShort
	}
	header := int(p[12]>>4) * 4
	if header < LenTCP || header > len(p) {
		return errShort
	}
	if Checksum(s.Src.Addr(), s.Dst.Addr(), protocolTCP, p) != 0 {
		return errChecksum
	}
	s.Src = netip.AddrPortFrom(s.Src.Addr(), binary.BigEndian.Uint16(p))
	s.Dst = netip.AddrPortFrom(s.Dst.Addr(), binary.BigEndian.Uint16(p[2:]))
	s.Seq, s.Ack = binary.BigEndian.Uint32(p[4:]), binary.BigEndian.Uint32(p[8:])
	s.Flags, s.Window = wire.TCPFlags(p[13]), binary.BigEndian.Uint16(p[14:])
	s.Payload = p[header:]
	s.parseOptions(p[LenTCP:header])
	return nil
}

// parseOptions reads options up to the first whose length leads nowhere.
func (s *Segment) parseOptions(b []byte) {
	for len(b) > 0 && b[0] != kindEnd {
		if b[0] == kindNOP {
			b = b[1:]
			continue
		}
		if len(b) < 2 || b[1] < 2 || int(b[1]) > len(b) {
			return
		}
		s.parseOption(b[0], b[2:b[1]], b[:b[1]])
		b = b[b[1]:]
	}
}

func (s *Segment) parseOption(kind byte, data, whole []byte) {
	switch {
	case kind == wire.KindMPTCP:
		o, err := wire.ParseOption(whole)
		if err != nil {
			o = &wire.Unknown{Bytes: append([]byte(nil), whole...), Malformed: err.Error()}
		}
		s.MPTCP = append(s.MPTCP, o)
	case kind == kindMSS && len(data) == 2:
		s.MSS = binary.BigEndian.Uint16(data)
	case kind == kindScale && len(data) == 1:
		s.HasScale, s.Scale = true, min(data[0], 14)
	case kind == kindPermitted && len(data) == 0:
		s.SACKPermitted = true
	case kind == kindTime && len(data) == 8:
		s.HasTimestamps = true
		s.TSVal, s.TSEcr = binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])
	case kind == kindFastOpen:
		s.HasFastOpen, s.Cookie = true, append([]byte(nil), data...)
	case kind == kindSACK && len(data)%8 == 0:
		for ; len(data) > 0; data = data[8:] {
			s.SACK = append(s.SACK, Block{binary.BigEndian.Uint32(data), binary.BigEndian.Uint32(data[4:])})
		}
	}
}
