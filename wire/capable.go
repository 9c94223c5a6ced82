package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// MPCapable opens a connection (RFC 8684 section 3.1). What it carries tells the packet it belongs to: nothing on the
// SYN, the sender's key on the SYN-ACK, both keys on the ACK, and a data length with the client's first data.
type MPCapable struct {
	Version          uint8 // 1 in RFC 8684
	ChecksumRequired bool  // flag A
	Extensibility    bool  // flag B: must be 0, or the receiver ignores the option
	DenyJoinInitial  bool  // flag C: the sender takes no join to its address and port of the initial subflow
	Crypto           uint8 // flags D to H, five bits: 1 is HMAC-SHA256

	HasSenderKey   bool
	SenderKey      Key
	HasReceiverKey bool // only with HasSenderKey
	ReceiverKey    Key
	HasData        bool // only with HasReceiverKey
	DataLen        uint16
	HasChecksum    bool // only with HasData
	Checksum       uint16
}

// CryptoHMACSHA256 is the one algorithm that RFC 8684 defines for MPCapable.Crypto.
const CryptoHMACSHA256 = 0x01

// The flags of byte 3.
const (
	capableChecksum      = 0x80
	capableExtensibility = 0x40
	capableDenyJoin      = 0x20
	capableCrypto        = 0x1f
)

// The lengths by what is carried.
const (
	lenCapableSYN      = 4
	lenCapableKey      = 12
	lenCapableKeys     = 20
	lenCapableData     = 22
	lenCapableChecksum = 24
)

// Name is "MP_CAPABLE".
func (*MPCapable) Name() string { return NameMPCapable }

func (o *MPCapable) length() int {
	switch {
	case o.HasChecksum:
		return lenCapableChecksum
	case o.HasData:
		return lenCapableData
	case o.HasReceiverKey:
		return lenCapableKeys
	case o.HasSenderKey:
		return lenCapableKey
	default:
		return lenCapableSYN
	}
}

func parseMPCapable(b []byte) (Option, error) {
	switch len(b) {
	case lenCapableSYN, lenCapableKey, lenCapableKeys, lenCapableData, lenCapableChecksum:
	default:
		return nil, lengthError(NameMPCapable, b, "4, 12, 20, 22 or 24")
	}
	o := &MPCapable{
		Version:          b[2] & 0x0f,
		ChecksumRequired: b[3]&capableChecksum != 0,
		Extensibility:    b[3]&capableExtensibility != 0,
		DenyJoinInitial:  b[3]&capableDenyJoin != 0,
		Crypto:           b[3] & capableCrypto,
		HasSenderKey:     len(b) >= lenCapableKey,
		HasReceiverKey:   len(b) >= lenCapableKeys,
		HasData:          len(b) >= lenCapableData,
		HasChecksum:      len(b) >= lenCapableChecksum,
	}
	if o.HasSenderKey {
		o.SenderKey = Key(binary.BigEndian.Uint64(b[4:]))
	}
	if o.HasReceiverKey {
		o.ReceiverKey = Key(binary.BigEndian.Uint64(b[12:]))
	}
	if o.HasData {
		o.DataLen = binary.BigEndian.Uint16(b[20:])
	}
	if o.HasChecksum {
		o.Checksum = binary.BigEndian.Uint16(b[22:])
	}
	return o, nil
}

func (o *MPCapable) check() error {
	switch {
	case o.Version > 0x0f:
		return fmt.Errorf("version %d does not fit in 4 bits", o.Version)
	case o.Crypto > capableCrypto:
		return fmt.Errorf("crypto flags 0x%x do not fit in 5 bits", o.Crypto)
	case o.HasReceiverKey && !o.HasSenderKey:
		return errors.New("a receiver's key needs a sender's key")
	case o.HasData && !o.HasReceiverKey:
		return errors.New("a data length needs both keys")
	case o.HasChecksum && !o.HasData:
		return errors.New("a checksum needs a data length")
	}
	return nil
}

func (o *MPCapable) appendTo(dst []byte) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dst = appendHead(dst, o.length(), subtypeMPCapable, o.Version)
	dst = append(dst, o.Crypto|bit(o.ChecksumRequired, capableChecksum)|
		bit(o.Extensibility, capableExtensibility)|bit(o.DenyJoinInitial, capableDenyJoin))
	if o.HasSenderKey {
		dst = binary.BigEndian.AppendUint64(dst, uint64(o.SenderKey))
	}
	if o.HasReceiverKey {
		dst = binary.BigEndian.AppendUint64(dst, uint64(o.ReceiverKey))
	}
	if o.HasData {
		dst = binary.BigEndian.AppendUint16(dst, o.DataLen)
	}
	if o.HasChecksum {
		dst = binary.BigEndian.AppendUint16(dst, o.Checksum)
	}
	return dst, nil
}

// String is such as "mptcp 22 capable v1 {0xa38b4fce5d5ebed8,0xe6a4e54a314c4752} len 5"; "csum" stands for flag A,
// "ext" for B, "deny-join" for C, and "crypto" is shown when it is not HMAC-SHA256.
func (o *MPCapable) String() string {
	var s strings.Builder
	fmt.Fprintf(&s, "%s v%d", head(o, "capable"), o.Version)
	if o.ChecksumRequired {
		s.WriteString(" csum")
	}
	if o.Extensibility {
		s.WriteString(" ext")
	}
	if o.DenyJoinInitial {
		s.WriteString(" deny-join")
	}
	if o.Crypto != CryptoHMACSHA256 {
		fmt.Fprintf(&s, " crypto 0x%02x", o.Crypto)
	}
	switch {
	case o.HasReceiverKey:
		fmt.Fprintf(&s, " {%v,%v}", o.SenderKey, o.ReceiverKey)
	case o.HasSenderKey:
		fmt.Fprintf(&s, " {%v}", o.SenderKey)
	}
	if o.HasData {
		fmt.Fprintf(&s, " len %d", o.DataLen)
	}
	if o.HasChecksum {
		fmt.Fprintf(&s, " csum 0x%04x", o.Checksum)
	}
	return s.String()
}
