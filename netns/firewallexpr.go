package netns

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// The registers in which a rule keeps what it has read: most need one.
const (
	register       = 1
	secondRegister = 2
	thirdRegister  = 3
)

// firewallExprs are the steps of a rule, as nft(8) would make them. Each part reads something into the register and compares it;
// at the first that differs the rule does not match.
func firewallExprs(r lab.FirewallRule) []expr.Any {
	var all []expr.Any
	for _, part := range [][]expr.Any{
		interfaceExprs(expr.MetaKeyIIFNAME, r.InInterface),
		interfaceExprs(expr.MetaKeyOIFNAME, r.OutInterface),
		familyExprs(r.Family()),
		addressExprs(r.Source, sourceAddress),
		addressExprs(r.Destination, destinationAddress),
		protocolExprs(r.Protocol),
		portExprs(r.SourcePort, sourcePort),
		portExprs(r.DestinationPort, destinationPort),
		stateExprs(r.State),
		markExprs(r.Mark),
		{&expr.Counter{}},
		targetExprs(r),
	} {
		all = append(all, part...)
	}
	return all
}

func equal(data []byte) *expr.Cmp {
	return &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data}
}

func masked(mask []byte) *expr.Bitwise {
	return &expr.Bitwise{
		SourceRegister: register, DestRegister: register,
		Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask)),
	}
}

func interfaceExprs(key expr.MetaKey, name string) []expr.Any {
	if name == "" {
		return nil
	}
	padded := make([]byte, unix.IFNAMSIZ)
	copy(padded, name)
	return []expr.Any{&expr.Meta{Key: key, Register: register}, equal(padded)}
}

func familyExprs(version int) []expr.Any {
	if version == 0 {
		return nil
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register}, equal([]byte{byte(nfproto(version))})}
}

// nfproto is the NFPROTO_* of a version of IP.
func nfproto(version int) nftables.TableFamily {
	if version == 4 {
		return nftables.TableFamilyIPv4
	}
	return nftables.TableFamilyIPv6
}

// The offsets of addresses in the headers of IPv4 and IPv6, and of ports in those of TCP and UDP.
var (
	sourceAddress      = map[bool]uint32{true: 12, false: 8}
	destinationAddress = map[bool]uint32{true: 16, false: 24}
)

const (
	sourcePort      = 0
	destinationPort = 2
)

func addressExprs(p netip.Prefix, offset map[bool]uint32) []expr.Any {
	if !p.IsValid() {
		return nil
	}
	network := p.Masked().Addr()
	mask := make([]byte, network.BitLen()/8)
	for bit := range p.Bits() {
		mask[bit/8] |= 0x80 >> (bit % 8)
	}
	return []expr.Any{
		&expr.Payload{
			DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset[network.Is4()], Len: uint32(len(mask)),
		},
		masked(mask),
		equal(network.AsSlice()),
	}
}

func markExprs(mark uint32) []expr.Any {
	if mark == 0 {
		return nil
	}
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register}, equal(binary.NativeEndian.AppendUint32(nil, mark)),
	}
}

var protocolNumbers = map[string]byte{
	"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP, "icmp": unix.IPPROTO_ICMP, "icmpv6": unix.IPPROTO_ICMPV6,
}

func protocolExprs(name string) []expr.Any {
	if name == "" {
		return nil
	}
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, equal([]byte{protocolNumbers[name]})}
}

func portExprs(ports lab.PortRange, offset uint32) []expr.Any {
	if ports == (lab.PortRange{}) {
		return nil
	}
	return []expr.Any{
		&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: 2},
		&expr.Range{Op: expr.CmpOpEq, Register: register, FromData: portBytes(ports.First), ToData: portBytes(ports.Last)},
	}
}

func portBytes(port uint16) []byte { return binary.BigEndian.AppendUint16(nil, port) }

var stateBits = map[lab.FlowState]uint32{
	lab.FlowNew:         expr.CtStateBitNEW,
	lab.FlowEstablished: expr.CtStateBitESTABLISHED,
	lab.FlowRelated:     expr.CtStateBitRELATED,
	lab.FlowInvalid:     expr.CtStateBitINVALID,
}

func stateExprs(state lab.FlowState) []expr.Any {
	if state == 0 {
		return nil
	}
	var bits uint32
	for s, bit := range stateBits {
		if state&s != 0 {
			bits |= bit
		}
	}
	return []expr.Any{
		&expr.Ct{Key: expr.CtKeySTATE, Register: register},
		masked(binary.NativeEndian.AppendUint32(nil, bits)),
		&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: make([]byte, 4)},
	}
}

// icmpAnswers are the codes of reject that suit both versions of IP.
var icmpAnswers = map[string]uint8{
	"no-route":         unix.NFT_REJECT_ICMPX_NO_ROUTE,
	"port-unreachable": unix.NFT_REJECT_ICMPX_PORT_UNREACH,
	"host-unreachable": unix.NFT_REJECT_ICMPX_HOST_UNREACH,
	"admin-prohibited": unix.NFT_REJECT_ICMPX_ADMIN_PROHIBITED,
}

func targetExprs(r lab.FirewallRule) []expr.Any {
	switch r.Target {
	case "accept":
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	case "drop":
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	case "reject":
		if r.RejectWith == lab.TCPReset {
			return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
		}
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: icmpAnswers[r.RejectWith]}}
	case "masquerade":
		return []expr.Any{&expr.Masq{}}
	case "snat":
		return natExprs(expr.NATTypeSourceNAT, r)
	}
	return natExprs(expr.NATTypeDestNAT, r)
}

func load(to uint32, data []byte) expr.Any { return &expr.Immediate{Register: to, Data: data} }

func natExprs(kind expr.NATType, r lab.FirewallRule) []expr.Any {
	nat := &expr.NAT{Type: kind, Family: uint32(nfproto(r.Family())), RegAddrMin: register}
	all := []expr.Any{load(register, r.To.AsSlice())}
	if r.ToPort != (lab.PortRange{}) {
		all = append(all, load(secondRegister, portBytes(r.ToPort.First)), load(thirdRegister, portBytes(r.ToPort.Last)))
		nat.RegProtoMin, nat.RegProtoMax = secondRegister, thirdRegister
	}
	return append(all, nat)
}
