package network

import (
	"fmt"
	"net/netip"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Path is how a packet leaves a host.
type Path struct {
	Source    netip.Addr // of packets that have none yet
	Interface *Interface // nil: it stays on the host
	next      netip.Addr // hop; zero: the other end of the link, whoever that is
}

// Next is the next hop; zero: the other end of the link.
func (p Path) Next() netip.Addr { return p.next }

// MTU is that of the path's first link, in bytes.
func (p Path) MTU() int {
	if p.Interface == nil {
		return 65535
	}
	return p.Interface.mtu
}

// Route finds the way to an address, from a source if that is valid, and by an interface unless index is 0. As a lab's hosts
// have it: packets from an address of the host use the routes of its interface, and if there is none go to the other end of the link.
func (h *Host) Route(src, dst netip.Addr, index int32) (Path, syscall.Errno) {
	if h.Has(dst) {
		if !src.IsValid() || src.IsUnspecified() {
			src = dst
		}
		return Path{Source: src}, 0
	}
	if src.IsValid() && !src.IsUnspecified() {
		if a := h.owner(src); a != nil && a.rule {
			if path, errno := h.fromAddress(a, dst, index); errno == 0 || index == 0 {
				return path, errno
			}
		}
	} else {
		src = netip.Addr{}
	}
	best, found := h.lookup(h.mainRoutes(dst), dst, index)
	if i := h.InterfaceAt(index); !found && i != nil && i.up {
		best, found = way{iface: i}, true // as it is said, that is where the destination is
	}
	if !found {
		return Path{}, ENETUNREACH
	}
	if !src.IsValid() {
		if src = h.sourceFor(best, dst); !src.IsValid() {
			return Path{}, EADDRNOTAVAIL
		}
	}
	return Path{Source: src, Interface: best.iface, next: best.via(dst)}, 0
}

// way is a route of a table.
type way struct {
	lab.Route
	iface *Interface
}

func (w way) via(dst netip.Addr) netip.Addr {
	if w.Via.IsValid() {
		return w.Via
	}
	return dst
}

// mainRoutes are those of the main table: the networks of the interfaces, and what was added without a source.
func (h *Host) mainRoutes(dst netip.Addr) []way {
	var all []way
	for _, a := range h.addresses {
		if a.prefix.Addr().Is4() == dst.Is4() && !a.prefix.IsSingleIP() {
			all = append(all, way{lab.Route{Destination: a.prefix.Masked()}, a.iface})
		}
	}
	for _, i := range h.interfaces {
		for _, r := range h.routes[i] {
			if !r.Source.IsValid() {
				all = append(all, way{r, i})
			}
		}
	}
	return all
}

// fromAddress uses the table of an address. It ends with the other end of the link, or with nothing.
func (h *Host) fromAddress(a *address, dst netip.Addr, index int32) (Path, syscall.Errno) {
	var own []way
	for _, i := range h.interfaces {
		for _, r := range h.routes[i] {
			if r.Source == a.prefix.Addr() || !r.Source.IsValid() && i == a.iface {
				own = append(own, way{r, i})
			}
		}
	}
	_, toHost := a.iface.Peer().Node.(*Host)
	if !toHost && !a.prefix.IsSingleIP() {
		own = append(own, way{lab.Route{Destination: a.prefix.Masked()}, a.iface})
	}
	if w, ok := h.lookup(own, dst, index); ok {
		return Path{Source: a.prefix.Addr(), Interface: w.iface, next: w.via(dst)}, 0
	}
	if toHost && a.iface.up && (index == 0 || index == a.iface.Index) {
		return Path{Source: a.prefix.Addr(), Interface: a.iface}, 0
	}
	return Path{}, EHOSTUNREACH
}

// lookup finds the most specific route; of equal ones the first.
func (h *Host) lookup(ways []way, dst netip.Addr, index int32) (best way, found bool) {
	for _, w := range ways {
		if !w.iface.up || index != 0 && w.iface.Index != index || !w.Destination.Contains(dst) {
			continue
		}
		if !found || w.Destination.Bits() > best.Destination.Bits() {
			best, found = w, true
		}
	}
	return best, found
}

// sourceFor chooses the address of packets that leave by a route: the first of the interface that is in the network of the
// next hop, or the first at all; for IPv6 the one with the longest common prefix (RFC 6724).
func (h *Host) sourceFor(w way, dst netip.Addr) (best netip.Addr) {
	next, longest := w.via(dst), -1
	for _, onlyThis := range []bool{true, false} {
		for _, a := range h.addresses {
			own := a.prefix.Addr()
			if own.Is4() != dst.Is4() || onlyThis && a.iface != w.iface {
				continue
			}
			length := 0
			switch {
			case own.Is6():
				length = commonBits(own, dst)
			case a.prefix.Contains(next):
				length = 1
			}
			if length > longest {
				best, longest = own, length
			}
		}
		if best.IsValid() {
			return best
		}
	}
	return best
}

// commonBits is how many leading bits two addresses of one family share.
func commonBits(a, b netip.Addr) int {
	x, y := a.AsSlice(), b.AsSlice()
	for i := range x {
		if d := x[i] ^ y[i]; d != 0 {
			n := i * 8
			for ; d&0x80 == 0; d <<= 1 {
				n++
			}
			return n
		}
	}
	return len(x) * 8
}

// AddRoute adds a route, to the main table and those of the addresses of its interface, or with a source to the table of that address.
func (h *Host) AddRoute(r lab.Route) error {
	if err := r.Validate(); err != nil {
		return err
	}
	i, err := h.routeInterface(r)
	if err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	if r.Source.IsValid() {
		a := h.owner(r.Source)
		if a == nil {
			return fmt.Errorf("%s: the host does not have address %s", r, r.Source)
		}
		a.rule = true
	}
	for _, x := range h.interfaces {
		for _, old := range h.routes[x] {
			if old.Destination == r.Destination && old.Source == r.Source {
				return fmt.Errorf("%s dev %s: %w", r, i.Name, pm.Errno(eexist))
			}
		}
	}
	h.routes[i] = append(h.routes[i], r)
	return nil
}

// routeInterface is the interface of a route.
func (h *Host) routeInterface(r lab.Route) (*Interface, error) {
	if r.Interface != "" {
		return h.Interface(r.Interface)
	}
	if !r.Via.IsValid() {
		return nil, fmt.Errorf("want a next hop or an interface")
	}
	for _, a := range h.addresses {
		if a.prefix.Contains(r.Via) {
			return a.iface, nil
		}
	}
	return nil, fmt.Errorf("next hop %s is in no subnet of the host", r.Via)
}
