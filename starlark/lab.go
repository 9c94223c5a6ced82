package starlark

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// maxHosts and maxLinks bound one lab.
const (
	maxHosts = 2048
	maxLinks = 4096
)

// labValue is the first argument of a case.
type labValue struct{ run *run }

func (l *labValue) String() string                           { return "<lab>" }
func (l *labValue) Type() string                             { return "lab" }
func (l *labValue) Freeze()                                  {}
func (l *labValue) Truth() starlark.Bool                     { return true }
func (l *labValue) Hash() (uint32, error)                    { return starlark.String("lab").Hash() }
func (l *labValue) Attr(name string) (starlark.Value, error) { return labNoun.attr(l, name) }
func (l *labValue) AttrNames() []string                      { return labNoun.attrNames() }

var labNoun = &noun[*labValue]{
	name: "lab",
	doc:  "The lab that a case is given: an empty set of hosts and links, and the record of what happens in it.",
	attributes: []attribute[*labValue]{
		{"hosts", "list of hosts", "The hosts, in order of their creation.", func(l *labValue) (starlark.Value, error) {
			var hosts []starlark.Value
			for _, h := range l.run.hosts {
				hosts = append(hosts, h)
			}
			return frozen(hosts), nil
		}},
		{"now", "float", "The lab's time in milliseconds since it was opened.", func(l *labValue) (starlark.Value, error) {
			return milliseconds(l.run.lab.Now()), nil
		}},
	},
	methods: []method[*labValue]{
		{signature{
			name: "host",
			params: []param{
				{"name", textKind, nil, "its name"},
				{"router", boolKind, starlark.False, "it forwards packets between its links"},
				{"sysctl", is[*starlark.Dict]("a dict of sysctls"), starlark.None, "values that hold before any socket exists: `{\"net.mptcp.enabled\": 0}`"},
			},
			returns: "host",
			doc:     "Adds a host: a network stack of its own, with its own path manager, and no address but loopback.",
			example: `old = lab.host("old", sysctl = {"net.mptcp.enabled": 0})
check.equal(old.sysctl("net.mptcp.enabled"), "0")`,
		}, addHost},
		{signature{
			name:    "switch",
			params:  []param{{"name", textKind, nil, "its name"}},
			returns: "switch",
			doc:     "Adds an Ethernet switch: hosts whose links end at it are in one network.",
			example: `lan = lab.switch("lan")
third = lab.host("third")
lab.link(third, lan)
lab.link(server, lan)
check.equal(lab.connect(third, server, address = server.addresses[-1]).client.fallback, False)`,
		}, addSwitch},
		{signature{
			name: "link",
			params: []param{
				{"a", endsKind, nil, "one end: a node, or a tuple of a node and the addresses of its interface"},
				{"b", endsKind, nil, "the other end"},
				{"mtu", number(68, 65535), starlark.MakeInt(1500), "of both ends, in bytes"},
				{"interfaces", pairKind, starlark.None, "names of the interfaces; None: eth1, eth2, … in order of attachment"},
				{"accurate", boolKind, starlark.False, "delay as precisely as the machine can, at the cost of much of a CPU"},
				impairmentSettings.param("delay, loss, rate and so on, of both directions: see impairment; link.impair sets each by itself"),
			},
			returns: "link",
			doc: "Joins two nodes by a cable. When no end is given addresses, they are planned: for the Nth link of the lab " +
				"10.0.N.1/24 and fd00:N::1/64 on a, 10.0.N.2/24 and fd00:N::2/64 on b. The hosts at a switch count up from 1 in " +
				"the network of the switch's first link. What the addresses of a link reach directly is routed; anything else needs host.route.add.",
			example: `third = lab.host("third")
link = lab.link((client, "192.0.2.1/24", "2001:db8::1/64"), (third, "192.0.2.2/24"), mtu = 1400)
check.equal(third.addresses, ["192.0.2.2"])
lab.link(client, third)
check.equal(third.address(1), "10.0.4.2")`,
		}, addLink},
		{routeAllSignature, routeAll},
		{topologySignature, drawTopology},
		{connectSignature, connect},
		{signature{
			name: "wait",
			params: []param{
				{"condition", callableKind, nil, "a function without parameters; it is asked again whenever something was observed"},
				{"timeout", durationKind, starlark.String("5s"), "how long it may take, in the lab's time"},
			},
			returns: "what the condition returned",
			doc:     "Returns as soon as the condition holds. It is a check: when the condition does not hold in time, the case has failed.",
			example: `conn = lab.connect(client, server)
lab.wait(lambda: len(server.conns) == 1)`,
		}, wait},
		{signature{
			name: "require",
			params: []param{
				kernelParam, featureParam,
				{"why", textKind, starlark.None, "what it is needed for, which the reason then says too"},
				{"alone", boolKind, starlark.False, "whether the case needs the machine to itself, before it makes a host"},
			},
			returns: "None",
			doc: "Skips the case, with the reason, where something that it needs is missing. With `alone`, the case runs when no other does, " +
				"and nobody listens to path-manager events, not even the lab: to the kernel, one listener anywhere on the machine is " +
				"a path manager in userspace that works, for every host. The lab's hosts then have no events.",
			example: `lab.require(kernel = ">=5.6")
check.equal(client.mptcp.endpoint.show(), [])`,
		}, requireThat},
		{signature{
			name:    "has",
			params:  []param{kernelParam, featureParam},
			returns: "bool",
			doc: "Tells whether the machine has what lab.require would skip the case without, for cases that expect one thing of some " +
				"kernels and another thing of others.",
			example: `check.true(lab.has(kernel = ">=5.6"))
check.false(lab.has(kernel = [">=4.19.300,<4.20", "<4.14"]))`,
		}, hasThat},
		{signature{
			name:    "step",
			params:  []param{{"text", textKind, nil, "what is about to be done"}},
			returns: "None",
			doc:     "Adds a headline to the timeline.",
			example: `lab.step("the client loses its second link")
check.contains([e.text for e in lab.timeline()], "the client loses its second link")`,
		}, func(c *call, l *labValue) (starlark.Value, error) {
			l.run.lab.Note(lab.KindStep, "", get[string](c, "text"))
			return nil, nil
		}},
		{predictSignature, predict},
		{signature{
			name:    "timeline",
			returns: "list of entries",
			doc:     "Returns all that was observed and done so far, in order of time.",
			example: `lab.connect(client, server)
check.true(any([e.kind == "packet" for e in lab.timeline()]), "nothing was seen on the wire")`,
		}, func(_ *call, l *labValue) (starlark.Value, error) {
			return entrySnapshot.list(l.run.lab.Timeline()), nil
		}},
	},
}

