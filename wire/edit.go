package wire

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net/netip"

	"github.com/gopacket/gopacket/layers"
)

// Segment is a frame with a TCP segment, taken apart so that it can be changed: change the fields, call the methods, and
// take the new frame from Bytes. All that is not a field stays as it was: link-layer header, IP options and extension
// headers, urgent pointer, what follows the IP packet.
//
// A change of Src or Dst is what a NAT does. As a NAT that knows no MPTCP, it leaves the options alone: the addresses in
// ADD_ADDR and the address ids stay those of the host behind it.
//
// A change of the payload, or of its length, also leaves alone what DSS says of it: the mapping and its checksum are then
// wrong, which is what the checksum is there to find. To cut bytes off the front, add their number to Seq.
type Segment struct {
	Src, Dst netip.AddrPort // of the frame's family
	Seq, Ack uint32
	Flags    TCPFlags
	Window   uint16 // unscaled
	Options  []byte // the whole option part of the TCP header; at most 40 bytes
	Payload  []byte
	Checksum ChecksumMode // what Bytes does with the TCP checksum

	head []byte // what stands in front of the TCP header
	ip   int    // offset of the IP header in it
	tcp  [lenTCPHeader]byte
	sum  uint64 // of what the TCP checksum covers, as the frame was
	tail []byte // what follows the IP packet: Ethernet padding
}

// ChecksumMode says what becomes of a TCP checksum.
type ChecksumMode uint8

// The modes.
const (
	// ChecksumAdjust changes the checksum as what it covers was changed (RFC 1624): a right one stays right, and a wrong
	// one stays wrong, so that an edit does not hide an error.
	ChecksumAdjust ChecksumMode = iota
	// ChecksumFix computes it. A partial one is thereby completed.
	ChecksumFix
	// ChecksumKeep leaves it as it was, and so makes it wrong on purpose.
	ChecksumKeep
	// ChecksumPartial is for a frame whose checksum is left to the network card, as on veth (CHECKSUM_PARTIAL; with
	// PACKET_VNET_HDR, VIRTIO_NET_HDR_F_NEEDS_CSUM): the field has the sum of the pseudo-header alone, before and after.
	// The TCP header keeps its place in the frame, so that csum_start stays right; hdr_len changes with the options.
	ChecksumPartial
)

const (
	offIPv4Length   = 2
	offIPv4Checksum = 10
	offIPv4Src      = 12
	offIPv4Dst      = 16
	offIPv6Length   = 4
	offIPv6Src      = 8
	offIPv6Dst      = 24
	lenIPv6Header   = 40
	offTCPOffset    = 12
	offTCPFlags     = 13
	offTCPWindow    = 14
	offTCPChecksum  = 16
)

// ParseSegment takes a frame apart. The segment shares no memory with it.
//
// The errors are those of [Decoder.Decode], and besides: a payload that was not captured whole, an IP packet whose length is
// not in its header (a jumbogram or BIG TCP, which has to be cut into segments first), and IP within IP.
func ParseSegment(frame []byte, first LayerType) (*Segment, error) {
	var d Decoder
	at, err := d.walk(frame, first)
	if err != nil {
		return nil, err
	}
	p, err := d.packet(at.network)
	if err != nil {
		return nil, err
	}
	lengthAt := at.ip + offIPv4Length
	if p.Src.Addr().Is6() {
		lengthAt = at.ip + offIPv6Length
	}
	switch captured := len(d.tcp.Payload); {
	case at.nested:
		return nil, errors.New("edit: an IP packet within an IP packet")
	case binary.BigEndian.Uint16(frame[lengthAt:]) == 0:
		return nil, errors.New("edit: the IP header has no length: a jumbogram or BIG TCP, to be cut into segments first")
	case captured != p.PayloadLen:
		return nil, fmt.Errorf("edit: %d bytes of payload, of which %d were captured", p.PayloadLen, captured)
	}
	return takeApart(bytes.Clone(frame), at, p), nil
}

// takeApart makes the segment that owns the frame.
func takeApart(frame []byte, at headers, p Packet) *Segment {
	header := frame[at.tcp:]
	payload := at.tcp + int(header[offTCPOffset]>>4)*4
	end := payload + p.PayloadLen
	s := &Segment{
		Src: p.Src, Dst: p.Dst, Seq: p.Seq, Ack: p.Ack, Flags: p.Flags, Window: p.Window,
		Options: frame[at.tcp+lenTCPHeader : payload : payload],
		Payload: frame[payload:end:end],
		head:    frame[:at.tcp:at.tcp],
		ip:      at.ip,
		tcp:     [lenTCPHeader]byte(header),
		tail:    frame[end:],
	}
	s.sum = s.covered(frame[at.tcp:end])
	return s
}

