package prove

import (
	"context"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// listener is a listening socket of a faulty lab.
type listener struct {
	lab.Listener
	host *faultyHost
}

// Accept implements [lab.Listener].
func (l *listener) Accept(ctx context.Context) (lab.Socket, error) {
	ctx, done := l.host.probe.within(ctx)
	defer done()
	s, err := l.Listener.Accept(ctx)
	if err != nil {
		return nil, err
	}
	return &socket{s, l.host}, nil
}

// Close implements [lab.Listener].
func (l *listener) Close() error {
	if l.host.probe.ignores(socketClose) {
		return nil
	}
	return l.Listener.Close()
}

// socket is a socket of a faulty lab.
type socket struct {
	lab.Socket
	host *faultyHost
}

// Host implements [lab.Socket].
func (s *socket) Host() lab.Host { return s.host }

// Conn implements [lab.Socket].
func (s *socket) Conn() (lab.Conn, error) {
	c, err := s.Socket.Conn()
	return alter(s.host.probe, c, func(f *Fault) (lab.Conn, bool) {
		if f.conn == nil {
			return lab.Conn{}, false
		}
		return f.conn(c), true
	}), err
}

// Send implements [lab.Socket].
func (s *socket) Send(ctx context.Context, n int64) error {
	ctx, done := s.host.probe.within(ctx)
	defer done()
	return s.Socket.Send(ctx, n)
}

// Receive implements [lab.Socket].
func (s *socket) Receive(ctx context.Context, n int64) error {
	ctx, done := s.host.probe.within(ctx)
	defer done()
	return s.Socket.Receive(ctx, n)
}

// SendBytes implements [lab.Socket].
func (s *socket) SendBytes(ctx context.Context, b []byte) error {
	ctx, done := s.host.probe.within(ctx)
	defer done()
	return s.Socket.SendBytes(ctx, b)
}

// ReceiveBytes implements [lab.Socket].
func (s *socket) ReceiveBytes(ctx context.Context, n int) ([]byte, error) {
	ctx, done := s.host.probe.within(ctx)
	defer done()
	return s.Socket.ReceiveBytes(ctx, n)
}

// ReceiveEOF implements [lab.Socket].
func (s *socket) ReceiveEOF(ctx context.Context) error {
	ctx, done := s.host.probe.within(ctx)
	defer done()
	return s.Socket.ReceiveEOF(ctx)
}

// ReceiveMessage implements [lab.Socket].
func (s *socket) ReceiveMessage(ctx context.Context, n int, peek bool) (lab.Message, error) {
	ctx, done := s.host.probe.within(ctx)
	defer done()
	return s.Socket.ReceiveMessage(ctx, n, peek)
}

// Reconnect implements [lab.Socket].
func (s *socket) Reconnect(ctx context.Context, remote netip.AddrPort) error {
	ctx, done := s.host.probe.within(ctx)
	defer done()
	return s.Socket.Reconnect(ctx, remote)
}

// Option implements [lab.Socket].
func (s *socket) Option(name string) (any, error) {
	value, err := s.Socket.Option(name)
	return alter(s.host.probe, value, func(f *Fault) (any, bool) {
		if f.read == nil || err != nil {
			return nil, false
		}
		return f.read(value), true
	}), err
}

// SetOption implements [lab.Socket].
func (s *socket) SetOption(o lab.SocketOption) error {
	if s.host.probe.ignores(socketOption) {
		return nil
	}
	return s.Socket.SetOption(o)
}

// CloseWrite implements [lab.Socket].
func (s *socket) CloseWrite() error {
	if s.host.probe.ignores(socketShutdown) {
		return nil
	}
	return s.Socket.CloseWrite()
}

// Close implements [lab.Socket].
func (s *socket) Close() error {
	if s.host.probe.ignores(socketClose) {
		return nil
	}
	return s.Socket.Close()
}

// Abort implements [lab.Socket].
func (s *socket) Abort() error {
	if s.host.probe.ignores(socketAbort) {
		return nil
	}
	return s.Socket.Abort()
}
