package starlark

import (
	"fmt"
	"math"
	"net/netip"
	"strconv"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// selection says which packets of a link are meant.
type selection struct {
	match.Selector
	sender node // nil: both ends
}

// selectionSettings are the ways to say it.
var selectionSettings = &settings[*selection]{
	name: "selection",
	doc: "Which TCP packets a rule of a link is about: named arguments of link.drop and the others. All that are given must hold; without any, " +
		"every packet is meant. nth, first, every and after count the packets for which the rest holds, in the order in which they enter the link.",
	fields: []setting[*selection]{
		newSetting("option", optionKind, "they carry this MPTCP option", func(s *selection, name string) { s.Match.Option = name }),
		newSetting("echo", boolKind, "with ADD_ADDR: it is an echo, or not", func(s *selection, b bool) { s.Match.Echo = &b }),
		newSetting("id", unsigned[uint8](math.MaxUint8), "with ADD_ADDR, REMOVE_ADDR or MP_JOIN: the address ID", func(s *selection, id uint8) { s.Match.ID = &id }),
		newSetting("backup", boolKind, "with MP_JOIN or MP_PRIO: its backup flag", func(s *selection, b bool) { s.Match.Backup = &b }),
		newSetting("data_fin", boolKind, "with DSS: it has the DATA_FIN, or not", func(s *selection, b bool) { s.Match.DataFIN = &b }),
		newSetting("flags", flagsKind, `their kind by the TCP flags: "S" SYN, "S." SYN-ACK, "." none of SYN, FIN and RST, "F" FIN, "R" RST, whatever else they have`,
			func(s *selection, f match.Flags) { s.Match.Flags = f }),
		newSetting("family", words("a family", map[string]match.Family{"ipv4": match.IPv4, "ipv6": match.IPv6}), "their address family",
			func(s *selection, f match.Family) { s.Match.Family = f }),
		newSetting("source", sideKind, "their source", func(s *selection, a netip.AddrPort) { s.Match.Src = a }),
		newSetting("destination", sideKind, "their destination", func(s *selection, a netip.AddrPort) { s.Match.Dst = a }),
		newSetting("address", sideKind, "their source or destination", func(s *selection, a netip.AddrPort) { s.Match.Host = a }),
		newSetting("payload", boolKind, "they carry payload, or not", func(s *selection, b bool) { s.Match.Payload = &b }),
		newSetting("sender", nodeKind, "the end of the link that sends them", func(s *selection, n node) { s.sender = n }),
		newSetting("nth", countOfPackets, "only this one of them, from 1", func(s *selection, n uint32) { s.Times.Nth = uint(n) }),
		newSetting("first", countOfPackets, "only this many, from the first on", func(s *selection, n uint32) { s.Times.First = uint(n) }),
		newSetting("every", countOfPackets, "only each that many-th: 2 for every other", func(s *selection, n uint32) { s.Times.Every = uint(n) }),
		newSetting("after", countOfPackets, "only those after so many", func(s *selection, n uint32) { s.Times.After = uint(n) }),
	},
}

var (
	nodeKind  = is[node]("a host, or a switch")
	flagsKind = words("flags", map[string]match.Flags{"S": match.SYN, "S.": match.SYNACK, ".": match.ACK, "F": match.FIN, "R": match.RST})
	sideKind  = parsed(`an address, a port, or both: "10.0.1.1", ":8001", "10.0.1.1:8001" or "[fd00::1]:8001"`, parseSide)

	countOfPackets = kindOf("a number of packets, 1 or more", func(v starlark.Value) (uint32, error) {
		n, err := unsigned[uint32](math.MaxUint32).convert(v)
		if err != nil || n == uint32(0) {
			return 0, errWrongKind
		}
		return n.(uint32), nil
	})
)

// parseSide reads an address, a port after a colon, or both.
func parseSide(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	if port, ok := strings.CutPrefix(s, ":"); ok {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return netip.AddrPort{}, fmt.Errorf("port %q: not a number from 1 to 65535", port)
		}
		return netip.AddrPortFrom(netip.Addr{}, uint16(n)), nil
	}
	return netip.ParseAddrPort(s)
}

// selector is what the call's **selection means, on top of what the rule is about by itself.
func (c *call) selector(l *link, preset match.Match) (match.Selector, error) {
	s := selection{Selector: match.Selector{Match: preset}}
	if err := selectionSettings.apply(&s, get[[]keyword](c, "**selection")); err != nil {
		return s.Selector, err
	}
	if s.sender != nil {
		from, err := l.end("sender", s.sender)
		if err != nil {
			return s.Selector, err
		}
		s.Match.Direction = []match.Direction{match.AToB, match.BToA}[from]
	}
	return s.Selector, s.Validate()
}

// end is the end of the link that a node is, as a parameter names it.
func (l *link) end(param string, n node) (int, error) {
	ends := l.link.Ends()
	for i, e := range ends {
		if e.Node == n.labNode().Name() {
			return i, nil
		}
	}
	return 0, fmt.Errorf("%s: %s is at no end of link %s: expected %s or %s", param, n.labNode().Name(), l.link.Name(), ends[0].Node, ends[1].Node)
}

// parseTCPFlags reads flags as tcpdump prints them: "S.", "none".
func parseTCPFlags(s string) (wire.TCPFlags, error) {
	var flags wire.TCPFlags
	if s == flags.String() {
		return flags, nil
	}
	for _, letter := range s {
		bit := wire.TCPFlags(1)
		for bit != 0 && bit.String() != string(letter) {
			bit <<= 1
		}
		if bit == 0 || flags&bit != 0 {
			return 0, fmt.Errorf("flags %q", s)
		}
		flags |= bit
	}
	if flags == 0 {
		return 0, fmt.Errorf("flags %q: empty", s)
	}
	return flags, nil
}
