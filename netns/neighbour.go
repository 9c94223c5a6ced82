package netns

import (
	"fmt"
	"net/netip"
	"slices"

	vnetlink "github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// meet maps addresses of the other end of a link to its MAC address, so that nothing has to be asked for. It is not for speed: the
// kernel bounds the entries of this kind in all namespaces of the machine together, those of the machine itself
// included, and drops packets when there are more (1024, gc_thresh3 in net/core/neighbour.c). Permanent ones do not count.
func (h *Host) meet(name string, addresses []netip.Addr) error {
	return h.withNeighbours(name, func(i *iface) []request {
		i.neighbours = append(i.neighbours, addresses...)
		requests := make([]request, len(addresses))
		for n, a := range addresses {
			requests[n] = i.neighbour(a)
		}
		return requests
	})
}

// part forgets an address of the other end of a link.
func (h *Host) part(name string, a netip.Addr) error {
	return h.withNeighbours(name, func(i *iface) []request {
		i.neighbours = slices.DeleteFunc(i.neighbours, func(x netip.Addr) bool { return x == a })
		return []request{i.neighbourRequest(unix.RTM_DELNEIGH, 0, a).ignoring(unix.ENOENT)}
	})
}

// withNeighbours carries out requests about the other end of a link.
func (h *Host) withNeighbours(name string, change func(*iface) []request) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, err := h.find(name)
	if err != nil {
		return err
	}
	return h.conn.do(change(i)...)
}

// neighbour maps an address to the MAC address of the other end.
func (i *iface) neighbour(a netip.Addr) request {
	return i.neighbourRequest(unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, a)
}

func (i *iface) neighbourRequest(kind, flags int, a netip.Addr) request {
	m := &vnetlink.Ndmsg{Family: uint8(family(a)), Index: uint32(i.index), State: unix.NUD_PERMANENT}
	return newRequest(fmt.Sprintf("neighbour %s of %s", a, i.name), kind, flags, m,
		octets(unix.NDA_DST, a.AsSlice()), octets(unix.NDA_LLADDR, i.peer.mac))
}
