package prove

import (
	"context"
	"maps"
	"net/netip"
	"slices"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// faultyHost is a host of a faulty lab.
type faultyHost struct {
	lab.Host
	probe    *probe
	manager  *manager
	counting counting
}

func newHost(h lab.Host, p *probe) *faultyHost {
	return &faultyHost{Host: h, probe: p, manager: &manager{PathManager: h.PathManager(), probe: p}}
}

// AddAddress implements [lab.Host].
func (h *faultyHost) AddAddress(ctx context.Context, iface string, p netip.Prefix) error {
	if h.probe.ignores(addressAdd) {
		return nil
	}
	return h.Host.AddAddress(ctx, iface, p)
}

// DeleteAddress implements [lab.Host].
func (h *faultyHost) DeleteAddress(ctx context.Context, iface string, p netip.Prefix) error {
	if h.probe.ignores(addressDelete) {
		return nil
	}
	return h.Host.DeleteAddress(ctx, iface, p)
}

// AddRoute implements [lab.Host].
func (h *faultyHost) AddRoute(ctx context.Context, r lab.Route) error {
	if h.probe.ignores(routeAdd) {
		return nil
	}
	return h.Host.AddRoute(ctx, r)
}

// SetInterfaceUp implements [lab.Host].
func (h *faultyHost) SetInterfaceUp(ctx context.Context, iface string, up bool) error {
	if h.probe.ignores(interfaceUp) {
		return nil
	}
	return h.Host.SetInterfaceUp(ctx, iface, up)
}

// SetSysctl implements [lab.Host]. A value that is there already makes no difference.
func (h *faultyHost) SetSysctl(name, value string) error {
	if now, err := h.Sysctl(name); (err != nil || now != value) && h.probe.ignores(sysctl) {
		return nil
	}
	return h.Host.SetSysctl(name, value)
}

// Firewall implements [lab.Host].
func (h *faultyHost) Firewall() lab.Firewall { return firewall{h.Host.Firewall(), h.probe} }

// PathManager implements [lab.Host].
func (h *faultyHost) PathManager() lab.PathManager { return h.manager }

// IPNamespace implements [lab.Host].
func (h *faultyHost) IPNamespace() ipmptcp.Namespace {
	return ipNamespace{h.Host.IPNamespace(), h.probe}
}

// Events implements [lab.Host].
func (h *faultyHost) Events() ([]lab.Event, error) {
	events, err := h.Host.Events()
	return alter(h.probe, events, func(f *Fault) ([]lab.Event, bool) {
		if f.event == 0 {
			return nil, false
		}
		other := func(e lab.Event) bool { return e.Kind == f.event }
		return slices.DeleteFunc(slices.Clone(events), other), slices.ContainsFunc(events, other)
	}), err
}

// Counters implements [lab.Host].
func (h *faultyHost) Counters() (lab.Counters, error) {
	now, err := h.Host.Counters()
	if err != nil {
		return nil, err
	}
	moved := h.counting.read(now)
	return alter(h.probe, now, func(f *Fault) (lab.Counters, bool) {
		if f.counts == nil {
			return nil, false
		}
		shown := lab.Counters{}
		for name, n := range now {
			shown[name] = f.counts(moved[name], n)
		}
		return shown, true
	}), nil
}

// Conns implements [lab.Host].
func (h *faultyHost) Conns() ([]lab.Conn, error) {
	conns, err := h.Host.Conns()
	return alter(h.probe, conns, func(f *Fault) ([]lab.Conn, bool) {
		if f.conn == nil {
			return nil, false
		}
		shown := slices.Clone(conns)
		for i := range shown {
			shown[i] = f.conn(shown[i])
		}
		return shown, true
	}), err
}

// Conn implements [lab.Host].
func (h *faultyHost) Conn(token uint32) (lab.Conn, error) {
	c, err := h.Host.Conn(token)
	return alter(h.probe, c, func(f *Fault) (lab.Conn, bool) {
		if f.conn == nil || err != nil {
			return lab.Conn{}, false
		}
		return f.conn(c), true
	}), err
}

// Listeners implements [lab.Host].
func (h *faultyHost) Listeners() ([]lab.Listening, error) {
	all, err := h.Host.Listeners()
	return alter(h.probe, all, func(f *Fault) ([]lab.Listening, bool) {
		if f.listen == nil {
			return nil, false
		}
		return f.listen(all), true
	}), err
}

// SocketsInUse implements [lab.Host].
func (h *faultyHost) SocketsInUse(p lab.Protocol) (int, error) {
	n, err := h.Host.SocketsInUse(p)
	return alter(h.probe, n, func(f *Fault) (int, bool) {
		if f.inUse == nil {
			return 0, false
		}
		return f.inUse(n), true
	}), err
}

// options are those of a socket to be.
func (h *faultyHost) options(all []lab.SocketOption) []lab.SocketOption {
	if len(all) > 0 && h.probe.ignores(socketOption) {
		return nil
	}
	return all
}

// Listen implements [lab.Host].
func (h *faultyHost) Listen(ctx context.Context, o lab.ListenOptions) (lab.Listener, error) {
	o.Options = h.options(o.Options)
	l, err := h.Host.Listen(ctx, o)
	if err != nil {
		return nil, err
	}
	return &listener{l, h}, nil
}

// Dial implements [lab.Host].
func (h *faultyHost) Dial(ctx context.Context, o lab.DialOptions) (lab.Socket, error) {
	ctx, done := h.probe.within(ctx)
	defer done()
	o.Options = h.options(o.Options)
	s, err := h.Host.Dial(ctx, o)
	if err != nil {
		return nil, err
	}
	return &socket{s, h}, nil
}

// counting remembers how often each counter has been seen to move.
type counting struct {
	mu    sync.Mutex
	last  lab.Counters
	moved map[string]uint64
}

// read takes in a reading, and returns how many readings so far have found each counter moved.
func (c *counting) read(now lab.Counters) map[string]uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.moved == nil {
		c.moved = map[string]uint64{}
	}
	for name := range now.Since(c.last) {
		c.moved[name]++
	}
	c.last = now
	return maps.Clone(c.moved)
}
