package export

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// port is one end of a link.
type port struct {
	node      *node
	host      *host // nil: of a switch
	name, mac string
	peer      *port
	addresses []*address
	routes    []lab.Route
}

// address is one of a host, with the table of its source rule as package netns documents them; a router has none.
type address struct {
	prefix netip.Prefix
	table  int // 0: none
}

// The source routing, as that of netns.
const (
	firstTable   = 1000
	rulePriority = 1000
)

func (p *port) dev() string { return "dev " + quote(p.name) }

// attach makes the port one of its host.
func (p *port) attach() error {
	if p.host == nil {
		return nil
	}
	index, err := p.host.InterfaceIndex(p.name)
	if err != nil {
		return fmt.Errorf("export: index of %s of %s: %w", p.name, p.host.Name(), err)
	}
	p.host.devices[index] = p.name
	p.host.ports = append(p.host.ports, p)
	return nil
}

// add adds an address.
func (p *port) add(s *script, prefix netip.Prefix) {
	a := &address{prefix: prefix}
	if !p.host.router {
		p.host.tables++
		a.table = firstTable + p.host.tables
		s.add("%s rule add from %s lookup %d priority %d", p.host.ipOf(prefix.Addr()), prefix.Addr(), a.table, rulePriority)
	}
	p.addresses = append(p.addresses, a)
	p.address(s, a)
}

// address puts an address, and the routes of its table, on the interface, which may have been down.
func (p *port) address(s *script, a *address) {
	nodad := ""
	if a.prefix.Addr().Is6() {
		nodad = " nodad"
	}
	s.add("%s address replace %s %s%s", p.node.ip(), a.prefix, p.dev(), nodad)
	if far := p.peer; far.host != nil {
		s.add("%s neigh replace %s lladdr %s nud permanent %s", far.node.ip(), a.prefix.Addr(), p.mac, far.dev())
	}
	if a.table == 0 {
		return
	}
	ip := p.host.ipOf(a.prefix.Addr())
	if p.peer.host != nil {
		via, onlink := "169.254.0.1", " onlink"
		if a.prefix.Addr().Is6() {
			via, onlink = "fe80::1", ""
		}
		s.add("%s neigh replace %s lladdr %s nud permanent %s", p.node.ip(), via, p.peer.mac, p.dev())
		s.add("%s route replace default via %s %s%s table %d metric 1048576", ip, via, p.dev(), onlink, a.table)
	} else {
		s.add("%s route replace default %s table %d metric 1048576", ip, p.dev(), a.table)
		s.add("%s route replace %s %s table %d", ip, a.prefix.Masked(), p.dev(), a.table)
	}
	s.add("%s route replace unreachable default table %d metric 2097152", ip, a.table)
	for _, q := range p.host.ports {
		for _, r := range q.routes {
			if q.routed(r, p, a) {
				q.route(s, r, a.table)
			}
		}
	}
}

// routed tells whether a route of the port belongs in the table of an address of a port.
func (p *port) routed(r lab.Route, of *port, a *address) bool {
	if r.Source.IsValid() {
		return a.prefix.Addr() == r.Source
	}
	return p == of && a.table != 0 && a.prefix.Addr().Is4() == r.Destination.Addr().Is4()
}

// delete removes an address.
func (p *port) delete(s *script, prefix netip.Prefix) {
	i := slices.IndexFunc(p.addresses, func(a *address) bool { return a.prefix == prefix })
	if i < 0 {
		return
	}
	a := p.addresses[i]
	p.addresses = slices.Delete(p.addresses, i, i+1)
	s.add("set_sysctl %s net.ipv4.conf.all.promote_secondaries=1", p.host.ns)
	s.add("%s address delete %s %s", p.node.ip(), prefix, p.dev())
	if far := p.peer; far.host != nil {
		s.add("%s neigh delete %s %s", far.node.ip(), prefix.Addr(), far.dev())
	}
	if a.table != 0 {
		ip := p.host.ipOf(prefix.Addr())
		s.add("%s rule delete from %s lookup %d priority %d", ip, prefix.Addr(), a.table, rulePriority)
		s.add("%s route flush table %d", ip, a.table)
	}
}

// route adds a route to a table; 0 is the main one.
func (p *port) route(s *script, r lab.Route, table int) {
	words := []string{p.host.ipOf(r.Destination.Addr()), "route replace", r.Destination.String()}
	if r.Via.IsValid() {
		words = append(words, "via")
		if r.Via.Is6() && r.Destination.Addr().Is4() {
			words = append(words, "inet6")
		}
		words = append(words, r.Via.String())
	}
	words = append(words, p.dev())
	if table != 0 {
		if r.Via.IsValid() && !r.Via.IsLinkLocalUnicast() {
			words = append(words, "onlink")
		}
		words = append(words, fmt.Sprintf("table %d", table))
	}
	s.add("%s", strings.Join(words, " "))
}

// setUp brings interfaces up or down. Their addresses of IPv6 and their routes go with them, and come again.
func setUp(s *script, up bool, ports ...*port) {
	word := "down"
	if up {
		word = "up"
	}
	for _, p := range ports {
		s.add("%s link set %s %s", p.node.ip(), p.dev(), word)
	}
	if !up {
		return
	}
	for _, p := range ports {
		p.restore(s)
	}
}

// restore brings back what an interface lost when it was down.
func (p *port) restore(s *script) {
	if p.host == nil {
		return
	}
	for _, a := range p.addresses {
		p.address(s, a)
	}
	for _, r := range p.routes {
		if !r.Source.IsValid() {
			p.route(s, r, 0)
		}
	}
	for _, a := range p.peer.addresses {
		s.add("%s neigh replace %s lladdr %s nud permanent %s", p.node.ip(), a.prefix.Addr(), p.peer.mac, p.dev())
	}
}

// link is a link of a recorded lab.
type link struct {
	lab.Link
	lab  *recorded
	ends [2]*port
}
