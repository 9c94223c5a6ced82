package kernel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/observe"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// host is a network namespace with its path manager and witnesses. What not every case uses is opened at its first use.
type host struct {
	real *netns.Host
	lab  *realLab
	name string

	monitor  *pm.Monitor // nil in a lab that is alone
	monitors sync.WaitGroup

	receiving sync.Mutex // of the events, by whoever wants to know them
	lost      error      // the first that interrupted the receiving

	guardNumber uint64      // of the namespace at the guard
	ports       atomic.Bool // endpoints with a port may exist

	manager  lazy[*pm.Client]
	diag     lazy[*observe.Diag]
	counters lazy[*observe.CounterFile]
	captures []*observe.CaptureSocket // that no link uses yet; under lab.building
	noted    lab.Counters             // the last reading on the timeline; under lab.noting
}

var _ lab.Host = (*host)(nil)

func newHost(l *realLab, name string, o lab.HostOptions) (*host, error) {
	ready, err := l.backend.supply.take(netns.Options{Router: o.Router, Sysctl: o.Sysctl, Number: len(l.hosts) + 1})
	if err != nil {
		return nil, err
	}
	real := ready.real
	h := &host{real: real, lab: l, name: name, captures: ready.captures}
	h.diag.have(ready.diag, ready.diag != nil)
	h.manager.open = func() (*pm.Client, error) { return pm.Dial(h.config()) }
	h.diag.open = func() (*observe.Diag, error) { return inside(real, observe.OpenDiag) }
	h.counters.open = func() (*observe.CounterFile, error) { return inside(real, observe.OpenCounters) }
	if err := h.guard(); err != nil {
		return nil, errors.Join(err, ready.close())
	}
	if err := h.startMonitor(); err != nil {
		return nil, errors.Join(err, h.unguard(), ready.close())
	}
	if l.live != nil {
		if err := l.live.Host(name, real.FD()); err != nil {
			return nil, errors.Join(err, h.stopMonitor(), h.unguard(), ready.close())
		}
	}
	return h, nil
}

// capture captures on an interface, with a socket that is there already if there is one.
func (h *host) capture(ifindex int32, each func(observe.Frame)) (*observe.Capture, error) {
	if n := len(h.captures); n > 0 {
		s := h.captures[n-1]
		h.captures = h.captures[:n-1]
		return s.Capture(int(ifindex), each)
	}
	return inside(h.real, func() (*observe.Capture, error) { return observe.OpenCapture(int(ifindex), each) })
}

func (h *host) config() pm.Config { return pm.Config{NetNS: h.real.FD(), Family: h.lab.backend.family} }

// inside opens something on a thread in the host's namespace.
func inside[T any](at *netns.Host, open func() (T, error)) (opened T, err error) {
	err = at.Do(func() (err error) {
		opened, err = open()
		return err
	})
	return opened, err
}

// startMonitor subscribes to the path manager's events before any socket of the host exists, so that none is missed.
func (h *host) startMonitor() error {
	if h.lab.options.Alone {
		return nil
	}
	m, err := pm.Listen(h.config())
	if err != nil {
		return err
	}
	h.monitor = m
	h.lab.backend.listeners.Add(1)
	h.monitors.Go(h.monitorEvents)
	return nil
}

func (h *host) stopMonitor() error {
	if h.monitor == nil {
		return nil
	}
	err := h.monitor.Close()
	h.monitors.Wait()
	h.lab.backend.listeners.Add(-1)
	return err
}

func (h *host) monitorEvents() {
	for h.monitor.Wait() == nil {
		if err := h.takeEvents(); err != nil && !errors.Is(err, pm.ErrOverrun) {
			return
		}
		h.lab.seen.notify()
	}
}

// takeEvents records the events that the kernel has sent so far, and remembers an error: what was lost stays lost. The kernel
// stamps no events, so their time is that of reading them: on the timeline an event never comes before the packet that
// caused it, but may come after later ones.
func (h *host) takeEvents() error {
	if h.monitor == nil {
		return nil
	}
	h.receiving.Lock()
	defer h.receiving.Unlock()
	events, err := h.monitor.Pending()
	now := h.lab.Now()
	for _, e := range events {
		h.lab.record.AddEvent(h.name, lab.Event{Time: now, Event: e})
	}
	if err != nil && h.lost == nil && !errors.Is(err, fs.ErrClosed) { // nothing is lost by the end of the lab
		h.lost = err
	}
	return err
}

