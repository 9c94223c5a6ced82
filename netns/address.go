package netns

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Addresses are those added by [Host.AddAddress], in order.
func (h *Host) Addresses() []lab.Address {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]lab.Address, len(h.addresses))
	for i, a := range h.addresses {
		list[i] = lab.Address{Interface: a.iface.name, Prefix: a.prefix}
	}
	return list
}

// AddAddress adds addresses to an interface, with their source routing, and returns when they can be used.
func (h *Host) AddAddress(name string, prefixes ...netip.Prefix) error {
	i, err := h.addAddress(name, prefixes)
	if err != nil || i.far == nil {
		return err
	}
	addresses := make([]netip.Addr, len(prefixes))
	for n, p := range prefixes {
		addresses[n] = p.Addr()
	}
	return i.far.meet(i.peer.name, addresses)
}

// addAddress does what is to be done on the host itself.
func (h *Host) addAddress(name string, prefixes []netip.Prefix) (*iface, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, err := h.find(name)
	if err != nil {
		return nil, err
	}
	added := make([]*address, len(prefixes))
	var requests []request
	for n, p := range prefixes {
		a, err := h.newAddress(i, p)
		if err != nil {
			return nil, err
		}
		added[n] = a
		requests = append(requests, a.add())
	}
	for _, a := range added {
		requests = append(requests, h.sourceRouting(unix.RTM_NEWRULE, unix.RTM_NEWROUTE, a)...)
	}
	if err := h.conn.do(requests...); err != nil {
		return nil, errors.Join(err, h.forgo(added))
	}
	h.addresses = append(h.addresses, added...)
	return i, h.ready(i)
}

// forgo deletes the source routing of addresses that could not be added: the kernel carried out what it could. An address that
// was added stays, as it may have been there before.
func (h *Host) forgo(addresses []*address) error {
	var requests []request
	for _, a := range addresses {
		requests = append(requests, h.sourceRouting(unix.RTM_DELRULE, unix.RTM_DELROUTE, a)...)
	}
	for n := range requests {
		requests[n] = requests[n].ignoring(unix.ESRCH, unix.ENOENT)
	}
	return h.conn.do(requests...)
}

// newAddress checks an address, and reserves its routing table.
func (h *Host) newAddress(i *iface, p netip.Prefix) (*address, error) {
	if !p.IsValid() || p.Addr().Is4In6() || p.Addr().Zone() != "" {
		return nil, fmt.Errorf("add address to %s: %s: want ADDRESS/BITS", i.name, p)
	}
	a := &address{iface: i, prefix: p}
	if !h.router {
		a.table = h.newTable()
	}
	return a, nil
}

// DeleteAddress removes an address from an interface, with its source routing.
func (h *Host) DeleteAddress(name string, p netip.Prefix) error {
	i, err := h.deleteAddress(name, p)
	if err != nil || i.far == nil {
		return err
	}
	return i.far.part(i.peer.name, p.Addr())
}

// deleteAddress does what is to be done on the host itself.
func (h *Host) deleteAddress(name string, p netip.Prefix) (*iface, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, err := h.find(name)
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(h.addresses, func(a *address) bool { return a.iface == i && a.prefix == p })
	if n < 0 {
		return nil, fmt.Errorf("delete address %s: %s does not have it", p, name)
	}
	a := h.addresses[n]
	// Or else the other addresses of the subnet would go with the first one.
	if err := h.SetSysctl("net.ipv4.conf.all.promote_secondaries", "1"); err != nil {
		return nil, err
	}
	if err := h.conn.do(a.request("delete", unix.RTM_DELADDR, 0)); err != nil {
		return nil, err
	}
	requests := h.sourceRouting(unix.RTM_DELRULE, unix.RTM_DELROUTE, a)
	for n := range requests {
		requests[n] = requests[n].ignoring(unix.ESRCH, unix.ENOENT) // gone with the address
	}
	h.addresses = slices.Delete(h.addresses, n, n+1)
	h.forgetRoutes(i, p.Addr())
	return i, h.conn.do(requests...)
}

// forgetRoutes drops the routes that go with a deleted address: those from it and, as the kernel does for IPv4, all of an
// interface that has no address any more.
func (h *Host) forgetRoutes(i *iface, deleted netip.Addr) {
	last := deleted.Is4() && !slices.ContainsFunc(h.addresses, func(a *address) bool {
		return a.iface == i && a.prefix.Addr().Is4()
	})
	for _, x := range h.interfaces {
		x.routes = slices.DeleteFunc(x.routes, func(r lab.Route) bool {
			return r.Source == deleted || last && x == i && r.Destination.Addr().Is4()
		})
	}
}

// add is the request that adds the address.
func (a *address) add() request {
	return a.request("add", unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_EXCL)
}

func (a *address) request(verb string, kind, flags int) request {
	m := nl.NewIfAddrmsg(family(a.prefix.Addr()))
	m.Prefixlen = uint8(a.prefix.Bits())
	m.Index = uint32(a.iface.index)
	ip := a.prefix.Addr().AsSlice()
	return newRequest(fmt.Sprintf("%s address %s of %s", verb, a.prefix, a.iface.name), kind, flags, m,
		octets(unix.IFA_LOCAL, ip), octets(unix.IFA_ADDRESS, ip))
}

// ready waits until no IPv6 address of the interface is tentative. Also without duplicate address detection it is so until
// a work queue has joined the multicast group at which neighbours ask for the address (net/ipv6/addrconf.c).
func (h *Host) ready(i *iface) error {
	v6 := slices.ContainsFunc(h.addresses, func(a *address) bool { return a.iface == i && a.prefix.Addr().Is6() })
	if !v6 {
		return nil
	}
	return h.conn.settle("wait for IPv6 addresses of "+i.name, unix.RTNLGRP_IPV6_IFADDR, func() (bool, error) {
		m := nl.NewIfAddrmsg(unix.AF_INET6)
		m.Index = uint32(i.index)
		replies, err := h.conn.get(newRequest("list addresses of "+i.name, unix.RTM_GETADDR, unix.NLM_F_DUMP, m))
		if err != nil {
			return false, err
		}
		for _, r := range replies {
			if nl.DeserializeIfAddrmsg(r.Data).Flags&unix.IFA_F_TENTATIVE != 0 {
				return false, nil
			}
		}
		return true, nil
	})
}

func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

func sameFamily(a, b netip.Addr) bool { return a.Is4() == b.Is4() }
