package match

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Match is a predicate on a TCP segment. A field that is unset, its zero value, asks for nothing; all others must hold.
type Match struct {
	// Option is the name of an MPTCP option that the packet carries: a name of package wire, such as wire.NameAddAddr.
	Option string

	// The next four are about that option. Where a packet carries several of one name, one of them must satisfy all.
	Echo    *bool  // ADD_ADDR
	ID      *uint8 // address id: ADD_ADDR, MP_JOIN on SYN and SYN-ACK, or one of those of REMOVE_ADDR
	Backup  *bool  // MP_PRIO, MP_JOIN on SYN and SYN-ACK
	DataFIN *bool  // DSS

	Flags     Flags
	Family    Family
	Src, Dst  netip.AddrPort // without an address, the port alone; with port 0, the address alone
	Host      netip.AddrPort // the same, of either side
	Payload   *bool          // whether there is payload
	Direction Direction
}

// Flags is the kind of segment by its TCP flags.
type Flags uint8

// The kinds of segments.
const (
	AnyFlags Flags = iota
	SYN            // SYN without ACK
	SYNACK         // SYN and ACK
	ACK            // ACK, and none of SYN, FIN and RST
	FIN            // FIN, whatever else
	RST            // RST, whatever else
)

// Family is an address family.
type Family uint8

// The families.
const (
	AnyFamily Family = iota
	IPv4
	IPv6
)

// Direction is the way of a packet over a link with the ends a and b.
type Direction uint8

// The directions. A packet that passes has one of the latter two.
const (
	AnyDirection Direction = iota
	AToB
	BToA
)

// flagBits are the bits that are looked at for each kind, and those that must be set among them.
var flagBits = [...]struct {
	name      string
	mask, set wire.TCPFlags
}{
	AnyFlags: {},
	SYN:      {"SYN", wire.FlagSYN | wire.FlagACK, wire.FlagSYN},
	SYNACK:   {"SYN-ACK", wire.FlagSYN | wire.FlagACK, wire.FlagSYN | wire.FlagACK},
	ACK:      {"ACK", wire.FlagSYN | wire.FlagACK | wire.FlagFIN | wire.FlagRST, wire.FlagACK},
	FIN:      {"FIN", wire.FlagFIN, wire.FlagFIN},
	RST:      {"RST", wire.FlagRST, wire.FlagRST},
}

var (
	familyNames    = [...]string{AnyFamily: "", IPv4: "ipv4", IPv6: "ipv6"}
	directionNames = [...]string{AnyDirection: "", AToB: "a>b", BToA: "b>a"}
)

// String is the kind's word in the text form, empty for AnyFlags.
func (f Flags) String() string {
	if int(f) >= len(flagBits) {
		return fmt.Sprintf("Flags(%d)", uint8(f))
	}
	return flagBits[f].name
}

// String is the family's word in the text form, empty for AnyFamily.
func (f Family) String() string { return word(familyNames[:], "Family", uint8(f)) }

// String is the direction's word in the text form, empty for AnyDirection.
func (d Direction) String() string { return word(directionNames[:], "Direction", uint8(d)) }

func word(words []string, typ string, value uint8) string {
	if int(value) >= len(words) {
		return fmt.Sprintf("%s(%d)", typ, value)
	}
	return words[value]
}

// optionNames are those that Option may have.
var optionNames = []string{
	wire.NameMPCapable, wire.NameMPJoin, wire.NameDSS, wire.NameAddAddr, wire.NameRemoveAddr,
	wire.NameMPPrio, wire.NameMPFail, wire.NameFastClose, wire.NameTCPRst, wire.NameUnknown,
}

// details are the fields that are about an option, and the options that have them.
var details = []struct {
	name    string
	set     func(m *Match) bool
	options []string
}{
	{"echo", func(m *Match) bool { return m.Echo != nil }, []string{wire.NameAddAddr}},
	{"id", func(m *Match) bool { return m.ID != nil }, []string{wire.NameAddAddr, wire.NameRemoveAddr, wire.NameMPJoin}},
	{"backup", func(m *Match) bool { return m.Backup != nil }, []string{wire.NameMPJoin, wire.NameMPPrio}},
	{"data_fin", func(m *Match) bool { return m.DataFIN != nil }, []string{wire.NameDSS}},
}

