package netns

import (
	"errors"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// Middle is a hidden namespace in which links are cut in two, so that somebody can carry the frames from one half to the other, and
// do something to them meanwhile.
type Middle struct {
	ns   *Namespace
	conn *conn
	cuts int
}

// Cut names the two interfaces in a [Middle] between which the frames of one link are to be carried. Both are up, say nothing of
// their own, and take frames of any size.
type Cut struct{ A, B string }

// maxMTU is that of a veth interface (ETH_MAX_MTU).
const maxMTU = 65535

// NewMiddle makes a middle without links, under a registry unless that is nil.
func NewMiddle(r *Registry) (*Middle, error) {
	m := &Middle{}
	var err error
	m.ns, m.conn, err = newConnected(r, func() error {
		return writeKnown([][2]string{{"net.ipv6.conf.default.disable_ipv6", "1"}})
	})
	if err != nil {
		return nil, fmt.Errorf("new middle of links: %w", err)
	}
	return m, nil
}

// Do runs fn on a thread in the namespace (see [Namespace.Do]).
func (m *Middle) Do(fn func() error) error { return m.ns.Do(fn) }

// Close removes the middle, and with it both halves of its links.
func (m *Middle) Close() error { return errors.Join(m.conn.close(), m.ns.Close()) }

// Link joins a and b as the function [Link] does, but cut in two: nothing passes until somebody carries the frames.
func (m *Middle) Link(a, b Endpoint, mtu int) (Cut, error) {
	if err := errors.Join(checkInterfaceName(a.Name), checkInterfaceName(b.Name)); err != nil {
		return Cut{}, err
	}
	cut := m.next()
	portA, portB, err := m.halves(cut, half{Endpoint: a}, half{Endpoint: b}, mtu)
	if err == nil {
		err = errors.Join(attach(a, portA, b, portB), attach(b, portB, a, portA))
	}
	if err == nil {
		err = errors.Join(a.across(m.port(cut.B)), b.across(m.port(cut.A)))
	}
	if err != nil {
		return Cut{}, errors.Join(fmt.Errorf("link %s to %s: %w", a.Name, b.Name, err), m.remove(cut))
	}
	return cut, nil
}

// Relink cuts a link that exists. Its interfaces are made anew with their indexes, MAC addresses, addresses and routes: connections
// survive, but what is under way is lost, and so are sysctls of the interfaces. One that is down stays down.
func (m *Middle) Relink(a, b Endpoint, mtu int) (Cut, error) {
	halfA, err := existing(a)
	if err != nil {
		return Cut{}, err
	}
	halfB, err := existing(b)
	if err != nil {
		return Cut{}, err
	}
	if err := a.conn().do(removeRequest(a.Name)); err != nil {
		return Cut{}, err
	}
	cut := m.next()
	portA, portB, err := m.halves(cut, halfA, halfB, mtu)
	if err == nil {
		err = errors.Join(a.across(m.port(cut.B)), b.across(m.port(cut.A)))
	}
	if err == nil {
		err = errors.Join(reattach(a, portA), reattach(b, portB))
	}
	if err != nil {
		return Cut{}, fmt.Errorf("cut link %s to %s: %w", a.Name, b.Name, err)
	}
	return cut, nil
}

// half is an end of a link to be, with what it must have if it was there before.
type half struct {
	Endpoint
	index int32
	mac   net.HardwareAddr
}

func existing(e Endpoint) (half, error) {
	p, err := findPort(e.conn(), e.Name)
	if err != nil {
		return half{}, err
	}
	return half{Endpoint: e, index: p.index, mac: p.mac}, nil
}

// port is the inner end of that name.
func (m *Middle) port(name string) *port { return &port{conn: m.conn, name: name} }

// across tells the interface of a host what gives its peer a carrier from now on. A port of a switch is always up.
func (e Endpoint) across(p *port) error {
	if e.Host == nil {
		return nil
	}
	e.Host.mu.Lock()
	defer e.Host.mu.Unlock()
	i, err := e.Host.find(e.Name)
	if err == nil {
		i.across = p
	}
	return err
}

func (m *Middle) next() Cut {
	m.cuts++
	return Cut{A: fmt.Sprintf("link%da", m.cuts), B: fmt.Sprintf("link%db", m.cuts)}
}

// halves makes both halves of a link, and returns their outer ends.
func (m *Middle) halves(cut Cut, a, b half, mtu int) (portA, portB *port, err error) {
	if portA, err = m.half(a, cut.A, mtu); err != nil {
		return nil, nil, err
	}
	portB, err = m.half(b, cut.B, mtu)
	return portA, portB, err
}

// half joins an end to an interface of the middle.
func (m *Middle) half(outer half, inner string, mtu int) (*port, error) {
	if outer.mac == nil && outer.Host != nil && outer.Host.number != 0 {
		outer.mac = outer.Host.nextMAC()
	}
	near := vethEnd{conn: outer.conn(), name: outer.Name, mtu: mtu, index: outer.index, mac: outer.mac}
	far := vethEnd{conn: m.conn, name: inner, mtu: maxMTU}
	return makeVeth("make "+outer.Name, near, far)
}

// reattach gives a new port to the host or switch that had one of that name.
func reattach(e Endpoint, p *port) error {
	if e.Switch != nil {
		return e.Switch.attach(p)
	}
	e.Host.mu.Lock()
	defer e.Host.mu.Unlock()
	i, err := e.Host.find(e.Name)
	if err != nil {
		return err
	}
	if err := e.Host.restore(i); err != nil || !i.down {
		return err
	}
	return errors.Join(i.setUp(false), i.carry())
}

func (m *Middle) remove(cut Cut) error {
	var errs []error
	for _, name := range []string{cut.A, cut.B} {
		errs = append(errs, m.conn.do(removeRequest(name).ignoring(unix.ENODEV)))
	}
	return errors.Join(errs...)
}
