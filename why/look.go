package why

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Host is what is asked of an end; a [lab.Host] is one.
type Host interface {
	Name() string
	Addresses() []lab.Address
	RouteTo(ctx context.Context, from, to netip.Addr) (lab.Way, error)
	Sysctl(name string) (string, error)
	PathManager() lab.PathManager
	Events() ([]lab.Event, error)
	Counters() (lab.Counters, error)
	Listeners() ([]lab.Listening, error)
}

// Side is one end of a connection to look at. Without a host nothing is known of it but what the other end shows.
type Side struct {
	Host Host
	Conn lab.Conn
}

// Connection is a connection to look at, with what is around it.
type Connection struct {
	Client, Server Side       // the end that connected, and the one that accepted
	Hosts          []lab.Host // of the lab; those that are no end may be routers
	Links          []lab.Link // of the lab; none: no packets are captured
}

// Look observes what is to be known of the pairs that might be a subflow and are not: of those that [Pairs] finds, or of one.
func Look(ctx context.Context, c Connection, only ...Pair) ([]*Seen, error) {
	base, err := c.look()
	if err != nil {
		return nil, err
	}
	if len(only) == 0 {
		only = Pairs(base, func(a netip.Addr) netip.Addr { return c.chosen(ctx, a).Source })
	}
	seen := make([]*Seen, len(only))
	for i, p := range only {
		s := *base
		s.Pair = p
		c.ways(ctx, &s)
		seen[i] = &s
	}
	return seen, nil
}

// Explain is [Look] and [Walk]: the findings of all pairs that have one.
func Explain(ctx context.Context, c Connection, only ...Pair) ([]Finding, error) {
	seen, err := Look(ctx, c, only...)
	if err != nil {
		return nil, err
	}
	var findings []Finding
	for _, s := range seen {
		if f, found := Walk(s); found {
			findings = append(findings, f)
		}
	}
	return findings, nil
}

// look observes what is the same for all pairs.
func (c Connection) look() (*Seen, error) {
	s := &Seen{Captured: len(c.Links) > 0}
	var err error
	if s.ClientEnd, err = c.Client.look(); err != nil {
		return nil, err
	}
	if s.ServerEnd, err = c.Server.look(); err != nil {
		return nil, err
	}
	for _, k := range c.Links {
		packets, err := k.Packets()
		if err != nil {
			s.Captured = false // what was seen is true still, and what was not may have been lost
		}
		s.Packets = append(s.Packets, packets...)
		s.Links = append(s.Links, Link{Name: k.Name(), Ends: k.Ends(), Traffic: k.Traffic()})
	}
	slices.SortStableFunc(s.Packets, func(a, b lab.Packet) int { return cmp.Compare(a.Time, b.Time) })
	return s, nil
}

func (x Side) look() (End, error) {
	if x.Host == nil {
		return End{Name: "the peer", Conn: x.Conn}, nil
	}
	e := End{Known: true, Name: x.Host.Name(), Conn: x.Conn, Addresses: x.Host.Addresses()}
	m := x.Host.PathManager()
	e.Userspace = userspace(x.Host)
	var err error
	for _, read := range []func() error{
		func() error { e.Endpoints, err = m.Endpoints(); return err },
		func() error { e.Limits, err = m.Limits(); return err },
		func() error { e.Listeners, err = x.Host.Listeners(); return err },
		func() error { e.Counters, err = x.Host.Counters(); return err },
	} {
		if err := read(); err != nil {
			return End{}, fmt.Errorf("look at %s: %w", e.Name, err)
		}
	}
	if e.Userspace {
		e.Announced, _ = m.Addresses(x.Conn.Token) // kernels before 6.9 do not tell
	}
	if f, has := x.Host.(interface{ Firewall() lab.Firewall }); has && f.Firewall() != nil {
		e.Firewall, _ = f.Firewall().Rules()
	}
	events, _ := x.Host.Events() // in a lab where nobody listens there are none
	for _, v := range events {
		if v.Token == x.Conn.Token && v.Token != 0 {
			e.Events = append(e.Events, v)
		}
	}
	return e, nil
}

