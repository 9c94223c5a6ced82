package netns

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Options are the properties of a host at its creation.
type Options struct {
	Router   bool              // forwards packets, and has no source routing of its own
	Sysctl   map[string]string // set before any socket exists, after those of the package
	Registry *Registry         // that the host is made under, and watched by; nil: none
	Number   int               // 1 to 65535, different on each host of a segment: gives repeatable MAC addresses; 0: random ones
}

// Host is a namespace with its own addresses and source routing (see the package documentation).
type Host struct {
	*Namespace
	conn   *conn
	router bool
	number int

	mu         sync.Mutex
	macs       int // handed out
	interfaces []*iface
	addresses  []*address
	tables     uint32 // routing tables handed out
}

// iface is an interface of a host.
type iface struct {
	*port
	peer       *port
	far        *Host // whose interface the peer is; nil: it is a port of a switch
	across     *port // where the link is cut, what gives the peer its carrier; nil: not cut
	down       bool
	neighbours []netip.Addr // of the peer, see meet
	routes     []lab.Route  // added on the interface, to be restored when it comes up again
}

// address is an address of a host.
type address struct {
	iface  *iface
	prefix netip.Prefix
	table  uint32 // of its source rule; 0: none
}

// quiet are settings of all hosts. The congestion control is fixed because that of the machine may be one that
// crawls over a bare veth (bbr), and the one wanted everywhere (cubic) may not be allowed in a namespace. The receive
// buffers begin large: a sender that fills the usual first window of 64 KiB at once can get no further acknowledgement of
// its data, and waits for the 200 ms of MPTCP's own retransmission timer (MPTCPRetrans, seen on Linux 6.18).
var quiet = [][2]string{
	{"net.ipv4.conf.all.rp_filter", "0"},
	{"net.ipv4.conf.default.rp_filter", "0"},
	{"net.ipv4.tcp_congestion_control", "reno"},
	{"net.ipv4.tcp_max_syn_backlog", "4096"}, // a small table of connections lowers it to 128
	{"net.ipv4.tcp_rmem", "4096 4194304 33554432"},
	{"net.ipv6.conf.default.accept_dad", "0"},
}

// forwarding are further settings of routers. Redirects would change the routes that the lab has set.
var forwarding = [][2]string{
	{"net.ipv4.ip_forward", "1"},
	{"net.ipv4.conf.all.send_redirects", "0"},
	{"net.ipv4.conf.default.send_redirects", "0"},
	{"net.ipv6.conf.all.forwarding", "1"},
}

// NewHost makes a host with no interface but loopback.
func NewHost(o Options) (*Host, error) {
	h, err := NewBlankHost(o.Registry)
	if err == nil {
		err = h.Become(o)
	}
	if err != nil {
		return nil, err
	}
	return h, nil
}

// NewBlankHost makes a host of which nothing is known yet, under a registry unless that is nil: [Host.Become] must follow. So
// a host can be made ahead of need, for it takes the kernel about a millisecond.
func NewBlankHost(r *Registry) (*Host, error) {
	settings := quiet
	if r != nil {
		settings = r.quiet
	}
	h := &Host{}
	var err error
	if h.Namespace, h.conn, err = newConnected(r, func() error { return writeKnown(settings) }); err != nil {
		return nil, fmt.Errorf("new host: %w", err)
	}
	if err := h.conn.do(newRequest("set lo up", unix.RTM_NEWLINK, 0, upMessage(1, true))); err != nil {
		return nil, errors.Join(fmt.Errorf("new host: %w", err), h.Close())
	}
	return h, nil
}

// Become gives a blank host its properties, but for the registry, or closes it.
func (h *Host) Become(o Options) error {
	h.router, h.number = o.Router, o.Number
	err := o.check()
	if err == nil && (o.Router || len(o.Sysctl) > 0) {
		err = h.Do(o.configure)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("new host: %w", err), h.Close())
	}
	return nil
}

func (o Options) check() error {
	if o.Number < 0 || o.Number > 0xffff {
		return fmt.Errorf("number %d: want 0 to 65535", o.Number)
	}
	return nil
}

