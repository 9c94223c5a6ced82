package ipmptcp

import (
	"net/netip"
	"strings"
)

// The address families as Linux numbers them, whatever system this package is built for.
const (
	familyUnspec = 0
	familyIPv4   = 2
	familyIPv6   = 10
)

// address is the value of a word that is an address. The words "any", "all" and "default" are addresses of no family.
type address struct {
	family uint16
	bytes  []byte
}

// parseAddress reads an address as get_addr() of iproute2 does: an IPv6 address as inet_pton(3) takes it, or one to four
// numbers of any base between dots, the missing ones 0.
func parseAddress(word string) (address, bool) {
	switch {
	case word == "any" || word == "all" || word == "default":
		return address{family: familyUnspec}, true
	case strings.Contains(word, ":"):
		a, err := netip.ParseAddr(word)
		if err != nil || !a.Is6() || a.Zone() != "" {
			return address{}, false
		}
		return address{familyIPv6, a.AsSlice()}, true
	}
	return parseIPv4(word)
}

func parseIPv4(word string) (address, bool) {
	a := address{familyIPv4, make([]byte, 4)}
	rest := word
	for i := range a.bytes {
		n, after := strtoul(rest)
		if after == rest || n > 255 {
			return address{}, false
		}
		a.bytes[i] = byte(n)
		if after == "" {
			return a, true
		}
		if after[0] != '.' {
			return address{}, false
		}
		rest = after[1:]
	}
	return address{}, false
}

// formatAddress is inet_ntop(3) of the C library. It writes an address whose first 96 bits are 0, but not the next 16, with an
// IPv4 address at the end, which package netip does not.
func formatAddress(a netip.Addr) string {
	if b := a.As16(); a.Is6() && [12]byte(b[:12]) == [12]byte{} && b[12]|b[13] != 0 {
		return "::" + netip.AddrFrom4([4]byte(b[12:])).String()
	}
	return a.String()
}
