package starlark

import (
	"net/netip"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// addrs is host.addr.
type addrs struct{ *host }

func (a *addrs) String() string                           { return "<addresses of " + a.host.host.Name() + ">" }
func (a *addrs) Type() string                             { return "host.addr" }
func (a *addrs) Attr(name string) (starlark.Value, error) { return addrNoun.attr(a, name) }
func (a *addrs) AttrNames() []string                      { return addrNoun.attrNames() }

var addrParams = []param{
	{"address", prefixKind, nil, `the address with its prefix length: "10.0.9.1/24"`},
	{"dev", textKind, nil, "name of the interface"},
}

var addrNoun = &noun[*addrs]{
	name: "host.addr",
	doc:  "The addresses of a host, as ip-address(8) changes them.",
	methods: []method[*addrs]{
		{signature{
			name: "add", params: addrParams, returns: "None", doc: "Adds an address to an interface.",
			example: "client.addr.add(\"10.0.1.9/24\", dev = \"eth1\")\ncheck.contains(client.addresses, \"10.0.1.9\")",
		}, func(c *call, a *addrs) (starlark.Value, error) {
			address, dev := get[netip.Prefix](c, "address"), get[string](c, "dev")
			a.run.note(a.host.host.Name(), "addr add %s dev %s", address, dev)
			return nil, a.host.host.AddAddress(c.ctx(), dev, address)
		}},
		{signature{
			name: "delete", params: addrParams, returns: "None", doc: "Deletes an address of an interface.",
			example: "client.addr.delete(\"10.0.2.1/24\", dev = \"eth2\")\ncheck.false(\"10.0.2.1\" in client.addresses)",
		}, func(c *call, a *addrs) (starlark.Value, error) {
			address, dev := get[netip.Prefix](c, "address"), get[string](c, "dev")
			a.run.note(a.host.host.Name(), "addr delete %s dev %s", address, dev)
			return nil, a.host.host.DeleteAddress(c.ctx(), dev, address)
		}},
	},
}

// routes is host.route.
type routes struct{ *host }

func (r *routes) String() string                           { return "<routes of " + r.host.host.Name() + ">" }
func (r *routes) Type() string                             { return "host.route" }
func (r *routes) Attr(name string) (starlark.Value, error) { return routeNoun.attr(r, name) }
func (r *routes) AttrNames() []string                      { return routeNoun.attrNames() }

var routeNoun = &noun[*routes]{
	name: "host.route",
	doc:  "The routes of a host, as ip-route(8) changes them.",
	methods: []method[*routes]{
		{signature{
			name: "add",
			params: []param{
				{"destination", routeKind, nil, `a prefix, or "default"`},
				{"via", addressKind, starlark.None, "address of the next hop; None: the destination is on the link"},
				{"dev", textKind, starlark.String(""), "name of the interface"},
				{"source", addressKind, starlark.None, "only packets from this address take the route"},
			},
			returns: "None",
			doc:     "Adds a route. With a source it is a rule too, so that packets from each address can leave by its own link.",
			example: `client.route.add("192.0.2.0/24", via = server.address(0))
client.route.add("default", via = server.address(1), source = client.address(1))
check.equal(len(client.addresses), 2)`,
		}, addRoute},
	},
}

func addRoute(c *call, r *routes) (starlark.Value, error) {
	route := lab.Route{
		Destination: get[netip.Prefix](c, "destination"),
		Via:         get[netip.Addr](c, "via"),
		Interface:   get[string](c, "dev"),
		Source:      get[netip.Addr](c, "source"),
	}
	if !route.Destination.IsValid() {
		route.Destination = defaultRoute(route)
	}
	r.run.note(r.host.host.Name(), "route add %s via %s", route.Destination, addressText(route.Via))
	return nil, r.host.host.AddRoute(c.ctx(), route)
}

// defaultRoute is the destination "default" in the family of the route's other addresses.
func defaultRoute(r lab.Route) netip.Prefix {
	if r.Via.Is6() || r.Source.Is6() {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}
