//go:build linux

package traffic

import (
	"context"
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// ReceiveMessage takes up to n bytes, whatever their pattern, with one recvmsg(2), as soon as there are any or the stream has
// ended. With peek they stay in the socket, to be received again.
func (s *Socket) ReceiveMessage(ctx context.Context, n int, peek bool) (lab.Message, error) {
	m := lab.Message{Unread: -1}
	b := make([]byte, max(n, 1))
	err := s.do(ctx, s.in, func() error {
		raw, err := s.conn.SyscallConn()
		if err != nil {
			return err
		}
		var failed error
		err = raw.Read(func(fd uintptr) bool {
			m, failed = receiveMessage(int(fd), b, peek)
			return failed != unix.EAGAIN
		})
		if err == nil {
			err = failed
		}
		if err == nil && !peek {
			s.in.count(m.Data)
		}
		return err
	})
	if err != nil {
		return m, fmt.Errorf("receive a message at %v from %v: %w", s.local, s.remote, err)
	}
	return m, nil
}

func receiveMessage(fd int, b []byte, peek bool) (lab.Message, error) {
	flags := 0
	if peek {
		flags = unix.MSG_PEEK
	}
	m := lab.Message{Unread: -1}
	control := make([]byte, unix.CmsgSpace(4))
	n, nControl, _, _, err := unix.Recvmsg(fd, b, control, flags)
	if err != nil {
		return m, err
	}
	m.Data = b[:n]
	all, err := unix.ParseSocketControlMessage(control[:nControl])
	for _, c := range all {
		if c.Header.Level == unix.SOL_TCP && c.Header.Type == unix.TCP_CM_INQ && len(c.Data) >= 4 {
			m.Unread = int(binary.NativeEndian.Uint32(c.Data))
		}
	}
	return m, err
}