// note adds an action of the script to the timeline.
func (r *run) note(host, format string, args ...any) {
	r.lab.Note(lab.KindAction, host, fmt.Sprintf(format, args...))
}

func addHost(c *call, l *labValue) (starlark.Value, error) {
	if len(l.run.hosts) >= maxHosts {
		return nil, fmt.Errorf("a lab has at most %d hosts", maxHosts)
	}
	o := lab.HostOptions{Router: get[bool](c, "router"), Sysctl: map[string]string{}}
	if d := get[*starlark.Dict](c, "sysctl"); d != nil {
		for _, kv := range d.Items() {
			name, ok := starlark.AsString(kv[0])
			if !ok {
				return nil, fmt.Errorf("sysctl: expected names such as \"net.mptcp.enabled\", got %s", shown(kv[0]))
			}
			o.Sysctl[name] = valueText(kv[1])
		}
	}
	made, err := l.run.lab.Host(c.ctx(), get[string](c, "name"), o)
	if err != nil {
		return nil, err
	}
	h := &host{run: l.run, host: made, router: o.Router}
	l.run.hosts = append(l.run.hosts, h)
	l.run.made.nodes = append(l.run.made.nodes, h)
	return h, nil
}

// valueText is a value as a sysctl is written: True is 1.
func valueText(v starlark.Value) string {
	switch v := v.(type) {
	case starlark.String:
		return string(v)
	case starlark.Bool:
		if v {
			return "1"
		}
		return "0"
	}
	return v.String()
}