// Validate tells what in the match makes no sense, or keeps it from ever matching.
func (m Match) Validate() error {
	if m.Option != "" && !slices.Contains(optionNames, m.Option) {
		return fmt.Errorf("unknown option %q, want one of %s", m.Option, strings.Join(optionNames, ", "))
	}
	for _, d := range details {
		if !d.set(&m) {
			continue
		}
		if !slices.Contains(d.options, m.Option) {
			return fmt.Errorf("%s is a property of %s: name that option", d.name, strings.Join(d.options, ", "))
		}
		if m.Option == wire.NameMPJoin && m.Flags >= ACK {
			return fmt.Errorf("%s is not on the MP_JOIN of flags=%v, only on those of SYN and SYN-ACK", d.name, m.Flags)
		}
	}
	switch {
	case int(m.Flags) >= len(flagBits):
		return fmt.Errorf("unknown flags %v", m.Flags)
	case int(m.Family) >= len(familyNames):
		return fmt.Errorf("unknown family %v", m.Family)
	case int(m.Direction) >= len(directionNames):
		return fmt.Errorf("unknown direction %v", m.Direction)
	}
	return m.checkAddresses()
}

func (m Match) checkAddresses() error {
	family := m.Family
	for _, side := range []struct {
		name string
		want netip.AddrPort
	}{{"src", m.Src}, {"dst", m.Dst}, {"host", m.Host}} {
		address := side.want.Addr()
		switch {
		case !address.IsValid():
			continue
		case address.Zone() != "":
			return fmt.Errorf("%s %v has a zone, which no packet carries", side.name, address)
		case family != AnyFamily && family != familyOf(address):
			return errors.New("the addresses and the family are not of one family, so no packet can match")
		}
		family = familyOf(address)
	}
	return nil
}

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// Matches reports whether the match holds for a packet that passes in that direction. It supposes that Validate passes.
func (m Match) Matches(p wire.Packet, d Direction) bool {
	bits := flagBits[m.Flags]
	return p.Flags&bits.mask == bits.set &&
		(m.Direction == AnyDirection || m.Direction == d) &&
		(m.Family == AnyFamily || m.Family == familyOf(p.Src.Addr())) &&
		is(m.Payload, p.PayloadLen > 0) &&
		on(m.Src, p.Src) && on(m.Dst, p.Dst) && (on(m.Host, p.Src) || on(m.Host, p.Dst)) &&
		(m.Option == "" || slices.ContainsFunc(p.Options, m.matchesOption))
}

func (m Match) matchesOption(o wire.Option) bool {
	if o.Name() != m.Option {
		return false
	}
	switch o := o.(type) {
	case *wire.AddAddr:
		return is(m.Echo, o.Echo) && is(m.ID, o.ID)
	case *wire.RemoveAddr:
		return m.ID == nil || slices.Contains(o.IDs, *m.ID)
	case *wire.MPJoin:
		if o.Phase == wire.JoinACK {
			return m.ID == nil && m.Backup == nil
		}
		return is(m.ID, o.ID) && is(m.Backup, o.Backup)
	case *wire.MPPrio:
		return is(m.Backup, o.Backup)
	case *wire.DSS:
		return is(m.DataFIN, o.DataFIN)
	}
	return true
}

// is reports whether a field that may be unset asks for no other value than this.
func is[T comparable](want *T, got T) bool { return want == nil || *want == got }

// on does the same for an address and port.
func on(want, got netip.AddrPort) bool {
	return (!want.Addr().IsValid() || want.Addr() == got.Addr()) && (want.Port() == 0 || want.Port() == got.Port())
}

// MayMatch reports whether the match can hold for a frame of that class; false is sure. So bulk data can pass without being
// decoded: a match on an option other than DSS, on SYN, SYN-ACK, FIN or RST, or on DATA_FIN does not mean it.
func (m Match) MayMatch(class wire.Class) bool {
	switch class {
	case wire.ClassNotTCP:
		return false
	case wire.ClassBareDSS:
		return (m.Option == "" || m.Option == wire.NameDSS) && (m.Flags == AnyFlags || m.Flags == ACK) && is(m.DataFIN, false)
	}
	return true
}
