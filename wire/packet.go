package wire

import (
	"net/netip"
	"strconv"
)

// Packet is a TCP segment over IPv4 or IPv6, decoded: its addresses, header fields and MPTCP options.
type Packet struct {
	Src        netip.AddrPort
	Dst        netip.AddrPort
	Flags      TCPFlags
	Seq        uint32
	Ack        uint32
	Window     uint16 // unscaled
	TOS        uint8  // of the IP header: the type of service, or the traffic class of IPv6
	PayloadLen int    // bytes of payload on the wire, also when it was not captured
	Options    []Option
}

// Option returns the first option with that name, such as [NameAddAddr], or nil.
func (p Packet) Option(name string) Option {
	for _, o := range p.Options {
		if o.Name() == name {
			return o
		}
	}
	return nil
}

// IsBareDSS reports whether the packet only moves data: it has none of SYN, FIN and RST, and no MPTCP option other than
// DSS without DATA_FIN. A packet without any MPTCP option is such a packet, too.
func (p Packet) IsBareDSS() bool {
	if p.Flags&(FlagSYN|FlagFIN|FlagRST) != 0 {
		return false
	}
	for _, o := range p.Options {
		if dss, ok := o.(*DSS); !ok || dss.DataFIN {
			return false
		}
	}
	return true
}

// String shows the packet as tcpdump would:
//
//	10.0.1.2:4242 > 10.0.1.1:80: Flags [P.], seq 1:6, ack 1, win 502, length 5, mptcp 12 dss ack 7
//
// As there, seq is left out of segments that occupy no sequence space, and ack without the ACK flag.
func (p Packet) String() string {
	b := make([]byte, 0, 160)
	b = p.Src.AppendTo(b)
	b = append(b, " > "...)
	b = p.Dst.AppendTo(b)
	b = append(b, ": Flags ["...)
	b = append(b, p.Flags.String()...)
	b = append(b, ']')
	if p.PayloadLen > 0 || p.Flags&(FlagSYN|FlagFIN|FlagRST) != 0 {
		b = appendUint(b, ", seq ", p.Seq)
	}
	if p.PayloadLen > 0 {
		b = appendUint(b, ":", p.Seq+uint32(p.PayloadLen))
	}
	if p.Flags&FlagACK != 0 {
		b = appendUint(b, ", ack ", p.Ack)
	}
	b = appendUint(b, ", win ", uint32(p.Window))
	b = append(b, ", length "...)
	b = strconv.AppendInt(b, int64(p.PayloadLen), 10)
	for _, o := range p.Options {
		b = append(b, ", "...)
		b = append(b, o.String()...)
	}
	return string(b)
}

func appendUint(b []byte, label string, v uint32) []byte {
	return strconv.AppendUint(append(b, label...), uint64(v), 10)
}
