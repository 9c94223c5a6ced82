//go:build linux

package traffic

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Reconnect ends the connection as connect(2) to AF_UNSPEC does, and makes another one with the same socket; both patterns begin
// anew. What the peer has not sent yet or this end not read is lost. Nothing else may use the socket meanwhile.
func (s *Socket) Reconnect(ctx context.Context, remote netip.AddrPort) error {
	if err := s.reconnect(ctx, remote); err != nil {
		return fmt.Errorf("connect the socket from %v to %v again, to %v: %w", s.local, s.remote, remote, err)
	}
	return nil
}

func (s *Socket) reconnect(ctx context.Context, remote netip.AddrPort) error {
	if s.closed.Load() {
		return ErrClosed
	}
	if family(remote.Addr()) != family(s.remote.Addr()) {
		return errors.New("the socket is of another address family")
	}
	sa, err := sockaddr(nil, remote)
	if err != nil {
		return err
	}
	if err := s.control("disconnect", disconnect); err != nil {
		return err
	}
	if _, err := connect(ctx, s.conn, sa, nil); err != nil {
		return err
	}
	s.out.position, s.in.position = 0, 0
	return s.setUp()
}

// disconnect is connect(2) with an address of no family.
func disconnect(fd int) error {
	address := unix.RawSockaddr{Family: unix.AF_UNSPEC}
	_, _, errno := unix.Syscall(unix.SYS_CONNECT, uintptr(fd), uintptr(unsafe.Pointer(&address)), unsafe.Sizeof(address))
	if errno != 0 {
		return errno
	}
	return nil
}
