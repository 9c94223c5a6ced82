package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strconv"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/emulator/mptcp"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// stream is what sockets of both protocols can do: *mptcp.Conn and *tcp.Stream.
type stream interface {
	Local() netip.AddrPort
	Remote() netip.AddrPort
	Connected() bool
	Err() syscall.Errno
	CanWrite() bool
	Writable() int
	Write(b []byte) int
	Readable() int
	Read(b []byte) int
	Peek(b []byte)
	Queue() (unacknowledged, unsent int)
	Ended() bool
	EndSeen() bool
	SetOptions(o tcp.Options)
	Shutdown()
	Close()
	Abort()
}

var (
	_ stream = (*mptcp.Conn)(nil)
	_ stream = (*tcp.Stream)(nil)
)

var (
	errDisabled = errors.New("MPTCP is disabled on this host (net.mptcp.enabled = 0)")
	errEnded    = fmt.Errorf("the peer ended the stream: %w", io.ErrUnexpectedEOF)
)

// socket is one end of a connection.
type socket struct {
	stream
	host    *host
	options options
	out, in traffic.Pattern
	outAt   int64
	inAt    int64
	last    lab.Conn
	closed  bool
}

var _ lab.Socket = (*socket)(nil)

func (h *host) socket(s stream, o options, out, in traffic.Pattern) *socket {
	if t, ok := s.(*tcp.Stream); ok {
		h.streams = append(h.streams, t)
	}
	return &socket{stream: s, host: h, options: o, out: out, in: in, last: lab.Conn{Local: s.Local(), Remote: s.Remote()}}
}

// until waits until ready, or the lab closes.
func (h *host) until(ctx context.Context, ready func() bool) error {
	if h.lab.closed {
		return errClosed
	}
	return h.lab.world.Until(ctx, ready)
}

// checkProtocol tells why a socket of that protocol cannot be made, if it cannot.
func (h *host) checkProtocol(p lab.Protocol) error {
	switch {
	case p != lab.MPTCP && p != lab.TCP:
		return fmt.Errorf("unknown protocol %d", p)
	case p == lab.MPTCP && !h.mptcp.Manager.Settings().Enabled:
		return errDisabled
	}
	return nil
}

