package pm

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"
)

// Event is one message of the mptcp_pm_events group. Has tells which attributes the message carried.
type Event struct {
	Kind        EventKind
	Has         Attrs
	Token       uint32
	Local       netip.AddrPort // SADDR, SPORT
	Remote      netip.AddrPort // DADDR, DPORT
	LocalID     uint8
	RemoteID    uint8
	Backup      bool // asked by the peer
	Error       syscall.Errno
	Flags       uint16 // bit 0: the peer denies joins to its initial address; bit 1: server side
	Timeout     uint32 // no kernel up to 7.1 sends it
	IfIndex     int32
	ResetReason uint32
	ResetFlags  uint32
	ServerSide  bool
}

// The bits of Event.Flags (MPTCP_PM_EV_FLAG_*).
const (
	EventFlagDenyJoinID0 uint16 = 1 << 0
	EventFlagServerSide  uint16 = 1 << 1
)

// ParseEvent decodes an event: the command of its generic netlink message, and the attributes behind that header.
// Attributes that it does not know it passes over; a kind that it does not know is an event like any other.
func ParseEvent(cmd uint8, attrs []byte) (Event, error) {
	e := Event{Kind: EventKind(cmd)}
	err := eachAttr(attrs, func(d *netlink.AttributeDecoder) {
		a, ok := findEventAttr(d.Type())
		if !ok {
			return
		}
		e.Has |= a.attr
		a.decode(&e, d)
	})
	if err != nil {
		return Event{}, fmt.Errorf("decode event %s: %w", e.Kind, err)
	}
	return e, nil
}

// String is the event as "ip mptcp monitor" prints it, without the name of the interface:
// "[       ANNOUNCED] token=128795e1 remid=7 daddr4=10.0.2.1 dport=10100".
func (e Event) String() string { return e.Format(nil) }

// Format is like [Event.String]; if dev is not nil, it names the interface: "… ifindex=11 dev=eth1".
func (e Event) Format(dev func(ifindex int32) string) string {
	word, ok := e.Kind.monitorWord()
	if !ok {
		return fmt.Sprintf("[%s]", e.Kind)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "[%16s]", word)
	for _, a := range eventAttrs {
		if a.format == nil || e.Has&a.attr == 0 {
			continue
		}
		fmt.Fprintf(&b, " %s=%s", a.word, a.format(&e))
		if a.attr == AttrIfIndex && e.IfIndex != 0 && dev != nil {
			fmt.Fprintf(&b, " dev=%s", dev(e.IfIndex))
		}
	}
	b.WriteString(e.flagWords())
	return b.String()
}

// flagWords are the last words of a monitor's line, which come from two attributes.
func (e Event) flagWords() string {
	var b strings.Builder
	if e.Flags&EventFlagServerSide != 0 || e.ServerSide {
		b.WriteString(" server_side")
	}
	if e.Flags&EventFlagDenyJoinID0 != 0 {
		b.WriteString(" deny_join_id0")
	}
	if rest := e.Flags &^ (EventFlagServerSide | EventFlagDenyJoinID0); rest != 0 {
		fmt.Fprintf(&b, " flags=%#x", rest)
	}
	return b.String()
}
