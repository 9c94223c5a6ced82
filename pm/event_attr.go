package pm

import (
	"fmt"
	"math/bits"
	"net/netip"
	"strconv"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"
)

// Attrs is a set of event attributes: bit n is attribute number n.
type Attrs uint32

// The attributes of events (MPTCP_ATTR_*).
const (
	AttrToken       Attrs = 1 << 1
	AttrFamily      Attrs = 1 << 2
	AttrLocalID     Attrs = 1 << 3
	AttrRemoteID    Attrs = 1 << 4
	AttrLocalAddr4  Attrs = 1 << 5
	AttrLocalAddr6  Attrs = 1 << 6
	AttrRemoteAddr4 Attrs = 1 << 7
	AttrRemoteAddr6 Attrs = 1 << 8
	AttrLocalPort   Attrs = 1 << 9
	AttrRemotePort  Attrs = 1 << 10
	AttrBackup      Attrs = 1 << 11
	AttrError       Attrs = 1 << 12
	AttrFlags       Attrs = 1 << 13
	AttrTimeout     Attrs = 1 << 14
	AttrIfIndex     Attrs = 1 << 15
	AttrResetReason Attrs = 1 << 16
	AttrResetFlags  Attrs = 1 << 17
	AttrServerSide  Attrs = 1 << 18
)

// Contains tells whether all attributes of b are in the set.
func (a Attrs) Contains(b Attrs) bool { return a&b == b }

// String lists the attributes in the kernel's names, in order of number: "TOKEN REM_ID".
func (a Attrs) String() string {
	var names []string
	for rest := a; rest != 0; rest &= rest - 1 {
		number := bits.TrailingZeros32(uint32(rest))
		if known, ok := findEventAttr(uint16(number)); ok {
			names = append(names, known.name)
		} else {
			names = append(names, strconv.Itoa(number))
		}
	}
	return strings.Join(names, " ")
}

// eventAttr is an attribute of events: its name in the kernel, its word in "ip mptcp monitor", how it is read, and how it
// is printed; without format it is not, or not by itself.
type eventAttr struct {
	attr   Attrs
	name   string
	word   string
	decode func(*Event, *netlink.AttributeDecoder)
	format func(*Event) string
}

// eventAttrs are the attributes of events in the order in which "ip mptcp monitor" prints them.
var eventAttrs = []eventAttr{
	{AttrToken, "TOKEN", "token", decodeToken, func(e *Event) string { return fmt.Sprintf("%08x", e.Token) }},
	{AttrRemoteID, "REM_ID", "remid", decodeRemoteID, func(e *Event) string { return decimal(e.RemoteID) }},
	{AttrLocalID, "LOC_ID", "locid", decodeLocalID, func(e *Event) string { return decimal(e.LocalID) }},
	{AttrLocalAddr4, "SADDR4", "saddr4", decodeLocalAddr(4), formatLocalAddr},
	{AttrRemoteAddr4, "DADDR4", "daddr4", decodeRemoteAddr(4), formatRemoteAddr},
	{AttrLocalAddr6, "SADDR6", "saddr6", decodeLocalAddr(16), formatLocalAddr},
	{AttrRemoteAddr6, "DADDR6", "daddr6", decodeRemoteAddr(16), formatRemoteAddr},
	{AttrLocalPort, "SPORT", "sport", decodeLocalPort, func(e *Event) string { return decimal(e.Local.Port()) }},
	{AttrRemotePort, "DPORT", "dport", decodeRemotePort, func(e *Event) string { return decimal(e.Remote.Port()) }},
	{AttrBackup, "BACKUP", "backup", decodeBackup, formatBackup},
	{AttrError, "ERROR", "error", decodeError, func(e *Event) string { return decimal(e.Error) }},
	{AttrTimeout, "TIMEOUT", "timeout", decodeTimeout, func(e *Event) string { return decimal(e.Timeout) }},
	{AttrIfIndex, "IF_IDX", "ifindex", decodeIfIndex, func(e *Event) string { return strconv.Itoa(int(e.IfIndex)) }},
	{AttrResetReason, "RESET_REASON", "reset_reason", decodeResetReason, func(e *Event) string { return decimal(e.ResetReason) }},
	{AttrResetFlags, "RESET_FLAGS", "reset_flags", decodeResetFlags, formatResetFlags},
	{AttrFlags, "FLAGS", "", decodeFlags, nil},
	{AttrServerSide, "SERVER_SIDE", "", decodeServerSide, nil},
	{AttrFamily, "FAMILY", "", decodeFamily, nil},
}

