package starlark

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/why"
)

var findingSnapshot = &snapshot[why.Finding]{
	name: "finding",
	doc:  "Why a pair of addresses is no subflow: the first broken link of the chain that leads to one. Printed, it is all of this.",
	fields: []field[why.Finding]{
		{"local", "the client's address of the pair", func(f why.Finding) starlark.Value { return addressText(f.Client) }},
		{"remote", "the server's address of the pair", func(f why.Finding) starlark.Value { return addressText(f.Server) }},
		{"rule", `the rule that is broken: "add_addr_accepted"`, func(f why.Finding) starlark.Value { return text(f.Rule) }},
		{"question", "what the rule asks", func(f why.Finding) starlark.Value { return text(f.Question) }},
		{"sentence", "what is wrong", func(f why.Finding) starlark.Value { return text(f.Sentence) }},
		{"evidence", "what was observed, a string each", func(f why.Finding) starlark.Value { return texts(f.Evidence) }},
		{"remedy", "what to do about it, mostly as a line of a script", func(f why.Finding) starlark.Value { return text(f.Remedy) }},
		{"host", "where command is for", func(f why.Finding) starlark.Value { return text(f.Host) }},
		{"command", "the same as a command for a real host; empty: there is none", func(f why.Finding) starlark.Value { return text(f.Command) }},
	},
	show: why.Finding.String,
}

func texts(lines []string) starlark.Value {
	values := make([]starlark.Value, len(lines))
	for i, l := range lines {
		values[i] = text(l)
	}
	return frozen(values)
}

var whyMethod = method[*conn]{signature{
	name: "why",
	params: []param{
		{"local", addressKind, starlark.None, "an address of the client; None: any"},
		{"remote", addressKind, starlark.None, "an address of the server; None: any"},
	},
	returns: "list of findings",
	doc: "Says why there is no subflow between two addresses. Without them it does so of every pair that might be a subflow and is not, those first " +
		"that an endpoint asks for; with one, of the pairs with that. It goes along the chain from the endpoint to the established subflow, " +
		"and names the first link that is broken as both hosts and the packets show it now: wait first for what is to happen. A pair that is a " +
		"subflow has no finding.",
	example: `conn = lab.connect(client, server)
for finding in conn.why():
    print(finding)
check.equal(conn.why(local = client.address(1))[0].rule, "endpoint")`,
}, whyNot}

func whyNot(c *call, in *conn) (starlark.Value, error) {
	ends, err := in.ends()
	if err != nil {
		return nil, err
	}
	local, remote := get[netip.Addr](c, "local").Unmap(), get[netip.Addr](c, "remote").Unmap()
	if local.IsValid() && remote.IsValid() {
		findings, err := why.Explain(c.ctx(), ends, why.Pair{Client: local, Server: remote})
		return findingSnapshot.list(findings), err
	}
	findings, err := why.Explain(c.ctx(), ends)
	findings = slices.DeleteFunc(findings, func(f why.Finding) bool {
		return local.IsValid() && f.Client != local || remote.IsValid() && f.Server != remote
	})
	return findingSnapshot.list(findings), err
}

// ends is the connection as package why looks at it.
func (c *conn) ends() (why.Connection, error) {
	r := c.client.run
	ends := why.Connection{Hosts: r.lab.Hosts(), Links: r.cables()}
	for side, s := range map[*why.Side]*socket{&ends.Client: c.client, &ends.Server: c.server} {
		view, err := s.view()
		if err != nil {
			return why.Connection{}, err
		}
		*side = why.Side{Host: s.host.host, Conn: view}
	}
	return ends, nil
}

// cables are the links of the lab.
func (r *run) cables() []lab.Link {
	links := make([]lab.Link, len(r.made.links))
	for i, l := range r.made.links {
		links[i] = l.link
	}
	return links
}

// whyFewer are the lines on why a socket has fewer subflows than a check wanted: about a pair that the check names, or about what comes
// first. What cannot be found out has no lines: the check fails for reasons of its own.
func (c *call) whyFewer(s *socket, missing []starlark.Value) []string {
	ends, isClient, err := s.run.around(s)
	if err != nil {
		return nil
	}
	var pairs []why.Pair
	for _, m := range missing {
		if p, ok := toPair(m, isClient); ok {
			pairs = append(pairs, p)
			break
		}
	}
	if len(missing) > 0 && len(pairs) == 0 {
		return nil
	}
	findings, err := why.Explain(c.ctx(), ends, pairs...)
	if err != nil || len(findings) == 0 {
		return nil
	}
	lines := findings[0].Lines()
	lines[0] = "why: " + lines[0]
	return append(lines[:1:1], indented(lines[1:])...)
}

// toPair reads a subflow as checks write it: "10.0.1.1 > 10.0.1.2".
func toPair(v starlark.Value, isClient bool) (why.Pair, bool) {
	written, _ := starlark.AsString(v)
	from, to, _ := strings.Cut(written, " > ")
	local, err := netip.ParseAddr(from)
	remote, err2 := netip.ParseAddr(to)
	if err != nil || err2 != nil {
		return why.Pair{}, false
	}
	if isClient {
		return why.Pair{Client: local, Server: remote}, true
	}
	return why.Pair{Client: remote, Server: local}, true
}

// around is the connection that a socket is an end of, and whether it is the one that connected.
func (r *run) around(s *socket) (ends why.Connection, isClient bool, err error) {
	for _, c := range r.conns {
		if c.client == s || c.server == s {
			ends, err := c.ends()
			return ends, c.client == s, err
		}
	}
	all, err := why.Connections(r.lab.Hosts(), r.cables())
	for _, c := range all {
		for _, x := range []why.Side{c.Client, c.Server} {
			if x.Host == why.Host(s.host.host) && x.Conn.Local == s.socket.Local() && x.Conn.Remote == s.socket.Remote() {
				return c, x.Conn.Local == c.Client.Conn.Local, nil
			}
		}
	}
	return why.Connection{}, false, fmt.Errorf("the other end of the connection is not known: %w", err)
}
