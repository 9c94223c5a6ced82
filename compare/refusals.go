package compare

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// refusals remembers what hosts refused, and what sockets could not do. Its methods may be called from any goroutine.
type refusals struct {
	now func() time.Duration

	mu    sync.Mutex
	list  []refusal
	ended bool
}

// refusal is an error of something that a script did.
type refusal struct {
	host, op string
	err      error
	time     time.Duration
}

// note keeps an error, if it is one, and returns it.
func (r *refusals) note(host, op string, err error) error {
	if err == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.ended {
		r.list = append(r.list, refusal{host: host, op: op, err: err, time: r.now()})
	}
	return err
}

// stop ends the notes: what is refused afterwards is no doing of the script.
func (r *refusals) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
}

func (r *refusals) all() []refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.list)
}

// listenedLab is a lab of whose hosts all errors are noted.
type listenedLab struct {
	lab.Lab
	refusals *refusals
}

func listenTo(l lab.Lab) *listenedLab { return &listenedLab{l, &refusals{now: l.Now}} }

// Host implements [lab.Lab].
func (l *listenedLab) Host(ctx context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	h, err := l.Lab.Host(ctx, name, o)
	if err != nil {
		return nil, l.refusals.note(name, "new host", err)
	}
	return &listenedHost{h, l.refusals}, nil
}

// Link implements [lab.Lab]: what a backend links are nodes of its own.
func (l *listenedLab) Link(ctx context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	for _, end := range []*lab.End{&a, &b} {
		if h, ok := end.Node.(*listenedHost); ok {
			end.Node = h.Host
		}
	}
	return l.Lab.Link(ctx, a, b, o)
}

type listenedHost struct {
	lab.Host
	refusals *refusals
}

func (h *listenedHost) note(op string, err error) error { return h.refusals.note(h.Name(), op, err) }

// SetSysctl implements [lab.Host].
func (h *listenedHost) SetSysctl(name, value string) error {
	return h.note("sysctl "+name, h.Host.SetSysctl(name, value))
}

// PathManager implements [lab.Host].
func (h *listenedHost) PathManager() lab.PathManager {
	return listenedManager{h.Host.PathManager(), h}
}

// Listen implements [lab.Host].
func (h *listenedHost) Listen(ctx context.Context, o lab.ListenOptions) (lab.Listener, error) {
	l, err := h.Host.Listen(ctx, o)
	if err != nil {
		return nil, h.note("listen", err)
	}
	return &listenedListener{l, h}, nil
}

// Dial implements [lab.Host].
func (h *listenedHost) Dial(ctx context.Context, o lab.DialOptions) (lab.Socket, error) {
	s, err := h.Host.Dial(ctx, o)
	if err != nil {
		return nil, h.note("connect", err)
	}
	return &listenedSocket{s, h}, nil
}

type listenedListener struct {
	lab.Listener
	host *listenedHost
}

// Accept implements [lab.Listener].
func (l *listenedListener) Accept(ctx context.Context) (lab.Socket, error) {
	s, err := l.Listener.Accept(ctx)
	if err != nil {
		return nil, l.host.note("accept", err)
	}
	return &listenedSocket{s, l.host}, nil
}

type listenedSocket struct {
	lab.Socket
	host *listenedHost
}

// Host implements [lab.Socket].
func (s *listenedSocket) Host() lab.Host { return s.host }

// Send implements [lab.Socket].
func (s *listenedSocket) Send(ctx context.Context, n int64) error {
	return s.host.note("send", s.Socket.Send(ctx, n))
}

// Receive implements [lab.Socket].
func (s *listenedSocket) Receive(ctx context.Context, n int64) error {
	return s.host.note("receive", s.Socket.Receive(ctx, n))
}

// SendBytes implements [lab.Socket].
func (s *listenedSocket) SendBytes(ctx context.Context, b []byte) error {
	return s.host.note("send", s.Socket.SendBytes(ctx, b))
}

// ReceiveBytes implements [lab.Socket].
func (s *listenedSocket) ReceiveBytes(ctx context.Context, n int) ([]byte, error) {
	b, err := s.Socket.ReceiveBytes(ctx, n)
	return b, s.host.note("receive", err)
}

// ReceiveEOF implements [lab.Socket].
func (s *listenedSocket) ReceiveEOF(ctx context.Context) error {
	return s.host.note("receive the end", s.Socket.ReceiveEOF(ctx))
}

