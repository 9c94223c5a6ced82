package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/observe"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// link is a veth pair. It is captured at one end, where packets of both directions pass: what that end sends is seen before it
// can be lost, what the other end sends only when it arrives.
type link struct {
	lab     *realLab
	name    string
	ends    [2]lab.LinkEnd
	ports   [2]netns.Endpoint
	mtu     int
	seed    uint64 // of what the link does by chance
	watched int    // the end that is captured: that of a host
	capture *observe.Capture
	decoder wire.Decoder // used by the capture, or by the emulation that takes its place: by one thread at a time

	emulation atomic.Pointer[emulation] // nil: a plain cable
}

// watcher sees the packets of a link.
type watcher interface {
	Drain() error  // hands on what has passed
	Drops() uint64 // packets that were not seen
	Close() error
}

func (k *link) watcher() watcher {
	if e := k.emulation.Load(); e != nil {
		return e
	}
	return k.capture
}

// The MTU of a veth interface in bytes (ETH_MIN_MTU and ETH_MAX_MTU), for which the kernel has no better words than "invalid
// argument".
const (
	minMTU = 68
	maxMTU = 65535
)

func (l *realLab) Link(_ context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	l.building.Lock()
	defer l.building.Unlock()
	if l.life.Err() != nil {
		return nil, fmt.Errorf("link: %w", errClosed)
	}
	k, err := l.plan(a, b)
	if err != nil {
		return nil, err
	}
	if o.MTU != 0 && (o.MTU < minMTU || o.MTU > maxMTU) {
		return nil, fmt.Errorf("link %s: MTU of %d bytes: want %d to %d", k.name, o.MTU, minMTU, maxMTU)
	}
	k.mtu = o.MTU
	k.seed = l.options.Seed + uint64(len(l.links))<<32
	if err := k.make(o); err != nil {
		return nil, fmt.Errorf("link %s: %w", k.name, tooManyFiles(err))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.links = append(l.links, k)
	return k, nil
}

// plan is a link still to be made. It refuses what can be known to fail.
func (l *realLab) plan(a, b lab.End) (*link, error) {
	k := &link{lab: l}
	for i, e := range []lab.End{a, b} {
		n, ok := e.Node.(node)
		if !ok || l.nodes[n.Name()] != n {
			return nil, errors.New("link: both ends must be hosts or switches of this lab")
		}
		if e.Interface == "" {
			e.Interface = nextInterface(l.interfaces[n.Name()])
		}
		k.ends[i] = lab.LinkEnd{Node: n.Name(), Interface: e.Interface, Addresses: slices.Clone(e.Addresses)}
		k.ports[i] = n.endpoint(e.Interface)
	}
	k.name = fmt.Sprintf("%s:%s-%s:%s", k.ends[0].Node, k.ends[0].Interface, k.ends[1].Node, k.ends[1].Interface)
	if err := k.check(); err != nil {
		return nil, fmt.Errorf("link %s: %w", k.name, err)
	}
	return k, nil
}

func (k *link) check() error {
	switch {
	case k.ends[0].Node == k.ends[1].Node:
		return errors.New("both ends are on the same node")
	case k.ports[0].Host == nil && k.ports[1].Host == nil:
		return errors.New("at least one end must be a host")
	case k.ports[0].Host == nil:
		k.watched = 1
	}
	for i, e := range k.ends {
		if slices.Contains(k.lab.interfaces[e.Node], e.Interface) {
			return fmt.Errorf("%s already has an interface %s", e.Node, e.Interface)
		}
		if len(e.Addresses) > 0 && k.ports[i].Host == nil {
			return fmt.Errorf("the interface of switch %s has no address", e.Node)
		}
		for n, p := range e.Addresses {
			if slices.Contains(e.Addresses[:n], p) {
				return fmt.Errorf("%s: address %s is given twice", e.Node, p)
			}
		}
	}
	return nil
}

// make makes the veth pair, watches it and gives its ends their addresses, or leaves nothing.
func (k *link) make(o lab.LinkOptions) error {
	if err := k.join(o); err != nil {
		return err
	}
	for i, e := range k.ends {
		if len(e.Addresses) == 0 {
			continue
		}
		if err := k.ports[i].Host.AddAddress(e.Interface, e.Addresses...); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", e.Node, err), k.takeBack(i), k.watcher().Close(), k.remove())
		}
	}
	return nil
}