// Name implements [lab.Node].
func (h *host) Name() string { return h.name }

func (h *host) Addresses() []lab.Address { return h.real.Addresses() }

func (h *host) AddAddress(_ context.Context, iface string, p netip.Prefix) error {
	return h.on(h.real.AddAddress(iface, p))
}

func (h *host) DeleteAddress(_ context.Context, iface string, p netip.Prefix) error {
	return h.on(h.real.DeleteAddress(iface, p))
}

func (h *host) AddRoute(_ context.Context, r lab.Route) error { return h.on(h.real.AddRoute(r)) }

func (h *host) RouteTo(_ context.Context, from, to netip.Addr) (lab.Way, error) {
	way, err := h.real.RouteTo(from, to)
	return way, h.on(err)
}

func (h *host) SetInterfaceUp(_ context.Context, iface string, up bool) error {
	return h.on(h.real.SetInterfaceUp(iface, up))
}

func (h *host) InterfaceIndex(iface string) (int32, error) {
	index, err := h.real.InterfaceIndex(iface)
	return index, h.on(err)
}

func (h *host) Sysctl(name string) (string, error) {
	value, err := h.real.Sysctl(name)
	return value, h.on(err)
}

func (h *host) SetSysctl(name, value string) error { return h.on(h.real.SetSysctl(name, value)) }

// on says on which host something failed.
func (h *host) on(err error) error {
	if err != nil {
		return fmt.Errorf("on %s: %w", h.name, err)
	}
	return nil
}

func (h *host) PathManager() lab.PathManager { return manager{h} }

// Events implements [lab.Host]: what was received so far, and what waits to be. When some were lost, it returns the others
// with the error.
func (h *host) Events() ([]lab.Event, error) {
	if h.monitor == nil {
		return nil, h.on(errNobodyListens)
	}
	_ = h.takeEvents() // remembered as lost
	h.receiving.Lock()
	defer h.receiving.Unlock()
	events, err := h.lab.record.EventsOf(h.name)
	return events, h.on(errors.Join(h.lost, err))
}

func (h *host) Counters() (lab.Counters, error) {
	c, err := h.counters.get()
	if err != nil {
		return nil, h.on(err)
	}
	counters, err := c.Read()
	return counters, h.on(err)
}

func (h *host) Conns() ([]lab.Conn, error) {
	d, err := h.diag.get()
	if err != nil {
		return nil, h.on(err)
	}
	conns, err := d.Conns()
	return conns, h.on(err)
}

func (h *host) Conn(token uint32) (lab.Conn, error) {
	d, err := h.diag.get()
	if err != nil {
		return lab.Conn{}, h.on(err)
	}
	c, err := d.Conn(token)
	return c, h.on(err)
}

func (h *host) Listeners() ([]lab.Listening, error) {
	d, err := h.diag.get()
	if err != nil {
		return nil, h.on(err)
	}
	listeners, err := d.Listeners()
	return listeners, h.on(err)
}

func (h *host) SocketsInUse(p lab.Protocol) (int, error) {
	n, err := inside(h.real, func() (int, error) { return observe.SocketsInUse(p) })
	return n, h.on(err)
}

func (h *host) Enter() string {
	if h.real.FD() < 0 {
		return ""
	}
	user := ""
	if netns.InUserNamespace() {
		user = fmt.Sprintf("--user=/proc/%d/ns/user --preserve-credentials ", os.Getpid())
	}
	return fmt.Sprintf("nsenter %s--net=/proc/%d/fd/%d", user, os.Getpid(), h.real.FD())
}

// close releases the host. What was never opened is not opened for it.
func (h *host) close() error {
	var errs []error
	for _, c := range h.captures {
		errs = append(errs, c.Close())
	}
	errs = append(errs, h.stopMonitor(), h.unguard(), h.manager.Close(), h.diag.Close(), h.counters.Close(), h.real.Close())
	return errors.Join(errs...)
}
