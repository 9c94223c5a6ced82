package emulator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// link is a link of the lab. What enters it is seen, whatever becomes of it.
type link struct {
	lab     *modelLab
	name    string
	ends    [2]lab.LinkEnd
	model   *network.Link
	decoder wire.Decoder
	plain   bool // nothing but a cable so far
	rules
}

var _ lab.Link = (*link)(nil)

// The MTU of a veth interface in bytes (ETH_MIN_MTU and ETH_MAX_MTU).
const (
	minMTU     = 68
	maxMTU     = 65535
	defaultMTU = 1500
)

// Link implements [lab.Lab].
func (l *modelLab) Link(_ context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	if l.closed {
		return nil, fmt.Errorf("link: %w", errClosed)
	}
	k, err := l.plan(a, b)
	if err != nil {
		return nil, err
	}
	if err := k.make(a, b, o); err != nil {
		return nil, fmt.Errorf("link %s: %w", k.name, err)
	}
	l.links = append(l.links, k)
	return k, nil
}

// plan is a link still to be made. It refuses what can be known to fail.
func (l *modelLab) plan(a, b lab.End) (*link, error) {
	k := &link{lab: l, plain: true}
	for i, e := range []lab.End{a, b} {
		if e.Node == nil || l.nodes[e.Node.Name()] != e.Node {
			return nil, errors.New("link: both ends must be hosts or switches of this lab")
		}
		if e.Interface == "" {
			e.Interface = nextInterface(l.taken[e.Node.Name()])
		}
		k.ends[i] = lab.LinkEnd{Node: e.Node.Name(), Interface: e.Interface, Addresses: slices.Clone(e.Addresses)}
	}
	k.name = fmt.Sprintf("%s:%s-%s:%s", k.ends[0].Node, k.ends[0].Interface, k.ends[1].Node, k.ends[1].Interface)
	if err := k.check(a.Node, b.Node); err != nil {
		return nil, fmt.Errorf("link %s: %w", k.name, err)
	}
	return k, nil
}

func (k *link) check(nodes ...lab.Node) error {
	hosts := 0
	for i, e := range k.ends {
		_, isHost := nodes[i].(*host)
		if isHost {
			hosts++
		}
		if slices.Contains(k.lab.taken[e.Node], e.Interface) {
			return fmt.Errorf("%s already has an interface %s", e.Node, e.Interface)
		}
		if len(e.Addresses) > 0 && !isHost {
			return fmt.Errorf("the interface of switch %s has no address", e.Node)
		}
		for n, p := range e.Addresses {
			if slices.Contains(e.Addresses[:n], p) {
				return fmt.Errorf("%s: address %s is given twice", e.Node, p)
			}
		}
	}
	switch {
	case k.ends[0].Node == k.ends[1].Node:
		return errors.New("both ends are on the same node")
	case hosts == 0:
		return errors.New("at least one end must be a host")
	}
	return nil
}

// make attaches the link and gives its ends their addresses, or leaves nothing but the names, which remain taken.
func (k *link) make(a, b lab.End, o lab.LinkOptions) error {
	if o.MTU != 0 && (o.MTU < minMTU || o.MTU > maxMTU) {
		return fmt.Errorf("MTU of %d bytes: want %d to %d", o.MTU, minMTU, maxMTU)
	}
	for i, x := range o.Impair {
		if err := x.Validate(); err != nil {
			return fmt.Errorf("what %s sends: %w", k.ends[i].Node, err)
		}
	}
	var ends [2]*network.Interface
	for i, e := range []lab.End{a, b} {
		switch n := e.Node.(type) {
		case *host:
			ends[i] = n.model.Attach(k.ends[i].Interface)
		case *bridge:
			ends[i] = n.Attach(k.ends[i].Interface)
		}
		k.lab.taken[k.ends[i].Node] = append(k.lab.taken[k.ends[i].Node], k.ends[i].Interface)
	}
	k.model = k.lab.net.NewLink(ends[0], ends[1], cmp.Or(o.MTU, defaultMTU))
	k.model.Judge, k.model.Dropped, k.model.Corrupted = k.judge, k.dropped, k.corrupted
	for i, x := range o.Impair {
		k.plain = k.plain && x == impair.Impairment{} && !o.Accurate
		if err := k.model.Impair(i, x); err != nil {
			return err
		}
	}
	for i, e := range []lab.End{a, b} {
		for n, p := range k.ends[i].Addresses {
			h := e.Node.(*host)
			if err := h.model.AddAddress(k.ends[i].Interface, p); err != nil {
				return errors.Join(fmt.Errorf("%s: %w", h.Name(), err), k.takeBack(a, b, i, n))
			}
		}
	}
	return nil
}

