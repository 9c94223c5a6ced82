//go:build linux

package forward

import (
	"encoding/binary"
	"math/bits"
)

// sum adds up the 16-bit words of b in one's complement (RFC 1071), an odd byte padded with zero. The parts of a whole
// may be summed apart, if all but the last have an even length.
func sum(b []byte) uint32 {
	var s, carry uint64
	for ; len(b) >= 8; b = b[8:] {
		s, carry = bits.Add64(s, binary.BigEndian.Uint64(b), carry)
	}
	var tail [8]byte
	copy(tail[:], b)
	s, carry = bits.Add64(s, binary.BigEndian.Uint64(tail[:]), carry)
	return uint32(fold64(s) + carry)
}

func fold64(s uint64) uint64 { return s>>48 + s>>32&0xffff + s>>16&0xffff + s&0xffff }

// fold brings a sum down to 16 bits.
func fold(s uint32) uint16 {
	s = s>>16 + s&0xffff
	return uint16(s>>16 + s&0xffff)
}

// checksum is what goes into the field of a TCP or UDP header: never 0, which means that there is none in UDP.
func checksum(s uint32) uint16 {
	if c := ^fold(s); c != 0 {
		return c
	}
	return 0xffff
}
