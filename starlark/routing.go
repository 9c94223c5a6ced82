package starlark

import (
	"errors"
	"fmt"
	"net/netip"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

var routeAllSignature = signature{
	name:    "route_all",
	returns: "list of strings, one a route, as ip-route(8) has them",
	doc: "Installs routes on all hosts, so that each can reach every network that routers lead to, by the fewest of them; where " +
		"several ways are as short, by the interface and then the router that was made first. One router in the middle of " +
		"the lab has a route to every network; elsewhere the default route leads towards it, and what lies another way has a route of its " +
		"own. A host with several interfaces has a default route for what it sends from the addresses of each, beside its usual one. " +
		"Called again, it installs what has become missing.",
	example: `router = lab.host("router", router = True)
third = lab.host("third")
lab.link(server, router)
lab.link(router, third)
lab.route_all()
check.equal(lab.connect(third, server, address = server.address(2)).client.fallback, False)`,
}

// routeAll computes the routes of the lab and installs those that are not there yet.
func routeAll(c *call, l *labValue) (starlark.Value, error) {
	r := l.run
	plan, err := r.planRoutes()
	if err != nil {
		return nil, err
	}
	var lines []starlark.Value
	for _, p := range plan {
		if err := c.ctx().Err(); err != nil {
			return nil, err
		}
		if err := p.host.host.AddRoute(c.ctx(), p.Route); err != nil {
			return nil, fmt.Errorf("%w\n    routes that the script adds itself come after lab.route_all, and must not be those that it adds", err)
		}
		r.made.routes[p.key()] = p.Route
		lines = append(lines, text(p.host.host.Name()+": "+routeText(p.Route)))
	}
	r.note("", "route_all: %d routes", len(plan))
	return frozen(lines), nil
}

// planned is a route that a host is to have.
type planned struct {
	host *host
	lab.Route
}

// planKey is what a host can have but one route for.
type planKey struct {
	host        *host
	destination netip.Prefix
	source      netip.Addr
}

func (p planned) key() planKey { return planKey{p.host, p.Destination, p.Source} }

// planRoutes are the routes that hosts of the lab lack, in order of the hosts.
func (r *run) planRoutes() ([]planned, error) {
	routers := false
	for _, h := range r.hosts {
		routers = routers || h.router
	}
	if !routers {
		return nil, errors.New("no host of the lab forwards packets: make the ones between others with lab.host(name, router = True)")
	}
	var missing []planned
	for i, family := range []func(netip.Addr) bool{netip.Addr.Is4, netip.Addr.Is6} {
		g, err := r.graph(family, r.made.roots[i])
		if err != nil {
			return nil, err
		}
		for _, p := range g.routes() {
			was, installed := r.made.routes[p.key()]
			if installed && was != p.Route {
				return nil, fmt.Errorf("%s has %s, and with the links made since it would be %s: call lab.route_all after the last link",
					p.host.host.Name(), routeText(was), routeText(p.Route))
			}
			if !installed {
				missing = append(missing, p)
			}
		}
	}
	return missing, nil
}

// graph is the lab as routing sees it, in one address family.
func (r *run) graph(family func(netip.Addr) bool, roots map[*host]bool) (*graph, error) {
	g := &graph{roots: roots}
	places := r.made.segments()
	networks := map[netip.Prefix]*network{}
	for i, h := range r.hosts {
		v := &vertex{host: h, index: i}
		g.vertices = append(g.vertices, v)
		for _, a := range h.host.Addresses() {
			if !family(a.Prefix.Addr()) {
				continue
			}
			place := places[attachment{h.host.Name(), a.Interface}]
			n := networks[a.Prefix.Masked()]
			if n == nil {
				n = &network{prefix: a.Prefix.Masked(), place: place, index: len(g.networks)}
				networks[n.prefix] = n
				g.networks = append(g.networks, n)
			}
			if n.place != place {
				return nil, fmt.Errorf("%s is in two places, %s and %s, and packets can be routed to one: "+
					"give one another network, or add routes with host.route.add instead", n.prefix, n.place, place)
			}
			g.join(v, n, a)
		}
	}
	return g, nil
}

// routeText is a route as ip-route(8) is told it.
func routeText(r lab.Route) string {
	destination := r.Destination.String()
	if r.Destination.Bits() == 0 {
		destination = "default"
	}
	s := fmt.Sprintf("%s via %s dev %s", destination, r.Via, r.Interface)
	if r.Source.IsValid() {
		s += " from " + r.Source.String()
	}
	return s
}