// findEventAttr returns the attribute of that number.
func findEventAttr(number uint16) (eventAttr, bool) {
	for _, a := range eventAttrs {
		if number < 32 && a.attr == 1<<number {
			return a, true
		}
	}
	return eventAttr{}, false
}

func decodeToken(e *Event, d *netlink.AttributeDecoder)       { e.Token = d.Uint32() }
func decodeRemoteID(e *Event, d *netlink.AttributeDecoder)    { e.RemoteID = d.Uint8() }
func decodeLocalID(e *Event, d *netlink.AttributeDecoder)     { e.LocalID = d.Uint8() }
func decodeBackup(e *Event, d *netlink.AttributeDecoder)      { e.Backup = d.Uint8() != 0 }
func decodeError(e *Event, d *netlink.AttributeDecoder)       { e.Error = syscall.Errno(d.Uint8()) }
func decodeTimeout(e *Event, d *netlink.AttributeDecoder)     { e.Timeout = d.Uint32() }
func decodeIfIndex(e *Event, d *netlink.AttributeDecoder)     { e.IfIndex = d.Int32() }
func decodeResetReason(e *Event, d *netlink.AttributeDecoder) { e.ResetReason = d.Uint32() }
func decodeResetFlags(e *Event, d *netlink.AttributeDecoder)  { e.ResetFlags = d.Uint32() }
func decodeFlags(e *Event, d *netlink.AttributeDecoder)       { e.Flags = d.Uint16() }
func decodeServerSide(e *Event, d *netlink.AttributeDecoder)  { e.ServerSide = d.Uint8() != 0 }

// decodeFamily only checks: the family follows from the address, and ANNOUNCED comes without it.
func decodeFamily(_ *Event, d *netlink.AttributeDecoder) { d.Uint16() }

func decodeLocalPort(e *Event, d *netlink.AttributeDecoder) {
	e.Local = netip.AddrPortFrom(e.Local.Addr(), decodePort(d))
}

func decodeRemotePort(e *Event, d *netlink.AttributeDecoder) {
	e.Remote = netip.AddrPortFrom(e.Remote.Addr(), decodePort(d))
}

func decodeLocalAddr(size int) func(*Event, *netlink.AttributeDecoder) {
	return func(e *Event, d *netlink.AttributeDecoder) {
		e.Local = netip.AddrPortFrom(decodeAddr(d, size), e.Local.Port())
	}
}

func decodeRemoteAddr(size int) func(*Event, *netlink.AttributeDecoder) {
	return func(e *Event, d *netlink.AttributeDecoder) {
		e.Remote = netip.AddrPortFrom(decodeAddr(d, size), e.Remote.Port())
	}
}

func formatLocalAddr(e *Event) string  { return e.Local.Addr().String() }
func formatRemoteAddr(e *Event) string { return e.Remote.Addr().String() }

func formatBackup(e *Event) string {
	if e.Backup {
		return "1"
	}
	return "0"
}

// formatResetFlags prints as C's %#x does, which leaves the prefix off a zero.
func formatResetFlags(e *Event) string {
	if e.ResetFlags == 0 {
		return "0"
	}
	return fmt.Sprintf("%#x", e.ResetFlags)
}

func decimal[T ~uint8 | ~uint16 | ~uint32 | ~uintptr](v T) string {
	return strconv.FormatUint(uint64(v), 10)
}
