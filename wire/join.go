package wire

import (
	"encoding/binary"
	"fmt"
)

// MPJoin adds a subflow to a connection (RFC 8684 section 3.2). Its fields depend on the phase.
type MPJoin struct {
	Phase         JoinPhase
	Backup        bool     // SYN, SYN-ACK: flag B, the sender asks to be sent data only when no other subflow works
	ID            uint8    // SYN, SYN-ACK: address id of the sender's address
	Token         uint32   // SYN: of the receiver
	Nonce         uint32   // SYN, SYN-ACK: random number of the sender
	TruncatedHMAC uint64   // SYN-ACK: see JoinSynAckHMAC
	HMAC          [20]byte // ACK: see JoinAckHMAC
}

// JoinPhase is the packet of the handshake that an MPJoin belongs to. On the wire only the option's length tells.
type JoinPhase uint8

// The phases of a join.
const (
	JoinSYN JoinPhase = iota
	JoinSYNACK
	JoinACK
)

// joinPhases are the name and the option's length of each phase.
var joinPhases = [...]struct {
	name   string
	length int
}{
	JoinSYN:    {"SYN", 12},
	JoinSYNACK: {"SYN-ACK", 16},
	JoinACK:    {"ACK", 24},
}

// String is "SYN", "SYN-ACK" or "ACK".
func (p JoinPhase) String() string {
	if int(p) >= len(joinPhases) {
		return fmt.Sprintf("JoinPhase(%d)", uint8(p))
	}
	return joinPhases[p].name
}

const joinBackup = 0x01

// Name is "MP_JOIN".
func (*MPJoin) Name() string { return NameMPJoin }

func (o *MPJoin) length() int {
	if int(o.Phase) >= len(joinPhases) {
		return 0
	}
	return joinPhases[o.Phase].length
}

func parseMPJoin(b []byte) (Option, error) {
	switch len(b) {
	case joinPhases[JoinSYN].length:
		return &MPJoin{
			Phase:  JoinSYN,
			Backup: b[2]&joinBackup != 0,
			ID:     b[3],
			Token:  binary.BigEndian.Uint32(b[4:]),
			Nonce:  binary.BigEndian.Uint32(b[8:]),
		}, nil
	case joinPhases[JoinSYNACK].length:
		return &MPJoin{
			Phase:         JoinSYNACK,
			Backup:        b[2]&joinBackup != 0,
			ID:            b[3],
			TruncatedHMAC: binary.BigEndian.Uint64(b[4:]),
			Nonce:         binary.BigEndian.Uint32(b[12:]),
		}, nil
	case joinPhases[JoinACK].length:
		return &MPJoin{Phase: JoinACK, HMAC: [20]byte(b[4:])}, nil
	}
	return nil, lengthError(NameMPJoin, b, "12 (SYN), 16 (SYN-ACK) or 24 (ACK)")
}

func (o *MPJoin) appendTo(dst []byte) ([]byte, error) {
	switch o.Phase {
	case JoinSYN:
		dst = appendHead(dst, o.length(), subtypeMPJoin, bit(o.Backup, joinBackup))
		dst = append(dst, o.ID)
		dst = binary.BigEndian.AppendUint32(dst, o.Token)
		return binary.BigEndian.AppendUint32(dst, o.Nonce), nil
	case JoinSYNACK:
		dst = appendHead(dst, o.length(), subtypeMPJoin, bit(o.Backup, joinBackup))
		dst = append(dst, o.ID)
		dst = binary.BigEndian.AppendUint64(dst, o.TruncatedHMAC)
		return binary.BigEndian.AppendUint32(dst, o.Nonce), nil
	case JoinACK:
		dst = appendHead(dst, o.length(), subtypeMPJoin, 0)
		dst = append(dst, 0)
		return append(dst, o.HMAC[:]...), nil
	}
	return nil, fmt.Errorf("unknown phase %v", o.Phase)
}

// String is such as "mptcp 12 join backup id 1 token 0x3c761096 nonce 0x92cc749a".
func (o *MPJoin) String() string {
	s := head(o, "join")
	if o.Phase == JoinACK {
		return fmt.Sprintf("%s hmac 0x%x", s, o.HMAC)
	}
	if o.Backup {
		s += " backup"
	}
	if o.Phase == JoinSYN {
		return fmt.Sprintf("%s id %d token 0x%08x nonce 0x%08x", s, o.ID, o.Token, o.Nonce)
	}
	return fmt.Sprintf("%s id %d hmac 0x%016x nonce 0x%08x", s, o.ID, o.TruncatedHMAC, o.Nonce)
}
