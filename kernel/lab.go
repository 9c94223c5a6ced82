package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// realLab is one lab on the kernel.
type realLab struct {
	backend *Backend
	options lab.Options
	seen    notifier
	record  *record

	hosts    []*host
	switches []*bridge
	links    []*link
	nodes    map[string]lab.Node

	mu      sync.Mutex
	sockets []interface{ Abort() error } // to reset when the lab closes
	closers []interface{ Close() error } // listeners
}

func newLab(b *Backend, o lab.Options) *realLab {
	return &realLab{
		backend: b,
		options: o,
		seen:    newNotifier(),
		record:  newRecord(o.MaxEvents),
		nodes:   map[string]lab.Node{},
	}
}

func (l *realLab) Host(ctx context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	if err := l.nameFree(name); err != nil {
		return nil, err
	}
	if len(l.hosts) >= l.options.MaxHosts {
		return nil, fmt.Errorf("host %s: a lab has at most %d hosts", name, l.options.MaxHosts)
	}
	h, err := newHost(ctx, l, name, o)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", name, err)
	}
	l.hosts = append(l.hosts, h)
	l.nodes[name] = h
	return h, nil
}

func (l *realLab) nameFree(name string) error {
	if name == "" {
		return errors.New("a host or switch needs a name")
	}
	if _, taken := l.nodes[name]; taken {
		return fmt.Errorf("the lab already has a host or switch named %s", name)
	}
	return nil
}

func (l *realLab) Switch(_ context.Context, name string) (lab.Node, error) {
	if err := l.nameFree(name); err != nil {
		return nil, err
	}
	sw, err := netns.NewSwitch(l.backend.registry)
	if err != nil {
		return nil, fmt.Errorf("switch %s: %w", name, err)
	}
	b := &bridge{Switch: sw, name: name}
	l.switches = append(l.switches, b)
	l.nodes[name] = b
	return b, nil
}

func (l *realLab) Hosts() []lab.Host {
	hosts := make([]lab.Host, len(l.hosts))
	for i, h := range l.hosts {
		hosts[i] = h
	}
	return hosts
}

func (l *realLab) Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	return l.seen.wait(ctx, timeout, cond)
}

func (l *realLab) Now() time.Duration { return l.record.now() }

func (l *realLab) Note(kind lab.EntryKind, host, text string) {
	l.record.note(lab.Entry{Time: l.Now(), Host: host, Kind: kind, Text: text})
	if kind == lab.KindStep || kind == lab.KindCheck {
		l.noteCounters()
	}
}

// noteCounters puts the counters that moved since the last reading on the timeline. A host whose counters cannot be read
// has no line: the timeline is for people, and the checks read counters by themselves.
func (l *realLab) noteCounters() {
	for _, h := range l.hosts {
		now, err := h.Counters()
		if err != nil {
			continue
		}
		if moved := now.Since(h.noted); len(moved) > 0 {
			l.record.note(lab.Entry{Time: l.Now(), Host: h.name, Kind: lab.KindCounter, Text: movedText(moved)})
		}
		h.noted = now
	}
}

func (l *realLab) Timeline() []lab.Entry {
	l.drain()
	l.noteCounters()
	return l.record.timeline()
}

// drain takes in what the kernel has captured and sent so far. What cannot be had is missing in the timeline; the checks that
// need it fail by themselves.
func (l *realLab) drain() {
	for _, k := range l.links {
		_ = k.capture.Drain()
	}
	for _, h := range l.hosts {
		_ = h.takeEvents()
	}
}

// track remembers a socket to be reset when the lab closes.
func (l *realLab) track(s interface{ Abort() error }) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sockets = append(l.sockets, s)
}

func (l *realLab) trackListener(c interface{ Close() error }) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closers = append(l.closers, c)
}

func (l *realLab) Close() error {
	l.mu.Lock()
	sockets, listeners := l.sockets, l.closers
	l.sockets, l.closers = nil, nil
	l.mu.Unlock()
	var errs []error
	for _, s := range sockets {
		errs = append(errs, s.Abort())
	}
	for _, c := range listeners {
		errs = append(errs, c.Close())
	}
	for _, k := range l.links {
		errs = append(errs, k.capture.Close())
	}
	for _, h := range l.hosts {
		errs = append(errs, h.close())
	}
	for _, s := range l.switches {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}