// covered is the sum of what the TCP checksum covers.
func (s *Segment) covered(segment []byte) uint64 {
	checksum := binary.BigEndian.Uint16(segment[offTCPChecksum:])
	return pseudoSum(s.Src.Addr(), s.Dst.Addr(), len(segment)) + sum16(segment) - uint64(checksum)
}

// Bytes is the frame with all changes, its lengths, data offset and checksums set. Without any change it is the frame that
// was parsed, bit for bit. The error tells what has no place in the frame.
func (s *Segment) Bytes() ([]byte, error) {
	b, err := s.bytes()
	if err != nil {
		return nil, fmt.Errorf("edit %v > %v: %w", s.Src, s.Dst, err)
	}
	return b, nil
}

func (s *Segment) bytes() ([]byte, error) {
	if err := s.check(); err != nil {
		return nil, err
	}
	options := make([]byte, aligned(len(s.Options))) // padded by end-of-list options
	copy(options, s.Options)

	out := make([]byte, 0, len(s.head)+lenTCPHeader+len(options)+len(s.Payload)+len(s.tail))
	out = append(out, s.head...)
	out = append(out, s.tcp[:]...)
	out = append(out, options...)
	out = append(out, s.Payload...)
	s.setIP(out[s.ip:len(s.head)], len(out)-s.ip)
	s.setTCP(out[len(s.head):], len(options))
	return append(out, s.tail...), nil
}

func (s *Segment) check() error {
	if s.head == nil {
		return errors.New("the segment was not parsed from a frame")
	}
	limit := math.MaxUint16
	if s.is6() {
		limit += lenIPv6Header
	}
	packet := len(s.head) - s.ip + lenTCPHeader + aligned(len(s.Options)) + len(s.Payload)
	for _, a := range []netip.Addr{s.Src.Addr(), s.Dst.Addr()} {
		switch {
		case !a.IsValid() || a.Is6() != s.is6():
			return fmt.Errorf("address %v in a frame of %v: the family of a frame cannot be changed", a, s.network())
		case a.Zone() != "":
			return fmt.Errorf("address %v has a zone", a)
		}
	}
	switch {
	case len(s.Options) > maxOption:
		return fmt.Errorf("%d bytes of options, more than the %d of a TCP header", len(s.Options), maxOption)
	case packet > limit:
		return fmt.Errorf("an IP packet of %d bytes is longer than the %d that it may have", packet, limit)
	}
	return nil
}

// aligned is n rounded up to a multiple of four.
func aligned(n int) int { return (n + 3) &^ 3 }

func (s *Segment) is6() bool { return s.head[s.ip]>>4 == 6 }

func (s *Segment) network() string {
	if s.is6() {
		return layers.LayerTypeIPv6.String()
	}
	return layers.LayerTypeIPv4.String()
}

// setIP sets length, addresses and checksum of the IP header that the packet of that many bytes begins with.
func (s *Segment) setIP(header []byte, packet int) {
	if s.is6() {
		binary.BigEndian.PutUint16(header[offIPv6Length:], uint16(packet-lenIPv6Header))
		copy(header[offIPv6Src:], s.Src.Addr().AsSlice())
		copy(header[offIPv6Dst:], s.Dst.Addr().AsSlice())
		return
	}
	checksum := binary.BigEndian.Uint16(header[offIPv4Checksum:])
	before := sum16(header)
	binary.BigEndian.PutUint16(header[offIPv4Length:], uint16(packet))
	copy(header[offIPv4Src:], s.Src.Addr().AsSlice())
	copy(header[offIPv4Dst:], s.Dst.Addr().AsSlice())
	after := sum16(header)
	binary.BigEndian.PutUint16(header[offIPv4Checksum:], adjust(checksum, before-uint64(checksum), after-uint64(checksum)))
}

// setTCP sets the header of the segment, which has that many bytes of options.
func (s *Segment) setTCP(segment []byte, options int) {
	binary.BigEndian.PutUint16(segment, s.Src.Port())
	binary.BigEndian.PutUint16(segment[2:], s.Dst.Port())
	binary.BigEndian.PutUint32(segment[4:], s.Seq)
	binary.BigEndian.PutUint32(segment[8:], s.Ack)
	segment[offTCPOffset] = byte((lenTCPHeader+options)/4)<<4 | segment[offTCPOffset]&0x0f
	segment[offTCPFlags] = byte(s.Flags)
	binary.BigEndian.PutUint16(segment[offTCPWindow:], s.Window)

	checksum := binary.BigEndian.Uint16(segment[offTCPChecksum:])
	switch s.Checksum {
	case ChecksumAdjust:
		checksum = adjust(checksum, s.sum, s.covered(segment))
	case ChecksumFix:
		checksum = ^fold(s.covered(segment))
	case ChecksumPartial:
		checksum = fold(pseudoSum(s.Src.Addr(), s.Dst.Addr(), len(segment)))
	}
	binary.BigEndian.PutUint16(segment[offTCPChecksum:], checksum)
}
