package firewall

import (
	"encoding/binary"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// protocols are the numbers in IP headers.
var protocols = map[string]byte{"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58}

// head is what rules ask of a packet.
type head struct {
	protocol byte
	src, dst netip.AddrPort
	tcp      int // where the TCP header begins; 0: there is none
}

// read reads the headers of an IP packet.
func read(packet []byte) (h head, ok bool) {
	src, dst, err := segment.Addresses(packet)
	if err != nil {
		return h, false
	}
	length := segment.LenIP(src)
	h.src, h.dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
	if src.Is4() {
		h.protocol = packet[9]
	} else {
		h.protocol = packet[6]
	}
	if h.protocol == protocols["tcp"] && len(packet) >= length+segment.LenTCP {
		h.tcp = length
		h.src = netip.AddrPortFrom(src, binary.BigEndian.Uint16(packet[length:]))
		h.dst = netip.AddrPortFrom(dst, binary.BigEndian.Uint16(packet[length+2:]))
	}
	return h, true
}

// flags are those of the packet's TCP header.
func (h head) flags(packet []byte) wire.TCPFlags { return wire.TCPFlags(packet[h.tcp+13]) }

// matches tells whether a packet is one that the rule is for.
func (x *rule) matches(packet []byte, m network.Meta, state lab.FlowState) bool {
	h, ok := read(packet)
	return ok &&
		isNamed(m.In, x.InInterface) && isNamed(m.Out, x.OutInterface) &&
		(x.Family() == 0 || (x.Family() == 4) == h.src.Addr().Is4()) &&
		(x.Protocol == "" || protocols[x.Protocol] == h.protocol) &&
		within(x.Source, x.SourcePort, h.src) && within(x.Destination, x.DestinationPort, h.dst) &&
		(x.State == 0 || x.State&state != 0) && (x.Mark == 0 || x.Mark == m.Mark)
}

// isNamed tells whether an interface has a name; any has the empty one. None is the loopback interface.
func isNamed(i *network.Interface, name string) bool {
	return name == "" || i != nil && i.Name == name || i == nil && name == "lo"
}

func within(p netip.Prefix, ports lab.PortRange, a netip.AddrPort) bool {
	return (!p.IsValid() || p.Contains(a.Addr())) &&
		(ports == lab.PortRange{} || ports.First <= a.Port() && a.Port() <= ports.Last)
}

// rewrite gives a TCP packet other ends. Its checksums follow: what was wrong stays wrong (RFC 1624).
func rewrite(packet []byte, src, dst netip.AddrPort) {
	h, ok := read(packet)
	if !ok || h.tcp == 0 {
		return
	}
	at, length := 12, 4
	if h.src.Addr().Is6() {
		at, length = 8, 16
	}
	old, ports := packet[at:at+2*length], packet[h.tcp:h.tcp+4]
	before, beforePorts := sum(old), sum(ports)
	copy(old, src.Addr().AsSlice())
	copy(old[length:], dst.Addr().AsSlice())
	binary.BigEndian.PutUint16(ports, src.Port())
	binary.BigEndian.PutUint16(ports[2:], dst.Port())
	after, afterPorts := sum(old), sum(ports)
	if h.src.Addr().Is4() {
		adjust(packet[10:], before, after)
	}
	adjust(packet[h.tcp+16:], before+beforePorts, after+afterPorts)
}

func sum(b []byte) (total uint32) {
	for ; len(b) > 0; b = b[2:] {
		total += uint32(binary.BigEndian.Uint16(b))
	}
	return total
}

// adjust changes a checksum as the sum of what it covers has changed.
func adjust(field []byte, before, after uint32) {
	total := uint32(^binary.BigEndian.Uint16(field)) + uint32(^fold(before)) + uint32(fold(after))
	binary.BigEndian.PutUint16(field, ^fold(total))
}

func fold(total uint32) uint16 {
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}

// answers are the codes of ICMP errors, by the words of reject.
var answers = map[string]network.Code{
	"port-unreachable": network.CodePort, "host-unreachable": network.CodeHost,
	"no-route": network.CodeNoRoute, "admin-prohibited": network.CodeProhibited,
}

// reject answers a packet that is refused.
func (f *Firewall) reject(x *rule, packet []byte, in *network.Interface) {
	if x.RejectWith != lab.TCPReset {
		f.host.Complain(in, packet, answers[x.RejectWith])
		return
	}
	s, err := segment.Parse(packet)
	if err != nil || s.Has(wire.FlagRST) {
		return
	}
	r := s.Refusal()
	if b, err := r.Append(nil, f.host.NextID()); err == nil {
		f.host.Send(b, 0, 0)
	}
}