// takeBack deletes the addresses that were given before the n-th of end i, and detaches the link.
func (k *link) takeBack(a, b lab.End, i, n int) error {
	var errs []error
	for x, e := range []lab.End{a, b}[:i+1] {
		addresses := k.ends[x].Addresses
		if x == i {
			addresses = addresses[:n]
		}
		for _, p := range addresses {
			errs = append(errs, e.Node.(*host).model.DeleteAddress(k.ends[x].Interface, p))
		}
	}
	network.Detach(k.model.Ends[0])
	network.Detach(k.model.Ends[1])
	return errors.Join(errs...)
}

// Name implements [lab.Link].
func (k *link) Name() string { return k.name }

// Ends implements [lab.Link].
func (k *link) Ends() [2]lab.LinkEnd { return k.ends }

// SetUp implements [lab.Link].
func (k *link) SetUp(_ context.Context, up bool) error {
	k.lab.act()
	for _, i := range k.model.Ends {
		i.SetUp(up)
	}
	return nil
}

// SetMTU implements [lab.Link].
func (k *link) SetMTU(_ context.Context, mtu int) error {
	if mtu < minMTU || mtu > maxMTU {
		return k.on(fmt.Errorf("MTU of %d bytes: want %d to %d", mtu, minMTU, maxMTU))
	}
	k.lab.act()
	for _, i := range k.model.Ends {
		i.SetMTU(mtu)
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

// Packets implements [lab.Link].
func (k *link) Packets() ([]lab.Packet, error) {
	packets, err := k.lab.record.PacketsOf(k.name)
	byTime := func(a, b lab.Packet) int { return cmp.Compare(a.Time, b.Time) }
	if !slices.IsSortedFunc(packets, byTime) { // one that a rule held is recorded when it is released
		packets = slices.Clone(packets)
		slices.SortStableFunc(packets, byTime)
	}
	return packets, k.on(err)
}

var errNoSuchEnd = errors.New("a link has the ends 0 and 1")

// Impair implements [lab.Link].
func (k *link) Impair(_ context.Context, from int, i impair.Impairment) error {
	if from != 0 && from != 1 {
		return k.on(errNoSuchEnd)
	}
	k.lab.act()
	k.plain = false
	return k.on(k.model.Impair(from, i))
}

// Inject implements [lab.Link].
func (k *link) Inject(_ context.Context, i lab.Injection) error {
	if i.To != 0 && i.To != 1 {
		return k.on(errNoSuchEnd)
	}
	k.plain = false
	k.model.Inject(i.To, i.Frame)
	return nil
}

// Traffic implements [lab.Link].
func (k *link) Traffic() (t [2]lab.Traffic) {
	if k.plain {
		return t
	}
	for from := range t {
		c := k.model.Counts(from)
		t[from] = lab.Traffic{
			Received: c.Received, Injected: c.Injected, Duplicated: c.Duplicated, Delivered: c.Delivered, Corrupted: c.Corrupted,
			Dropped: c.Dropped, InFlight: c.InFlight, Held: c.Held,
		}
	}
	return t
}
