package ipmptcp

import (
	"encoding/binary"
	"net/netip"
)

// The attributes of requests and replies (MPTCP_PM_ATTR_*).
const (
	attrAddr        = 1
	attrRcvAddAddrs = 2
	attrSubflows    = 3
)

// The attributes of an address nest (MPTCP_PM_ADDR_ATTR_*).
const (
	addrFamily = 1
	addrID     = 2
	addrAddr4  = 3
	addrAddr6  = 4
	addrPort   = 5 // host order, unlike the ports of events
	addrFlags  = 6
	addrIfIdx  = 7
)

// The attributes of events (MPTCP_ATTR_*).
const (
	eventToken       = 1
	eventLocID       = 3
	eventRemID       = 4
	eventSAddr4      = 5
	eventSAddr6      = 6
	eventDAddr4      = 7
	eventDAddr6      = 8
	eventSPort       = 9
	eventDPort       = 10
	eventBackup      = 11
	eventError       = 12
	eventFlags       = 13
	eventTimeout     = 14
	eventIfIdx       = 15
	eventResetReason = 16
	eventResetFlags  = 17
	eventServerSide  = 18
)

// attrs are the payloads of attributes by number, nil for those that are not there.
type attrs [eventServerSide + 1][]byte

// parseAttrs reads attributes up to the first that is malformed, as ip does, and passes over numbers that it does not know. Of
// two with the same number the first counts.
func parseAttrs(b []byte) attrs {
	const header, nested = 4, 1 << 15
	var all attrs
	for len(b) >= header {
		size := int(binary.NativeEndian.Uint16(b))
		if size < header || size > len(b) {
			break
		}
		number := binary.NativeEndian.Uint16(b[2:]) &^ nested
		if int(number) < len(all) && all[number] == nil {
			all[number] = b[header:size:size]
		}
		b = b[min((size+3)&^3, len(b)):]
	}
	return all
}

func (a *attrs) has(number int) bool { return a[number] != nil }

// The numbers of a payload; what a short one lacks is 0.
func (a *attrs) uint8(number int) uint8   { return a.word(number)[0] }
func (a *attrs) uint16(number int) uint16 { return binary.NativeEndian.Uint16(a.word(number)) }
func (a *attrs) uint32(number int) uint32 { return binary.NativeEndian.Uint32(a.word(number)) }
func (a *attrs) be16(number int) uint16   { return binary.BigEndian.Uint16(a.word(number)) }

// word is the beginning of a payload.
func (a *attrs) word(number int) []byte {
	b := make([]byte, 4)
	copy(b, a[number])
	return b
}

// addr is the address in a payload, which is not one if it is too short.
func (a *attrs) addr(number, size int) (netip.Addr, bool) {
	if len(a[number]) < size {
		return netip.Addr{}, false
	}
	return netip.AddrFromSlice(a[number][:size])
}
