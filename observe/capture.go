//go:build linux

package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Frame is a TCP segment that passed an interface, cut at the end of its TCP header.
type Frame struct {
	Time      time.Time // the kernel's stamp, or that of reading; see OpenCapture
	Outgoing  bool      // sent by the interface's host, not received
	Data      []byte    // Ethernet, IP and TCP headers with all options; valid during the call
	Interface int       // its index
	Length    int       // bytes, from the Ethernet header; up to 64 KiB and more where the kernel segments late (GSO)
}

// Capture records the TCP segments that pass an interface.
type Capture struct {
	file *os.File
	raw  syscall.RawConn // of file
	done chan struct{}   // closed when the reader has ended

	mu    sync.Mutex // over all below, and held during calls of each
	batch *batch
	each  func(Frame)
	err   error // that ended the reader

	// How many frames the kernel has queued and dropped, and how many of the queued ones were handed out.
	queued, dropped, taken uint64
}

// captureBuffer is the receive buffer in bytes. A frame takes less than 1 KiB of it, however long it was.
const captureBuffer = 4 << 20

// OpenCapture captures on an interface of the calling thread's network namespace, or on all of them if ifindex is 0. It
// calls each for one frame after the other, in the order in which they passed, from a goroutine of its own or from
// Drain's; each must not call the methods of the capture.
//
// Captured are TCP over IPv4 and over IPv6 without extension headers, first fragments included. On the loopback
// interface every segment passes twice, as outgoing and as incoming. The interface may go down and up again.
//
// The kernel stamps frames only while somebody on the machine wants stamps, and takes some milliseconds to begin with
// it. Until then a frame's Time is when it was read. Who opens captures now and then keeps one open to avoid that.
func OpenCapture(ifindex int, each func(Frame)) (*Capture, error) {
	s, err := OpenCaptureSocket()
	if err != nil {
		return nil, fmt.Errorf("capture on interface %d: %w", ifindex, err)
	}
	return s.Capture(ifindex, each)
}

// CaptureSocket is the socket of a capture to be. It belongs to the network namespace that it was opened in.
type CaptureSocket struct{ fd int }

// OpenCaptureSocket opens the socket of a capture ahead of need: that is most of the work.
func OpenCaptureSocket() (*CaptureSocket, error) {
	fd, err := packetSocket()
	if err != nil {
		return nil, err
	}
	return &CaptureSocket{fd}, nil
}

// Close closes a socket that no capture was made of.
func (s *CaptureSocket) Close() error { return unix.Close(s.fd) }

// Capture is OpenCapture with this socket, which is the capture's from now on. It may be called on any thread.
func (s *CaptureSocket) Capture(ifindex int, each func(Frame)) (*Capture, error) {
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // network order
	if err := unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex}); err != nil {
		return nil, errors.Join(fmt.Errorf("capture on interface %d: %w", ifindex, os.NewSyscallError("bind", err)), s.Close())
	}
	c := &Capture{
		file:  os.NewFile(uintptr(s.fd), "packet"),
		done:  make(chan struct{}),
		batch: newBatch(),
		each:  each,
	}
	var err error
	if c.raw, err = c.file.SyscallConn(); err != nil {
		return nil, errors.Join(fmt.Errorf("capture on interface %d: %w", ifindex, err), c.file.Close())
	}
	go c.run()
	return c, nil
}

func (c *Capture) run() {
	defer close(c.done)
	for c.raw.Read(c.receive) == nil && c.failure() == nil {
	}
}

// receive takes one batch; false asks to be called again when there is something to read.
func (c *Capture) receive(fd uintptr) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.takeBatch(fd) || c.err != nil
}

// takeBatch reads and hands out one batch of the frames that are queued; false tells that there was none.
func (c *Capture) takeBatch(fd uintptr) bool {
	n, err := c.batch.receive(fd)
	for err == unix.EINTR || err == unix.ENETDOWN { // the latter once when the interface goes down
		n, err = c.batch.receive(fd)
	}
	if err != nil && err != unix.EAGAIN {
		c.err = fmt.Errorf("capture: %w", err)
	}
	for i := range n {
		c.each(c.batch.frame(i))
	}
	c.taken += uint64(n)
	return n > 0
}

func (c *Capture) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Drain hands out every frame that had passed when it was called. Whoever has seen the effect of a segment has its frame
// after Drain.
func (c *Capture) Drain() error {
	err := c.raw.Control(func(fd uintptr) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.count(fd)
		for c.taken < c.queued && c.takeBatch(fd) {
		}
	})
	return errors.Join(err, c.failure())
}

// Drops is how many frames were lost so far because the receive buffer was full. It remains readable after Close.
func (c *Capture) Drops() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	_ = c.raw.Control(c.count) // fails after Close, which has counted
	return c.dropped
}

// count takes over the kernel's counts, which start again from zero at each reading.
func (c *Capture) count(fd uintptr) {
	s, err := unix.GetsockoptTpacketStats(int(fd), unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		c.err = errors.Join(c.err, os.NewSyscallError("PACKET_STATISTICS", err))
		return
	}
	c.queued += uint64(s.Packets - s.Drops)
	c.dropped += uint64(s.Drops)
}

// Close drains and ends the capture: no call of each is under way or follows.
func (c *Capture) Close() error {
	err := c.Drain() // counts, too
	err = errors.Join(err, c.file.Close())
	<-c.done
	return err
}

// packetSocket opens a socket that receives nothing until it is bound, with its filter in place.
func packetSocket() (fd int, err error) {
	const none = 0 // the protocol that receives nothing
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, none)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	defer func() {
		if err != nil {
			_ = unix.Close(fd)
		}
	}()
	if err := setFilter(fd); err != nil {
		return -1, fmt.Errorf("set filter: %w", err)
	}
	// Only a host's own root may exceed the limit of SO_RCVBUF.
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, captureBuffer) != nil {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, captureBuffer)
	}
	if err = errors.Join(
		os.NewSyscallError("SO_RCVBUF", err),
		os.NewSyscallError("SO_TIMESTAMPNS", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)),
		os.NewSyscallError("PACKET_AUXDATA", unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_AUXDATA, 1)),
	); err != nil {
		return -1, err
	}
	return fd, nil
}
