package network

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
)

// Filter decides on packets at the hooks of netfilter.
type Filter interface {
	// Hook is asked about an IP packet, which it may change in place; false: the packet is dropped. The errno is what a program
	// that sends the packet is told.
	Hook(hook Hook, packet []byte, m Meta) (pass bool, errno syscall.Errno)
}

// Meta is what a host knows of a packet beside its bytes.
type Meta struct {
	In, Out *Interface // nil: there is none, or it is not known yet
	Mark    uint32     // SO_MARK of the socket that sent it
}

// Hook is a place on the way of a packet.
type Hook uint8

// The hooks, in the kernel's order (NF_INET_PRE_ROUTING…).
const (
	Prerouting Hook = iota
	Input
	Forward
	Output
	Postrouting
)

func (h *Host) hook(at Hook, packet []byte, m Meta) (bool, syscall.Errno) {
	if h.Filter == nil {
		return true, 0
	}
	return h.Filter.Hook(at, packet, m)
}

// NextID is the identification of the next IPv4 header of the host.
func (h *Host) NextID() uint16 {
	h.ids++
	return h.ids
}

// Send sends an IP packet that the host has made, by an interface unless index is 0, with the mark of its socket. The error number
// is one that a program would see.
func (h *Host) Send(packet []byte, index int32, mark uint32) syscall.Errno {
	src, dst, err := segment.Addresses(packet)
	if err != nil {
		return EINVAL
	}
	path, errno := h.Route(src, dst, index)
	if errno != 0 {
		return errno
	}
	if len(packet) > path.MTU() {
		return EMSGSIZE
	}
	m := Meta{Out: path.Interface, Mark: mark}
	for _, at := range []Hook{Output, Postrouting} {
		if pass, errno := h.hook(at, packet, m); !pass {
			return errno
		}
	}
	h.transmit(path, packet)
	return 0
}

// transmit sends a packet on its way.
func (h *Host) transmit(path Path, packet []byte) {
	if path.Interface == nil {
		packet = slices.Clone(packet)
		h.net.Clock.After(Hop, func() { h.local(packet, nil) })
		return
	}
	if to := h.neighbour(path); to != nil {
		path.Interface.send(to.MAC, packet)
	}
}

// confirmed is how long a neighbour is believed to be where it was (net.ipv4.neigh.*.base_reachable_time_ms).
const confirmed = 30 * time.Second

// neighbour is an address on the link of an interface.
type neighbour struct {
	via     *Interface
	address netip.Addr
}

// known is where a neighbour was found.
type known struct {
	at    *Interface
	until time.Duration
}

// has tells whether the interface there still has the address.
func (k known) has(a netip.Addr) bool {
	h, ok := k.at.Node.(*Host)
	if !ok {
		return false
	}
	x := h.owner(a)
	return x != nil && x.iface == k.at
}

// neighbour finds the interface that a packet goes to next. Nil: nobody has the address, so that the packet goes nowhere.
func (h *Host) neighbour(path Path) *Interface {
	key, now := neighbour{path.Interface, path.next}, h.net.Clock.Now()
	k, found := h.neighbours[key]
	if found && k.has(path.next) {
		h.neighbours[key] = known{k.at, now + confirmed}
		return k.at
	}
	if at := h.ask(path); at != nil {
		h.neighbours[key] = known{at, now + confirmed}
		return at
	}
	if found && k.until > now {
		return k.at
	}
	return nil
}

// ask asks on the link of a path who has the address.
func (h *Host) ask(path Path) *Interface {
	peer := path.Interface.Peer()
	switch n := peer.Node.(type) {
	case *Host:
		if !path.next.IsValid() || n.Has(path.next) {
			return peer
		}
	case *Switch:
		return n.find(path.next, peer, nil)
	}
	return nil
}

// find looks for the interface with an address behind the ports of a switch, and of those that are linked to it.
func (s *Switch) find(a netip.Addr, from *Interface, seen []*Switch) *Interface {
	seen = append(seen, s)
	for _, p := range s.ports {
		if p == from {
			continue
		}
		switch n := p.Peer().Node.(type) {
		case *Host:
			if x := n.owner(a); x != nil && x.iface == p.Peer() {
				return p.Peer()
			}
		case *Switch:
			if !slices.Contains(seen, n) {
				if i := n.find(a, p.Peer(), seen); i != nil {
					return i
				}
			}
		}
	}
	return nil
}

// input takes a packet from an interface.
func (h *Host) input(i *Interface, packet []byte) {
	if pass, _ := h.hook(Prerouting, packet, Meta{In: i}); !pass {
		return
	}
	src, dst, err := segment.Addresses(packet)
	if err != nil || !h.plausible(i, src, dst) {
		return
	}
	if h.Has(dst) {
		h.local(packet, i)
	} else if h.router {
		h.forward(i, packet, dst)
	}
}

// plausible tells whether the source of a packet can be behind the interface that it came by (__fib_validate_source in
// net/ipv4/fib_frontend.c).
func (h *Host) plausible(i *Interface, src, dst netip.Addr) bool {
	mode := max(h.ReversePath, i.ReversePath)
	if mode == 0 || !src.Is4() {
		return true
	}
	back, errno := h.Route(dst, src, 0)
	return errno == 0 && (mode > 1 || back.Interface == i)
}

// local takes a packet for the host itself.
func (h *Host) local(packet []byte, i *Interface) {
	if pass, _ := h.hook(Input, packet, Meta{In: i}); pass && h.Deliver != nil {
		h.Deliver(packet)
	}
}

// forward sends a packet of somebody else on.
func (h *Host) forward(in *Interface, packet []byte, dst netip.Addr) {
	path, errno := h.Route(netip.Addr{}, dst, 0)
	if errno != 0 {
		h.unreachable(in, packet, CodeNoRoute)
		return
	}
	if !age(packet) {
		return
	}
	if len(packet) > path.MTU() {
		h.tooBig(in, packet, path.MTU())
		return
	}
	if pass, _ := h.hook(Forward, packet, Meta{In: in, Out: path.Interface}); !pass {
		return
	}
	if pass, _ := h.hook(Postrouting, packet, Meta{In: in, Out: path.Interface}); pass {
		h.transmit(path, packet)
	}
}

// age takes one off the time to live; false: there was none left.
func age(packet []byte) bool {
	if packet[0]>>4 == 6 {
		packet[7]--
		return packet[7] > 0
	}
	packet[8]--
	// RFC 1624: the field was one of a pair of bytes, of which the higher became less by one.
	sum := uint32(binary.BigEndian.Uint16(packet[10:])) + 0x100
	binary.BigEndian.PutUint16(packet[10:], uint16(sum+sum>>16))
	return packet[8] > 0
}
