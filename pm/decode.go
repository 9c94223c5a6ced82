package pm

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/mdlayher/netlink"
)

// eachAttr calls decode with the decoder at each attribute in turn, and reports the first error of either.
func eachAttr(attrs []byte, decode func(*netlink.AttributeDecoder)) error {
	d, err := netlink.NewAttributeDecoder(attrs)
	if err != nil {
		return err
	}
	for d.Next() {
		decode(d)
	}
	return d.Err()
}

// decodeAddr reads an address of exactly size bytes. An IPv4 address mapped into IPv6 stays one.
func decodeAddr(d *netlink.AttributeDecoder, size int) netip.Addr {
	var addr netip.Addr
	d.Do(func(b []byte) error {
		if len(b) != size {
			return fmt.Errorf("attribute %d: an address of %d bytes, not %d", d.Type(), len(b), size)
		}
		addr, _ = netip.AddrFromSlice(b)
		return nil
	})
	return addr
}

// decodePort reads a port in network byte order.
func decodePort(d *netlink.AttributeDecoder) uint16 {
	var port uint16
	d.Do(func(b []byte) error {
		if len(b) != 2 {
			return fmt.Errorf("attribute %d: a port of %d bytes, not 2", d.Type(), len(b))
		}
		port = binary.BigEndian.Uint16(b)
		return nil
	})
	return port
}
