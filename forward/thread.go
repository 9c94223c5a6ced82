//go:build linux

package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sharpen makes the calling thread wake up in time, as far as its privileges go, and tells whether it got real-time scheduling.
func sharpen() (realtime bool) {
	const nanosecond = 1 // of slack; 0 would be the default, 50 µs
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, nanosecond, 0, 0, 0)
	const thisThread = 0
	return unix.SchedSetAttr(thisThread, &unix.SchedAttr{
		Size:     unix.SizeofSchedAttr,
		Policy:   unix.SCHED_FIFO,
		Priority: 1,
		Flags:    unix.SCHED_FLAG_RESET_ON_FORK,
	}, 0) == nil
}

// waker is what the thread sleeps on: its sockets, a deadline, and kicks from other threads.
type waker struct {
	epoll, event int
}

func newWaker(sockets ...int) (*waker, error) {
	w := &waker{epoll: -1, event: -1}
	if err := w.open(sockets); err != nil {
		return nil, errors.Join(err, w.close())
	}
	return w, nil
}

func (w *waker) open(sockets []int) (err error) {
	if w.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	if w.event, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return os.NewSyscallError("eventfd", err)
	}
	for _, fd := range append(sockets, w.event) {
		err := unix.EpollCtl(w.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
		if err != nil {
			return os.NewSyscallError("epoll_ctl", err)
		}
	}
	return w.sleep(0) // shows whether the kernel can
}

// forever is a sleep that only a frame or a kick ends.
const forever = time.Duration(math.MaxInt64)

// sleep returns when there is something to read, after a kick, or when d has passed.
func (w *waker) sleep(d time.Duration) error {
	var timeout *unix.Timespec
	if d != forever {
		t := unix.NsecToTimespec(max(0, int64(d)))
		timeout = &t
	}
	var events [3]unix.EpollEvent
	n, _, errno := syscall.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(w.epoll), uintptr(unsafe.Pointer(&events[0])),
		uintptr(len(events)), uintptr(unsafe.Pointer(timeout)), 0, 0)
	switch errno {
	case 0:
	case unix.EINTR:
		return nil
	case unix.ENOSYS:
		return fmt.Errorf("epoll_pwait2: %w; it needs Linux 5.11", errno)
	default:
		return os.NewSyscallError("epoll_pwait2", errno)
	}
	for _, e := range events[:n] {
		if int(e.Fd) == w.event {
			var count [8]byte
			_, _ = unix.Read(w.event, count[:]) // resets it
		}
	}
	return nil
}

// kick ends the sleep of the thread, or the next one.
func (w *waker) kick() {
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(w.event, one[:]) // fails only when it is kicked already, or closed
}

func (w *waker) close() error {
	var errs []error
	for _, fd := range []int{w.epoll, w.event} {
		if fd >= 0 {
			errs = append(errs, unix.Close(fd))
		}
	}
	return errors.Join(errs...)
}
