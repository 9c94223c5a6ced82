package ipmptcp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"syscall"
)

// The types and flags of netlink messages that matter here (include/uapi/linux/netlink.h).
const (
	typeError = 2 // NLMSG_ERROR
	typeDone  = 3 // NLMSG_DONE

	flagInterrupted = 0x10  // NLM_F_DUMP_INTR
	flagCapped      = 0x100 // NLM_F_CAPPED
	flagAckTLVs     = 0x200 // NLM_F_ACK_TLVS
)

// The attributes of an acknowledgement (enum nlmsgerr_attrs).
const (
	ackMessage = 1
	ackMissing = 5
)

const (
	headerSize     = 16 // struct nlmsghdr
	genlHeaderSize = 4  // struct genlmsghdr
)

var errMalformed = errors.New("malformed netlink message")

// message is a netlink message. Package mdlayher/netlink reads them too, but of an acknowledgement it keeps neither what is
// said of a success nor the attribute that is missing, and ip prints both.
type message struct {
	typ, flags uint16
	seq        uint32
	data       []byte
}

// splitMessages reads the messages of one datagram.
func splitMessages(b []byte) ([]message, error) {
	var all []message
	for len(b) >= headerSize {
		size := binary.NativeEndian.Uint32(b)
		if size < headerSize || uint64(size) > uint64(len(b)) {
			return all, errMalformed
		}
		all = append(all, message{
			typ:   binary.NativeEndian.Uint16(b[4:]),
			flags: binary.NativeEndian.Uint16(b[6:]),
			seq:   binary.NativeEndian.Uint32(b[8:]),
			data:  b[headerSize:size],
		})
		b = b[min(int(size+3)&^3, len(b)):]
	}
	return all, nil
}

// generic takes the header of generic netlink off.
func (m message) generic() (Message, error) {
	if len(m.data) < genlHeaderSize {
		return Message{}, errMalformed
	}
	return Message{Cmd: m.data[0], Attrs: m.data[genlHeaderSize:]}, nil
}

// ack reads an acknowledgement: a refusal, or a success of which there may be something to say.
func (m message) ack() (warning string, err error) {
	if len(m.data) < 4+headerSize {
		return "", errMalformed
	}
	at := 4 + headerSize
	if m.flags&flagCapped == 0 {
		// The request follows its header.
		at = 4 + int(min(binary.NativeEndian.Uint32(m.data[4:]), 1<<16))
	}
	return m.verdict(at)
}

// done reads the end of a dump.
func (m message) done() (warning string, err error) {
	if len(m.data) < 4 {
		return "", errMalformed
	}
	return m.verdict(4)
}

// verdict reads the error number that a message begins with, and what is said of it in attributes from at on.
func (m message) verdict(at int) (warning string, err error) {
	errno := -int32(binary.NativeEndian.Uint32(m.data))
	var said attrs
	if at = (at + 3) &^ 3; m.flags&flagAckTLVs != 0 && at <= len(m.data) {
		said = parseAttrs(m.data[at:])
	}
	text, _, _ := bytes.Cut(said[ackMessage], []byte{0})
	if errno == 0 {
		return string(text), nil
	}
	return "", &Refusal{Errno: syscall.Errno(errno), Message: string(text), Missing: said.uint32(ackMissing)}
}

// collector gathers the answer to one request.
type collector struct {
	seq   uint32
	dump  bool
	reply Reply
}

// take takes one message, and tells whether it was the last.
func (c *collector) take(m message) (last bool, err error) {
	if m.seq != c.seq {
		return false, nil // of an event, or of an earlier request
	}
	c.reply.Interrupted = c.reply.Interrupted || m.flags&flagInterrupted != 0
	switch m.typ {
	case typeError:
		c.reply.Warning, err = m.ack()
		return true, err
	case typeDone:
		c.reply.Warning, err = m.done()
		return true, err
	}
	reply, err := m.generic()
	if err != nil {
		return true, err
	}
	c.reply.Messages = append(c.reply.Messages, reply)
	return !c.dump, nil
}
