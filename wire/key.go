package wire

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/netip"
)

// Key is the key of one end of a connection: the eight bytes of MP_CAPABLE, read as a big-endian number.
type Key uint64

// Token identifies the connection at the key's owner: the first 32 bits of the key's SHA-256 (RFC 8684 section 3.2).
func (k Key) Token() uint32 {
	sum := k.sum()
	return binary.BigEndian.Uint32(sum[:])
}

// IDSN is the initial data sequence number of the key's owner: the last 64 bits of the key's SHA-256 (RFC 8684
// section 3.1). The first byte of data has the number after it.
func (k Key) IDSN() uint64 {
	sum := k.sum()
	return binary.BigEndian.Uint64(sum[sha256.Size-8:])
}

// String is such as "0xa38b4fce5d5ebed8".
func (k Key) String() string { return fmt.Sprintf("0x%016x", uint64(k)) }

func (k Key) sum() [sha256.Size]byte {
	return sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(k)))
}

// JoinSynAckHMAC is the truncated HMAC of a join's SYN-ACK: the leftmost 64 bits (RFC 8684 section 3.2). The sender is
// the end that sends the SYN-ACK, whichever of the two opened the connection.
func JoinSynAckHMAC(sender, receiver Key, senderNonce, receiverNonce uint32) uint64 {
	sum := joinHMAC(sender, receiver, senderNonce, receiverNonce)
	return binary.BigEndian.Uint64(sum[:])
}

// JoinAckHMAC is the HMAC of a join's third packet: the leftmost 160 bits (RFC 8684 section 3.2). The sender is the end
// that sends that ACK, hence the opener of the join, whichever of the two opened the connection.
func JoinAckHMAC(sender, receiver Key, senderNonce, receiverNonce uint32) [20]byte {
	sum := joinHMAC(sender, receiver, senderNonce, receiverNonce)
	return [20]byte(sum[:])
}

// AddAddrHMAC is the truncated HMAC of an ADD_ADDR: the rightmost 64 bits (RFC 8684 section 3.4.1). The sender is the
// end that announces the address; port is 0 when the option carries none. An IPv4-mapped IPv6 address counts as IPv6.
func AddAddrHMAC(sender, receiver Key, id uint8, address netip.Addr, port uint16) uint64 {
	sum := addAddrHMAC(sender, receiver, id, address, port)
	return binary.BigEndian.Uint64(sum[sha256.Size-8:])
}

func joinHMAC(sender, receiver Key, senderNonce, receiverNonce uint32) [sha256.Size]byte {
	message := binary.BigEndian.AppendUint32(make([]byte, 0, 8), senderNonce)
	message = binary.BigEndian.AppendUint32(message, receiverNonce)
	return hmacSHA256(sender, receiver, message)
}

func addAddrHMAC(sender, receiver Key, id uint8, address netip.Addr, port uint16) [sha256.Size]byte {
	message := append(make([]byte, 0, 1+16+2), id)
	message = append(message, address.AsSlice()...)
	message = binary.BigEndian.AppendUint16(message, port)
	return hmacSHA256(sender, receiver, message)
}

// hmacSHA256 is the HMAC of the message under the two keys, the sender's first.
func hmacSHA256(sender, receiver Key, message []byte) [sha256.Size]byte {
	key := binary.BigEndian.AppendUint64(make([]byte, 0, 16), uint64(sender))
	key = binary.BigEndian.AppendUint64(key, uint64(receiver))
	mac := hmac.New(sha256.New, key)
	mac.Write(message)
	return [sha256.Size]byte(mac.Sum(nil))
}
