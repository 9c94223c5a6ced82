package coverage

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

type backend struct {
	lab.Backend
	recorder *Recorder
}

// Open implements [lab.Backend].
func (b backend) Open(ctx context.Context, o lab.Options) (lab.Lab, error) {
	l, err := b.Backend.Open(ctx, o)
	if err != nil {
		return nil, err
	}
	b.recorder.opened(o.Name)
	return &watched{Lab: l, name: o.Name, recorder: b.recorder}, nil
}

// watched is a lab that is recorded.
type watched struct {
	lab.Lab
	name     string
	recorder *Recorder

	closing sync.Once
	links   []lab.Link
}

func (w *watched) add(k Kind, items ...string) { w.recorder.add(w.name, k, items...) }

// Host implements [lab.Lab].
func (w *watched) Host(ctx context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	h, err := w.Lab.Host(ctx, name, o)
	if err != nil {
		return nil, err
	}
	for setting := range o.Sysctl {
		w.add(Sysctl, setting)
	}
	return &host{Host: h, lab: w}, nil
}

// Link implements [lab.Lab]: what a backend links are nodes of its own.
func (w *watched) Link(ctx context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	for _, end := range []*lab.End{&a, &b} {
		if h, ok := end.Node.(*host); ok {
			end.Node = h.Host
		}
	}
	l, err := w.Lab.Link(ctx, a, b, o)
	if err == nil {
		w.links = append(w.links, l)
	}
	return l, err
}

// Close implements [lab.Lab]. Before, it takes what the witnesses have seen.
func (w *watched) Close() error {
	w.closing.Do(func() {
		if w.take() != nil {
			w.recorder.missed(w.name)
		}
	})
	return w.Lab.Close()
}

// take records what the hosts and links of the lab have seen. Its errors tell of gaps.
func (w *watched) take() error {
	var errs []error
	for _, h := range w.Lab.Hosts() {
		counters, err := h.Counters()
		w.recorder.counted(w.name, counters)
		errs = append(errs, err, w.takeEndpoints(h))
		if w.Alone() { // nobody listens to events
			continue
		}
		events, err := h.Events()
		errs = append(errs, err)
		for _, e := range events {
			w.event(e)
		}
	}
	for _, l := range w.links {
		packets, err := l.Packets()
		errs = append(errs, err)
		for _, p := range packets {
			w.packet(p)
		}
	}
	return errors.Join(errs...)
}

// takeEndpoints records the flags of the endpoints that there are.
func (w *watched) takeEndpoints(h lab.Host) error {
	endpoints, err := h.PathManager().Endpoints()
	for _, e := range endpoints {
		w.flags(e.Flags)
	}
	return err
}

func (w *watched) flags(f pm.Flags) {
	for _, name := range known[Flag] {
		if flag, _ := pm.ParseFlags(name); f&flag != 0 { // a known name
			w.add(Flag, name)
		}
	}
}

func (w *watched) event(e lab.Event) {
	w.add(Event, e.Kind.String())
	w.add(Attribute, strings.Fields(e.Has.String())...)
}

func (w *watched) packet(p lab.Packet) {
	for _, o := range p.Options {
		w.add(Option, o.Name())
		if rst, ok := o.(*wire.TCPRst); ok {
			w.add(ResetReason, reasonText(rst.Reason))
		}
	}
}

// host is a host of a recorded lab.
type host struct {
	lab.Host
	lab *watched
}

// Counters implements [lab.Host]. What a gauge shows meanwhile counts, too.
func (h *host) Counters() (lab.Counters, error) {
	c, err := h.Host.Counters()
	h.lab.recorder.counted(h.lab.name, c)
	return c, err
}

// SetSysctl implements [lab.Host].
func (h *host) SetSysctl(name, value string) error {
	h.lab.add(Sysctl, name)
	return h.Host.SetSysctl(name, value)
}

// PathManager implements [lab.Host].
func (h *host) PathManager() lab.PathManager { return manager{h.Host.PathManager(), h.lab} }

// IPNamespace implements [lab.Host].
func (h *host) IPNamespace() ipmptcp.Namespace { return namespace{h.Host.IPNamespace(), h} }
