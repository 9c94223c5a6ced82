//go:build linux

package traffic

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// chunk is how many bytes go to or come from the kernel at once: enough to make the cost of the call vanish.
const chunk = 256 << 10

// errEnded tells that the peer sent less than expected.
var errEnded = fmt.Errorf("the peer ended the stream: %w", io.ErrUnexpectedEOF)

// Socket is one end of a connection. Its methods may be called from any number of goroutines; operations on one direction
// take turns. All errors say what was being done between which addresses, and wrap the kernel's errno, the context's
// cause, a *MismatchError, ErrClosed, or io.ErrUnexpectedEOF.
type Socket struct {
	conn          *net.TCPConn
	local, remote netip.AddrPort
	out, in       *stream
	closed        atomic.Bool
}

// newSocket takes over conn, and closes it on an error.
func newSocket(conn *net.TCPConn, own role, seed uint64) (*Socket, error) {
	s := &Socket{
		conn: conn,
		out:  newStream(newPattern(seed, own), conn.SetWriteDeadline),
		in:   newStream(newPattern(seed, own.peer()), conn.SetReadDeadline),
	}
	if err := s.setUp(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// setUp reads the addresses, and takes back the keepalive that package net turns on.
func (s *Socket) setUp() error {
	if err := s.conn.SetKeepAlive(false); err != nil {
		return err
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var local, remote unix.Sockaddr
	var localErr, remoteErr error
	err = raw.Control(func(fd uintptr) {
		local, localErr = unix.Getsockname(int(fd))
		remote, remoteErr = unix.Getpeername(int(fd))
	})
	if err = errors.Join(err, localErr, remoteErr); err != nil {
		return fmt.Errorf("addresses of the connection: %w", err)
	}
	s.local, s.remote = addrPort(local), addrPort(remote)
	return nil
}

// Local is this end's address, that of the initial subflow on MPTCP.
func (s *Socket) Local() netip.AddrPort { return s.local }

// Remote is the peer's address, that of the initial subflow on MPTCP.
func (s *Socket) Remote() netip.AddrPort { return s.remote }

// SyscallConn gives access to the descriptor, for socket options.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return s.conn.SyscallConn() }

// Sums are the CRC-32C checksums and numbers of all bytes sent and received so far, of the pattern or not. Sent are the bytes
// that the kernel took; what this end sent is what the peer received when the numbers and checksums agree.
func (s *Socket) Sums() (sent, received uint32, nSent, nReceived int64) {
	out, in := s.out.tally(), s.in.tally()
	return out.crc, in.crc, out.bytes, in.bytes
}

// Send writes the next n bytes of this end's pattern; it returns when the kernel has taken them.
func (s *Socket) Send(ctx context.Context, n int64) error {
	b := make([]byte, min(max(n, 0), chunk))
	return s.move(ctx, s.out, n, func(left int64) (int, error) {
		b := b[:min(left, chunk)]
		s.out.pattern.fill(b, s.out.position)
		sent, err := s.conn.Write(b)
		s.out.count(b[:sent])
		s.out.position += int64(sent)
		return sent, err
	})
}

// Receive reads the next n bytes of the peer's pattern and verifies each; a wrong one is a *MismatchError.
func (s *Socket) Receive(ctx context.Context, n int64) error {
	b := make([]byte, min(max(n, 0), chunk))
	return s.move(ctx, s.in, n, func(left int64) (int, error) {
		received, err := s.conn.Read(b[:min(left, chunk)])
		s.in.count(b[:received])
		position := s.in.position
		s.in.position += int64(received)
		if wrong := s.in.pattern.verify(b[:received], position); wrong != nil {
			return received, wrong
		}
		return received, err
	})
}

// SendBytes writes b, which is no part of the pattern: the pattern goes on afterwards where it was.
func (s *Socket) SendBytes(ctx context.Context, b []byte) error {
	return s.move(ctx, s.out, int64(len(b)), func(left int64) (int, error) {
		rest := b[int64(len(b))-left:]
		sent, err := s.conn.Write(rest)
		s.out.count(rest[:sent])
		return sent, err
	})
}

// ReceiveBytes reads n bytes that are no part of the pattern. On an error it returns what had arrived.
func (s *Socket) ReceiveBytes(ctx context.Context, n int) ([]byte, error) {
	b := make([]byte, 0, max(n, 0))
	err := s.move(ctx, s.in, int64(n), func(int64) (int, error) {
		received, err := s.conn.Read(b[len(b):cap(b)])
		s.in.count(b[len(b) : len(b)+received])
		b = b[:len(b)+received]
		return received, err
	})
	return b, err
}

// move calls step, which moves up to the given number of bytes, until n bytes have been moved.
func (s *Socket) move(ctx context.Context, d *stream, n int64, step func(left int64) (int, error)) error {
	var done int64
	err := s.do(ctx, d, func() error {
		if n < 0 {
			return errors.New("a negative number of bytes")
		}
		for done < n {
			moved, err := step(n - done)
			done += int64(moved)
			if err != nil {
				return err
			}
		}
		return nil
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, io.EOF):
		err = errEnded
	}
	if d == s.out {
		return fmt.Errorf("send %d bytes from %v to %v: after %d bytes: %w", n, s.local, s.remote, done, err)
	}
	return fmt.Errorf("receive %d bytes at %v from %v: after %d bytes: %w", n, s.local, s.remote, done, err)
}

// do is gate.do on a socket that is open.
func (s *Socket) do(ctx context.Context, d *stream, op func() error) error {
	return d.do(ctx, func() error {
		if s.closed.Load() {
			return ErrClosed
		}
		return op()
	})
}

// CloseWrite sends the end of this end's stream after all that was sent: shutdown(2) of writing, a DATA_FIN on MPTCP.
// It does not wait; a Send under way fails with EPIPE.
func (s *Socket) CloseWrite() error {
	if err := s.conn.CloseWrite(); err != nil {
		return fmt.Errorf("end the stream from %v to %v: %w", s.local, s.remote, bare(err))
	}
	return nil
}

// ReceiveEOF waits for the end of the peer's stream; data instead is an error, and is taken off the stream.
func (s *Socket) ReceiveEOF(ctx context.Context) error {
	err := s.do(ctx, s.in, func() error {
		b := make([]byte, 64<<10)
		n, err := s.conn.Read(b)
		s.in.count(b[:n])
		switch {
		case n > 0:
			return fmt.Errorf("expected the end of the stream, got %d bytes", n)
		case errors.Is(err, io.EOF):
			return nil
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("receive the end of the stream at %v from %v: %w", s.local, s.remote, err)
	}
	return nil
}

// Close closes gracefully: the kernel goes on to deliver what was sent, without end if the peer is out of reach. With
// received data left unread it resets the connection instead. Operations under way end with ErrClosed. Closing again
// does nothing.
func (s *Socket) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	if err := s.conn.Close(); err != nil {
		return fmt.Errorf("close the connection from %v to %v: %w", s.local, s.remote, err)
	}
	return nil
}

// Abort resets the connection at once and drops what was not sent: a RST, with MP_FASTCLOSE on MPTCP (RFC 8684, section
// 3.5). The peer sees ECONNRESET. After Close it does nothing: the kernel has then taken over.
func (s *Socket) Abort() error {
	if s.closed.Swap(true) {
		return nil
	}
	if err := errors.Join(s.conn.SetLinger(0), s.conn.Close()); err != nil {
		return fmt.Errorf("abort the connection from %v to %v: %w", s.local, s.remote, err)
	}
	return nil
}
