package pm

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/mdlayher/netlink"
)

// Endpoint is an entry of the in-kernel path manager's table, or the local address of a userspace command.
type Endpoint struct {
	ID      uint8      // 0: not given; the kernel picks one
	Address netip.Addr // may be zero when the ID says which
	Port    uint16     // host order; 0: none
	Flags   Flags
	IfIndex int32 // 0: any interface
}

// Flags are the MPTCP_PM_ADDR_FLAG_* bits.
type Flags uint32

// The endpoint flags (include/uapi/linux/mptcp_pm.h).
const (
	FlagSignal   Flags = 1 << 0
	FlagSubflow  Flags = 1 << 1
	FlagBackup   Flags = 1 << 2
	FlagFullmesh Flags = 1 << 3
	FlagImplicit Flags = 1 << 4
	FlagLaminar  Flags = 1 << 5
)

// errNoEndpoint tells of a reply that should describe an endpoint and does not.
var errNoEndpoint = errors.New("the reply carries no ADDR attribute")

// String is the endpoint as "ip mptcp endpoint show" prints it, without the final blank, with the interface as ip
// prints one whose name it cannot find: "10.0.2.1 id 1 signal dev if3".
func (e Endpoint) String() string { return e.Format(nil) }

// Format is like [Endpoint.String], with the name that dev gives to the interface: "10.0.2.1 id 1 signal dev eth1".
func (e Endpoint) Format(dev func(ifindex int32) string) string {
	var words []string
	if e.Address.IsValid() {
		words = append(words, e.Address.String())
	}
	if e.Port != 0 {
		words = append(words, fmt.Sprintf("port %d", e.Port))
	}
	if e.ID != 0 || len(words) == 0 {
		words = append(words, fmt.Sprintf("id %d", e.ID))
	}
	if e.Flags != 0 {
		words = append(words, e.Flags.String())
	}
	if e.IfIndex != 0 {
		if dev == nil {
			dev = unnamedInterface
		}
		words = append(words, "dev "+dev(e.IfIndex))
	}
	return strings.Join(words, " ")
}

func unnamedInterface(ifindex int32) string { return fmt.Sprintf("if%d", uint32(ifindex)) }

// key is e reduced to what selects an entry of the table: its ID or, when that is 0, its address and port.
// The kernel would let the address win where both are given.
func (e Endpoint) key() Endpoint {
	if e.ID != 0 {
		return Endpoint{ID: e.ID}
	}
	return Endpoint{Address: e.Address, Port: e.Port}
}

// request encodes the endpoint as the only attribute of a request.
func (e Endpoint) request() ([]byte, error) {
	attrs := netlink.NewAttributeEncoder()
	attrs.Nested(attrAddr, e.encode)
	return attrs.Encode()
}

func (e Endpoint) encode(nest *netlink.AttributeEncoder) error {
	if zone := e.Address.Zone(); zone != "" {
		return fmt.Errorf("address %s: an endpoint cannot carry the zone %q; give the interface index", e.Address, zone)
	}
	if e.Address.Is4() {
		nest.Uint16(addrFamily, familyIPv4)
		nest.Bytes(addrAddr4, e.Address.AsSlice())
	}
	if e.Address.Is6() {
		nest.Uint16(addrFamily, familyIPv6)
		nest.Bytes(addrAddr6, e.Address.AsSlice())
	}
	if e.ID != 0 {
		nest.Uint8(addrID, e.ID)
	}
	if e.Port != 0 {
		nest.Uint16(addrPort, e.Port)
	}
	if e.Flags != 0 {
		nest.Uint32(addrFlags, uint32(e.Flags))
	}
	if e.IfIndex != 0 {
		nest.Int32(addrIfIdx, e.IfIndex)
	}
	return nil
}

// parseEndpoint decodes the attributes of a reply to GET_ADDR.
func parseEndpoint(attrs []byte) (Endpoint, error) {
	var e Endpoint
	found := false
	err := eachAttr(attrs, func(d *netlink.AttributeDecoder) {
		if d.Type() == attrAddr {
			found = true
			d.Nested(e.decode)
		}
	})
	if err == nil && !found {
		err = errNoEndpoint
	}
	return e, err
}

func (e *Endpoint) decode(nest *netlink.AttributeDecoder) error {
	for nest.Next() {
		switch nest.Type() {
		case addrID:
			e.ID = nest.Uint8()
		case addrAddr4, addrAddr6:
			e.Address = decodeAddr(nest, addrSize[nest.Type()])
		case addrPort:
			e.Port = nest.Uint16()
		case addrFlags:
			e.Flags = Flags(nest.Uint32())
		case addrIfIdx:
			e.IfIndex = nest.Int32()
		}
	}
	return nil
}

// addrSize is the length in bytes of the address attributes of a nest.
var addrSize = map[uint16]int{addrAddr4: 4, addrAddr6: 16}
