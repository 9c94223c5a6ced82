package starlark

import (
	"fmt"
	"net/netip"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// node is a value that a link can attach to.
type node interface {
	starlark.Value
	labNode() lab.Node
}

// switchValue is an Ethernet switch.
type switchValue struct{ node lab.Node }

var _ node = (*switchValue)(nil)

func (s *switchValue) labNode() lab.Node                        { return s.node }
func (s *switchValue) String() string                           { return "<switch " + s.node.Name() + ">" }
func (s *switchValue) Type() string                             { return "switch" }
func (s *switchValue) Freeze()                                  {}
func (s *switchValue) Truth() starlark.Bool                     { return true }
func (s *switchValue) Hash() (uint32, error)                    { return starlark.String(s.node.Name()).Hash() }
func (s *switchValue) Attr(name string) (starlark.Value, error) { return switchNoun.attr(s, name) }
func (s *switchValue) AttrNames() []string                      { return switchNoun.attrNames() }

var switchNoun = &noun[*switchValue]{
	name: "switch",
	doc:  "An Ethernet switch.",
	attributes: []attribute[*switchValue]{
		{"name", "string", "Its name.", func(s *switchValue) (starlark.Value, error) { return text(s.node.Name()), nil }},
	},
}

// segment is the network of a switch in the plan of addresses.
type segment struct{ number, hosts int }

func addSwitch(c *call, l *labValue) (starlark.Value, error) {
	n, err := l.run.lab.Switch(c.ctx(), get[string](c, "name"))
	if err != nil {
		return nil, err
	}
	s := &switchValue{node: n}
	l.run.made.nodes = append(l.run.made.nodes, s)
	return s, nil
}

// end is an argument of lab.link: a node and the addresses given with it.
type end struct {
	node      node
	addresses []netip.Prefix
}

func toNode(v starlark.Value) (node, bool) {
	switch v := v.(type) {
	case *host:
		return v, true
	case *switchValue:
		return v, true
	}
	return nil, false
}

// toEnd takes a node, or a tuple of a node and addresses.
func toEnd(v starlark.Value) (end, error) {
	if n, ok := toNode(v); ok {
		return end{node: n}, nil
	}
	parts, ok := v.(starlark.Tuple)
	if !ok || len(parts) == 0 {
		return end{}, errWrongKind
	}
	n, ok := toNode(parts[0])
	if !ok {
		return end{}, errWrongKind
	}
	e := end{node: n}
	for _, p := range parts[1:] {
		prefix, err := prefixKind.convert(p)
		if err != nil {
			return end{}, err
		}
		e.addresses = append(e.addresses, prefix.(netip.Prefix))
	}
	return e, nil
}

// pairKind takes the names of the two interfaces of a link.
var pairKind = kindOf(`a pair of names: ("eth1", "wlan0")`, func(v starlark.Value) ([2]string, error) {
	var names [2]string
	parts, ok := v.(starlark.Tuple)
	if !ok || len(parts) != 2 {
		return names, errWrongKind
	}
	for i, p := range parts {
		if names[i], ok = starlark.AsString(p); !ok {
			return names, errWrongKind
		}
	}
	return names, nil
})

func addLink(c *call, l *labValue) (starlark.Value, error) {
	r := l.run
	if r.links >= maxLinks {
		return nil, fmt.Errorf("a lab has at most %d links", maxLinks)
	}
	impairment, err := c.impairment()
	if err != nil {
		return nil, err
	}
	r.links++
	a, b := get[end](c, "a"), get[end](c, "b")
	names := get[[2]string](c, "interfaces")
	if len(a.addresses)+len(b.addresses) == 0 {
		if err := r.plan(&a, &b); err != nil {
			return nil, err
		}
	}
	made, err := r.lab.Link(c.ctx(),
		lab.End{Node: a.node.labNode(), Interface: names[0], Addresses: a.addresses},
		lab.End{Node: b.node.labNode(), Interface: names[1], Addresses: b.addresses},
		lab.LinkOptions{
			MTU:      int(get[int64](c, "mtu")),
			Impair:   [2]impair.Impairment{impairment, impairment},
			Accurate: get[bool](c, "accurate"),
		})
	if err != nil {
		return nil, err
	}
	k := &link{run: r, link: made, impairments: [2]impair.Impairment{impairment, impairment}}
	r.made.links = append(r.made.links, k)
	return k, nil
}

// plan gives the ends of the newest link their addresses: of the link's own network, or of the network of its switch.
func (r *run) plan(a, b *end) error {
	network := &segment{number: r.links}
	for _, e := range []*end{a, b} {
		if s, ok := e.node.(*switchValue); ok {
			name := s.node.Name()
			if r.segments[name] == nil {
				r.segments[name] = network
			}
			network = r.segments[name]
		}
	}
	for _, e := range []*end{a, b} {
		if _, ok := e.node.(*host); ok {
			if network.hosts == maxPlanned {
				return fmt.Errorf("the planned network of a switch has room for %d hosts: give the ends addresses of a larger one", maxPlanned)
			}
			network.hosts++
			e.addresses = network.addresses()
		}
	}
	return nil
}

// maxPlanned is how many hosts a network of the plan has, a /24 in IPv4.
const maxPlanned = 254

// addresses are those of the newest host of a network: 10.0.N.H/24 and fd00:N::H/64. N is written in IPv6 as in IPv4, and
// from 256 on in the second byte too.
func (s *segment) addresses() []netip.Prefix {
	v4 := netip.AddrFrom4([4]byte{10, byte(s.number >> 8), byte(s.number), byte(s.hosts)})
	v6 := netip.MustParseAddr(fmt.Sprintf("fd00:%d::%d", s.number, s.hosts))
	return []netip.Prefix{netip.PrefixFrom(v4, 24), netip.PrefixFrom(v6, 64)}
}

// link is a link that exists.
type link struct {
	run         *run
	link        lab.Link
	impairments [2]impair.Impairment // of what each end sends
}

func (l *link) String() string                           { return "<link " + l.link.Name() + ">" }
func (l *link) Type() string                             { return "link" }
func (l *link) Freeze()                                  {}
func (l *link) Truth() starlark.Bool                     { return true }
func (l *link) Hash() (uint32, error)                    { return starlark.String(l.link.Name()).Hash() }
func (l *link) Attr(name string) (starlark.Value, error) { return linkNoun.attr(l, name) }
func (l *link) AttrNames() []string                      { return linkNoun.attrNames() }

var linkNoun = &noun[*link]{
	name: "link",
	doc:  "A cable between two nodes, as lab.link returns it.",
	attributes: []attribute[*link]{
		{"name", "string", "Its name, made of those of its ends.", func(l *link) (starlark.Value, error) { return text(l.link.Name()), nil }},
		{"interfaces", "tuple", "The names of the interfaces at its two ends.", func(l *link) (starlark.Value, error) {
			ends := l.link.Ends()
			return starlark.Tuple{text(ends[0].Interface), text(ends[1].Interface)}, nil
		}},
	},
	methods: append([]method[*link]{
		{signature{
			name: "up", returns: "None", doc: "Brings both ends up.",
			example: "link = lab.link(client, server)\nlink.down()\nlink.up()\ncheck.false(lab.connect(client, server, address = server.addresses[-2]).client.fallback)",
		}, func(c *call, l *link) (starlark.Value, error) { return l.setUp(c, true) }},
		{signature{
			name: "down", returns: "None", doc: "Brings both ends down, as a cable that is pulled.",
			example: "link = lab.link(client, server)\nlink.down()\ncheck.fails(lambda: lab.connect(client, server, address = server.addresses[-2], timeout = \"300ms\"))",
		}, func(c *call, l *link) (starlark.Value, error) { return l.setUp(c, false) }},
		{signature{
			name: "set_mtu", params: []param{{"mtu", number(68, 65535), nil, "bytes"}}, returns: "None",
			doc:     "Sets the MTU of both ends.",
			example: "link = lab.link(client, server)\nlink.set_mtu(1400)\nconn = lab.connect(client, server, address = server.addresses[-2])\nconn.transfer(\"64KB\")\ncheck.false(conn.client.fallback)",
		}, func(c *call, l *link) (starlark.Value, error) {
			mtu := get[int64](c, "mtu")
			l.run.note("", "link %s mtu %d", l.link.Name(), mtu)
			return nil, l.link.SetMTU(c.ctx(), int(mtu))
		}},
		{signature{
			name: "packets",
			params: []param{
				{"option", optionKind, starlark.None, "only those with this MPTCP option"},
				{"sender", nodeKind, starlark.None, "only those that this end sent"},
			},
			returns: "list of packets",
			doc:     "Returns the packets seen so far that say something about a connection: SYN, FIN, RST, or an MPTCP option other than a bare DSS.",
			example: "link = lab.link(client, server)\nlab.connect(client, server, address = server.addresses[-2])\nsyn = link.packets(option = \"MP_CAPABLE\", sender = client)[0]\ncheck.equal(syn.flags, \"S\")",
		}, linkPackets},
		{impairSignature, impairLink},
		{impairmentSignature, linkImpairment},
		{trafficSignature, linkTraffic},
		{injectSignature, injectPacket},
		{hmacSignature, addAddrHMAC},
		{holdSignature, holdPackets},
		{filterSignature, addFilter},
	}, effectMethods()...),
}

func (l *link) setUp(c *call, up bool) (starlark.Value, error) {
	state := map[bool]string{true: "up", false: "down"}[up]
	l.run.note("", "link %s %s", l.link.Name(), state)
	if err := l.link.SetUp(c.ctx(), up); err != nil {
		return nil, fmt.Errorf("link %s %s: %w", l.link.Name(), state, err)
	}
	return nil, nil
}

func linkPackets(c *call, l *link) (starlark.Value, error) {
	option := get[string](c, "option")
	sender := ""
	if c.has("sender") {
		from, err := l.end("sender", get[node](c, "sender"))
		if err != nil {
			return nil, err
		}
		sender = l.link.Ends()[from].Node
	}
	seen, err := l.link.Packets()
	if err != nil {
		return nil, err
	}
	var packets []packet
	for _, p := range seen {
		if (sender == "" || p.From == sender) && (option == "" || p.Option(option) != nil) {
			packets = append(packets, packet{Packet: p})
		}
	}
	return packetSnapshot.list(packets), nil
}
