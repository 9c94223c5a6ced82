package prove

import (
	"context"
	"math"
	"time"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// faultyLab is a lab in which something may be wrong.
type faultyLab struct {
	lab.Lab
	probe *probe
	links []lab.Link // as they are without a fault
}

// Host implements [lab.Lab].
func (l *faultyLab) Host(ctx context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	if len(o.Sysctl) > 0 && l.probe.ignores(sysctl) {
		o.Sysctl = nil
	}
	h, err := l.Lab.Host(ctx, name, o)
	if err != nil {
		return nil, err
	}
	return newHost(h, l.probe), nil
}

// Link implements [lab.Lab]: what a backend links are nodes of its own.
func (l *faultyLab) Link(ctx context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	for _, end := range []*lab.End{&a, &b} {
		if h, ok := end.Node.(*faultyHost); ok {
			end.Node = h.Host
		}
	}
	if o.Impair != [2]impair.Impairment{} && l.probe.ignores(linkImpair) {
		o.Impair = [2]impair.Impairment{}
	}
	made, err := l.Lab.Link(ctx, a, b, o)
	if err != nil {
		return nil, err
	}
	l.links = append(l.links, made)
	return &faultyLink{Link: made, probe: l.probe, ignored: map[*lab.Rule]bool{}}, l.probe.watch(ctx, made)
}

// Wait implements [lab.Lab]. A wait without end is for something that has an end of its own.
func (l *faultyLab) Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	if timeout == math.MaxInt64 {
		return l.Lab.Wait(ctx, timeout, cond)
	}
	if l.probe.patience > 0 {
		timeout = min(timeout, l.probe.patience)
	}
	began := l.Now()
	defer func() { l.probe.took(l.Now() - began) }()
	return l.Lab.Wait(ctx, timeout, cond)
}

// faultyLink is a link of a faulty lab. Faults of packets are rules of the link that it wraps.
type faultyLink struct {
	lab.Link
	probe   *probe
	ignored map[*lab.Rule]bool
}

// SetUp implements [lab.Link].
func (l *faultyLink) SetUp(ctx context.Context, up bool) error {
	if l.probe.ignores(linkUp) {
		return nil
	}
	return l.Link.SetUp(ctx, up)
}

// SetMTU implements [lab.Link].
func (l *faultyLink) SetMTU(ctx context.Context, mtu int) error {
	if l.probe.ignores(linkMTU) {
		return nil
	}
	return l.Link.SetMTU(ctx, mtu)
}

// Packets implements [lab.Link].
func (l *faultyLink) Packets() ([]lab.Packet, error) {
	packets, err := l.Link.Packets()
	return alter(l.probe, packets, func(f *Fault) ([]lab.Packet, bool) {
		if f.seen == nil {
			return nil, false
		}
		return f.seen(packets), len(packets) > 0
	}), err
}

// Impair implements [lab.Link].
func (l *faultyLink) Impair(ctx context.Context, from int, i impair.Impairment) error {
	if l.probe.ignores(linkImpair) {
		return nil
	}
	return l.Link.Impair(ctx, from, i)
}

// AddRule implements [lab.Link].
func (l *faultyLink) AddRule(ctx context.Context, r *lab.Rule) error {
	if l.probe.ignores(linkRule) {
		l.ignored[r] = true
		return nil
	}
	return l.Link.AddRule(ctx, r)
}

// RemoveRule implements [lab.Link].
func (l *faultyLink) RemoveRule(r *lab.Rule) error {
	if l.ignored[r] {
		return nil
	}
	return l.Link.RemoveRule(r)
}

// Inject implements [lab.Link].
func (l *faultyLink) Inject(ctx context.Context, i lab.Injection) error {
	if l.probe.ignores(linkInject) {
		return nil
	}
	return l.Link.Inject(ctx, i)
}