// join makes the veth pair, or both halves of a link that is more than a cable, and sees to it that its packets are seen.
func (k *link) join(o lab.LinkOptions) error {
	start, err := k.watch, error(nil)
	if o.Impair == ([2]impair.Impairment{}) && !o.Accurate {
		err = netns.Link(k.ports[0], k.ports[1], o.MTU)
	} else {
		start, err = k.cut(o)
	}
	if err != nil {
		return err
	}
	for _, e := range k.ends {
		k.lab.interfaces[e.Node] = append(k.lab.interfaces[e.Node], e.Interface)
	}
	if err := start(); err != nil {
		return errors.Join(err, k.remove())
	}
	return nil
}

// cut makes both halves of a link, and returns what starts to carry its frames.
func (k *link) cut(o lab.LinkOptions) (start func() error, err error) {
	for i, x := range o.Impair {
		if err := x.Validate(); err != nil {
			return nil, fmt.Errorf("what %s sends: %w", k.ends[i].Node, err)
		}
	}
	if err := k.lab.needMiddle(); err != nil {
		return nil, err
	}
	cut, err := k.lab.middle.Link(k.ports[0], k.ports[1], o.MTU)
	if err != nil {
		return nil, err
	}
	return func() error {
		_, err := k.emulate(cut, o)
		return err
	}, nil
}

// takeBack deletes the addresses that the ends before the i-th were given.
func (k *link) takeBack(i int) error {
	var errs []error
	for n, e := range k.ends[:i] {
		for _, p := range e.Addresses {
			errs = append(errs, k.ports[n].Host.DeleteAddress(e.Interface, p))
		}
	}
	return errors.Join(errs...)
}

// remove removes the interfaces again. Their names remain taken.
func (k *link) remove() error { return errors.Join(netns.Unlink(k.ports[0]), netns.Unlink(k.ports[1])) }

func (k *link) watch() error {
	at := k.lab.nodes[k.ends[k.watched].Node].(*host)
	index, err := at.real.InterfaceIndex(k.ends[k.watched].Interface)
	if err != nil {
		return err
	}
	k.capture, err = at.capture(index, k.seen)
	return err
}

// seen takes one captured frame. Bulk data says nothing that the counters do not, and would fill the record.
func (k *link) seen(f observe.Frame) {
	p, err := k.decoder.Decode(f.Data, wire.LayerEthernet)
	if err != nil || p.IsBareDSS() {
		return
	}
	from, to := k.ends[k.watched].Node, k.ends[1-k.watched].Node
	if !f.Outgoing {
		from, to = to, from
	}
	k.lab.record.AddPacket(lab.Packet{Time: k.lab.record.at(f.Time), Link: k.name, From: from, To: to, Head: lab.HeadOf(f.Data), Packet: p})
	k.lab.seen.notify()
}

// Name implements [lab.Link].
func (k *link) Name() string { return k.name }

func (k *link) Ends() [2]lab.LinkEnd { return k.ends }

func (k *link) SetUp(_ context.Context, up bool) error {
	return k.each(func(e netns.Endpoint) error {
		if e.Host == nil {
			return nil // it loses its carrier with the other end
		}
		return e.Host.SetInterfaceUp(e.Name, up)
	})
}

func (k *link) SetMTU(_ context.Context, mtu int) error {
	return k.each(func(e netns.Endpoint) error {
		if e.Host == nil {
			return e.Switch.SetMTU(e.Name, mtu)
		}
		return e.Host.SetMTU(e.Name, mtu)
	})
}

func (k *link) each(set func(netns.Endpoint) error) error {
	for i, p := range k.ports {
		if err := set(p); err != nil {
			return k.on(fmt.Errorf("%s: %w", k.ends[i].Node, err))
		}
	}
	return nil
}

// on says on which link something failed.
func (k *link) on(err error) error {
	if err != nil {
		return fmt.Errorf("link %s: %w", k.name, err)
	}
	return nil
}

// Packets implements [lab.Link]. When some were lost, it returns the others with the error.
func (k *link) Packets() ([]lab.Packet, error) {
	var errs []error
	if k.lab.life.Err() == nil { // a closed capture has been drained
		errs = append(errs, k.watcher().Drain())
	}
	if n := k.watcher().Drops(); n > 0 {
		errs = append(errs, fmt.Errorf("the capture lost %d packets: too many at once", n))
	}
	packets, err := k.lab.record.PacketsOf(k.name)
	byTime := func(a, b lab.Packet) int { return cmp.Compare(a.Time, b.Time) }
	if !slices.IsSortedFunc(packets, byTime) { // one that a rule held is recorded when it is released
		packets = slices.Clone(packets)
		slices.SortStableFunc(packets, byTime)
	}
	return packets, k.on(errors.Join(append(errs, err)...))
}

func (k *link) close() error { return k.on(k.watcher().Close()) }
