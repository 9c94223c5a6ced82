package wire

import (
	"bytes"
	"fmt"
)

// Unknown is an option that has no type of its own: its subtype is unassigned, or it breaks the layout of its subtype,
// so that a receiver ignores it.
type Unknown struct {
	Bytes     []byte // the whole option, from its kind byte on
	Malformed string // what is wrong with it; empty for an unassigned subtype
}

// newUnknown copies b, which may belong to a capture buffer that is used again.
func newUnknown(b []byte, err error) *Unknown {
	o := &Unknown{Bytes: bytes.Clone(b)}
	if err != nil {
		o.Malformed = err.Error()
	}
	return o
}

// Name is "UNKNOWN".
func (*Unknown) Name() string { return NameUnknown }

func (o *Unknown) length() int { return len(o.Bytes) }

func (o *Unknown) appendTo(dst []byte) ([]byte, error) {
	if err := checkFrame(o.Bytes); err != nil {
		return nil, err
	}
	return append(dst, o.Bytes...), nil
}

// String is such as "mptcp 4 unknown 0x1e0490ff", followed by what is wrong with a malformed option.
func (o *Unknown) String() string {
	s := fmt.Sprintf("%s 0x%x", head(o, "unknown"), o.Bytes)
	if o.Malformed != "" {
		s += " [" + o.Malformed + "]"
	}
	return s
}
