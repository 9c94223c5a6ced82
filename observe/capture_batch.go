//go:build linux

package observe

import (
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// batchSize is how many frames one system call reads at most.
const batchSize = 64

// batch is the memory of a recvmmsg(2) from a packet socket.
type batch struct {
	headers [batchSize]mmsghdr
	slots   [batchSize]slot
}

// mmsghdr is struct mmsghdr.
type mmsghdr struct {
	unix.Msghdr
	Len uint32
}

// slot is where one frame of a batch goes.
type slot struct {
	iovec   unix.Iovec
	from    unix.RawSockaddrLinklayer
	control [controlSize]byte
	data    [maxHeaders]byte
}

// controlSize has room for a time stamp and a tpacket_auxdata, with their heads.
const controlSize = 128

// auxdata is struct tpacket_auxdata (include/uapi/linux/if_packet.h).
type auxdata struct {
	Status   uint32
	Len      uint32 // of the frame before it was cut
	Snaplen  uint32
	MAC      uint16
	Net      uint16
	VLANTCI  uint16
	VLANTPID uint16
}

func newBatch() *batch {
	b := &batch{}
	for i := range b.headers {
		s, h := &b.slots[i], &b.headers[i]
		s.iovec.Base = &s.data[0]
		s.iovec.SetLen(len(s.data))
		h.Iov = &s.iovec
		h.SetIovlen(1)
		h.Name = (*byte)(unsafe.Pointer(&s.from))
		h.Control = &s.control[0]
	}
	return b
}

// receive reads the frames that are queued, without waiting, and says how many.
func (b *batch) receive(fd uintptr) (int, error) {
	for i := range b.headers { // the kernel left the lengths that it used
		b.headers[i].Namelen = uint32(unsafe.Sizeof(b.slots[i].from))
		b.headers[i].SetControllen(controlSize)
	}
	n, _, errno := syscall.Syscall6(unix.SYS_RECVMMSG, fd, uintptr(unsafe.Pointer(&b.headers[0])), batchSize,
		unix.MSG_DONTWAIT, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// frame is the i-th frame of the last receive; its data is overwritten by the next one.
func (b *batch) frame(i int) Frame {
	h, s := &b.headers[i], &b.slots[i]
	f := Frame{
		Outgoing:  s.from.Pkttype == unix.PACKET_OUTGOING,
		Data:      s.data[:min(int(h.Len), len(s.data))],
		Interface: int(s.from.Ifindex),
		Length:    int(h.Len),
	}
	for rest := s.control[:h.Controllen]; len(rest) >= unix.SizeofCmsghdr; {
		head, data, next, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			break
		}
		switch {
		case head.Level == unix.SOL_SOCKET && head.Type == unix.SCM_TIMESTAMPNS:
			stamp := fromBytes[unix.Timespec](data)
			f.Time = time.Unix(stamp.Unix())
		case head.Level == unix.SOL_PACKET && head.Type == unix.PACKET_AUXDATA:
			f.Length = int(fromBytes[auxdata](data).Len)
		}
		rest = next
	}
	return f
}
