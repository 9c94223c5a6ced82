package export

import (
	"context"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

var protocols = map[lab.Protocol]string{lab.MPTCP: "mptcp", lab.TCP: "tcp"}

// process is a socket of the script.
type process struct {
	host *host
	name string
}

// begin notes the beginning of something that takes time; what is returned is to be told of its end.
func (p process) begin(format string, args ...any) func(error) {
	p.host.lab.with(func(s *script) { s.add("start %s "+format, append([]any{p.name}, args...)...) })
	return func(err error) {
		p.host.lab.with(func(s *script) {
			s.finish(p.name, err)
		})
	}
}

// opening makes a process.
func (h *host) opening(name string, options []lab.SocketOption) process {
	h.lab.with(func(s *script) {
		h.used = true
		s.add("socket %s %s", h.ns, name)
		for _, o := range options {
			s.skip("%s: socket option %s = %v", name, o.Name, o.Value)
		}
	})
	return process{h, name}
}

// Listen implements [lab.Host].
func (h *host) Listen(ctx context.Context, o lab.ListenOptions) (lab.Listener, error) {
	l, err := h.Host.Listen(ctx, o)
	p := h.opening(h.socketName(), o.Options)
	at := o.Address
	if err == nil {
		at = netip.AddrPortFrom(at.Addr(), l.Address().Port())
	}
	if !at.Addr().IsValid() {
		at = netip.AddrPortFrom(netip.IPv6Unspecified(), at.Port())
	}
	p.begin("listen %s %s %d", protocols[o.Protocol], at.Addr(), at.Port())(err)
	if err != nil {
		return nil, err
	}
	return &listener{l, p}, nil
}

// Dial implements [lab.Host].
func (h *host) Dial(ctx context.Context, o lab.DialOptions) (lab.Socket, error) {
	p := h.opening(h.socketName(), o.Options)
	local := "-"
	if o.Local.Addr().IsValid() {
		local = o.Local.Addr().String()
	}
	end := p.begin("connect %s %s %d %s %d", protocols[o.Protocol], local, o.Local.Port(), o.Remote.Addr(), o.Remote.Port())
	made, err := h.Host.Dial(ctx, o)
	end(err)
	if err != nil {
		return nil, err
	}
	if len(o.Data) > 0 {
		h.lab.skipping("%s: TCP Fast Open: its first %d bytes follow the handshake instead", p.name, len(o.Data))
		p.begin("send %d", len(o.Data))(nil)
	}
	return &socket{made, p}, nil
}

// listener is a listening socket of a recorded lab.
type listener struct {
	lab.Listener
	process
}

// Accept implements [lab.Listener].
func (l *listener) Accept(ctx context.Context) (lab.Socket, error) {
	name := l.host.socketName()
	l.host.lab.with(func(s *script) { s.add("fifos %s", name) })
	end := l.begin("accept %s", name)
	made, err := l.Listener.Accept(ctx)
	end(err)
	if err != nil {
		return nil, err
	}
	return &socket{made, process{l.host, name}}, nil
}

// Close implements [lab.Listener].
func (l *listener) Close() error {
	end := l.begin("close")
	err := l.Listener.Close()
	end(err)
	return err
}

// socket is a socket of a recorded lab.
type socket struct {
	lab.Socket
	process
}

// Host implements [lab.Socket].
func (s *socket) Host() lab.Host { return s.host }

// Send implements [lab.Socket].
func (s *socket) Send(ctx context.Context, n int64) error {
	end := s.begin("send %d", n)
	err := s.Socket.Send(ctx, n)
	end(err)
	return err
}

// Receive implements [lab.Socket].
func (s *socket) Receive(ctx context.Context, n int64) error {
	end := s.begin("receive %d", n)
	err := s.Socket.Receive(ctx, n)
	end(err)
	return err
}

// SendBytes implements [lab.Socket].
func (s *socket) SendBytes(ctx context.Context, b []byte) error {
	end := s.begin("send %d", len(b))
	err := s.Socket.SendBytes(ctx, b)
	end(err)
	return err
}

// ReceiveBytes implements [lab.Socket].
func (s *socket) ReceiveBytes(ctx context.Context, n int) ([]byte, error) {
	end := s.begin("receive %d", n)
	b, err := s.Socket.ReceiveBytes(ctx, n)
	end(err)
	return b, err
}

// CloseWrite implements [lab.Socket].
func (s *socket) CloseWrite() error {
	end := s.begin("shutdown")
	err := s.Socket.CloseWrite()
	end(err)
	return err
}

// ReceiveEOF implements [lab.Socket].
func (s *socket) ReceiveEOF(ctx context.Context) error {
	end := s.begin("end")
	err := s.Socket.ReceiveEOF(ctx)
	end(err)
	return err
}

// ReceiveMessage implements [lab.Socket]. How much comes is known only then.
func (s *socket) ReceiveMessage(ctx context.Context, n int, peek bool) (lab.Message, error) {
	m, err := s.Socket.ReceiveMessage(ctx, n, peek)
	switch {
	case err != nil:
		s.host.lab.skipping("%s: a message that could not be received: %v", s.name, err)
	case peek:
		s.begin("peek %d", n)(nil)
	case len(m.Data) == 0:
		s.begin("end")(nil)
	default:
		s.begin("receive %d", len(m.Data))(nil)
	}
	return m, err
}

// SetOption implements [lab.Socket].
func (s *socket) SetOption(o lab.SocketOption) error {
	s.host.lab.skipping("%s: socket option %s = %v", s.name, o.Name, o.Value)
	return s.Socket.SetOption(o)
}

// Reconnect implements [lab.Socket].
func (s *socket) Reconnect(ctx context.Context, remote netip.AddrPort) error {
	s.host.lab.skipping("%s: another connection, to %v, with the same socket", s.name, remote)
	return s.Socket.Reconnect(ctx, remote)
}

// Close implements [lab.Socket].
func (s *socket) Close() error {
	end := s.begin("close")
	err := s.Socket.Close()
	end(err)
	return err
}

// Abort implements [lab.Socket].
func (s *socket) Abort() error {
	end := s.begin("abort")
	err := s.Socket.Abort()
	end(err)
	return err
}
