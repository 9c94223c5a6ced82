//go:build linux

package forward

import (
	"encoding/binary"
	"errors"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	ethernetHeader = 14
	vlanTag        = 4
	virtioHeader   = 10 // bytes of virtioHdr
	maxFrame       = ethernetHeader + vlanTag + 0xffff
)

// virtioHdr is struct virtio_net_hdr (include/uapi/linux/virtio_net.h) in the byte order of the machine. It precedes each frame of a
// packet socket with PACKET_VNET_HDR, and says what is left to do to it. Offsets count from the start of the frame.
type virtioHdr struct {
	Flags      uint8
	GSOType    uint8
	HdrLen     uint16
	GSOSize    uint16 // bytes of payload in each packet
	CsumStart  uint16 // where the sum begins
	CsumOffset uint16 // of the field, from there
}

// frame is an Ethernet frame under way.
type frame struct {
	buf   []byte // all of the memory
	b     []byte // the virtio header and the frame, within buf
	class int    // of buf, in the pool

	lane    *lane
	arrived time.Duration // since the epoch of the forwarder
	due     time.Duration
	seq     uint64  // order of frames with the same due
	packets int     // on the wire
	wire    int     // bytes of these, from their IP headers
	packet  *Packet // when a filter sees it
}

func (f *frame) header() *virtioHdr { return (*virtioHdr)(unsafe.Pointer(&f.b[0])) }

// ethernet is the frame proper.
func (f *frame) ethernet() []byte { return f.b[virtioHeader:] }

func (f *frame) setEthernet(b []byte) {
	f.b = f.buf[:virtioHeader+copy(f.buf[virtioHeader:], b)]
	*f.header() = virtioHdr{}
}

// errCutFrame is the error of frames that do not have what their virtio header promises.
var errCutFrame = errors.New("the headers are cut off")

// complete fills in the checksum that the sender left to the interface.
func (f *frame) complete() error {
	h, b := f.header(), f.ethernet()
	if h.Flags&unix.VIRTIO_NET_HDR_F_NEEDS_CSUM != 0 {
		start, field := int(h.CsumStart), int(h.CsumStart)+int(h.CsumOffset)
		if field+2 > len(b) {
			return errCutFrame
		}
		binary.BigEndian.PutUint16(b[field:], checksum(sum(b[start:])))
	}
	*h = virtioHdr{}
	return nil
}

// flip flips a bit of the IP packet.
func (f *frame) flip(bit int) { f.ethernet()[ethernetHeader+bit/8] ^= 0x80 >> (bit % 8) }

// insertVLAN puts back the tag that the kernel took out of a frame which it received. There must be room in front of it.
func (f *frame) insertVLAN(tpid, tci uint16) {
	start := len(f.buf) - cap(f.b) - vlanTag // of b, after the move
	whole := f.buf[start : start+vlanTag+len(f.b)]
	copy(whole, f.b[:virtioHeader+12]) // both MAC addresses
	binary.BigEndian.PutUint16(whole[virtioHeader+12:], tpid)
	binary.BigEndian.PutUint16(whole[virtioHeader+14:], tci)
	f.b = whole
	if h := f.header(); h.Flags&unix.VIRTIO_NET_HDR_F_NEEDS_CSUM != 0 {
		h.CsumStart += vlanTag
		h.HdrLen += vlanTag
	}
}

// pool keeps the memory of frames for the next ones. It belongs to the thread.
type pool struct {
	free [len(classes)][]*frame
	used int // bytes handed out
}

// classes are the sizes of buffers: of acknowledgements, of packets, of medium and of the largest GSO frames.
var classes = [...]int{256, 2048, 16 << 10, headroom + virtioHeader + maxFrame}

// headroom is left in front of received frames, for a VLAN tag. It keeps the virtio header aligned.
const headroom = vlanTag

const largest = len(classes) - 1

func classOf(n int) int {
	for c, size := range classes {
		if n <= size {
			return c
		}
	}
	return largest
}

// get returns a frame with room for n bytes, its virtio header included; its b is the start of its buffer.
func (p *pool) get(n int) *frame {
	class := classOf(n)
	p.used += classes[class]
	free := p.free[class]
	if len(free) == 0 {
		return &frame{buf: make([]byte, classes[class]), class: class}
	}
	f := free[len(free)-1]
	p.free[class] = free[:len(free)-1]
	return f
}

// put takes a frame back.
func (p *pool) put(f *frame) {
	p.used -= classes[f.class]
	*f = frame{buf: f.buf, class: f.class}
	p.free[f.class] = append(p.free[f.class], f)
}

// copy returns a frame that is like f.
func (p *pool) copy(f *frame) *frame {
	c := p.get(len(f.b))
	c.b = c.buf[:copy(c.buf, f.b)]
	c.lane, c.arrived, c.packets, c.wire = f.lane, f.arrived, f.packets, f.wire
	return c
}
