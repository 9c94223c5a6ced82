package netns

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// RouteTo is the way that a packet would take to an address, in the network namespace of the calling thread: from an address, or if
// that is zero from one that routing chooses.
func RouteTo(from, to netip.Addr) (lab.Way, error) {
	what := "route to " + to.String()
	options := &netlink.RouteGetOptions{}
	if from.IsValid() {
		what += " from " + from.String()
		options.SrcAddr = net.IP(from.AsSlice())
	}
	routes, err := netlink.RouteGetWithOptions(to.AsSlice(), options)
	if err != nil {
		return lab.Way{}, fmt.Errorf("%s: %w", what, err)
	}
	if len(routes) == 0 {
		return lab.Way{}, fmt.Errorf("%s: the kernel names none", what)
	}
	r := routes[0]
	link, err := netlink.LinkByIndex(r.LinkIndex)
	if err != nil {
		return lab.Way{}, fmt.Errorf("%s: interface %d: %w", what, r.LinkIndex, err)
	}
	way := lab.Way{Interface: link.Attrs().Name}
	way.Source, way.Via = fromIP(r.Src), fromIP(r.Gw)
	if !way.Source.IsValid() {
		way.Source = from
	}
	return way, nil
}

// RouteTo is [RouteTo] in the host. The stand-in for the other end of a link is no next hop.
func (h *Host) RouteTo(from, to netip.Addr) (way lab.Way, err error) {
	err = h.Do(func() (err error) {
		way, err = RouteTo(from, to)
		return err
	})
	if way.Via == peerOf(to) {
		way.Via = netip.Addr{}
	}
	return way, err
}

// fromIP is an address of package net; zero if there is none.
func fromIP(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
