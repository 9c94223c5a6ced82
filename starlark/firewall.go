package starlark

import (
	"fmt"
	"net/netip"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// firewall is host.firewall.
type firewall struct{ *host }

func (f *firewall) String() string                           { return "<firewall of " + f.host.host.Name() + ">" }
func (f *firewall) Type() string                             { return "host.firewall" }
func (f *firewall) Attr(name string) (starlark.Value, error) { return firewallNoun.attr(f, name) }
func (f *firewall) AttrNames() []string                      { return firewallNoun.attrNames() }

var (
	portsKind   = kindOf(`a port, or ports such as "1024-2048"`, toPorts)
	stateKind   = parsed(`states of tracked connections, such as "new" or "established,related"`, lab.ParseFlowState)
	networkKind = kindOf(`an address or network, such as "10.0.1.1" or "10.0.1.0/24"`, toNetwork)
	entryKind   = kindOf("a rule of host.firewall", func(v starlark.Value) (firewallEntry, error) {
		if r, ok := v.(*record); ok {
			if e, ok := r.of.(firewallEntry); ok {
				return e, nil
			}
		}
		return firewallEntry{}, errWrongKind
	})
)

func toPorts(v starlark.Value) (lab.PortRange, error) {
	if i, ok := v.(starlark.Int); ok {
		return lab.ParsePortRange(i.String())
	}
	s, ok := starlark.AsString(v)
	if !ok {
		return lab.PortRange{}, errWrongKind
	}
	return lab.ParsePortRange(s)
}

func toNetwork(v starlark.Value) (netip.Prefix, error) {
	s, ok := starlark.AsString(v)
	if !ok {
		return netip.Prefix{}, errWrongKind
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, errWrongKind
	}
	return p, nil
}

// matching are the parameters that say which packets a rule is for.
var matching = []param{
	{"protocol", textKind, starlark.String("tcp"), `"tcp", "udp", "icmp", "icmpv6", or empty for any`},
	{"source", networkKind, starlark.None, "address or network that they come from"},
	{"destination", networkKind, starlark.None, "address or network that they go to"},
	{"sport", portsKind, starlark.None, "source port or ports"},
	{"dport", portsKind, starlark.None, "destination port or ports"},
	{"iif", textKind, starlark.String(""), "name of the interface that they came in by"},
	{"oif", textKind, starlark.String(""), "name of the interface that they leave by"},
	{"state", stateKind, starlark.None, `what is known of their connection: "new", "established,related", "invalid"; one that is older than the first rule with a state, or of NAT, is new`},
	{"mark", number(0, 1<<32-1), starlark.MakeInt(0), "their mark, such as the SO_MARK of their socket; 0: any"},
}

// rule reads the parameters of matching.
func (c *call) rule(target string) lab.FirewallRule {
	return lab.FirewallRule{
		Target: target, Protocol: get[string](c, "protocol"), InInterface: get[string](c, "iif"), OutInterface: get[string](c, "oif"),
		Source: get[netip.Prefix](c, "source"), Destination: get[netip.Prefix](c, "destination"),
		SourcePort: get[lab.PortRange](c, "sport"), DestinationPort: get[lab.PortRange](c, "dport"), State: get[lab.FlowState](c, "state"),
		Mark: uint32(get[int64](c, "mark")),
	}
}

// add adds a rule and returns it as the kernel has it.
func (f *firewall) add(r lab.FirewallRule) (starlark.Value, error) {
	f.run.note(f.host.host.Name(), "firewall %s: %s", r.Chain, r)
	e, err := f.host.host.Firewall().Add(r)
	if err != nil {
		return nil, err
	}
	return firewallSnapshot.of(firewallEntry{e, f.host}), nil
}

// firewallEntry is a rule and its host: handles are numbers that other hosts have, too.
type firewallEntry struct {
	lab.FirewallEntry
	host *host
}

var firewallSnapshot = &snapshot[firewallEntry]{
	name: "firewall rule",
	doc:  "A rule of a host's firewall.",
	fields: []field[firewallEntry]{
		{"chain", "its chain", func(e firewallEntry) starlark.Value { return text(e.Chain) }},
		{"handle", "its number in the kernel", func(e firewallEntry) starlark.Value { return integer(e.Handle) }},
		{"text", "the rule as nft(8) writes it", func(e firewallEntry) starlark.Value { return text(e.Text) }},
		{"packets", "how many packets it has decided on; of a translation: how many connections it has begun", func(e firewallEntry) starlark.Value { return integer(e.Packets) }},
		{"bytes", "how many bytes", func(e firewallEntry) starlark.Value { return integer(e.Bytes) }},
	},
}

// filteringMethod declares a method that adds a rule to a chain of packets taken, sent or forwarded.
func filteringMethod(target, doc, example string, more ...param) method[*firewall] {
	params := append([]param{{"chain", textKind, nil, `"input", "output" or "forward"`}}, more...)
	return method[*firewall]{
		signature{name: target, params: append(params, matching...), returns: "firewall rule", doc: doc, example: example},
		func(c *call, f *firewall) (starlark.Value, error) {
			r := c.rule(target)
			r.Chain = get[string](c, "chain")
			if target == "reject" {
				r.RejectWith = get[string](c, "answer")
			}
			return f.add(r)
		},
	}
}

var firewallNoun = &noun[*firewall]{
	name: "host.firewall",
	doc: "What a host takes, sends and forwards, and how it translates addresses. A packet goes through the rules of a chain in order, until one " +
		"decides on it; without one it passes. Rules are the kernel's (nf_tables), of this host alone.",
	methods: []method[*firewall]{
		filteringMethod("accept", "Adds a rule that lets packets pass.",
			`server.firewall.accept("input", dport = 8001)
server.firewall.drop("input")
check.false(lab.connect(client, server, port = 8001).client.fallback)`),
		filteringMethod("drop", "Adds a rule that drops packets without a word.",
			`client.firewall.drop("input", state = "new")
check.fails(lambda: lab.connect(server, client, timeout = "300ms"))
check.false(lab.connect(client, server).client.fallback)`),
		filteringMethod("reject", "Adds a rule that drops packets and says so.",
			`server.firewall.reject("input", dport = 9000)
check.fails(lambda: client.connect(server.address(0), 9000), "refused")`,
			param{"answer", textKind, starlark.String(lab.TCPReset), `"tcp-reset", "port-unreachable", "host-unreachable", "no-route" or "admin-prohibited"`}),
		{signature{
			name:    "masquerade",
			params:  matching,
			returns: "firewall rule",
			doc:     "Adds a rule of source NAT: connections that leave get the address of the interface that they leave by.",
			example: natExample + `router.firewall.masquerade(oif = "eth2")
conn = lab.connect(inside, outside)
check.equal(conn.server.remote.split(":")[0], router.addresses[2])`,
		}, func(c *call, f *firewall) (starlark.Value, error) {
			r := c.rule("masquerade")
			r.Chain = "postrouting"
			return f.add(r)
		}},
		{signature{
			name: "snat",
			params: append([]param{
				{"to", addressKind, nil, "the address that they come from instead"},
				{"ports", portsKind, starlark.None, "source ports to take from; None: that of the connection where it is free"},
			}, matching...),
			returns: "firewall rule",
			doc:     "Adds a rule of source NAT: connections that leave get another address, and a port of a range.",
			example: natExample + `router.firewall.snat(router.addresses[2], ports = "2000-2099", oif = "eth2")
port = int(lab.connect(inside, outside).server.remote.split(":")[1])
check.true(2000 <= port and port <= 2099)`,
		}, func(c *call, f *firewall) (starlark.Value, error) {
			r := c.rule("snat")
			r.Chain, r.To, r.ToPort = "postrouting", get[netip.Addr](c, "to"), get[lab.PortRange](c, "ports")
			return f.add(r)
		}},
		{signature{
			name: "dnat",
			params: append([]param{
				{"to", addressKind, nil, "the address that they go to instead"},
				{"port", portsKind, starlark.None, "the port that they go to instead; None: the same"},
			}, matching...),
			returns: "firewall rule",
			doc:     "Adds a rule of destination NAT: connections that come in go to another address.",
			example: natExample + `router.firewall.dnat(inside.address(0), port = 8001, dport = 80, iif = "eth2")
inside.listen(port = 8001)
check.equal(outside.connect(router.addresses[2], 80).remote, router.addresses[2] + ":80")`,
		}, func(c *call, f *firewall) (starlark.Value, error) {
			r := c.rule("dnat")
			r.Chain, r.To, r.ToPort = "prerouting", get[netip.Addr](c, "to"), get[lab.PortRange](c, "port")
			return f.add(r)
		}},
		{signature{
			name: "rules", returns: "list of firewall rules", doc: "Returns all rules, chain by chain, with what they have counted.",
			example: `client.firewall.drop("output", dport = 80)
check.equal([r.text for r in client.firewall.rules()], ["tcp dport 80 drop"])`,
		}, func(_ *call, f *firewall) (starlark.Value, error) {
			rules, err := f.host.host.Firewall().Rules()
			entries := make([]firewallEntry, len(rules))
			for i, r := range rules {
				entries[i] = firewallEntry{r, f.host}
			}
			return firewallSnapshot.list(entries), err
		}},
		{signature{
			name: "delete", params: []param{{"rule", entryKind, nil, "the rule, as the call that added it returned it"}}, returns: "None",
			doc: "Removes a rule. Connections that it has translated stay so.",
			example: `rule = client.firewall.drop("output", dport = 80)
client.firewall.delete(rule)
check.equal(client.firewall.rules(), [])`,
		}, func(c *call, f *firewall) (starlark.Value, error) {
			e := get[firewallEntry](c, "rule")
			if e.host.host != f.host.host {
				return nil, fmt.Errorf("rule %s: it is of %s, not of %s", e.Text, e.host.host.Name(), f.host.host.Name())
			}
			f.run.note(f.host.host.Name(), "firewall delete %s", e.Text)
			return nil, f.host.host.Firewall().Delete(e.FirewallEntry)
		}},
		{signature{
			name: "forget", params: []param{
				{"source", networkKind, starlark.None, "address or network that the connection came from"},
				{"destination", networkKind, starlark.None, "address or network that it went to"},
				{"sport", portsKind, starlark.None, "its source port or ports"},
				{"dport", portsKind, starlark.None, "its destination port or ports"},
			}, returns: "int",
			doc: "Forgets tracked connections, as a firewall or NAT does that times out or restarts, and returns how many they were.",
			example: `client.firewall.drop("input", state = "new")
lab.connect(client, server)
check.equal(client.firewall.forget(dport = 8001), 1)`,
		}, forgetFlows},
	},
}

// natExample is a router between an inside and an outside host, which the examples of NAT begin with.
const natExample = `inside, router, outside = lab.host("inside"), lab.host("router", router = True), lab.host("outside")
lab.link(inside, router)
lab.link(router, outside)
lab.route_all()
`

func forgetFlows(c *call, f *firewall) (starlark.Value, error) {
	n, err := f.host.host.Firewall().DeleteFlows(lab.FlowSelector{
		Protocol: "tcp", Source: get[netip.Prefix](c, "source"), Destination: get[netip.Prefix](c, "destination"),
		SourcePort: get[lab.PortRange](c, "sport"), DestinationPort: get[lab.PortRange](c, "dport"),
	})
	if err != nil {
		return nil, fmt.Errorf("forget connections: %w", err)
	}
	f.run.note(f.host.host.Name(), "firewall forget: %d connections", n)
	return starlark.MakeInt(n), nil
}
