package starlark

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// topology is what a lab is made of.
type topology struct {
	nodes  []node // in order of creation
	links  []*link
	routes map[planKey]lab.Route // that lab.route_all has installed
	roots  [2]map[*host]bool     // that it has found, in IPv4 and in IPv6
}

func newTopology() topology {
	return topology{routes: map[planKey]lab.Route{}, roots: [2]map[*host]bool{{}, {}}}
}

// attachment is an end of a link: an interface of a host, or a port of a switch.
type attachment struct{ node, iface string }

// segments are the places that ends of links are in: a link, or a switch with all its links.
func (t *topology) segments() map[attachment]string {
	switches := map[string]bool{}
	for _, n := range t.nodes {
		if _, ok := n.(*switchValue); ok {
			switches[n.labNode().Name()] = true
		}
	}
	places := map[attachment]string{}
	for _, l := range t.links {
		place := l.link.Name()
		for _, e := range l.link.Ends() {
			if switches[e.Node] {
				place = e.Node
			}
		}
		for _, e := range l.link.Ends() {
			places[attachment{e.Node, e.Interface}] = place
		}
	}
	return places
}

var topologySignature = signature{
	name: "topology",
	params: []param{
		{"format", words("a format", map[string]string{"text": "text", "dot": "dot"}), starlark.String("text"), "for a terminal, or for Graphviz"},
	},
	returns: "string",
	doc: "Draws the lab as it is now: its hosts, switches and links, with interfaces, addresses and what links do to packets. Each link is drawn once, " +
		"below the node that is nearer to the first one.",
	example: `print(lab.topology())
check.equal(lab.topology().splitlines()[0], "client")`,
}

func drawTopology(c *call, l *labValue) (starlark.Value, error) {
	d := newDrawing(l.run)
	if get[string](c, "format") == "dot" {
		return text(d.dot()), nil
	}
	return text(d.text()), nil
}

// drawing is the topology with all that is drawn of it.
type drawing struct {
	order     []string // of the nodes
	kinds     map[string]string
	links     []*link
	addresses map[attachment][]netip.Prefix
	below     map[string][]branch // the links that are drawn below a node
	top       []string            // the nodes that are below none
}

// branch is a link as it is drawn below one of its ends.
type branch struct {
	link      *link
	near, far lab.LinkEnd
	from      int  // the index of the near end
	first     bool // the far node is drawn here, with what is below it
}

func newDrawing(r *run) *drawing {
	d := &drawing{
		links: r.made.links, kinds: map[string]string{},
		addresses: map[attachment][]netip.Prefix{}, below: map[string][]branch{},
	}
	for _, n := range r.made.nodes {
		name := n.labNode().Name()
		d.order = append(d.order, name)
		switch n := n.(type) {
		case *switchValue:
			d.kinds[name] = "switch"
		case *host:
			if n.router {
				d.kinds[name] = "router"
			}
			for _, a := range n.host.Addresses() {
				at := attachment{name, a.Interface}
				d.addresses[at] = append(d.addresses[at], a.Prefix)
			}
		}
	}
	d.spread()
	return d
}

// spread goes outwards from the first node, and from the first that was not reached, and so on.
func (d *drawing) spread() {
	attached := map[string][]*link{}
	for _, l := range d.links {
		for _, e := range l.link.Ends() {
			attached[e.Node] = append(attached[e.Node], l)
		}
	}
	reached, drawn := map[string]bool{}, map[*link]bool{}
	for _, start := range d.order {
		if reached[start] {
			continue
		}
		reached[start] = true
		d.top = append(d.top, start)
		for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
			for _, l := range attached[queue[0]] {
				if drawn[l] {
					continue
				}
				drawn[l] = true
				b := newBranch(l, queue[0])
				if b.first = !reached[b.far.Node]; b.first {
					reached[b.far.Node] = true
					queue = append(queue, b.far.Node)
				}
				d.below[b.near.Node] = append(d.below[b.near.Node], b)
			}
		}
	}
}

func newBranch(l *link, near string) branch {
	ends := l.link.Ends()
	i := slices.IndexFunc(ends[:], func(e lab.LinkEnd) bool { return e.Node == near })
	return branch{link: l, near: ends[i], far: ends[1-i], from: i}
}

