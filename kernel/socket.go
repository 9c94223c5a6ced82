package kernel

import (
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

func (h *host) Listen(ctx context.Context, o lab.ListenOptions) (lab.Listener, error) {
	o.Seed = h.lab.options.Seed
	ln, err := traffic.Listen(ctx, h.real.Do, o)
	if err != nil {
		return nil, fmt.Errorf("on %s: %w", h.name, err)
	}
	h.lab.trackListener(ln)
	return &listener{Listener: ln, host: h}, nil
}

func (l *listener) Accept(ctx context.Context) (lab.Socket, error) {
	s, err := l.Listener.Accept(ctx)
	if err != nil {
		return nil, fmt.Errorf("on %s: %w", l.host.name, err)
	}
	return l.host.socket(s), nil
}

func (h *host) Dial(ctx context.Context, o lab.DialOptions) (lab.Socket, error) {
	o.Seed = h.lab.options.Seed
	s, err := traffic.Dial(ctx, h.real.Do, o)
	if err != nil {
		return nil, fmt.Errorf("on %s: %w", h.name, err)
	}
	return h.socket(s), nil
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

func (h *host) socket(s *traffic.Socket) *socket {
	h.lab.track(s)
	return &socket{Socket: s, host: h}
}

func (s *socket) Host() lab.Host { return s.host }

// Conn finds the connection in inet_diag by its token, or a plain one by its addresses. Once this end is closed or inet_diag
// no longer shows it, it is what was last seen.
func (s *socket) Conn() (lab.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
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
		return fmt.Errorf("token of the connection from %v to %v: %w", s.Local(), s.Remote(), err)
	}
	s.token = info.Token
	return nil
}

func (s *socket) is(c lab.Conn) bool {
	if s.token != 0 {
		return c.Token == s.token
	}
	return unmapped(c.Local) == unmapped(s.Local()) && unmapped(c.Remote) == unmapped(s.Remote())
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Close takes a last look before the connection is gone.
func (s *socket) Close() error {
	s.end()
	return s.Socket.Close()
}

func (s *socket) Abort() error {
	s.end()
	return s.Socket.Abort()
}

// end freezes what Conn shows. A last look that fails leaves the one before it.
func (s *socket) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		_, _ = s.look()
		s.ended = true
	}
}
