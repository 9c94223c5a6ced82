package runner

import (
	"errors"
	"fmt"
	"io"

	"golang.org/x/sys/unix"
)

// kmsg is /dev/kmsg, read without waiting.
type kmsg struct {
	fd  int
	buf [8192]byte // the kernel's records are shorter (PRINTK_MESSAGE_MAX, kernel/printk/internal.h)
}

func openKernelLog() (logSource, error) {
	fd, err := unix.Open("/dev/kmsg", unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open /dev/kmsg: %w", err)
	}
	if _, err := unix.Seek(fd, 0, io.SeekEnd); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("seek to the end of /dev/kmsg: %w", err)
	}
	return &kmsg{fd: fd}, nil
}

func (k *kmsg) next() (string, bool, error) {
	for {
		n, err := unix.Read(k.fd, k.buf[:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return "", false, nil
		case errors.Is(err, unix.EPIPE), errors.Is(err, unix.EINTR): // EPIPE: records were overwritten; read on after them
			continue
		case err != nil:
			return "", false, fmt.Errorf("read /dev/kmsg: %w", err)
		}
		return string(k.buf[:n]), true, nil
	}
}

func (k *kmsg) Close() error { return unix.Close(k.fd) }