// does is what the link does to packets, from one end and back; empty on a perfect one.
func (l *link) does(from int) string {
	there, back := impairmentText(l.impairments[from]), impairmentText(l.impairments[1-from])
	switch {
	case there == back:
		return there
	case there == "":
		return "← " + back
	case back == "":
		return "→ " + there
	}
	return "→ " + there + " ← " + back
}

// impairmentText is what differs from a perfect link, in the words of lab.link: "delay 5ms loss 0.01".
func impairmentText(i impair.Impairment) string {
	var perfect impair.Impairment
	var words []string
	for _, f := range impairmentSettings.fields {
		v := f.get(&i)
		if v.String() == f.get(&perfect).String() {
			continue
		}
		if f.name == "rate" {
			v = text(rateText(i.Rate))
		}
		words = append(words, f.name+" "+valueText(v))
	}
	return strings.Join(words, " ")
}

// rateText is a rate in the largest unit of tc(8) that it is a multiple of: 10Mbit.
func rateText(rate int64) string {
	unit := "bit"
	for _, larger := range []string{"kbit", "Mbit", "Gbit"} {
		if rate%1000 != 0 {
			break
		}
		rate, unit = rate/1000, larger
	}
	return fmt.Sprint(rate) + unit
}

// name is a node with its kind, where it is no plain host.
func (d *drawing) name(node string) string {
	if kind := d.kinds[node]; kind != "" {
		return node + " (" + kind + ")"
	}
	return node
}

// end is an interface with its addresses.
func (d *drawing) end(e lab.LinkEnd) string {
	words := []string{e.Interface}
	for _, p := range d.addresses[attachment{e.Node, e.Interface}] {
		words = append(words, p.String())
	}
	return strings.Join(words, " ")
}

// text draws a tree for a terminal.
func (d *drawing) text() string {
	var w strings.Builder
	for _, start := range d.top {
		fmt.Fprintln(&w, d.name(start))
		d.branches(&w, start, "")
	}
	return strings.TrimSuffix(w.String(), "\n")
}

// branches draws what is below a node, each line with the indentation of the node.
func (d *drawing) branches(w *strings.Builder, node, indent string) {
	all := d.below[node]
	width := 0
	for _, b := range all {
		width = max(width, len(d.end(b.near)))
	}
	for i, b := range all {
		fork, below := "├─ ", "│  "
		if i == len(all)-1 {
			fork, below = "└─ ", "   "
		}
		far := b.far.Node + ":" + d.end(b.far)
		if kind := d.kinds[b.far.Node]; kind != "" && b.first {
			far += " (" + kind + ")"
		}
		if does := b.link.does(b.from); does != "" {
			far += "  " + does
		}
		fmt.Fprintf(w, "%s%s%-*s ── %s\n", indent, fork, width, d.end(b.near), far)
		if b.first {
			d.branches(w, b.far.Node, indent+below)
		}
	}
}

// shapes are those of the kinds of nodes in Graphviz.
var shapes = map[string]string{"": "box", "router": "ellipse", "switch": "diamond"}

// dot draws a graph for Graphviz.
func (d *drawing) dot() string {
	var w strings.Builder
	w.WriteString("graph lab {\n\tnode [fontname=\"monospace\"];\n\tedge [fontname=\"monospace\", fontsize=10];\n")
	for _, name := range d.order {
		fmt.Fprintf(&w, "\t%s [shape=%s];\n", quote(name), shapes[d.kinds[name]])
	}
	for _, l := range d.links {
		ends := l.link.Ends()
		attributes := []string{
			"taillabel=" + quote(strings.ReplaceAll(d.end(ends[0]), " ", "\n")),
			"headlabel=" + quote(strings.ReplaceAll(d.end(ends[1]), " ", "\n")),
			"tooltip=" + quote(l.link.Name()),
		}
		if does := l.does(0); does != "" {
			attributes = append(attributes, "label="+quote(does))
		}
		fmt.Fprintf(&w, "\t%s -- %s [%s];\n", quote(ends[0].Node), quote(ends[1].Node), strings.Join(attributes, ", "))
	}
	w.WriteString("}")
	return w.String()
}

// quote is a string as Graphviz takes it.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}
