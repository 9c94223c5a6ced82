package watch

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/observe"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// maxEvents bounds the events that are remembered: of the oldest nobody asks any more.
const maxEvents = 10000

// here is the network namespace that Open was called in.
type here struct {
	do       func(func() error) error
	manager  *pm.Client
	diag     *observe.Diag
	counters *observe.CounterFile
	monitor  *pm.Monitor // nil: it may not be had
	received chan []pm.Event
	reading  sync.WaitGroup

	mu     sync.Mutex
	start  time.Time
	events []lab.Event
}

// Local is a [Host] that can be closed.
type Local interface {
	Host
	Close() error
}

// Open opens a network namespace, of which do runs a function on a thread; nil: that of the process. The note says what cannot be
// seen, if something cannot.
func Open(do func(func() error) error) (_ Local, note string, err error) {
	if do == nil {
		do = func(f func() error) error { return f() }
	}
	h := &here{do: do, start: time.Now(), received: make(chan []pm.Event)}
	err = do(func() (err error) {
		if h.manager, err = pm.Dial(pm.Config{}); err != nil {
			return err
		}
		if h.diag, err = observe.OpenDiag(); err != nil {
			return errors.Join(err, h.manager.Close())
		}
		if h.counters, err = observe.OpenCounters(); err != nil {
			return errors.Join(err, h.diag.Close(), h.manager.Close())
		}
		monitor, refused := pm.Listen(pm.Config{})
		if refused != nil {
			note = fmt.Sprintf("path-manager events cannot be received, so what is gone between two looks is not seen: %v", refused)
			return nil
		}
		h.monitor = monitor
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("watch MPTCP: %w", err)
	}
	if h.monitor != nil {
		h.reading.Go(h.receive)
	}
	return h, note, nil
}

// receive hands on events until the monitor is closed.
func (h *here) receive() {
	defer close(h.received)
	for {
		events, err := h.monitor.Receive()
		if len(events) > 0 {
			h.received <- events
		}
		if err != nil && !errors.Is(err, pm.ErrOverrun) {
			return
		}
	}
}

// Received implements [Host].
func (h *here) Received() <-chan []pm.Event {
	if h.monitor == nil {
		return nil
	}
	return h.received
}

// Remember implements [Host].
func (h *here) Remember(events []pm.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	at := time.Since(h.start)
	for _, e := range events {
		h.events = append(h.events, lab.Event{Time: at, Event: e})
	}
	if n := len(h.events) - maxEvents; n > 0 {
		h.events = slices.Delete(h.events, 0, n)
	}
}

// Events implements [why.Host]: those since the beginning of the watch.
func (h *here) Events() ([]lab.Event, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.events), nil
}

// Close ends the watch.
func (h *here) Close() error {
	var err error
	if h.monitor != nil {
		err = h.monitor.Close()
		go func() {
			for range h.received { // let the reader see the end
			}
		}()
		h.reading.Wait()
	}
	return errors.Join(err, h.manager.Close(), h.diag.Close(), h.counters.Close())
}

// Name implements [why.Host].
func (*here) Name() string { return "this host" }

// Addresses implements [why.Host]: those that connections can use, of interfaces that are up.
func (h *here) Addresses() (all []lab.Address) {
	_ = h.do(func() error {
		interfaces, err := net.Interfaces()
		if err != nil {
			return err
		}
		for _, i := range interfaces {
			if i.Flags&net.FlagUp == 0 || i.Flags&net.FlagLoopback != 0 {
				continue
			}
			addresses, err := i.Addrs()
			if err != nil {
				continue // it is gone
			}
			for _, a := range addresses {
				if p, err := netip.ParsePrefix(a.String()); err == nil && !p.Addr().IsLinkLocalUnicast() {
					all = append(all, lab.Address{Interface: i.Name, Prefix: p})
				}
			}
		}
		return nil
	})
	return all
}

// RouteTo implements [why.Host].
func (h *here) RouteTo(_ context.Context, from, to netip.Addr) (way lab.Way, err error) {
	err = h.do(func() (err error) {
		way, err = netns.RouteTo(from, to)
		return err
	})
	return way, err
}

// Sysctl implements [why.Host].
func (h *here) Sysctl(name string) (value string, err error) {
	err = h.do(func() (err error) {
		value, err = netns.ReadSysctl(name)
		return err
	})
	return value, err
}

// PathManager implements [why.Host].
func (h *here) PathManager() lab.PathManager { return h.manager }

// Counters implements [why.Host].
func (h *here) Counters() (lab.Counters, error) { return h.counters.Read() }

// Listeners implements [why.Host].
func (h *here) Listeners() ([]lab.Listening, error) { return h.diag.Listeners() }

// Conns implements [Host].
func (h *here) Conns() ([]lab.Conn, error) { return h.diag.Conns() }