func requireThat(c *call, l *labValue) (starlark.Value, error) {
	if get[bool](c, "alone") {
		if len(l.run.hosts) > 0 {
			return nil, errors.New("alone must be asked for before the first host is made")
		}
		if !l.run.lab.Alone() {
			return nil, errAlone
		}
	}
	lacking, err := l.run.lacks(c)
	if err != nil {
		return nil, err
	}
	if lacking == nil {
		return nil, nil
	}
	if c.has("why") {
		lacking.reason += ": " + get[string](c, "why")
	}
	return nil, lacking
}

func hasThat(c *call, l *labValue) (starlark.Value, error) {
	if !c.has("kernel") && !c.has("feature") {
		return nil, errors.New("nothing to ask for: give kernel or feature")
	}
	lacking, err := l.run.lacks(c)
	return starlark.Bool(lacking == nil), err
}

// What lab.require and lab.has ask for.
var (
	kernelParam = param{
		"kernel", versionsKind, starlark.None,
		`a version that the kernel must have: ">=5.17"; of a list one has to hold: [">=6.11", ">=6.1.107,<6.2"]`,
	}
	featureParam = param{"feature", textKind, starlark.None, "a thing that the machine must be able to do; `mptcp-lab doctor` lists them"}
)

// lacks returns what the machine lacks of what a call asks for; nil: nothing.
func (r *run) lacks(c *call) (lacking *skip, err error) {
	features := r.options.Features
	if c.has("kernel") {
		want, release := get[versions](c, "kernel"), cmp.Or(features.Version, features.Kernel)
		ok, err := want.hold(release)
		if err != nil {
			return nil, err
		}
		if !ok {
			return &skip{fmt.Sprintf("needs Linux %s, this is %s", want, release)}, nil
		}
	}
	if !c.has("feature") {
		return nil, nil
	}
	if len(features.List) == 0 {
		return nil, errors.New("what this machine can do was not asked")
	}
	name := get[string](c, "feature")
	f, known := features.Find(name)
	if !known {
		return nil, fmt.Errorf("unknown feature %q%s; mptcp-lab doctor lists them", name, DidYouMean(name, features.Names()))
	}
	if !f.OK {
		return missing(f), nil
	}
	return nil, nil
}

func wait(c *call, l *labValue) (starlark.Value, error) {
	condition := get[starlark.Callable](c, "condition")
	timeout := get[time.Duration](c, "timeout")
	var last starlark.Value
	ok, err := l.run.await(c.ctx(), timeout, func() (bool, error) {
		v, err := starlark.Call(c.thread, condition, nil, nil)
		if err != nil {
			return false, err
		}
		last = v
		return bool(v.Truth()), nil
	})
	if err != nil {
		return nil, err
	}
	what := l.run.conditionText(condition)
	if !ok {
		details := l.run.conditionState(c.thread, condition, last)
		if s := l.run.wantedMore(c.thread, condition); s != nil {
			details = append(details, c.whyFewer(s, nil)...)
		}
		return nil, c.fail(fmt.Sprintf("not within %s: %s", timeout, what), details...)
	}
	c.hold(what)
	return last, nil
}

// missing skips the case for want of a feature.
func missing(f lab.Feature) *skip {
	reason := fmt.Sprintf("needs %s (%s): %s", f.Name, f.Meaning, cmp.Or(f.Reason, "not available here"))
	if f.Remedy != "" {
		reason += "; " + f.Remedy
	}
	return &skip{reason}
}