// configure writes the settings of a certain host on a thread in its namespace.
func (o Options) configure() error {
	if o.Router {
		if err := writeKnown(forwarding); err != nil {
			return err
		}
	}
	return writeSysctls(o.Sysctl)
}

// newConnected makes a namespace with a route netlink socket under a registry, if any, and runs configure in it.
func newConnected(r *Registry, configure func() error) (ns *Namespace, c *conn, err error) {
	var parent *Namespace
	if r != nil {
		parent = r.ns
	}
	ns, err = newNamespace(parent, func() error {
		if err := configure(); err != nil {
			return err
		}
		c, err = dialRoute(nil)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	c.ns = ns
	if r != nil {
		if err := r.Add(ns); err != nil {
			return nil, nil, errors.Join(err, c.close(), ns.Close())
		}
	}
	return ns, c, nil
}

// Close resets the sockets that are left in the host, and lets go of it and of its links.
func (h *Host) Close() error {
	if h.FD() < 0 {
		return nil
	}
	return errors.Join(h.DestroySockets(), h.conn.close(), h.Namespace.Close())
}

// Interfaces are the names of the interfaces made by [Link], in order of creation.
func (h *Host) Interfaces() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	names := make([]string, len(h.interfaces))
	for i, x := range h.interfaces {
		names[i] = x.name
	}
	return names
}

// InterfaceIndex is the kernel's ifindex of an interface made by [Link], or of lo.
func (h *Host) InterfaceIndex(name string) (int32, error) {
	if name == "lo" {
		return 1, nil
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	i, err := h.find(name)
	if err != nil {
		return 0, err
	}
	return i.index, nil
}

// SetMTU sets the MTU of an interface, in bytes, at this end only.
func (h *Host) SetMTU(name string, mtu int) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, err := h.find(name)
	if err != nil {
		return err
	}
	return h.conn.do(mtuRequest(i.name, mtu))
}

// SetInterfaceUp brings an interface up or down. Addresses and routes come back with it.
func (h *Host) SetInterfaceUp(name string, up bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	i, err := h.find(name)
	if err != nil {
		return err
	}
	if err := i.setUp(up); err != nil {
		return err
	}
	i.down = !up
	if err := i.carry(); err != nil {
		return err
	}
	if !up {
		return nil
	}
	return h.restore(i)
}

// carry lets the peer have a carrier if the interface is up, as the peer of a plain veth interface has by itself.
func (i *iface) carry() error {
	if i.across != nil {
		if err := i.across.setUp(!i.down); err != nil {
			return err
		}
	}
	return errors.Join(i.settle(), i.peer.settle())
}

// restore gives back what the kernel drops when an interface goes down.
func (h *Host) restore(i *iface) error {
	var requests []request
	for _, a := range h.addresses {
		if a.iface != i {
			continue
		}
		requests = append(requests, a.add())
		requests = append(requests, a.lastResorts(unix.RTM_NEWROUTE)...)
	}
	for _, a := range i.neighbours {
		requests = append(requests, i.neighbour(a))
	}
	for _, r := range i.routes {
		requests = append(requests, h.routeRequests(i, r)...)
	}
	for n := range requests {
		requests[n] = requests[n].ignoring(unix.EEXIST)
	}
	if err := h.conn.do(requests...); err != nil {
		return err
	}
	return h.ready(i)
}

// attach takes a new interface, which is up.
func (h *Host) attach(p, peer *port, far *Host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.interfaces = append(h.interfaces, &iface{port: p, peer: peer, far: far})
}

func (h *Host) find(name string) (*iface, error) {
	for _, i := range h.interfaces {
		if i.name == name {
			return i, nil
		}
	}
	names := make([]string, len(h.interfaces))
	for n, i := range h.interfaces {
		names[n] = i.name
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("interface %s: the host has none", name)
	}
	return nil, fmt.Errorf("interface %s: the host has only %s", name, strings.Join(names, ", "))
}

// nextMAC is a locally administered MAC address made of the number of the host and a count.
func (h *Host) nextMAC() net.HardwareAddr {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.macs++
	return net.HardwareAddr{0x02, 0, byte(h.number >> 8), byte(h.number), byte(h.macs >> 8), byte(h.macs)}
}
