package wire

import (
	"encoding/binary"
	"fmt"
)

// MPFail tells that a checksum failed (RFC 8684 section 3.7).
type MPFail struct {
	DSN uint64 // of the first byte of the mapping that failed
}

// FastClose aborts the whole connection (RFC 8684 section 3.5).
type FastClose struct {
	Key Key // of the receiver of the option
}

// TCPRst tells why a subflow is reset (RFC 8684 section 3.6).
type TCPRst struct {
	Flags  uint8 // four bits, U V W T; see ResetTransient
	Reason ResetReason
}

// ResetTransient is flag T of TCPRst: the condition may pass, so that the subflow may be tried again.
const ResetTransient uint8 = 0x01

// ResetReason is the reason code of TCPRst.
type ResetReason uint8

// The reasons of a reset (RFC 8684 section 8.3).
const (
	ResetUnspecified ResetReason = iota
	ResetMPTCPError
	ResetResources
	ResetProhibited
	ResetOutstandingData
	ResetPerformance
	ResetMiddlebox
)

var resetReasons = [...]string{
	ResetUnspecified:     "unspecified",
	ResetMPTCPError:      "MPTCP-specific error",
	ResetResources:       "lack of resources",
	ResetProhibited:      "administratively prohibited",
	ResetOutstandingData: "too much outstanding data",
	ResetPerformance:     "unacceptable performance",
	ResetMiddlebox:       "middlebox interference",
}

// String is the reason's name in RFC 8684, such as "lack of resources", or "unassigned".
func (r ResetReason) String() string {
	if int(r) >= len(resetReasons) {
		return "unassigned"
	}
	return resetReasons[r]
}

const (
	lenFail      = 12
	lenFastClose = 12
	lenTCPRst    = 4
)

// Name is "MP_FAIL".
func (*MPFail) Name() string { return NameMPFail }

func (*MPFail) length() int { return lenFail }

func parseMPFail(b []byte) (Option, error) {
	if len(b) != lenFail {
		return nil, lengthError(NameMPFail, b, "12")
	}
	return &MPFail{DSN: binary.BigEndian.Uint64(b[4:])}, nil
}

func (o *MPFail) appendTo(dst []byte) ([]byte, error) {
	dst = append(appendHead(dst, lenFail, subtypeMPFail, 0), 0)
	return binary.BigEndian.AppendUint64(dst, o.DSN), nil
}

// String is such as "mptcp 12 fail seq 7".
func (o *MPFail) String() string { return fmt.Sprintf("%s seq %d", head(o, "fail"), o.DSN) }

// Name is "MP_FASTCLOSE".
func (*FastClose) Name() string { return NameFastClose }

func (*FastClose) length() int { return lenFastClose }

func parseFastClose(b []byte) (Option, error) {
	if len(b) != lenFastClose {
		return nil, lengthError(NameFastClose, b, "12")
	}
	return &FastClose{Key: Key(binary.BigEndian.Uint64(b[4:]))}, nil
}

func (o *FastClose) appendTo(dst []byte) ([]byte, error) {
	dst = append(appendHead(dst, lenFastClose, subtypeFastClose, 0), 0)
	return binary.BigEndian.AppendUint64(dst, uint64(o.Key)), nil
}

// String is such as "mptcp 12 fast-close key 0xa38b4fce5d5ebed8".
func (o *FastClose) String() string { return fmt.Sprintf("%s key %v", head(o, "fast-close"), o.Key) }

// Name is "MP_TCPRST".
func (*TCPRst) Name() string { return NameTCPRst }

func (*TCPRst) length() int { return lenTCPRst }

func parseTCPRst(b []byte) (Option, error) {
	if len(b) != lenTCPRst {
		return nil, lengthError(NameTCPRst, b, "4")
	}
	return &TCPRst{Flags: b[2] & 0x0f, Reason: ResetReason(b[3])}, nil
}

func (o *TCPRst) appendTo(dst []byte) ([]byte, error) {
	if o.Flags > 0x0f {
		return nil, fmt.Errorf("flags 0x%x do not fit in 4 bits", o.Flags)
	}
	return append(appendHead(dst, lenTCPRst, subtypeTCPRst, o.Flags), byte(o.Reason)), nil
}

// String is such as "mptcp 4 tcprst transient reason 2 (lack of resources)".
func (o *TCPRst) String() string {
	s := head(o, "tcprst")
	if o.Flags&ResetTransient != 0 {
		s += " transient"
	}
	if other := o.Flags &^ ResetTransient; other != 0 {
		s += fmt.Sprintf(" flags 0x%x", other)
	}
	return fmt.Sprintf("%s reason %d (%v)", s, uint8(o.Reason), o.Reason)
}
