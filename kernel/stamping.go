package kernel

import (
	"context"
	"errors"
	"fmt"
	"time"
	"unsafe"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/observe"
)

// stampingWithin is how long the kernel may take to begin to stamp packets: it does so from a work queue, within milliseconds.
const stampingWithin = 5 * time.Second

// keepStamping holds a capture open for as long as the backend lives: the kernel stamps packets only while somebody wants it to,
// and takes a moment to begin (net_enable_timestamp in net/core/dev.c), in which packets have the time of their reading. It
// returns when that moment is over.
func (b *Backend) keepStamping(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, stampingWithin)
	defer cancel()
	return b.registry.Do(func() (err error) {
		if b.stamping, err = observe.OpenCapture(0, func(observe.Frame) {}); err != nil {
			return err
		}
		if err := awaitStamping(ctx); err != nil {
			return errors.Join(fmt.Errorf("wait for the kernel to stamp packets: %w", err), b.stamping.Close())
		}
		return nil
	})
}

// awaitStamping sends itself datagrams over the loopback interface until one was stamped before it was read.
func awaitStamping(ctx context.Context) error {
	lo, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(lo); err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if err := errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1),
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: 1}),
		unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}),
	); err != nil {
		return err
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	for {
		if stamped, err := stampedOnArrival(fd, own); stamped || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(100 * time.Microsecond):
		}
	}
}

// stampedOnArrival reports whether a datagram that a socket sends itself has a time before that of its reading. It has arrived
// when sending returns, unless the machine is busy: then the answer may be a false no.
func stampedOnArrival(fd int, own unix.Sockaddr) (bool, error) {
	if err := unix.Sendto(fd, []byte{0}, 0, own); err != nil {
		return false, err
	}
	sent := time.Now()
	control := make([]byte, unix.CmsgSpace(int(unsafe.Sizeof(unix.Timespec{}))))
	_, n, _, _, err := unix.Recvmsg(fd, make([]byte, 1), control, 0)
	if err != nil {
		return false, err
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil || len(messages) == 0 {
		return false, errors.Join(errors.New("a datagram without a time stamp"), err)
	}
	stamp := *(*unix.Timespec)(unsafe.Pointer(&messages[0].Data[0]))
	return time.Unix(stamp.Unix()).Before(sent), nil
}
