package network

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
)

// Hop is what a frame takes over any link, beyond the link's own delay: about what a veth pair takes.
const Hop = 10 * time.Microsecond

// Net is hosts, switches and links that share a clock.
type Net struct {
	Clock *vtime.Clock
	Seed  uint64 // of what links do by chance

	nodes int
	links int
}

// MAC is an Ethernet address.
type MAC [6]byte

// lenEthernet is the length of an Ethernet header, and etherTypes what stands at its end.
const (
	lenEthernet   = 14
	etherTypeIPv4 = 0x0800
	etherTypeIPv6 = 0x86dd
)

// Node is what an interface belongs to: a [*Host] or a [*Switch].
type Node interface {
	Name() string
	receive(i *Interface, frame []byte)
}

// Interface is one end of a link.
type Interface struct {
	Name  string
	Index int32
	MAC   MAC
	Node  Node
	Link  *Link
	// ReversePath is the interface's rp_filter; see [Host.ReversePath].
	ReversePath int

	end int // of the link
	mtu int
	up  bool
}

// MTU is in bytes.
func (i *Interface) MTU() int { return i.mtu }

// SetMTU sets it at this end only.
func (i *Interface) SetMTU(mtu int) { i.mtu = mtu }

// Up tells whether the interface itself is up, whatever its peer is.
func (i *Interface) Up() bool { return i.up }

// SetUp brings the interface up or down.
func (i *Interface) SetUp(up bool) {
	i.up = up
	i.announce()
	i.Peer().announce()
}

// announce tells a switch at the other end of the link of the address, as the first packets of a host do (of IPv6, neighbour
// discovery) when it comes up; and has the switch forget it when the link is down.
func (i *Interface) announce() {
	s, ok := i.Peer().Node.(*Switch)
	switch {
	case !ok:
	case i.up && i.Peer().up:
		s.where[i.MAC] = i.Peer()
	default:
		s.forget(i.Peer())
	}
}

// Peer is the interface at the other end of the link.
func (i *Interface) Peer() *Interface { return i.Link.Ends[1-i.end] }

// send puts an IP packet on the link, for the interface with that address.
func (i *Interface) send(to MAC, packet []byte) {
	if !i.up {
		return
	}
	frame := make([]byte, lenEthernet, lenEthernet+len(packet))
	copy(frame, to[:])
	copy(frame[6:], i.MAC[:])
	etherType := uint16(etherTypeIPv4)
	if packet[0]>>4 == 6 {
		etherType = etherTypeIPv6
	}
	binary.BigEndian.PutUint16(frame[12:], etherType)
	i.Link.send(i.end, append(frame, packet...))
}

// newInterface attaches a link to a node. The addresses are locally administered ones, made of the number of the node and
// that of the interface.
func newInterface(n Node, number, count int, name string, index int32) *Interface {
	return &Interface{
		Name: name, Index: index, Node: n, up: true,
		MAC: MAC{0x02, 0, byte(number >> 8), byte(number), byte(count >> 8), byte(count)},
	}
}

// Switch is an Ethernet bridge. It learns where addresses are from what they send.
type Switch struct {
	name   string
	number int
	ports  []*Interface
	where  map[MAC]*Interface
}

// NewSwitch adds a switch.
func (n *Net) NewSwitch(name string) *Switch {
	n.nodes++
	return &Switch{name: name, number: n.nodes, where: map[MAC]*Interface{}}
}

// Name implements [Node].
func (s *Switch) Name() string { return s.name }

// Attach gives the switch a port.
func (s *Switch) Attach(name string) *Interface {
	i := newInterface(s, s.number, len(s.ports)+1, name, int32(len(s.ports)+2))
	s.ports = append(s.ports, i)
	return i
}

// forget takes back what was learned at a port.
func (s *Switch) forget(port *Interface) {
	for mac, at := range s.where {
		if at == port {
			delete(s.where, mac)
		}
	}
}

// carries tells whether a port can send: its link is up at both ends.
func carries(port *Interface) bool { return port.up && port.Peer().up }

func (s *Switch) receive(from *Interface, frame []byte) {
	s.where[MAC(frame[6:12])] = from
	if to := s.where[MAC(frame[:6])]; to != nil {
		if to != from && carries(to) {
			to.Link.send(to.end, frame)
		}
		return
	}
	for _, p := range s.ports {
		if p != from && carries(p) {
			p.Link.send(p.end, slices.Clone(frame))
		}
	}
}

// Detach takes an interface back from its node.
func Detach(i *Interface) {
	not := func(x *Interface) bool { return x == i }
	switch n := i.Node.(type) {
	case *Switch:
		n.ports = slices.DeleteFunc(n.ports, not)
	case *Host:
		n.interfaces = slices.DeleteFunc(n.interfaces, not)
	}
}

// String is "host:eth1".
func (i *Interface) String() string { return fmt.Sprintf("%s:%s", i.Node.Name(), i.Name) }
