package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
)

// DSS is the data sequence signal (RFC 8684 section 3.3): a data acknowledgement, a mapping of the payload into the
// connection's stream, both, or neither.
type DSS struct {
	DataFIN bool // flag F: the mapping ends the stream, and DataLen counts the DATA_FIN as one byte

	HasAck bool   // flag A
	Ack64  bool   // flag a: the acknowledgement has 64 bits on the wire, not 32; only with HasAck
	Ack    uint64 // next data sequence number expected

	HasMapping bool   // flag M
	DSN64      bool   // flag m: the DSN has 64 bits on the wire, not 32; only with HasMapping
	DSN        uint64 // data sequence number of the mapping's first byte
	SubflowSeq uint32 // relative to the subflow's ISN: 1 is the first byte; 0 with a DATA_FIN that maps no payload
	DataLen    uint16 // bytes mapped; 0 is the infinite mapping of a fallback

	HasChecksum bool   // only with HasMapping
	Checksum    uint16 // see DSSChecksum
}

// The flags of byte 3.
const (
	dssFIN     = 0x10
	dssDSN64   = 0x08
	dssMapping = 0x04
	dssAck64   = 0x02
	dssAck     = 0x01
)

const (
	lenDSSHead     = 4
	lenDSSChecksum = 2
)

// Name is "DSS".
func (*DSS) Name() string { return NameDSS }

func (o *DSS) length() int {
	n := dssLength(o.flags())
	if o.HasMapping && o.HasChecksum {
		n += lenDSSChecksum
	}
	return n
}

func (o *DSS) flags() uint8 {
	return bit(o.DataFIN, dssFIN) | bit(o.DSN64, dssDSN64) | bit(o.HasMapping, dssMapping) |
		bit(o.Ack64, dssAck64) | bit(o.HasAck, dssAck)
}

// dssLength is the length of an option with these flags, without a checksum. RFC 8684 gives the two size flags no meaning
// without what they are the size of.
func dssLength(flags uint8) int {
	n := lenDSSHead
	if flags&dssAck != 0 {
		n += seqLength(flags&dssAck64 != 0)
	}
	if flags&dssMapping != 0 {
		n += seqLength(flags&dssDSN64 != 0) + 4 + 2
	}
	return n
}

func seqLength(is64 bool) int {
	if is64 {
		return 8
	}
	return 4
}

func parseDSS(b []byte) (Option, error) {
	if len(b) < lenDSSHead {
		return nil, lengthError(NameDSS, b, "at least 4")
	}
	flags := b[3]
	o := &DSS{
		DataFIN:    flags&dssFIN != 0,
		HasAck:     flags&dssAck != 0,
		HasMapping: flags&dssMapping != 0,
	}
	o.Ack64 = o.HasAck && flags&dssAck64 != 0
	o.DSN64 = o.HasMapping && flags&dssDSN64 != 0

	switch want := o.length(); {
	case len(b) == want:
	case o.HasMapping && len(b) == want+lenDSSChecksum:
		o.HasChecksum = true
	case o.HasMapping:
		return nil, lengthError(NameDSS, b, fmt.Sprintf("%d, or %d with a checksum, by its flags 0x%02x", want, want+lenDSSChecksum, flags))
	default:
		return nil, lengthError(NameDSS, b, fmt.Sprintf("%d by its flags 0x%02x", want, flags))
	}

	rest := b[lenDSSHead:]
	if o.HasAck {
		o.Ack, rest = takeSeq(rest, o.Ack64)
	}
	if o.HasMapping {
		o.DSN, rest = takeSeq(rest, o.DSN64)
		o.SubflowSeq = binary.BigEndian.Uint32(rest)
		o.DataLen = binary.BigEndian.Uint16(rest[4:])
	}
	if o.HasChecksum {
		o.Checksum = binary.BigEndian.Uint16(rest[6:])
	}
	return o, nil
}

func takeSeq(b []byte, is64 bool) (seq uint64, rest []byte) {
	if is64 {
		return binary.BigEndian.Uint64(b), b[8:]
	}
	return uint64(binary.BigEndian.Uint32(b)), b[4:]
}

func appendSeq(dst []byte, seq uint64, is64 bool) []byte {
	if is64 {
		return binary.BigEndian.AppendUint64(dst, seq)
	}
	return binary.BigEndian.AppendUint32(dst, uint32(seq))
}

func (o *DSS) check() error {
	switch {
	case o.Ack64 && !o.HasAck:
		return errors.New("a 64-bit acknowledgement, but no acknowledgement")
	case o.DSN64 && !o.HasMapping:
		return errors.New("a 64-bit DSN, but no mapping")
	case o.HasChecksum && !o.HasMapping:
		return errors.New("a checksum needs a mapping")
	case o.HasAck && !o.Ack64 && o.Ack > math.MaxUint32:
		return fmt.Errorf("acknowledgement %d does not fit in 32 bits", o.Ack)
	case o.HasMapping && !o.DSN64 && o.DSN > math.MaxUint32:
		return fmt.Errorf("DSN %d does not fit in 32 bits", o.DSN)
	}
	return nil
}

func (o *DSS) appendTo(dst []byte) ([]byte, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	dst = appendHead(dst, o.length(), subtypeDSS, 0)
	dst = append(dst, o.flags())
	if o.HasAck {
		dst = appendSeq(dst, o.Ack, o.Ack64)
	}
	if o.HasMapping {
		dst = appendSeq(dst, o.DSN, o.DSN64)
		dst = binary.BigEndian.AppendUint32(dst, o.SubflowSeq)
		dst = binary.BigEndian.AppendUint16(dst, o.DataLen)
	}
	if o.HasChecksum {
		dst = binary.BigEndian.AppendUint16(dst, o.Checksum)
	}
	return dst, nil
}

// String is such as "mptcp 26 dss ack 7 seq 9 subseq 1 len 6".
func (o *DSS) String() string {
	var s strings.Builder
	s.WriteString(head(o, "dss"))
	if o.DataFIN {
		s.WriteString(" fin")
	}
	if o.HasAck {
		fmt.Fprintf(&s, " ack %d", o.Ack)
	}
	if o.HasMapping {
		fmt.Fprintf(&s, " seq %d subseq %d len %d", o.DSN, o.SubflowSeq, o.DataLen)
	}
	if o.HasChecksum {
		fmt.Fprintf(&s, " csum 0x%04x", o.Checksum)
	}
	return s.String()
}
