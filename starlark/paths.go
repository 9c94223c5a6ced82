package starlark

import (
	"math"
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// graph is hosts and the networks that they are in, of one address family.
type graph struct {
	vertices []*vertex  // in order of creation
	networks []*network // in order of first use
	roots    map[*host]bool
}

// vertex is a host.
type vertex struct {
	host  *host
	index int
	in    []membership // in order of its addresses
	root  *vertex      // of a router: the one in the middle of those that it can reach
}

// network is a subnet at one place: on a link, or on the links of a switch.
type network struct {
	prefix  netip.Prefix
	place   string
	index   int
	members []membership
}

// membership is a host having an address in a network.
type membership struct {
	vertex  *vertex
	network *network
	lab.Address
}

func (g *graph) join(v *vertex, n *network, a lab.Address) {
	m := membership{v, n, a}
	v.in = append(v.in, m)
	n.members = append(n.members, m)
}

// distances are, by the index of a router, how many more a packet passes after it; far where no way leads there.
type distances []int

const far = math.MaxInt

// distancesTo counts from the routers in a network.
func (g *graph) distancesTo(n *network) distances {
	var start []*vertex
	for _, m := range n.members {
		if m.vertex.host.router {
			start = append(start, m.vertex)
		}
	}
	return g.distancesFrom(start...)
}

func (g *graph) distancesFrom(start ...*vertex) distances {
	d := make(distances, len(g.vertices))
	for i := range d {
		d[i] = far
	}
	for _, v := range start {
		d[v.index] = 0
	}
	entered := make([]bool, len(g.networks))
	for queue := start; len(queue) > 0; queue = queue[1:] {
		for _, own := range queue[0].in {
			if entered[own.network.index] {
				continue
			}
			entered[own.network.index] = true
			for _, m := range own.network.members {
				if m.vertex.host.router && d[m.vertex.index] == far {
					d[m.vertex.index] = d[queue[0].index] + 1
					queue = append(queue, m.vertex)
				}
			}
		}
	}
	return d
}

// findRoots finds the middle of each set of routers that reach each other: the one nearest to all networks, or one that was
// found before.
func (g *graph) findRoots() {
	total := make([]int, len(g.vertices))
	for _, n := range g.networks {
		for i, d := range g.distancesTo(n) {
			if d != far {
				total[i] += d
			}
		}
	}
	for _, v := range g.vertices {
		if !v.host.router || v.root != nil {
			continue
		}
		var reached []*vertex
		for i, d := range g.distancesFrom(v) {
			if d != far {
				reached = append(reached, g.vertices[i])
			}
		}
		root := slices.MinFunc(reached, func(a, b *vertex) int { return total[a.index] - total[b.index] })
		if i := slices.IndexFunc(reached, func(v *vertex) bool { return g.roots[v.host] }); i >= 0 {
			root = reached[i]
		}
		g.roots[root.host] = true
		for _, v := range reached {
			v.root = root
		}
	}
}

// gateway is a router that a host can hand packets to.
type gateway struct {
	vertex *vertex
	via    netip.Addr
	iface  string // of the host
}

// table is a routing table to be filled: of a host, or of what it sends from one of its addresses.
type table struct {
	vertex   *vertex
	source   lab.Address // the zero value: any
	gateways []gateway   // in order of interfaces, then of creation
	standard *gateway    // that of the default route; nil: there is none
	routes   []lab.Route
}

// tables are those of a host: with several interfaces, one for each address too, unless it is a router.
func (v *vertex) tables() []*table {
	main := &table{vertex: v}
	var interfaces []string
	for _, own := range v.in {
		if !slices.Contains(interfaces, own.Interface) {
			interfaces = append(interfaces, own.Interface)
		}
		for _, m := range own.network.members {
			if m.vertex != v && m.vertex.host.router {
				main.gateways = append(main.gateways, gateway{m.vertex, m.Prefix.Addr(), own.Interface})
			}
		}
	}
	all := []*table{main}
	if v.host.router || len(interfaces) == 1 {
		return all
	}
	for _, own := range v.in {
		t := &table{vertex: v, source: own.Address}
		for _, g := range main.gateways {
			if g.iface == own.Interface {
				t.gateways = append(t.gateways, g)
			}
		}
		all = append(all, t)
	}
	return all
}

// nearest is the first of the gateways with the smallest distance, nil where none has any.
func (t *table) nearest(d distances) *gateway {
	var best *gateway
	for i := range t.gateways {
		g := &t.gateways[i]
		if d[g.vertex.index] != far && (best == nil || d[g.vertex.index] < d[best.vertex.index]) {
			best = g
		}
	}
	return best
}

// in tells whether the table needs no route to a network, because the kernel has one.
func (t *table) in(n *network) bool {
	return slices.ContainsFunc(t.vertex.in, func(m membership) bool {
		return m.network == n && (!t.source.Prefix.IsValid() || m.Interface == t.source.Interface)
	})
}

func (t *table) add(destination netip.Prefix, g *gateway) {
	t.routes = append(t.routes, lab.Route{
		Destination: destination, Via: g.via, Interface: g.iface, Source: t.source.Prefix.Addr(),
	})
}

// routes are those that all hosts are to have, in order of the hosts. A default route leads to the root, and what is nearer another
// way has a route of its own: each hop is nearer to where the packet goes, and the root, which has no default route, refuses
// what is nowhere. So no packet goes in circles.
func (g *graph) routes() []planned {
	g.findRoots()
	tables := g.tables()
	for _, n := range g.networks {
		d := g.distancesTo(n)
		for _, t := range tables {
			best := t.nearest(d)
			if best == nil || t.in(n) || t.standard != nil && d[t.standard.vertex.index] == d[best.vertex.index] {
				continue
			}
			t.add(n.prefix, best)
		}
	}
	var all []planned
	var main *table
	for _, t := range tables {
		if !t.source.Prefix.IsValid() {
			main = t
		}
		for _, r := range t.routes {
			if t == main || !main.serves(r) {
				all = append(all, planned{t.vertex.host, r})
			}
		}
	}
	return all
}

// tables are those of all hosts that have gateways, with their default routes.
func (g *graph) tables() []*table {
	towards := map[*vertex]distances{}
	var all []*table
	for _, v := range g.vertices {
		for _, t := range v.tables() {
			if len(t.gateways) == 0 {
				continue
			}
			root := t.gateways[0].vertex.root
			if towards[root] == nil {
				towards[root] = g.distancesFrom(root)
			}
			if v != root {
				t.standard = t.nearest(towards[root])
				t.add(anywhere(t.standard.via), t.standard)
			}
			all = append(all, t)
		}
	}
	return all
}

// serves tells whether a route of the main table is in the table of a source too: there it is if it is of the same interface.
func (t *table) serves(r lab.Route) bool {
	return slices.ContainsFunc(t.routes, func(own lab.Route) bool {
		return own.Destination == r.Destination && own.Interface == r.Interface
	})
}

// anywhere is the destination of a default route, in the family of an address.
func anywhere(a netip.Addr) netip.Prefix {
	if a.Is4() {
		return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
}
