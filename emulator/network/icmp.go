package network

import (
	"encoding/binary"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
)

// Code is why a packet could not be delivered, in what ICMP and ICMPv6 have in common.
type Code uint8

// The codes.
const (
	CodeNoRoute Code = iota
	CodeHost
	CodePort
	CodeProhibited
	CodeTooBig
)

// codes are the types and codes of ICMP (RFC 792, RFC 1812) and of ICMPv6 (RFC 4443).
var codes = [...][2][2]byte{
	CodeNoRoute:    {{3, 0}, {1, 0}},
	CodeHost:       {{3, 1}, {1, 3}},
	CodePort:       {{3, 3}, {1, 4}},
	CodeProhibited: {{3, 13}, {1, 1}},
	CodeTooBig:     {{3, 4}, {2, 0}},
}

const (
	protocolICMP   = 1
	protocolICMPv6 = 58
	lenICMP        = 8
	maxQuote4      = 576 // of a whole ICMP packet (RFC 1812)
	maxQuote6      = 1280
)

func (h *Host) tooBig(in *Interface, packet []byte, mtu int) { h.complain(in, packet, CodeTooBig, mtu) }

func (h *Host) unreachable(in *Interface, packet []byte, why Code) { h.complain(in, packet, why, 0) }

// Complain answers a packet with an ICMP error, unless it is one itself.
func (h *Host) Complain(in *Interface, packet []byte, why Code) { h.complain(in, packet, why, 0) }

// complain sends an ICMP error from an address of the interface that the packet came by.
func (h *Host) complain(in *Interface, packet []byte, why Code, mtu int) {
	src, dst, err := segment.Addresses(packet)
	if err != nil {
		return
	}
	own := dst
	if !h.Has(dst) {
		own = h.AddressOf(in, src.Is4())
	}
	if !own.IsValid() {
		return
	}
	if e := icmp(own, src, packet, why, mtu, h.NextID()); e != nil {
		h.Send(e, 0, 0)
	}
}

// icmp makes an ICMP error about a packet.
func icmp(src, dst netip.Addr, about []byte, why Code, mtu int, id uint16) []byte {
	family, header, protocol, most := 0, segment.LenIPv4, byte(protocolICMP), maxQuote4
	if src.Is6() {
		family, header, protocol, most = 1, segment.LenIPv6, protocolICMPv6, maxQuote6
	}
	quote := about[:min(len(about), most-header-lenICMP)]
	p := make([]byte, header+lenICMP, header+lenICMP+len(quote))
	body := append(p, quote...)
	copy(body[header:], codes[why][family][:])
	if src.Is4() {
		binary.BigEndian.PutUint16(body[header+6:], uint16(mtu))
	} else {
		binary.BigEndian.PutUint32(body[header+4:], uint32(mtu))
	}
	segment.WriteIP(body, src, dst, protocol, id, 0)
	binary.BigEndian.PutUint16(body[header+2:], segment.Checksum(src, dst, protocol, body[header:]))
	return body
}

// ICMPError is what an ICMP error tells of a packet that the host has sent.
type ICMPError struct {
	Src, Dst netip.AddrPort // of that packet, which was TCP
	Why      Code
	MTU      int // with CodeTooBig
}

// ParseICMP reads an ICMP error about a TCP segment.
func ParseICMP(packet []byte) (e ICMPError, ok bool) {
	src, _, err := segment.Addresses(packet)
	if err != nil {
		return e, false
	}
	family, header, protocol := 0, segment.LenIPv4, packet[9]
	if src.Is6() {
		family, header, protocol = 1, segment.LenIPv6, packet[6]
	}
	if protocol != [2]byte{protocolICMP, protocolICMPv6}[family] || len(packet) < header+lenICMP {
		return e, false
	}
	body := packet[header:]
	for code, x := range codes {
		if x[family] != [2]byte(body[:2]) {
			continue
		}
		e.Why = Code(code)
		e.MTU = int(binary.BigEndian.Uint16(body[6:]))
		e.Src, e.Dst, ok = ports(body[lenICMP:])
		return e, ok
	}
	return e, false
}

// ports reads the addresses and ports of a TCP packet of which there may be only the beginning.
func ports(p []byte) (src, dst netip.AddrPort, ok bool) {
	a, b, err := segment.Addresses(p)
	if err != nil {
		return src, dst, false
	}
	header := segment.LenIP(a)
	if len(p) < header+4 {
		return src, dst, false
	}
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(p[header:])),
		netip.AddrPortFrom(b, binary.BigEndian.Uint16(p[header+2:])), true
}
