package kernel

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/observe"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// link is a veth pair. It is captured at one end, where packets of both directions pass: what that end sends is seen before it
// can be lost, what the other end sends only when it arrives.
type link struct {
	lab     *realLab
	ends    [2]lab.LinkEnd
	ports   [2]port
	watched int // the end that is captured: that of a host
	capture *observe.Capture
	decoder wire.Decoder // used by the capture alone, one frame at a time
}

// port is what a link needs of the node at its end.
type port interface {
	lab.Node
	endpoint(iface string) netns.Endpoint
}

func (l *realLab) Link(_ context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	k := &link{lab: l}
	for i, e := range []lab.End{a, b} {
		p, ok := e.Node.(port)
		if !ok || l.nodes[p.Name()] != p {
			return nil, errors.New("link: both ends must be hosts or switches of this lab")
		}
		k.ports[i] = p
	}
	if err := k.connect(a, b, o.MTU); err != nil {
		return nil, fmt.Errorf("link %s: %w", k.Name(), err)
	}
	l.links = append(l.links, k)
	return k, nil
}

func (k *link) connect(a, b lab.End, mtu int) error {
	var endpoints [2]netns.Endpoint
	for i, e := range []lab.End{a, b} {
		name := e.Interface
		if name == "" {
			name = k.lab.nextInterface(k.ports[i].Name())
		}
		endpoints[i] = k.ports[i].endpoint(name)
		k.ends[i] = lab.LinkEnd{Node: k.ports[i].Name(), Interface: name, Addresses: slices.Clone(e.Addresses)}
	}
	if endpoints[0].Host == nil {
		k.watched = 1
	}
	if endpoints[k.watched].Host == nil {
		return errors.New("at least one end must be a host")
	}
	if err := netns.Link(endpoints[0], endpoints[1], mtu); err != nil {
		return err
	}
	if err := k.watch(endpoints[k.watched].Host); err != nil {
		return err
	}
	for i, e := range k.ends {
		if len(e.Addresses) == 0 {
			continue
		}
		if endpoints[i].Host == nil {
			return fmt.Errorf("the interface of switch %s has no address", e.Node)
		}
		if err := endpoints[i].Host.AddAddress(e.Interface, e.Addresses...); err != nil {
			return fmt.Errorf("%s: %w", e.Node, err)
		}
	}
	return nil
}

// nextInterface is eth1, eth2, … in order of the links of a node.
func (l *realLab) nextInterface(node string) string {
	n := 1
	for _, k := range l.links {
		for _, e := range k.ends {
			if e.Node == node {
				n++
			}
		}
	}
	return fmt.Sprintf("eth%d", n)
}

func (k *link) watch(at *netns.Host) error {
	end := k.ends[k.watched]
	index, err := at.InterfaceIndex(end.Interface)
	if err != nil {
		return err
	}
	return at.Do(func() (err error) {
		k.capture, err = observe.OpenCapture(int(index), k.seen)
		return err
	})
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
	k.lab.record.addPacket(lab.Packet{Time: k.lab.record.at(f.Time), Link: k.Name(), From: from, To: to, Packet: p})
	k.lab.seen.notify()
}

// Name implements [lab.Link].
func (k *link) Name() string {
	return fmt.Sprintf("%s:%s-%s:%s", k.ends[0].Node, k.ends[0].Interface, k.ends[1].Node, k.ends[1].Interface)
}

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
	for i, e := range k.ends {
		if err := set(k.ports[i].endpoint(e.Interface)); err != nil {
			return fmt.Errorf("link %s: %s: %w", k.Name(), e.Node, err)
		}
	}
	return nil
}

func (k *link) Packets() ([]lab.Packet, error) {
	if err := k.capture.Drain(); err != nil {
		return nil, fmt.Errorf("link %s: %w", k.Name(), err)
	}
	if n := k.capture.Drops(); n > 0 {
		return nil, fmt.Errorf("link %s: the capture lost %d packets: too many at once", k.Name(), n)
	}
	return k.lab.record.packetsOf(k.Name()), nil
}

// bridge is a switch of the lab.
type bridge struct {
	*netns.Switch
	name string
}

func (b *bridge) Name() string { return b.name }

func (b *bridge) endpoint(iface string) netns.Endpoint {
	return netns.Endpoint{Switch: b.Switch, Name: iface}
}

func (h *host) endpoint(iface string) netns.Endpoint {
	return netns.Endpoint{Host: h.real, Name: iface}
}

var (
	_ port = (*host)(nil)
	_ port = (*bridge)(nil)
)
