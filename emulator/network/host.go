package network

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Host is a network stack up to IP.
type Host struct {
	// Deliver takes the packets that are for the host itself. It must be set before any arrives.
	Deliver func(packet []byte)
	// Filter, if it is set, is asked about packets at each of the hooks of netfilter.
	Filter Filter
	// ReversePath is net.ipv4.conf.all.rp_filter (RFC 3704): the larger of it and that of the interface counts. 0: off, 1: strict, a
	// packet is taken only from the interface by which its source would be answered, 2: loose, its source must be reachable.
	// InitialReversePath is net.ipv4.conf.default.rp_filter, which interfaces begin with.
	ReversePath, InitialReversePath int

	net        *Net
	name       string
	number     int
	router     bool
	interfaces []*Interface
	attached   int // interfaces so far
	addresses  []*address
	routes     map[*Interface][]lab.Route // added, by interface
	neighbours map[neighbour]known
	ids        uint16 // of IPv4 headers
}

// address is an address of a host.
type address struct {
	iface  *Interface
	prefix netip.Prefix
	rule   bool // packets from it use routes of its own
}

// NewHost adds a host with no interface but loopback. A router forwards packets, and has no source routing.
func (n *Net) NewHost(name string, router bool) *Host {
	n.nodes++
	return &Host{net: n, name: name, number: n.nodes, router: router, routes: map[*Interface][]lab.Route{}, neighbours: map[neighbour]known{}}
}

// Name implements [Node].
func (h *Host) Name() string { return h.name }

// Attach gives the host an interface.
func (h *Host) Attach(name string) *Interface {
	h.attached++
	i := newInterface(h, h.number, h.attached, name, int32(h.attached+1)) // lo is 1
	i.ReversePath = h.InitialReversePath
	h.interfaces = append(h.interfaces, i)
	return i
}

// Interface finds an interface by its name.
func (h *Host) Interface(name string) (*Interface, error) {
	names := make([]string, len(h.interfaces))
	for n, i := range h.interfaces {
		if i.Name == name {
			return i, nil
		}
		names[n] = i.Name
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("interface %s: the host has none", name)
	}
	return nil, fmt.Errorf("interface %s: the host has only %s", name, strings.Join(names, ", "))
}

// InterfaceAt finds an interface by its index; nil: there is none.
func (h *Host) InterfaceAt(index int32) *Interface {
	for _, i := range h.interfaces {
		if i.Index == index {
			return i
		}
	}
	return nil
}

// Addresses are those of the host's links, in order of creation.
func (h *Host) Addresses() []lab.Address {
	list := make([]lab.Address, len(h.addresses))
	for n, a := range h.addresses {
		list[n] = lab.Address{Interface: a.iface.Name, Prefix: a.prefix}
	}
	return list
}

// AddAddress adds an address to an interface, with its source routing.
func (h *Host) AddAddress(name string, p netip.Prefix) error {
	i, err := h.Interface(name)
	if err != nil {
		return err
	}
	if !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
		return fmt.Errorf("add address to %s: %s: want ADDRESS/BITS", name, p)
	}
	if slices.ContainsFunc(h.addresses, func(a *address) bool { return a.iface == i && a.prefix.Addr() == p.Addr() }) {
		return fmt.Errorf("add address %s of %s: %w", p, name, pm.Errno(eexist))
	}
	h.addresses = append(h.addresses, &address{iface: i, prefix: p, rule: !h.router})
	return nil
}

// DeleteAddress removes an address from an interface, with its source routing.
func (h *Host) DeleteAddress(name string, p netip.Prefix) error {
	i, err := h.Interface(name)
	if err != nil {
		return err
	}
	n := slices.IndexFunc(h.addresses, func(a *address) bool { return a.iface == i && a.prefix == p })
	if n < 0 {
		return fmt.Errorf("delete address %s: %s does not have it", p, name)
	}
	h.addresses = slices.Delete(h.addresses, n, n+1)
	last := p.Addr().Is4() && !slices.ContainsFunc(h.addresses, func(a *address) bool {
		return a.iface == i && a.prefix.Addr().Is4()
	})
	for x, routes := range h.routes {
		h.routes[x] = slices.DeleteFunc(routes, func(r lab.Route) bool {
			return r.Source == p.Addr() || last && x == i && r.Destination.Addr().Is4()
		})
	}
	return nil
}

// Has tells whether packets for an address are for the host.
func (h *Host) Has(a netip.Addr) bool { return a.IsLoopback() || h.owner(a) != nil }

// AddressOf is the first address of an interface, of IPv4 or IPv6.
func (h *Host) AddressOf(i *Interface, four bool) (found netip.Addr) {
	for _, a := range h.addresses {
		if a.iface == i && a.prefix.Addr().Is4() == four {
			return a.prefix.Addr()
		}
	}
	return found
}

// IndexOf is the index of the interface that has an address; 0: none does.
func (h *Host) IndexOf(a netip.Addr) int32 {
	if x := h.owner(a); x != nil {
		return x.iface.Index
	}
	return 0
}

// owner is the host's address; nil: it does not have it. IPv6 addresses go with their interface.
func (h *Host) owner(a netip.Addr) *address {
	for _, x := range h.addresses {
		if x.prefix.Addr() == a && (x.iface.up || a.Is4()) {
			return x
		}
	}
	return nil
}

// receive takes a frame from an interface.
func (h *Host) receive(i *Interface, frame []byte) {
	if MAC(frame[:6]) != i.MAC {
		return
	}
	h.input(i, frame[lenEthernet:])
}

// Interfaces are those of the host's links.
func (h *Host) Interfaces() []*Interface { return h.interfaces }
