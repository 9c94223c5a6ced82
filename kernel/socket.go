package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/observe"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// listener is a listening socket of a host.
type listener struct {
	*traffic.Listener
	host *host
}

// Listen implements [lab.Host]. Without a seed the pattern has that of the lab.
func (h *host) Listen(ctx context.Context, o lab.ListenOptions) (lab.Listener, error) {
	ctx, done, err := h.lab.within(ctx)
	if err != nil {
		return nil, h.on(fmt.Errorf("listen on %v: %w", o.Address, err))
	}
	defer done()
	o.Seed = cmp.Or(o.Seed, h.lab.options.Seed)
	ln, err := traffic.Listen(ctx, h.real.Do, o)
	if err != nil {
		return nil, h.on(err)
	}
	if err := h.lab.track(ln, ln.Close); err != nil {
		return nil, h.on(fmt.Errorf("listen on %v: %w", ln.Address(), err))
	}
	return &listener{Listener: ln, host: h}, nil
}

func (l *listener) Accept(ctx context.Context) (lab.Socket, error) {
	s, err := l.Listener.Accept(ctx)
	if err != nil {
		return nil, l.host.on(err)
	}
	return l.host.socket(s)
}

func (l *listener) Close() error {
	l.host.lab.forget(l.Listener)
	return l.host.on(l.Listener.Close())
}

// Dial implements [lab.Host]. Without a seed the pattern has that of the lab.
func (h *host) Dial(ctx context.Context, o lab.DialOptions) (lab.Socket, error) {
	ctx, done, err := h.lab.within(ctx)
	if err != nil {
		return nil, h.on(fmt.Errorf("connect to %v: %w", o.Remote, err))
	}
	defer done()
	o.Seed = cmp.Or(o.Seed, h.lab.options.Seed)
	s, err := traffic.Dial(ctx, h.real.Do, o)
	if err != nil {
		return nil, h.on(err)
	}
	return h.socket(s)
}

// socket is one end of a connection.
type socket struct {
	*traffic.Socket
	host *host

	mu    sync.Mutex
	token uint32 // 0 while unknown: on plain TCP for good
	last  lab.Conn
	ended bool
}

var _ lab.Socket = (*socket)(nil)

func (h *host) socket(s *traffic.Socket) (lab.Socket, error) {
	if err := h.lab.track(s, s.Abort); err != nil {
		return nil, h.on(fmt.Errorf("connection from %v to %v: %w", s.Local(), s.Remote(), err))
	}
	return &socket{Socket: s, host: h, last: lab.Conn{Local: s.Local(), Remote: s.Remote()}}, nil
}

func (s *socket) Host() lab.Host { return s.host }

// Conn finds the connection in inet_diag by its token, or a plain one by its addresses. One that inet_diag no longer shows, as
// the peer has reset it, is in state CLOSE without subflows. Once this end or the lab is closed, it is what was last seen.
func (s *socket) Conn() (lab.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.host.lab.life.Err() != nil {
		return s.last, nil
	}
	return s.look()
}

func (s *socket) look() (lab.Conn, error) {
	if err := s.findToken(); err != nil {
		return lab.Conn{}, err
	}
	conns, err := s.host.Conns()
	if err != nil {
		return lab.Conn{}, err
	}
	for _, c := range conns {
		if s.is(c) {
			s.last = c
			return c, nil
		}
	}
	s.last.State = "CLOSE"
	s.last.Subflows = nil
	return s.last, nil
}

// findToken reads the token from the socket, which has one as long as it is an MPTCP connection that did not fall back.
func (s *socket) findToken() error {
	if s.token != 0 {
		return nil
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return err
	}
	info, err := observe.MPTCPInfo(raw)
	if errors.Is(err, observe.ErrNotMPTCP) {
		return nil
	}
	if err != nil {
		return s.host.on(fmt.Errorf("token of the connection from %v to %v: %w", s.Local(), s.Remote(), err))
	}
	s.token = info.Token
	return nil
}

func (s *socket) is(c lab.Conn) bool {
	if s.token != 0 {
		return c.Token == s.token
	}
	return plain(c.Local) == plain(s.Local()) && plain(c.Remote) == plain(s.Remote())
}

// plain is an address as all tell it: sockets may show IPv4 as IPv6, and not all know the interface of a link-local one.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// Close takes a last look before the connection is gone.
func (s *socket) Close() error {
	s.end()
	return s.host.on(s.Socket.Close())
}

func (s *socket) Abort() error {
	s.end()
	return s.host.on(s.Socket.Abort())
}

// end freezes what Conn shows. A last look that fails leaves the one before it.
func (s *socket) end() {
	s.host.lab.forget(s.Socket)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		_, _ = s.look()
		s.ended = true
	}
}
