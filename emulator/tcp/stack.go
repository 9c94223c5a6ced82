package tcp

import (
	"math/rand/v2"
	"net/netip"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Stack is the TCP of one host.
type Stack struct {
	Settings Settings

	clock     *vtime.Clock
	host      *network.Host
	random    *rand.Rand
	conns     map[tuple]*Conn
	order     []*Conn // those of conns, in order of creation
	listeners []*Listener
	cookies   map[netip.Addr][]byte // of Fast Open, by who gave them
}

// tuple is the addresses of a connection.
type tuple struct{ local, remote netip.AddrPort }

// NewStack gives a host its TCP.
func NewStack(clock *vtime.Clock, host *network.Host, random *rand.Rand) *Stack {
	st := &Stack{Settings: DefaultSettings(), clock: clock, host: host, random: random, conns: map[tuple]*Conn{}, cookies: map[netip.Addr][]byte{}}
	host.Deliver = st.deliver
	return st
}

// Clock is the clock of the stack.
func (st *Stack) Clock() *vtime.Clock { return st.clock }

// Host is the host of the stack.
func (st *Stack) Host() *network.Host { return st.host }

// Random is the host's source of chance.
func (st *Stack) Random() *rand.Rand { return st.random }

// Conns are the connections that are not closed, in order of creation.
func (st *Stack) Conns() []*Conn { return st.order }

// deliver takes a packet for the host.
func (st *Stack) deliver(packet []byte) {
	if e, ok := network.ParseICMP(packet); ok {
		if c := st.conns[tuple{e.Src, e.Dst}]; c != nil {
			c.unreachable(e)
		}
		return
	}
	s, err := segment.Parse(packet)
	if err != nil {
		return // as a host does with what it cannot read
	}
	if c := st.conns[tuple{s.Dst, s.Src}]; c != nil {
		if c.state != TimeWait || !s.Has(wire.FlagSYN) || s.Has(wire.FlagACK) {
			c.receive(s)
			return
		}
		c.end(0) // a new connection takes the place of one that has ended
	}
	switch l := st.listenerOf(s.Dst); {
	case s.Has(wire.FlagRST):
	case l == nil || !s.Has(wire.FlagSYN) || s.Has(wire.FlagACK):
		st.Refuse(s)
	default:
		l.syn(s)
	}
}

// Refuse answers a segment with a reset (RFC 9293 section 3.10.7.1).
func (st *Stack) Refuse(s *segment.Segment, options ...wire.Option) {
	if !s.Has(wire.FlagRST) {
		st.send(s.Refusal(options...), 0, 0)
	}
}

// send sends a segment.
func (st *Stack) send(s *segment.Segment, index int32, mark uint32) syscall.Errno {
	if src := s.Src.Addr(); src.Is4() && !st.host.Has(src) {
		return network.EINVAL // as the address is gone (ip_route_output_key_hash_rcu); IPv6 does not mind
	}
	packet, err := s.Append(make([]byte, 0, segment.LenIPv6+segment.LenTCP+segment.MaxOptions+len(s.Payload)), st.host.NextID())
	if err != nil {
		panic(err) // of options that an owner gave: a bug
	}
	return st.host.Send(packet, index, mark)
}

// The range of ports that connections choose from (net.ipv4.ip_local_port_range).
const firstPort, lastPort = 32768, 60999

// freePort chooses a local port that no connection to that address uses; 0: there is none.
func (st *Stack) freePort(local netip.Addr, remote netip.AddrPort) uint16 {
	const ports = lastPort - firstPort + 1
	start := st.random.IntN(ports)
	for n := range ports {
		port := uint16(firstPort + (start+n)%ports)
		own := netip.AddrPortFrom(local, port)
		if _, taken := st.conns[tuple{own, remote}]; !taken && st.listenerAt(own) == nil {
			return port
		}
	}
	return 0
}

// inUse tells whether a socket is bound to an address and port.
func (st *Stack) inUse(a netip.AddrPort) bool {
	for _, c := range st.order {
		if c.Local == a && c.state != TimeWait {
			return true
		}
	}
	return st.listenerOf(a) != nil
}

// Listener takes connections to an address.
type Listener struct {
	// Take is asked about each SYN. It returns who owns the connection to be, or nil: it is left alone, or was refused.
	Take func(c *Conn, syn *segment.Segment) Owner

	Options Options // of it, and of what it takes

	stack   *Stack
	Address netip.AddrPort // an unspecified IPv6 address stands for all of both families
}

// Listen opens a listener. Port 0 is any that is free.
func (st *Stack) Listen(address netip.AddrPort, o Options, take func(*Conn, *segment.Segment) Owner) (*Listener, syscall.Errno) {
	if a := address.Addr(); !a.IsUnspecified() && !st.host.Has(a) {
		return nil, network.EADDRNOTAVAIL
	}
	if address.Port() == 0 {
		address = netip.AddrPortFrom(address.Addr(), st.freePort(address.Addr(), netip.AddrPort{}))
	}
	for _, l := range st.listeners {
		if l.Address.Port() == address.Port() && overlap(l.Address.Addr(), address.Addr()) {
			return nil, EADDRINUSE
		}
	}
	l := &Listener{Take: take, Options: o, stack: st, Address: address}
	st.listeners = append(st.listeners, l)
	return l, 0
}

// overlap tells whether two listeners on one port are in each other's way.
func overlap(a, b netip.Addr) bool {
	return a == b || covers(a, b) || covers(b, a)
}

// covers tells whether an unspecified address stands for another one.
func covers(a, b netip.Addr) bool { return a.IsUnspecified() && (a.Is6() || b.Is4()) }

// Close stops listening. Connections that were begun go on.
func (l *Listener) Close() {
	for n, x := range l.stack.listeners {
		if x == l {
			l.stack.listeners = append(l.stack.listeners[:n:n], l.stack.listeners[n+1:]...)
			return
		}
	}
}

// Listens tells whether a listener that take answers for has that address.
func (st *Stack) listenerAt(a netip.AddrPort) *Listener {
	for _, l := range st.listeners {
		if l.Address == a {
			return l
		}
	}
	return nil
}

// listenerOf finds the listener for an address: the one that names it before one for all.
func (st *Stack) listenerOf(a netip.AddrPort) *Listener {
	if l := st.listenerAt(a); l != nil {
		return l
	}
	for _, l := range st.listeners {
		if l.Address.Port() == a.Port() && covers(l.Address.Addr(), a.Addr()) {
			return l
		}
	}
	return nil
}

// syn takes the first segment of a connection.
func (l *Listener) syn(s *segment.Segment) {
	index := l.stack.host.IndexOf(s.Dst.Addr())
	path, errno := l.stack.host.Route(s.Dst.Addr(), s.Src.Addr(), 0)
	if errno != 0 {
		return
	}
	c := l.stack.newConn(s.Dst, s.Src, path.MTU())
	c.Listener, c.Options, c.state = l, l.Options, SynRecv
	c.Six = l.Address.Addr().Is6()
	c.Cookie = l.stack.Settings.Cookies == 2
	if s.Dst.Addr().IsLinkLocalUnicast() && s.Dst.Addr().Is6() {
		c.IfIndex = index
	}
	c.irs, c.rcvNxt, c.rcvWup = s.Seq, s.Seq+1, s.Seq+1
	c.negotiate(s, true)
	c.answersFastOpen(s)
	if c.owner = l.Take(c, s); c.owner == nil {
		return
	}
	c.register()
	c.queue = []*Chunk{{seq: c.iss, syn: true}}
	c.transmitNext()
}

// remove takes a connection out of the tables.
func (st *Stack) remove(c *Conn) {
	key := tuple{c.Local, c.Remote}
	if st.conns[key] == c {
		delete(st.conns, key)
	}
	for n, x := range st.order {
		if x == c {
			st.order = append(st.order[:n:n], st.order[n+1:]...)
			return
		}
	}
}
