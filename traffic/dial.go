//go:build linux

package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Dial connects from the network namespace in which in runs the function that it is given.
//
// A valid or non-zero part of o.Local is bound. MPTCP never becomes plain TCP at this end: where MPTCP is off, the error is
// ErrDisabled or ErrUnsupported (that the peer or the path may still cause a fallback is the kernel's business). The error
// wraps ctx's cause when ctx ends before the connection is established, and else the kernel's errno.
func Dial(ctx context.Context, in func(func() error) error, o lab.DialOptions) (*Socket, error) {
	if !o.Remote.IsValid() || o.Remote.Port() == 0 {
		return nil, errors.New("connect: no remote address and port")
	}
	if o.Local == (netip.AddrPort{}) {
		s, err := dial(ctx, in, o)
		if err != nil {
			return nil, fmt.Errorf("connect to %v: %w", o.Remote, err)
		}
		return s, nil
	}
	if !o.Local.IsValid() {
		o.Local = netip.AddrPortFrom(unspecified(o.Remote.Addr()), o.Local.Port())
	}
	s, err := dial(ctx, in, o)
	if err != nil {
		return nil, fmt.Errorf("connect from %v to %v: %w", o.Local, o.Remote, err)
	}
	return s, nil
}

func dial(ctx context.Context, in func(func() error) error, o lab.DialOptions) (*Socket, error) {
	if o.Local.IsValid() && family(o.Local.Addr()) != family(o.Remote.Addr()) {
		return nil, errors.New("the local and the remote address are of different families")
	}
	remote, err := sockaddr(in, o.Remote)
	if err != nil {
		return nil, err
	}
	f, err := open(in, o.Protocol, family(o.Remote.Addr()))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if err := setOptions(f, o.Options); err != nil {
		return nil, err
	}
	if o.Local.IsValid() {
		local, err := sockaddr(in, o.Local)
		if err != nil {
			return nil, err
		}
		if err := unix.Bind(int(f.Fd()), local); err != nil {
			return nil, fmt.Errorf("bind: %w", err)
		}
	}
	return connectFile(ctx, f, remote, o)
}

// connectFile connects an open socket, which stays the caller's to close; the returned Socket has its own descriptor.
func connectFile(ctx context.Context, f *os.File, remote unix.Sockaddr, o lab.DialOptions) (*Socket, error) {
	nc, err := net.FileConn(f)
	if err != nil {
		return nil, err
	}
	conn := nc.(*net.TCPConn) // as the family is AF_INET or AF_INET6
	sent, err := connect(ctx, conn, remote, o.Data)
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	s, err := newSocket(conn, dialer, o.Seed)
	if err != nil {
		return nil, err
	}
	s.out.count(o.Data[:sent])
	if s.local == s.remote {
		// A simultaneous open with itself, when nothing listens on a port that the kernel then chose as the local one.
		return nil, errors.Join(fmt.Errorf("%w (the socket connected to itself)", unix.ECONNREFUSED), s.Abort())
	}
	if err := s.SendBytes(ctx, o.Data[sent:]); err != nil {
		return nil, errors.Join(err, s.Abort())
	}
	return s, nil
}

// connect starts the handshake, with data in its SYN if there is any, and waits for its end. It returns how much of the data the
// kernel took: none where it had to ask the peer for a cookie first.
func connect(ctx context.Context, conn *net.TCPConn, remote unix.Sockaddr, data []byte) (sent int, err error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	started := false
	var result error
	g := newGate(conn.SetWriteDeadline)
	err = g.do(ctx, func() error {
		return raw.Write(func(fd uintptr) (done bool) {
			if !started {
				started = true
				sent, result = begin(int(fd), remote, data)
				// On EINTR the handshake goes on all the same.
				return !errors.Is(result, unix.EINPROGRESS) && !errors.Is(result, unix.EINTR)
			}
			done, result = connected(int(fd))
			return done
		})
	})
	if err != nil {
		return 0, err // result is then that the handshake goes on
	}
	return sent, result
}

func begin(fd int, remote unix.Sockaddr, data []byte) (sent int, err error) {
	if len(data) == 0 {
		return 0, unix.Connect(fd, remote)
	}
	sent, err = unix.SendmsgN(fd, data, nil, remote, unix.MSG_FASTOPEN)
	if err == nil {
		err = unix.EINPROGRESS
	}
	return max(sent, 0), err
}

// connected tells whether the handshake has ended, and how. The poller may wake up for nothing: a socket that is not
// connected yet counts as hung up.
func connected(fd int) (bool, error) {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return true, err
	}
	if errno != 0 {
		return true, unix.Errno(errno)
	}
	_, err = unix.Getpeername(fd)
	return err == nil, nil
}