// ReceiveMessage implements [lab.Socket].
func (s *listenedSocket) ReceiveMessage(ctx context.Context, n int, peek bool) (lab.Message, error) {
	m, err := s.Socket.ReceiveMessage(ctx, n, peek)
	return m, s.host.note("receive", err)
}

// Option implements [lab.Socket].
func (s *listenedSocket) Option(name string) (any, error) {
	value, err := s.Socket.Option(name)
	return value, s.host.note("read "+name, err)
}

// SetOption implements [lab.Socket].
func (s *listenedSocket) SetOption(o lab.SocketOption) error {
	return s.host.note("set "+o.Name, s.Socket.SetOption(o))
}

// Reconnect implements [lab.Socket].
func (s *listenedSocket) Reconnect(ctx context.Context, remote netip.AddrPort) error {
	return s.host.note("reconnect", s.Socket.Reconnect(ctx, remote))
}

// CloseWrite implements [lab.Socket].
func (s *listenedSocket) CloseWrite() error { return s.host.note("shutdown", s.Socket.CloseWrite()) }

// Close implements [lab.Socket].
func (s *listenedSocket) Close() error { return s.host.note("close", s.Socket.Close()) }

type listenedManager struct {
	lab.PathManager
	host *listenedHost
}

// command notes what a command of the path manager was refused. The text of the error begins with the command.
func (m listenedManager) command(err error) error { return m.host.note("", err) }

// AddEndpoint implements [lab.PathManager].
func (m listenedManager) AddEndpoint(e pm.Endpoint) error {
	return m.command(m.PathManager.AddEndpoint(e))
}

// DeleteEndpoint implements [lab.PathManager].
func (m listenedManager) DeleteEndpoint(e pm.Endpoint) error {
	return m.command(m.PathManager.DeleteEndpoint(e))
}

// ChangeEndpoint implements [lab.PathManager].
func (m listenedManager) ChangeEndpoint(e pm.Endpoint) error {
	return m.command(m.PathManager.ChangeEndpoint(e))
}

// Endpoint implements [lab.PathManager].
func (m listenedManager) Endpoint(id uint8) (pm.Endpoint, error) {
	e, err := m.PathManager.Endpoint(id)
	return e, m.command(err)
}

// FlushEndpoints implements [lab.PathManager].
func (m listenedManager) FlushEndpoints() error { return m.command(m.PathManager.FlushEndpoints()) }

// SetLimits implements [lab.PathManager].
func (m listenedManager) SetLimits(l pm.LimitsUpdate) error {
	return m.command(m.PathManager.SetLimits(l))
}

// Announce implements [lab.PathManager].
func (m listenedManager) Announce(token uint32, local pm.Endpoint) error {
	return m.command(m.PathManager.Announce(token, local))
}

// Remove implements [lab.PathManager].
func (m listenedManager) Remove(token uint32, id uint8) error {
	return m.command(m.PathManager.Remove(token, id))
}

// SubflowCreate implements [lab.PathManager].
func (m listenedManager) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	return m.command(m.PathManager.SubflowCreate(token, local, remote))
}

// SubflowDestroy implements [lab.PathManager].
func (m listenedManager) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	return m.command(m.PathManager.SubflowDestroy(token, local, remote))
}

// SetFlags implements [lab.PathManager].
func (m listenedManager) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	return m.command(m.PathManager.SetFlags(token, local, remote, flags))
}

// Address implements [lab.PathManager].
func (m listenedManager) Address(token uint32, id uint8) (pm.Endpoint, error) {
	e, err := m.PathManager.Address(token, id)
	return e, m.command(err)
}

// Addresses implements [lab.PathManager].
func (m listenedManager) Addresses(token uint32) ([]pm.Endpoint, error) {
	all, err := m.PathManager.Addresses(token)
	return all, m.command(err)
}

// text is a refusal in words that do not depend on chance: the error number says why a socket failed, and what the kernel said
// besides belongs to a refusal of the path manager.
func (r refusal) text() string {
	var (
		refused *pm.Error
		errno   syscall.Errno
	)
	switch {
	case errors.As(r.err, &refused):
		text := fmt.Sprintf("%s: errno %d", constant(refused.Op), int(refused.Errno))
		if refused.Message != "" {
			text += ": " + refused.Message
		}
		if refused.Attr != "" {
			text += " (" + refused.Attr + ")"
		}
		return text
	case errors.As(r.err, &errno):
		return fmt.Sprintf("%s: errno %d", r.op, int(errno))
	}
	return fmt.Sprintf("%s: %s", r.op, constant(innermost(r.err).Error()))
}

// innermost is the error without what was said of what was being done.
func innermost(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}
