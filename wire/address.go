package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// AddAddr announces an address, or echoes the announcement back to confirm it (RFC 8684 section 3.4.1).
type AddAddr struct {
	Echo    bool // flag E
	ID      uint8
	Address netip.Addr
	Port    uint16 // 0: the port of the subflow
	HMAC    uint64 // see AddAddrHMAC; 0 in an echo, which carries none
}

const addAddrEcho = 0x01

const (
	lenAddAddrHead = 4
	lenPort        = 2
	lenHMAC        = 8
)

// Name is "ADD_ADDR".
func (*AddAddr) Name() string { return NameAddAddr }

func (o *AddAddr) length() int {
	n := lenAddAddrHead + o.Address.BitLen()/8
	if o.Port != 0 {
		n += lenPort
	}
	if !o.Echo {
		n += lenHMAC
	}
	return n
}

func parseAddAddr(b []byte) (Option, error) {
	echo := b[2]&addAddrEcho != 0
	end, want := len(b), "8, 10, 20 or 22 for an echo"
	if !echo {
		end, want = end-lenHMAC, "16, 18, 28 or 30"
	}
	var size int
	switch end - lenAddAddrHead {
	case 4, 4 + lenPort:
		size = 4
	case 16, 16 + lenPort:
		size = 16
	default:
		return nil, lengthError(NameAddAddr, b, want)
	}

	o := &AddAddr{Echo: echo, ID: b[3]}
	rest := b[lenAddAddrHead:]
	o.Address, _ = netip.AddrFromSlice(rest[:size])
	if end-lenAddAddrHead > size {
		o.Port = binary.BigEndian.Uint16(rest[size:])
		if o.Port == 0 {
			return nil, fmt.Errorf("%s: port 0, which is said by leaving the port out", NameAddAddr)
		}
	}
	if !echo {
		o.HMAC = binary.BigEndian.Uint64(b[end:])
	}
	return o, nil
}

func (o *AddAddr) appendTo(dst []byte) ([]byte, error) {
	switch {
	case !o.Address.IsValid():
		return nil, errors.New("no address")
	case o.Address.Zone() != "":
		return nil, fmt.Errorf("address %v has a zone", o.Address)
	case o.Echo && o.HMAC != 0:
		return nil, errors.New("an echo carries no HMAC")
	}
	dst = appendHead(dst, o.length(), subtypeAddAddr, bit(o.Echo, addAddrEcho))
	dst = append(dst, o.ID)
	dst = append(dst, o.Address.AsSlice()...)
	if o.Port != 0 {
		dst = binary.BigEndian.AppendUint16(dst, o.Port)
	}
	if !o.Echo {
		dst = binary.BigEndian.AppendUint64(dst, o.HMAC)
	}
	return dst, nil
}

// String is such as "mptcp 18 add-addr id 3 10.0.3.1:7777 hmac 0x40792e4f626fd948" or "mptcp 8 add-addr echo id 1 10.0.2.1".
func (o *AddAddr) String() string {
	var s strings.Builder
	s.WriteString(head(o, "add-addr"))
	if o.Echo {
		s.WriteString(" echo")
	}
	fmt.Fprintf(&s, " id %d ", o.ID)
	if o.Port != 0 {
		s.WriteString(netip.AddrPortFrom(o.Address, o.Port).String())
	} else {
		s.WriteString(o.Address.String())
	}
	if !o.Echo {
		fmt.Fprintf(&s, " hmac 0x%016x", o.HMAC)
	}
	return s.String()
}

// RemoveAddr withdraws addresses by their ids (RFC 8684 section 3.4.2). Linux ignores a list of more than eight.
type RemoveAddr struct {
	IDs []uint8 // at least one
}

const lenRemoveAddrHead = 3

// Name is "REMOVE_ADDR".
func (*RemoveAddr) Name() string { return NameRemoveAddr }

func (o *RemoveAddr) length() int { return lenRemoveAddrHead + len(o.IDs) }

func parseRemoveAddr(b []byte) (Option, error) {
	if len(b) == lenRemoveAddrHead {
		return nil, lengthError(NameRemoveAddr, b, "at least 4")
	}
	return &RemoveAddr{IDs: append([]uint8(nil), b[lenRemoveAddrHead:]...)}, nil
}

func (o *RemoveAddr) appendTo(dst []byte) ([]byte, error) {
	if len(o.IDs) == 0 {
		return nil, errors.New("no address id")
	}
	return append(appendHead(dst, o.length(), subtypeRemoveAddr, 0), o.IDs...), nil
}

// String is such as "mptcp 5 rem-addr id 3 2".
func (o *RemoveAddr) String() string {
	s := head(o, "rem-addr") + " id"
	for _, id := range o.IDs {
		s += fmt.Sprintf(" %d", id)
	}
	return s
}
