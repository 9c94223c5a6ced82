package wire

import (
	"errors"
	"fmt"
)

// Option is one MPTCP option of RFC 8684: a *MPCapable, *MPJoin, *DSS, *AddAddr, *RemoveAddr, *MPPrio, *MPFail,
// *FastClose, *TCPRst, or *Unknown.
type Option interface {
	// Name is the option's name in RFC 8684: "ADD_ADDR".
	Name() string
	// String shows the option as tcpdump would.
	String() string

	// length is the option's length on the wire, in bytes.
	length() int
	// appendTo appends the option as it is on the wire, or says what cannot be put there.
	appendTo(dst []byte) ([]byte, error)
}

// The names of the options (RFC 8684 section 8.2), as Option.Name gives them and Packet.Option takes them.
const (
	NameMPCapable  = "MP_CAPABLE"
	NameMPJoin     = "MP_JOIN"
	NameDSS        = "DSS"
	NameAddAddr    = "ADD_ADDR"
	NameRemoveAddr = "REMOVE_ADDR"
	NameMPPrio     = "MP_PRIO"
	NameMPFail     = "MP_FAIL"
	NameFastClose  = "MP_FASTCLOSE"
	NameTCPRst     = "MP_TCPRST"
	NameUnknown    = "UNKNOWN" // not of the RFC: an unassigned subtype, or a malformed option
)

// The subtypes (RFC 8684 section 8.2).
const (
	subtypeMPCapable = iota
	subtypeMPJoin
	subtypeDSS
	subtypeAddAddr
	subtypeRemoveAddr
	subtypeMPPrio
	subtypeMPFail
	subtypeFastClose
	subtypeTCPRst
)

// parsers are by subtype. Each is given a whole option of at least minOption bytes, and must check its length.
var parsers = [...]func(b []byte) (Option, error){
	subtypeMPCapable:  parseMPCapable,
	subtypeMPJoin:     parseMPJoin,
	subtypeDSS:        parseDSS,
	subtypeAddAddr:    parseAddAddr,
	subtypeRemoveAddr: parseRemoveAddr,
	subtypeMPPrio:     parseMPPrio,
	subtypeMPFail:     parseMPFail,
	subtypeFastClose:  parseFastClose,
	subtypeTCPRst:     parseTCPRst,
}

// The kinds of TCP options that [Segment.StripKind] is most used for, as IANA numbers them.
const (
	KindTimestamps = 8
	KindMPTCP      = 30 // RFC 8684 section 8.1
)

const (
	kindEnd = 0
	kindNOP = 1

	minOption = 3  // kind, length, and the byte with the subtype
	maxOption = 40 // what a TCP header has room for
)

// ParseOption reads one option that fills b, from its kind byte on. An unassigned subtype gives an *Unknown; an option
// that breaks its layout is an error. Reserved bits are ignored, as RFC 8684 asks of a receiver.
func ParseOption(b []byte) (Option, error) {
	if err := checkFrame(b); err != nil {
		return nil, err
	}
	if len(b) < minOption {
		return nil, fmt.Errorf("MPTCP option: length %d leaves no room for a subtype", len(b))
	}
	subtype := int(b[2] >> 4)
	if subtype >= len(parsers) {
		return newUnknown(b, nil), nil
	}
	return parsers[subtype](b)
}

// AppendOption appends the option to dst as it is on the wire, without padding. An option that has no such form, or whose
// values do not fit theirs, is an error, and dst is returned unchanged.
func AppendOption(dst []byte, o Option) ([]byte, error) {
	if o == nil {
		return dst, errors.New("MPTCP option: nil")
	}
	if n := o.length(); n > maxOption {
		return dst, fmt.Errorf("%s: length %d, more than the %d bytes that a TCP header has for options", o.Name(), n, maxOption)
	}
	out, err := o.appendTo(dst)
	if err != nil {
		return dst, fmt.Errorf("%s: %w", o.Name(), err)
	}
	return out, nil
}

// checkFrame checks the kind and length bytes of an option that fills b.
func checkFrame(b []byte) error {
	switch {
	case len(b) < 2:
		return fmt.Errorf("MPTCP option: %d bytes, want at least %d", len(b), minOption)
	case b[0] != KindMPTCP:
		return fmt.Errorf("MPTCP option: kind %d, want %d", b[0], KindMPTCP)
	case int(b[1]) != len(b):
		return fmt.Errorf("MPTCP option: length byte %d, but %d bytes", b[1], len(b))
	}
	return nil
}

// lengthError is the error of a parser for an option whose length is not one of those wanted.
func lengthError(name string, b []byte, want string) error {
	return fmt.Errorf("%s: length %d, want %s", name, len(b), want)
}

// appendHead appends an option's first three bytes; low are the four bits beside the subtype.
func appendHead(dst []byte, length, subtype int, low uint8) []byte {
	return append(dst, KindMPTCP, byte(length), byte(subtype)<<4|low)
}

// head is how tcpdump begins each option.
func head(o Option, word string) string {
	return fmt.Sprintf("mptcp %d %s", o.length(), word)
}

// bit is the flag if on, else 0.
func bit(on bool, flag uint8) uint8 {
	if on {
		return flag
	}
	return 0
}
