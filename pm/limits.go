package pm

import (
	"fmt"
	"strings"

	"github.com/mdlayher/netlink"
)

// Limits are the two limits of the in-kernel path manager, each 0 to 8.
type Limits struct {
	AddAddrAccepted uint32 // ADD_ADDRs that may lead to a subflow, per connection
	Subflows        uint32 // subflows beside the initial one, per connection
}

// LimitsUpdate says which limits to set; nil leaves one as it is.
type LimitsUpdate struct {
	AddAddrAccepted *uint32
	Subflows        *uint32
}

// String is the limits as "ip mptcp limits show" prints them, without the final blank:
// "add_addr_accepted 0 subflows 2".
func (l Limits) String() string {
	return LimitsUpdate{AddAddrAccepted: &l.AddAddrAccepted, Subflows: &l.Subflows}.String()
}

// String is the limits that are to be set, in the words of "ip mptcp limits set": "subflows 2".
func (u LimitsUpdate) String() string {
	var words []string
	if u.AddAddrAccepted != nil {
		words = append(words, fmt.Sprintf("add_addr_accepted %d", *u.AddAddrAccepted))
	}
	if u.Subflows != nil {
		words = append(words, fmt.Sprintf("subflows %d", *u.Subflows))
	}
	return strings.Join(words, " ")
}

func (u LimitsUpdate) request() ([]byte, error) {
	attrs := netlink.NewAttributeEncoder()
	if u.AddAddrAccepted != nil {
		attrs.Uint32(attrRcvAddAddrs, *u.AddAddrAccepted)
	}
	if u.Subflows != nil {
		attrs.Uint32(attrSubflows, *u.Subflows)
	}
	return attrs.Encode()
}

// parseLimits decodes the attributes of a reply to GET_LIMITS.
func parseLimits(attrs []byte) (Limits, error) {
	var l Limits
	err := eachAttr(attrs, func(d *netlink.AttributeDecoder) {
		switch d.Type() {
		case attrRcvAddAddrs:
			l.AddAddrAccepted = d.Uint32()
		case attrSubflows:
			l.Subflows = d.Uint32()
		}
	})
	return l, err
}
