package wire

import "net/netip"

// TCPFlags are the flag bits of a TCP header's byte 13.
type TCPFlags uint8

// Packet is a TCP segment over IPv4 or IPv6, decoded: its addresses, header fields and MPTCP options.
type Packet struct {
	Src        netip.AddrPort
	Dst        netip.AddrPort
	Flags      TCPFlags
	Seq        uint32
	Ack        uint32
	Window     uint16 // unscaled
	PayloadLen int    // bytes of payload on the wire, also when it was not captured
	Options    []Option
}

// Option is one MPTCP option of RFC 8684: a *MPCapable, *MPJoin, *DSS, *AddAddr, *RemoveAddr, *MPPrio, *MPFail,
// *FastClose, *TCPRst, or *Unknown.
type Option interface {
	// Name is the option's name in RFC 8684: "ADD_ADDR".
	Name() string
	// String shows the option as tcpdump would.
	String() string
}
