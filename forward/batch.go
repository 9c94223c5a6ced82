//go:build linux

package forward

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many frames one system call moves at most.
const batchSize = 32

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	unix.Msghdr
	Len uint32
}

// auxdata is struct tpacket_auxdata (include/uapi/linux/if_packet.h).
type auxdata struct {
	Status, Len, Snaplen        uint32
	MAC, Net, VLANTCI, VLANTPID uint16
}

// controlSize has room for a time stamp and an auxdata, with their heads.
const controlSize = 128

// inbound is the memory of a recvmmsg(2).
type inbound struct {
	headers [batchSize]mmsghdr
	iovecs  [batchSize]unix.Iovec
	control [batchSize][controlSize]byte
	frames  [batchSize]*frame // each of the largest class
}

func newInbound(p *pool) *inbound {
	in := &inbound{}
	for i := range in.headers {
		h := &in.headers[i]
		h.Iov = &in.iovecs[i]
		h.SetIovlen(1)
		h.Control = &in.control[i][0]
		in.refill(p, i)
	}
	return in
}

func (in *inbound) refill(p *pool, i int) {
	f := p.get(classes[largest])
	in.frames[i] = f
	in.iovecs[i].Base = &f.buf[headroom]
	in.iovecs[i].SetLen(len(f.buf) - headroom)
}

// receive reads what is queued on a socket, without waiting, and says how many frames.
func (in *inbound) receive(fd int) (int, error) {
	for i := range in.headers { // the kernel left the lengths that it used
		in.headers[i].SetControllen(controlSize)
	}
	return mmsg(unix.SYS_RECVMMSG, fd, in.headers[:])
}

// take returns the i-th frame of the last receive, with the time of its arrival (zero: unknown), or nil if it was cut off.
func (in *inbound) take(p *pool, i int) (*frame, time.Time) {
	h, f := &in.headers[i], in.frames[i]
	if h.Flags&unix.MSG_TRUNC != 0 || h.Len < virtioHeader+ethernetHeader {
		return nil, time.Time{}
	}
	f.b = f.buf[headroom : headroom+int(h.Len)]
	stamp := f.applyControl(in.control[i][:h.Controllen])
	if classOf(len(f.b)) == largest {
		in.refill(p, i)
		return f, stamp
	}
	return p.copy(f), stamp
}

// applyControl takes what the kernel tells about a frame besides its bytes.
func (f *frame) applyControl(control []byte) (stamp time.Time) {
	for len(control) >= unix.SizeofCmsghdr {
		head, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			break
		}
		switch {
		case head.Level == unix.SOL_SOCKET && head.Type == unix.SCM_TIMESTAMPNS:
			t := (*unix.Timespec)(unsafe.Pointer(&data[0]))
			stamp = time.Unix(t.Unix())
		case head.Level == unix.SOL_PACKET && head.Type == unix.PACKET_AUXDATA:
			a := (*auxdata)(unsafe.Pointer(&data[0]))
			if a.Status&unix.TP_STATUS_VLAN_VALID != 0 {
				f.insertVLAN(a.VLANTPID, a.VLANTCI)
			}
		}
		control = rest
	}
	return stamp
}

// outbound is the memory of a sendmmsg(2), and the frames to be sent by it.
type outbound struct {
	headers [batchSize]mmsghdr
	iovecs  [batchSize]unix.Iovec
	frames  [batchSize]*frame
	n       int
}

func newOutbound() *outbound {
	out := &outbound{}
	for i := range out.headers {
		out.headers[i].Iov = &out.iovecs[i]
		out.headers[i].SetIovlen(1)
	}
	return out
}

func (out *outbound) add(f *frame) (full bool) {
	out.frames[out.n] = f
	out.iovecs[out.n].Base = &f.b[0]
	out.iovecs[out.n].SetLen(len(f.b))
	out.n++
	return out.n == batchSize
}

// send sends all, and tells of each what the kernel said to it.
func (out *outbound) send(fd int, done func(*frame, error)) {
	for from := 0; from < out.n; {
		n, err := mmsg(unix.SYS_SENDMMSG, fd, out.headers[from:out.n])
		if err == unix.EINTR {
			continue
		}
		for range n {
			done(out.frames[from], nil)
			from++
		}
		if err != nil { // of the first
			done(out.frames[from], err)
			from++
		}
	}
	out.n = 0
}

func mmsg(call uintptr, fd int, headers []mmsghdr) (int, error) {
	n, _, errno := syscall.Syscall6(call, uintptr(fd), uintptr(unsafe.Pointer(&headers[0])), uintptr(len(headers)),
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}