// userspace tells whether new connections of a host have a path manager in userspace.
func userspace(h Host) bool {
	kind, err := h.Sysctl("net.mptcp.pm_type")
	return err == nil && strings.TrimSpace(kind) == "1"
}

// ways observes the routes that matter for the pair of s.
func (c Connection) ways(ctx context.Context, s *Seen) {
	if c.Client.Host != nil {
		s.ClientEnd.Out = way(ctx, c.Client.Host, s.Client, s.Server)
		s.ClientEnd.Chosen = c.chosen(ctx, s.Server)
		s.ClientEnd.Strict = strict(c.Client.Host)
	}
	if c.Server.Host != nil {
		s.ServerEnd.Out = way(ctx, c.Server.Host, s.Server, s.Client)
		s.ServerEnd.Strict = strict(c.Server.Host)
	}
	for _, h := range c.Hosts {
		if h.Name() == s.ClientEnd.Name || h.Name() == s.ServerEnd.Name {
			continue
		}
		s.Between = append(s.Between, Router{
			Name: h.Name(), Strict: strict(h),
			ToClient: way(ctx, h, netip.Addr{}, s.Client), ToServer: way(ctx, h, netip.Addr{}, s.Server),
		})
	}
}

// chosen is the client's way to an address from the source that routing chooses.
func (c Connection) chosen(ctx context.Context, to netip.Addr) Way {
	if c.Client.Host == nil {
		return Way{}
	}
	return way(ctx, c.Client.Host, netip.Addr{}, to)
}

func way(ctx context.Context, h Host, from, to netip.Addr) Way {
	w, err := h.RouteTo(ctx, from, to)
	if err != nil {
		return Way{Err: err.Error()}
	}
	return Way{Way: w}
}

// strict are the interfaces of a host that are strict about reverse paths: of the host's setting and theirs the larger counts.
func strict(h Host) (all []string) {
	of := func(name string) int {
		value, err := h.Sysctl("net/ipv4/conf/" + name + "/rp_filter") // with slashes: an interface's name may have dots
		if err != nil {
			return 0
		}
		n := 0
		_, _ = fmt.Sscan(value, &n)
		return n
	}
	whole := of("all")
	for _, a := range h.Addresses() {
		if max(whole, of(a.Interface)) == 1 && !slices.Contains(all, a.Interface) {
			all = append(all, a.Interface)
		}
	}
	return all
}

// Pairs are the pairs of addresses that might be a subflow and are not, those first that an endpoint asks for. chosen is the source
// that the client's routing chooses for an address.
func Pairs(s *Seen, chosen func(netip.Addr) netip.Addr) []Pair {
	p := &pairing{Seen: s, chosen: chosen, first: s.initial()}
	p.have = s.subflows()
	p.asked()
	p.idle()
	return p.found
}

type pairing struct {
	*Seen
	chosen func(netip.Addr) netip.Addr
	first  Pair
	have   []Pair // that are subflows
	found  []Pair
}

func (p *pairing) add(client, server netip.Addr) {
	x := Pair{client, server}
	if client.IsValid() && server.IsValid() && client.Is4() == server.Is4() && x != p.first && !slices.Contains(p.have, x) && !slices.Contains(p.found, x) {
		p.found = append(p.found, x)
	}
}

// used tells whether an address is that of a subflow, or of a pair that was found.
func (p *pairing) used(is func(Pair) bool) bool {
	return slices.ContainsFunc(p.have, is) || slices.ContainsFunc(p.found, is)
}

