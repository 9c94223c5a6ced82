package story

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Class is what kind of message a packet is.
type Class string

// The classes, the more particular ones first: a packet has the first that fits.
const (
	ClassReset     Class = "reset"     // RST, MP_FASTCLOSE, MP_FAIL
	ClassAddAddr   Class = "add-addr"  // ADD_ADDR and its echo
	ClassRmAddr    Class = "rm-addr"   // RM_ADDR
	ClassPrio      Class = "prio"      // MP_PRIO
	ClassJoin      Class = "join"      // MP_JOIN
	ClassHandshake Class = "handshake" // MP_CAPABLE, or a SYN without
	ClassClose     Class = "close"     // FIN, DATA_FIN
	ClassData      Class = "data"      // the rest
)

// classes are the classes by option.
var classes = []struct {
	option string
	class  Class
}{
	{wire.NameFastClose, ClassReset},
	{wire.NameMPFail, ClassReset},
	{wire.NameAddAddr, ClassAddAddr},
	{wire.NameRemoveAddr, ClassRmAddr},
	{wire.NameMPPrio, ClassPrio},
	{wire.NameMPJoin, ClassJoin},
}

func classOf(p wire.Packet) Class {
	if p.Flags&wire.FlagRST != 0 {
		return ClassReset
	}
	for _, c := range classes {
		if p.Option(c.option) != nil {
			return c.class
		}
	}
	capable, _ := p.Option(wire.NameMPCapable).(*wire.MPCapable)
	dss, _ := p.Option(wire.NameDSS).(*wire.DSS)
	switch {
	case p.Flags&wire.FlagSYN != 0 || capable != nil && !capable.HasData:
		return ClassHandshake
	case p.Flags&wire.FlagFIN != 0 || dss != nil && dss.DataFIN:
		return ClassClose
	}
	return ClassData
}

// labelOf says in few words what a packet says.
func labelOf(p wire.Packet) string {
	var words []string
	for _, f := range []struct {
		flag wire.TCPFlags
		word string
	}{{wire.FlagSYN, "SYN"}, {wire.FlagRST, "RST"}, {wire.FlagFIN, "FIN"}} {
		if p.Flags&f.flag != 0 {
			words = append(words, f.word)
		}
	}
	if p.Flags&wire.FlagSYN != 0 && p.Flags&wire.FlagACK != 0 {
		words = []string{"SYN/ACK"}
	}
	for _, o := range p.Options {
		if l := optionLabel(o); l != "" {
			words = append(words, l)
		}
	}
	if n := p.PayloadLen; n > 0 {
		words = append(words, fmt.Sprintf("%d byte", n)+when(n > 1, "s"))
	}
	if len(words) == 0 {
		return "ACK"
	}
	return strings.Join(words, " ")
}

// optionLabel is an option with what matters most of it; empty for a DSS that only moves data.
func optionLabel(o wire.Option) string {
	switch o := o.(type) {
	case *wire.MPCapable:
		return "MP_CAPABLE" + when(o.DenyJoinInitial, " C flag") + when(o.ChecksumRequired, " checksum")
	case *wire.MPJoin:
		if o.Phase == wire.JoinACK {
			return "MP_JOIN"
		}
		return fmt.Sprintf("MP_JOIN id %d", o.ID) + when(o.Backup, " backup")
	case *wire.DSS:
		return when(o.DataFIN, "DATA_FIN")
	case *wire.AddAddr:
		at := o.Address.String()
		if o.Port != 0 {
			at = netip.AddrPortFrom(o.Address, o.Port).String()
		}
		return "ADD_ADDR" + when(o.Echo, " echo") + fmt.Sprintf(" id %d %s", o.ID, at)
	case *wire.RemoveAddr:
		return "RM_ADDR id " + strings.Trim(strings.ReplaceAll(fmt.Sprint(o.IDs), " ", ", "), "[]")
	case *wire.MPPrio:
		if o.Backup {
			return "MP_PRIO backup"
		}
		return "MP_PRIO no backup"
	case *wire.TCPRst:
		return fmt.Sprintf("MP_TCPRST %s", o.Reason)
	}
	return strings.TrimPrefix(o.Name(), "UNKNOWN")
}

func when(on bool, text string) string {
	if on {
		return text
	}
	return ""
}
