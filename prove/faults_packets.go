package prove

import (
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// packetFaults are about what is on the wire. Options are lost without the packet that carries them, where TCP can do without.
var packetFaults = []Fault{
	{
		Name: "ADD_ADDR lost", Effect: "No ADD_ADDR arrives.",
		packet: &packetFault{match: match.Match{Option: wire.NameAddAddr, Echo: new(false)}, edit: strip(wire.NameAddAddr)},
	},
	{
		Name: "ADD_ADDR echo lost", Effect: "No echo of an ADD_ADDR arrives.",
		packet: &packetFault{match: match.Match{Option: wire.NameAddAddr, Echo: new(true)}, edit: strip(wire.NameAddAddr)},
	},
	{
		Name: "RM_ADDR lost", Effect: "No RM_ADDR arrives.",
		packet: &packetFault{match: match.Match{Option: wire.NameRemoveAddr}, edit: strip(wire.NameRemoveAddr)},
	},
	{
		Name: "MP_JOIN SYN lost", Effect: "No SYN with MP_JOIN arrives.",
		packet: &packetFault{match: match.Match{Option: wire.NameMPJoin, Flags: match.SYN}},
	},
	{
		Name: "MP_JOIN SYN-ACK lost", Effect: "No SYN-ACK with MP_JOIN arrives.",
		packet: &packetFault{match: match.Match{Option: wire.NameMPJoin, Flags: match.SYNACK}},
	},
	{
		Name: "MP_JOIN ACK lost", Effect: "No ACK with MP_JOIN arrives.",
		packet: &packetFault{match: match.Match{Option: wire.NameMPJoin, Flags: match.ACK}},
	},
	{
		Name: "MP_JOIN backup bit cleared", Effect: "The B bit of MP_JOIN is cleared.",
		packet: &packetFault{match: match.Match{Option: wire.NameMPJoin, Backup: new(true)}, edit: edited(func(o *wire.MPJoin) { o.Backup = false })},
	},
	{
		Name: "MP_PRIO lost", Effect: "No MP_PRIO arrives.",
		packet: &packetFault{match: match.Match{Option: wire.NameMPPrio}, edit: strip(wire.NameMPPrio)},
	},
	{
		Name: "MP_CAPABLE stripped", Effect: "MP_CAPABLE is taken out of every SYN.",
		packet: &packetFault{match: match.Match{Option: wire.NameMPCapable, Flags: match.SYN}, edit: strip(wire.NameMPCapable)},
	},
	{
		Name: "MP_CAPABLE stripped from SYN-ACK", Effect: "MP_CAPABLE is taken out of every SYN-ACK.",
		packet: &packetFault{match: match.Match{Option: wire.NameMPCapable, Flags: match.SYNACK}, edit: strip(wire.NameMPCapable)},
	},
	{
		Name: "MP_FASTCLOSE stripped", Effect: "MP_FASTCLOSE is taken out of every packet.",
		packet: &packetFault{match: match.Match{Option: wire.NameFastClose}, edit: strip(wire.NameFastClose)},
	},
	{
		Name: "MP_TCPRST stripped", Effect: "MP_TCPRST is taken out of every packet.",
		packet: &packetFault{match: match.Match{Option: wire.NameTCPRst}, edit: strip(wire.NameTCPRst)},
	},
	{
		Name: "MP_FAIL stripped", Effect: "MP_FAIL is taken out of every packet.",
		packet: &packetFault{match: match.Match{Option: wire.NameMPFail}, edit: strip(wire.NameMPFail)},
	},
	{Name: "RST lost", Effect: "No RST arrives.", packet: &packetFault{match: match.Match{Flags: match.RST}}},
	{Name: "FIN lost", Effect: "No FIN arrives.", packet: &packetFault{match: match.Match{Flags: match.FIN}}},
	{
		Name: "DSS stripped", Effect: "DSS is taken out of every packet.",
		packet: &packetFault{match: match.Match{Option: wire.NameDSS}, edit: strip(wire.NameDSS), bulk: true},
	},
	{
		Name: "data altered", Effect: "The last byte of every segment of two bytes or more is another one, and TCP cannot notice.",
		packet: &packetFault{match: match.Match{Payload: new(true)}, edit: lastByte, bulk: true},
	},
}

func strip(name string) func(*wire.Segment) error {
	return func(s *wire.Segment) error {
		s.Strip(name)
		return nil
	}
}

// edited changes all options of one kind.
func edited[O wire.Option](change func(O)) func(*wire.Segment) error {
	return func(s *wire.Segment) error {
		return s.Replace(func(o wire.Option) wire.Option {
			if o, ok := o.(O); ok {
				change(o)
			}
			return o
		})
	}
}

func lastByte(s *wire.Segment) error {
	if n := len(s.Payload); n > 1 {
		s.Payload[n-1] ^= 0xff
		s.Checksum = wire.ChecksumFix
	}
	return nil
}