// Dial implements [lab.Host].
func (h *host) Dial(ctx context.Context, o lab.DialOptions) (lab.Socket, error) {
	if !o.Remote.IsValid() || o.Remote.Port() == 0 {
		return nil, h.on(errors.New("connect: no remote address and port"))
	}
	to := fmt.Sprintf("connect to %v", o.Remote)
	if o.Local != (netip.AddrPort{}) {
		if !o.Local.IsValid() {
			o.Local = netip.AddrPortFrom(unspecified(o.Remote.Addr()), o.Local.Port())
		}
		to = fmt.Sprintf("connect from %v to %v", o.Local, o.Remote)
	}
	set, err := newOptions(o.Options)
	if err != nil {
		return nil, h.on(fmt.Errorf("%s: %w", to, err))
	}
	s, sent, err := h.connect(ctx, o, set)
	if err != nil {
		return nil, h.on(fmt.Errorf("%s: %w", to, err))
	}
	seed := cmp.Or(o.Seed, h.lab.options.Seed)
	made := h.socket(s, set, traffic.DialerPattern(seed), traffic.AcceptorPattern(seed))
	if rest := o.Data[sent:]; len(rest) > 0 { // it goes after the handshake
		if err := made.SendBytes(ctx, rest); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// connect makes a connection with a socket that has those options.
func (h *host) connect(ctx context.Context, o lab.DialOptions, set options) (s stream, sent int, err error) {
	if o.Local.IsValid() && o.Local.Addr().Unmap().Is4() != o.Remote.Addr().Unmap().Is4() {
		return nil, 0, errors.New("the local and the remote address are of different families")
	}
	if err := h.checkProtocol(o.Protocol); err != nil {
		return nil, 0, err
	}
	index, err := h.zone(cmp.Or(o.Remote.Addr().Zone(), o.Local.Addr().Zone()))
	if err != nil {
		return nil, 0, err
	}
	s, sent, errno := h.begin(o, index, set.of(bare(o.Remote).Addr()))
	if errno == tcpBindError && o.Local.IsValid() {
		return nil, 0, fmt.Errorf("bind: %w", pm.Errno(errno))
	}
	if errno != 0 {
		return nil, 0, pm.Errno(errno)
	}
	err = h.until(ctx, func() bool { return s.Connected() || s.Err() != 0 })
	switch {
	case err != nil:
		s.Abort()
		return nil, 0, err
	case s.Err() != 0 && !s.Connected():
		why := pm.Errno(s.Err())
		s.Close()
		return nil, 0, why
	}
	return s, sent, nil
}

const tcpBindError = syscall.Errno(99) // EADDRNOTAVAIL

// begin starts a handshake.
func (h *host) begin(o lab.DialOptions, index int32, set tcp.Options) (s stream, sent int, errno syscall.Errno) {
	local, remote := bare(o.Local), netip.AddrPortFrom(o.Remote.Addr().WithZone(""), o.Remote.Port())
	if o.Protocol == lab.TCP {
		return h.stack.Dial(local, remote, index, set, o.Data)
	}
	return h.mptcp.Dial(local, remote, index, set, o.Data)
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Unmap().Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// bare is an address without zone, and IPv4 not mapped into IPv6.
func bare(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// zone is the index of the interface that an address names; 0: it names none.
func (h *host) zone(name string) (int32, error) {
	if name == "" {
		return 0, nil
	}
	if n, err := strconv.ParseInt(name, 10, 32); err == nil {
		return int32(n), nil
	}
	i, err := h.model.Interface(name)
	if err != nil {
		return 0, err
	}
	return i.Index, nil
}

// Host implements [lab.Socket].
func (s *socket) Host() lab.Host { return s.host }

// Conn implements [lab.Socket].
func (s *socket) Conn() (lab.Conn, error) {
	if !s.closed {
		s.look()
	}
	return s.last, nil
}

// look takes the view of the connection as it is now; one that is gone is in state CLOSE without subflows.
func (s *socket) look() {
	switch x := s.stream.(type) {
	case *mptcp.Conn:
		if !x.Gone() {
			s.last = x.View(s.host.interfaceName)
			return
		}
	case *tcp.Stream:
		if x.Conn.State() != tcp.Closed && x.Conn.State() != tcp.TimeWait {
			s.last = viewOf(x)
			return
		}
	}
	s.last.State = "CLOSE"
	s.last.Subflows = nil
}

// Send implements [lab.Socket].
func (s *socket) Send(ctx context.Context, n int64) error {
	b := make([]byte, min(max(n, 0), chunk))
	return s.send(ctx, n, func(left int64) []byte {
		part := b[:min(left, chunk)]
		s.out.Fill(part, s.outAt)
		return part
	}, func(taken int) { s.outAt += int64(taken) })
}

// chunk is how many bytes are made at once.
const chunk = 64 << 10

// SendBytes implements [lab.Socket].
func (s *socket) SendBytes(ctx context.Context, b []byte) error {
	return s.send(ctx, int64(len(b)), func(left int64) []byte { return b[int64(len(b))-left:] }, func(int) {})
}

// send writes n bytes, of which next makes those that are due when so many are left.
func (s *socket) send(ctx context.Context, n int64, next func(left int64) []byte, taken func(int)) error {
	if n < 0 {
		return s.failed("send", n, 0, errors.New("a negative number of bytes"))
	}
	s.host.lab.pass(systemCall)
	for done := int64(0); done < n; {
		if err := s.writable(ctx); err != nil {
			return s.failed("send", n, done, err)
		}
		k := s.stream.Write(next(n - done))
		taken(k)
		done += int64(k)
	}
	return nil
}

// writable waits until something can be written.
func (s *socket) writable(ctx context.Context) error {
	if s.closed {
		return traffic.ErrClosed
	}
	err := s.host.until(ctx, func() bool { return s.closed || s.stream.Writable() > 0 || !s.stream.CanWrite() })
	switch {
	case err != nil:
		return err
	case s.closed:
		return traffic.ErrClosed
	case s.stream.Writable() > 0:
		return nil
	case s.stream.Err() != 0:
		return pm.Errno(s.stream.Err())
	}
	return pm.Errno(tcp.EPIPE)
}

// Receive implements [lab.Socket].
func (s *socket) Receive(ctx context.Context, n int64) error {
	b := make([]byte, min(max(n, 0), chunk))
	return s.receive(ctx, n, func(left int64) (int, error) {
		k := s.stream.Read(b[:min(left, chunk)])
		at := s.inAt
		s.inAt += int64(k)
		return k, s.in.Verify(b[:k], at)
	})
}

// ReceiveBytes implements [lab.Socket].
func (s *socket) ReceiveBytes(ctx context.Context, n int) ([]byte, error) {
	b := make([]byte, 0, max(n, 0))
	err := s.receive(ctx, int64(n), func(int64) (int, error) {
		k := s.stream.Read(b[len(b):cap(b)])
		b = b[:len(b)+k]
		return k, nil
	})
	return b, err
}

// receive reads n bytes by steps, each of which may take as many as are left.
func (s *socket) receive(ctx context.Context, n int64, step func(left int64) (int, error)) error {
	if n < 0 {
		return s.failed("receive", n, 0, errors.New("a negative number of bytes"))
	}
	for done := int64(0); done < n; {
		err := s.readable(ctx)
		if err == nil && s.stream.Readable() == 0 {
			err = errEnded
		}
		if err != nil {
			return s.failed("receive", n, done, err)
		}
		k, err := step(n - done)
		done += int64(k)
		if err != nil {
			return s.failed("receive", n, done, err)
		}
	}
	return nil
}

// readable waits until something can be read, or the stream has ended.
func (s *socket) readable(ctx context.Context) error {
	if s.closed {
		return traffic.ErrClosed
	}
	err := s.host.until(ctx, func() bool {
		return s.closed || s.stream.Readable() > 0 || s.stream.Ended() || s.stream.Err() != 0
	})
	switch {
	case err != nil:
		return err
	case s.closed:
		return traffic.ErrClosed
	case s.stream.Readable() > 0:
		return nil
	case s.stream.Err() != 0:
		return pm.Errno(s.stream.Err())
	}
	return nil
}

// failed says what was being done between which addresses.
func (s *socket) failed(what string, n, done int64, err error) error {
	if what == "send" {
		return s.host.on(fmt.Errorf("send %d bytes from %v to %v: after %d bytes: %w", n, s.Local(), s.Remote(), done, err))
	}
	return s.host.on(fmt.Errorf("receive %d bytes at %v from %v: after %d bytes: %w", n, s.Local(), s.Remote(), done, err))
}

// ReceiveEOF implements [lab.Socket].
func (s *socket) ReceiveEOF(ctx context.Context) error {
	err := s.readable(ctx)
	if n := s.stream.Readable(); err == nil && n > 0 {
		s.stream.Read(make([]byte, n))
		err = fmt.Errorf("expected the end of the stream, got %d bytes", n)
	}
	if err != nil {
		return s.host.on(fmt.Errorf("receive the end of the stream at %v from %v: %w", s.Local(), s.Remote(), err))
	}
	return nil
}

// CloseWrite implements [lab.Socket].
func (s *socket) CloseWrite() error {
	s.host.lab.pass(systemCall)
	err := s.checkShutdown()
	if err != nil {
		return s.host.on(fmt.Errorf("end the stream from %v to %v: %w", s.Local(), s.Remote(), err))
	}
	s.stream.Shutdown()
	return nil
}

func (s *socket) checkShutdown() error {
	switch {
	case s.closed:
		return traffic.ErrClosed
	case s.stream.Err() != 0:
		return pm.Errno(tcp.ENOTCONN)
	}
	return nil
}

// Close implements [lab.Socket]. Before, it takes a last look.
func (s *socket) Close() error {
	if !s.closed {
		s.host.lab.pass(systemCall)
		s.look()
		s.closed = true
		s.stream.Close()
	}
	return nil
}

// Abort implements [lab.Socket].
func (s *socket) Abort() error {
	if !s.closed {
		s.host.lab.pass(systemCall)
		s.look()
		s.closed = true
		s.stream.Abort()
	}
	return nil
}