// asked are the pairs that endpoints ask for.
func (p *pairing) asked() {
	known := []netip.Addr{p.first.Server}
	for _, e := range p.ServerEnd.Endpoints {
		if e.Flags&pm.FlagSignal != 0 && e.Address.Unmap() != p.first.Server {
			known = append(known, e.Address.Unmap())
		}
	}
	for _, e := range p.ClientEnd.Endpoints {
		a := e.Address.Unmap()
		if e.Flags&pm.FlagImplicit != 0 || a == p.first.Client {
			continue
		}
		if p.ClientEnd.device(a) == "" && p.ServerEnd.device(a) != "" { // it is at the wrong end
			p.add(p.opposite(a), a)
			continue
		}
		if e.Flags&pm.FlagFullmesh == 0 && p.used(func(x Pair) bool { return x.Client == a }) {
			continue
		}
		to := known[:1]
		if e.Flags&pm.FlagFullmesh != 0 {
			to = known
		}
		for _, remote := range to {
			p.add(a, remote)
		}
	}
	for _, e := range p.ClientEnd.Events {
		if a := ip(e.Remote); e.Kind == pm.EventAnnounced && a != p.first.Server && !p.used(func(x Pair) bool { return x.Server == a }) {
			p.add(p.opposite(a), a)
		}
	}
	for _, e := range p.ServerEnd.Endpoints {
		a := e.Address.Unmap()
		switch {
		case e.Flags&pm.FlagImplicit != 0 || a == p.first.Server:
		case p.ServerEnd.device(a) == "" && p.ClientEnd.device(a) != "": // it is at the wrong end
			p.add(a, p.first.Server)
		case !p.used(func(x Pair) bool { return x.Server == a }):
			p.add(p.opposite(a), a)
		}
	}
}

// opposite is the client's address for one of the server's: that which routing chooses, for an address that the server has.
func (p *pairing) opposite(server netip.Addr) netip.Addr {
	if a := p.chosen(server); a.IsValid() && (!p.ServerEnd.Known || p.ServerEnd.device(server) != "") {
		return a
	}
	for _, a := range p.ClientEnd.Addresses {
		if a.Prefix.Contains(server) {
			return a.Prefix.Addr()
		}
	}
	return p.first.Client
}

// idle are pairs of addresses that are used by no subflow, and that no endpoint asks for: those of one network, and others with the
// address of the initial subflow.
func (p *pairing) idle() {
	var clients, servers []netip.Prefix
	for _, a := range p.ClientEnd.Addresses {
		if own := a.Prefix.Addr(); own.Is4() == p.first.Client.Is4() && !p.used(func(x Pair) bool { return x.Client == own }) {
			clients = append(clients, a.Prefix)
		}
	}
	for _, a := range p.ServerEnd.Addresses {
		if own := a.Prefix.Addr(); own.Is4() == p.first.Client.Is4() && !p.used(func(x Pair) bool { return x.Server == own }) {
			servers = append(servers, a.Prefix)
		}
	}
	for _, a := range clients {
		mate := p.first.Server
		for _, b := range servers {
			if a.Masked() == b.Masked() {
				mate = b.Addr()
			}
		}
		p.add(a.Addr(), mate)
	}
	for _, b := range servers {
		if own := b.Addr(); !p.used(func(x Pair) bool { return x.Server == own }) {
			p.add(p.opposite(own), own)
		}
	}
}

// Connections are the MPTCP connections between hosts of a lab that both ends show.
func Connections(hosts []lab.Host, links []lab.Link) ([]Connection, error) {
	var sides []Side
	for _, h := range hosts {
		conns, err := h.Conns()
		if err != nil {
			return nil, err
		}
		for _, c := range conns {
			sides = append(sides, Side{h, c})
		}
	}
	var all []Connection
	for i, a := range sides {
		for _, b := range sides[i+1:] {
			if a.Conn.Local != b.Conn.Remote || a.Conn.Remote != b.Conn.Local || a.Conn.Token == 0 && b.Conn.Token == 0 {
				continue
			}
			c := Connection{Client: a, Server: b, Hosts: hosts, Links: links}
			if connected(b, links) {
				c.Client, c.Server = b, a
			}
			all = append(all, c)
		}
	}
	return all, nil
}

// connected tells whether a side has sent the first SYN of its connection.
func connected(x Side, links []lab.Link) bool {
	for _, k := range links {
		packets, _ := k.Packets()
		for _, p := range packets {
			if isSYN(p) && between(p, x.Conn.Local, x.Conn.Remote) {
				return ip(p.Src) == ip(x.Conn.Local) && p.Src.Port() == x.Conn.Local.Port()
			}
		}
	}
	return false
}
