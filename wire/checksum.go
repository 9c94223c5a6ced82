package wire

import (
	"encoding/binary"
	"net/netip"
)

const protocolTCP = 6 // IANA's number

// DSSChecksum is the checksum of a mapping and its payload (RFC 8684 section 3.3.1): the one's complement sum over
// the DSN, the subflow sequence number, the data length, and the payload.
//
// The DSN is the full 64-bit number, also when the option carries 32 bits of it. The data length is the option's, so that
// it counts a DATA_FIN. The implicit mapping of MP_CAPABLE with data has DSN IDSN+1 and subflow sequence number 1.
func DSSChecksum(dsn uint64, subflowSeq uint32, dataLen uint16, payload []byte) uint16 {
	var pseudo [16]byte // the last two bytes stand for the checksum itself
	binary.BigEndian.PutUint64(pseudo[0:], dsn)
	binary.BigEndian.PutUint32(pseudo[8:], subflowSeq)
	binary.BigEndian.PutUint16(pseudo[12:], dataLen)

	return ^fold(sum16(pseudo[:]) + sum16(payload))
}

// pseudoSum is the sum of the pseudo-header of a TCP segment of that many bytes (RFC 9293 section 3.1, RFC 8200 section 8.1).
func pseudoSum(src, dst netip.Addr, segment int) uint64 {
	return sum16(src.AsSlice()) + sum16(dst.AsSlice()) + protocolTCP + uint64(segment)
}

// adjust changes a checksum as what it covers has changed, from one sum to another (RFC 1624). What was right stays right;
// what was wrong stays wrong, and what is the same stays the same.
func adjust(checksum uint16, before, after uint64) uint16 {
	was, is := fold(before), fold(after)
	if was == is {
		return checksum
	}
	return ^fold(uint64(^checksum) + uint64(^was) + uint64(is))
}

// fold brings a sum down to 16 bits.
func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// sum16 adds up the 16-bit words of b, padded with a zero byte.
func sum16(b []byte) uint64 {
	var sum uint64
	for ; len(b) >= 2; b = b[2:] {
		sum += uint64(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint64(b[0]) << 8
	}
	return sum
}
