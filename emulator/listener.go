package emulator

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/emulator/mptcp"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// accepting is what listeners of both protocols can do.
type accepting interface {
	Address() netip.AddrPort
	Waiting() bool
	Accept() any
	Close()
}

// listener is a listening socket of a host.
type listener struct {
	accepting
	host    *host
	address netip.AddrPort // with its zone
	mptcp   bool
	options options
	seed    uint64
	closed  bool
}

var _ lab.Listener = (*listener)(nil)

// Listen implements [lab.Host].
func (h *host) Listen(ctx context.Context, o lab.ListenOptions) (lab.Listener, error) {
	if a := o.Address.Addr(); !a.IsValid() || a.Unmap().IsUnspecified() {
		o.Address = netip.AddrPortFrom(netip.IPv6Unspecified(), o.Address.Port())
	}
	h.lab.pass(systemCall)
	set, err := newOptions(o.Options)
	var l accepting
	if err == nil {
		l, err = h.listen(ctx, o, set)
	}
	if err != nil {
		return nil, h.on(fmt.Errorf("listen on %v: %w", o.Address, err))
	}
	made := &listener{
		accepting: l, host: h, address: o.Address, mptcp: o.Protocol == lab.MPTCP, options: set, seed: cmp.Or(o.Seed, h.lab.options.Seed),
	}
	h.listeners = append(h.listeners, made)
	return made, nil
}

func (h *host) listen(ctx context.Context, o lab.ListenOptions, set options) (accepting, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err := h.checkProtocol(o.Protocol); err != nil {
		return nil, err
	}
	if _, err := h.zone(o.Address.Addr().Zone()); err != nil {
		return nil, err
	}
	var l accepting
	var errno syscall.Errno
	if o.Protocol == lab.MPTCP {
		l, errno = h.mptcp.Listen(o.Address, set.of(o.Address.Addr()))
	} else {
		l, errno = listenTCP(h.stack, o.Address, set.of(o.Address.Addr()))
	}
	if errno != 0 {
		return nil, fmt.Errorf("bind: %w", pm.Errno(errno))
	}
	return l, nil
}

// Accept implements [lab.Listener].
func (l *listener) Accept(ctx context.Context) (lab.Socket, error) {
	err := l.host.until(ctx, func() bool { return l.closed || l.Waiting() })
	if err == nil && l.closed {
		err = traffic.ErrClosed
	}
	if err != nil {
		return nil, l.host.on(fmt.Errorf("accept on %v: %w", l.Address(), err))
	}
	return l.host.socket(l.accepting.Accept().(stream), l.options.clone(), traffic.AcceptorPattern(l.seed), traffic.DialerPattern(l.seed)), nil
}

// Close implements [lab.Listener].
func (l *listener) Close() error {
	if !l.closed {
		l.closed = true
		l.accepting.Close()
		l.host.listeners = slices.DeleteFunc(l.host.listeners, func(x *listener) bool { return x == l })
	}
	return nil
}

// tcpListener is a listener of plain TCP.
type tcpListener struct {
	listener *tcp.Listener
	waiting  []*tcp.Stream
}

func listenTCP(st *tcp.Stack, address netip.AddrPort, o tcp.Options) (*tcpListener, syscall.Errno) {
	l := &tcpListener{}
	var errno syscall.Errno
	l.listener, errno = st.Listen(bare(address), o, func(c *tcp.Conn, _ *segment.Segment) tcp.Owner {
		return tcp.Accepting(c, func(s *tcp.Stream) { l.waiting = append(l.waiting, s) })
	})
	return l, errno
}

func (l *tcpListener) Address() netip.AddrPort { return l.listener.Address }
func (l *tcpListener) Waiting() bool           { return len(l.waiting) > 0 }

func (l *tcpListener) Accept() any {
	next := l.waiting[0]
	l.waiting = l.waiting[1:]
	return next
}

func (l *tcpListener) Close() {
	l.listener.Close()
	for _, s := range l.waiting {
		s.Abort()
	}
}

var _ accepting = (*mptcp.Listener)(nil)
