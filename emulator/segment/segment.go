package segment

import (
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Segment is a TCP segment (RFC 9293 section 3.1) with the addresses that it goes from and to. Both are IPv4, or both IPv6.
type Segment struct {
	Src, Dst netip.AddrPort
	Seq, Ack uint32
	Flags    wire.TCPFlags
	Window   uint16 // as in the header: unscaled
	TOS      uint8  // of IPv4; of IPv6 the traffic class
	TCPOptions
	MPTCP   []wire.Option // those that are malformed or of no known subtype included, as *wire.Unknown
	Payload []byte
}

// TCPOptions are the options of TCP itself. Those with a zero value are not there.
type TCPOptions struct {
	MSS           uint16 // RFC 9293 section 3.7.1
	HasScale      bool   // RFC 7323 section 2
	Scale         uint8
	SACKPermitted bool    // RFC 2018
	SACK          []Block // at most four
	HasTimestamps bool    // RFC 7323 section 3
	TSVal, TSEcr  uint32
	HasFastOpen   bool   // RFC 7413
	Cookie        []byte // empty: it asks for one
}

// Block is a range of sequence numbers that was received: End is not in it.
type Block struct{ Start, End uint32 }

// Has tells whether all of the flags are set.
func (s *Segment) Has(f wire.TCPFlags) bool { return s.Flags&f == f }

// End is the sequence number after the segment.
func (s *Segment) End() uint32 {
	end := s.Seq + uint32(len(s.Payload))
	if s.Has(wire.FlagSYN) {
		end++
	}
	if s.Has(wire.FlagFIN) {
		end++
	}
	return end
}

// Refusal is the reset that answers a segment (RFC 9293 section 3.10.7.1).
func (s *Segment) Refusal(options ...wire.Option) *Segment {
	r := &Segment{Src: s.Dst, Dst: s.Src, Flags: wire.FlagRST, MPTCP: options}
	if s.Has(wire.FlagACK) {
		r.Seq = s.Ack
		return r
	}
	r.Flags |= wire.FlagACK
	r.Ack = s.End()
	return r
}

// Option is the first MPTCP option of a type, or its zero value.
func Option[T wire.Option](s *Segment) (found T) {
	for _, o := range s.MPTCP {
		if x, ok := o.(T); ok {
			return x
		}
	}
	return found
}

// String shows the segment as tcpdump would.
func (s *Segment) String() string {
	return wire.Packet{
		Src: s.Src, Dst: s.Dst, Flags: s.Flags, Seq: s.Seq, Ack: s.Ack, Window: s.Window, PayloadLen: len(s.Payload), Options: s.MPTCP,
	}.String()
}

// MaxOptions is how many bytes the options of a TCP header may have.
const MaxOptions = 40

// The lengths of headers in bytes, without options.
const (
	LenTCP  = 20
	LenIPv4 = 20
	LenIPv6 = 40
)

// LenIP is the length of the IP header in front of segments between addresses like this one.
func LenIP(a netip.Addr) int {
	if a.Is4() {
		return LenIPv4
	}
	return LenIPv6
}

// The kinds of TCP options (RFC 9293 section 3.2 and IANA).
const (
	kindEnd       = 0
	kindNOP       = 1
	kindMSS       = 2
	kindScale     = 3
	kindPermitted = 4
	kindSACK      = 5
	kindTime      = 8
	kindFastOpen  = 34
)

// Room is how many bytes MPTCP's options may take beside the segment's other ones.
func (s *Segment) Room() int { return MaxOptions - s.TCPOptions.size() }

// size is the length of the options as appendTo writes them.
func (o *TCPOptions) size() int {
	n := 0
	if o.MSS != 0 {
		n += 4
	}
	if o.HasTimestamps {
		n += 12
	} else if o.SACKPermitted {
		n += 4
	}
	if o.HasScale {
		n += 4
	}
	if len(o.SACK) > 0 {
		n += 4 + 8*len(o.SACK)
	}
	if o.HasFastOpen {
		n += (2 + len(o.Cookie) + 3) &^ 3
	}
	return n
}

// OptionSize is how many bytes MPTCP options take, each padded to a multiple of four as Linux does it.
func OptionSize(options ...wire.Option) (int, error) {
	n := 0
	var buffer [MaxOptions]byte
	for _, o := range options {
		b, err := wire.AppendOption(buffer[:0], o)
		if err != nil {
			return 0, err
		}
		n += (len(b) + 3) &^ 3
	}
	return n, nil
}

// check tells what has no place in a packet.
func (s *Segment) check() error {
	if s.Src.Addr().Is4() != s.Dst.Addr().Is4() {
		return fmt.Errorf("segment from %v to %v: the addresses are of different families", s.Src, s.Dst)
	}
	return nil
}
