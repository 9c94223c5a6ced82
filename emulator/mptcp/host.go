package mptcp

import (
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Observer is told what happens on a host.
type Observer struct {
	Event    func(pm.Event)
	Reason   func(pathmanager.Reason)
	Listened func() bool // somebody listens to path-manager events
}

// Host is the MPTCP of one host.
type Host struct {
	Stack   *tcp.Stack
	Manager *pathmanager.Manager
	// Key and Nonce choose what a connection and a join need of each; at first by the chance of the host.
	Key   func() wire.Key
	Nonce func() uint32

	name     string
	observer Observer
	counters map[string]uint64
	tokens   map[uint32]*Conn
	conns    []*Conn     // that are not destroyed, in order of creation; without a token those that never asked for MPTCP
	joins    []*Listener // of endpoints with a port
	hole     blackhole
}

var _ pathmanager.Host = (*Host)(nil)

// NewHost gives a host MPTCP, in that release of Linux.
func NewHost(name string, stack *tcp.Stack, v pathmanager.Version, o Observer) *Host {
	h := &Host{Stack: stack, name: name, observer: o, counters: map[string]uint64{}, tokens: map[uint32]*Conn{}}
	for _, counter := range v.Counters() {
		h.counters[counter] = 0
	}
	h.Key = func() wire.Key { return wire.Key(stack.Random().Uint64()) }
	h.Nonce = func() uint32 { return stack.Random().Uint32() }
	h.Manager = pathmanager.New(h, v)
	return h
}

// Counters are the MPTcpExt counters. The map is not to be changed.
func (h *Host) Counters() map[string]uint64 { return h.counters }

// Conns are the connections of the host, in order of creation. Those that never asked for MPTCP have no token.
func (h *Host) Conns() []*Conn { return h.conns }

// Name implements [pathmanager.Host].
func (h *Host) Name() string { return h.name }

// After implements [pathmanager.Host].
func (h *Host) After(d time.Duration, f func()) (stop func()) {
	t := h.Stack.Clock().After(d, f)
	return func() { t.Stop() }
}

// Emit implements [pathmanager.Host].
func (h *Host) Emit(e pm.Event) { h.observer.Event(e) }

// Listened implements [pathmanager.Host].
func (h *Host) Listened() bool { return h.observer.Listened() }

// Count implements [pathmanager.Host].
func (h *Host) Count(counter string, n int) {
	if _, known := h.counters[counter]; known {
		h.counters[counter] += uint64(n)
	}
}

// Explain implements [pathmanager.Host].
func (h *Host) Explain(r pathmanager.Reason) { h.observer.Reason(r) }

// ListenJoins implements [pathmanager.Host].
func (h *Host) ListenJoins(local netip.AddrPort) (closer func(), errno syscall.Errno) {
	l := &Listener{host: h, joinsOnly: true}
	if errno := l.open(local, tcp.Options{}); errno != 0 {
		return nil, errno
	}
	h.joins = append(h.joins, l)
	return func() {
		l.listener.Close()
		h.joins = slices.DeleteFunc(h.joins, func(x *Listener) bool { return x == l })
	}, 0
}

// JoinListeners are the addresses of the listeners of endpoints with a port.
func (h *Host) JoinListeners() []netip.AddrPort {
	all := make([]netip.AddrPort, len(h.joins))
	for i, l := range h.joins {
		all[i] = l.Address()
	}
	return all
}

// newKey chooses a key whose token is not in use; false: there is none after some tries.
func (h *Host) newKey() (wire.Key, bool) {
	const tries = 4
	for range tries {
		key := h.Key()
		if token := key.Token(); token != 0 && h.tokens[token] == nil {
			return key, true
		}
	}
	return 0, false
}

// add puts a connection that has a key into the tables.
func (h *Host) add(c *Conn) {
	h.tokens[c.token] = c
	h.conns = append(h.conns, c)
}

// remove takes a connection out.
func (h *Host) remove(c *Conn) {
	if h.tokens[c.token] == c {
		delete(h.tokens, c.token)
	}
	h.conns = slices.DeleteFunc(h.conns, func(x *Conn) bool { return x == c })
}

// mapped is an address in the form of a socket of IPv6, if it is one.
func mapped(a netip.AddrPort, six bool) netip.AddrPort {
	if six && a.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
	}
	return a
}

// plain is an address without a zone, and not mapped into IPv6.
func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}
