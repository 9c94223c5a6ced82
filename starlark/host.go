package starlark

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// host is a host of the lab.
type host struct {
	run    *run
	host   lab.Host
	router bool
}

var _ node = (*host)(nil)

func (h *host) labNode() lab.Node                        { return h.host }
func (h *host) String() string                           { return "<host " + h.host.Name() + ">" }
func (h *host) Type() string                             { return "host" }
func (h *host) Freeze()                                  {}
func (h *host) Truth() starlark.Bool                     { return true }
func (h *host) Hash() (uint32, error)                    { return starlark.String(h.host.Name()).Hash() }
func (h *host) Attr(name string) (starlark.Value, error) { return hostNoun.attr(h, name) }
func (h *host) AttrNames() []string                      { return hostNoun.attrNames() }

var hostNoun = &noun[*host]{
	name: "host",
	doc:  "A host: a network stack of its own with its own MPTCP path manager.",
	attributes: []attribute[*host]{
		{"name", "string", "Its name.", func(h *host) (starlark.Value, error) { return text(h.host.Name()), nil }},
		{"addresses", "list of strings", "The addresses of its links, in order of their creation; no loopback, no link-local ones.", func(h *host) (starlark.Value, error) {
			var addresses []starlark.Value
			for _, a := range h.host.Addresses() {
				addresses = append(addresses, addressText(a.Prefix.Addr()))
			}
			return frozen(addresses), nil
		}},
		{"interfaces", "list of strings", "The names of its interfaces that have addresses, in order.", func(h *host) (starlark.Value, error) {
			var names []starlark.Value
			for _, a := range h.host.Addresses() {
				if name := text(a.Interface); !slices.Contains(names, name) {
					names = append(names, name)
				}
			}
			return frozen(names), nil
		}},
		{"mptcp", "host.mptcp", "Its path manager, as ip-mptcp(8) drives it.", func(h *host) (starlark.Value, error) { return &manager{h}, nil }},
		{"addr", "host.addr", "Its addresses, as ip-address(8) changes them.", func(h *host) (starlark.Value, error) { return &addrs{h}, nil }},
		{"route", "host.route", "Its routes, as ip-route(8) changes them.", func(h *host) (starlark.Value, error) { return &routes{h}, nil }},
		{"firewall", "host.firewall", "Its packet filter and address translation.", func(h *host) (starlark.Value, error) { return &firewall{h}, nil }},
		{"events", "list of events", "All its path-manager events so far, in order.", func(h *host) (starlark.Value, error) {
			events, err := h.events()
			return eventSnapshot.list(events), err
		}},
		{"counters", "counters", "Its MPTcpExt counters, as nstat(8) shows them.", func(h *host) (starlark.Value, error) {
			return h.counters()
		}},
		{"conns", "list of views", "Every MPTCP connection of the host, as inet_diag shows it.", func(h *host) (starlark.Value, error) {
			conns, err := h.host.Conns()
			if err != nil {
				return nil, fmt.Errorf("connections of %s: %w", h.host.Name(), err)
			}
			return connSnapshot.list(conns), nil
		}},
		{"listeners", "list of listening", "Its listening sockets by address, those of endpoints with a port included, as inet_diag shows them.", func(h *host) (starlark.Value, error) {
			listeners, err := h.host.Listeners()
			return listeningSnapshot.list(listeners), err
		}},
	},
	methods: []method[*host]{
		{signature{
			name: "address",
			params: []param{
				{"index", number(0, 1000), starlark.MakeInt(0), "0 for the address on its first link"},
				{"family", familyKind, starlark.None, `None: the family of the host's first address`},
			},
			returns: "string",
			doc:     "Returns one of its addresses: of those of one family, the one with that index.",
			example: `check.equal(server.address(1), "10.0.2.2")
check.equal(server.address(0), server.addresses[0])`,
		}, hostAddress},
		{signature{
			name: "sysctl",
			params: []param{
				{"name", textKind, nil, `its dotted name, such as "net.mptcp.enabled"`},
				{"value", anyKind, starlark.None, "what to set it to"},
			},
			returns: "string",
			doc: "Returns the value of a sysctl of this host, after setting it where a value is given. One of net.mptcp that this kernel does not " +
				"have, but another does, skips the case.",
			example: `client.sysctl("net.mptcp.checksum_enabled", 1)
check.equal(client.sysctl("net.mptcp.checksum_enabled"), "1")`,
		}, hostSysctl},
		{signature{
			name: "link_up", params: []param{{"dev", textKind, nil, "name of the interface"}}, returns: "None",
			doc:     "Brings an interface up.",
			example: "client.link_down(\"eth2\")\nclient.link_up(\"eth2\")\ncheck.equal(client.interfaces, [\"eth1\", \"eth2\"])",
		}, func(c *call, h *host) (starlark.Value, error) { return h.setUp(c, true) }},
		{signature{
			name: "link_down", params: []param{{"dev", textKind, nil, "name of the interface"}}, returns: "None",
			doc:     "Brings an interface down; that of the peer only loses its carrier.",
			example: "client.link_down(\"eth2\")\ncheck.fails(lambda: lab.connect(client, server, address = server.address(1), timeout = \"300ms\"))",
		}, func(c *call, h *host) (starlark.Value, error) { return h.setUp(c, false) }},
		hostConnMethod,
		socketsInUseMethod,
		{listenSignature, hostListen},
		{dialSignature, hostConnect},
		{ipSignature, hostIP},
		{signature{
			name: "exec",
			params: []param{
				{"argv", listKind, nil, `the program and its arguments: ["ip", "addr"]`},
				{"stdin", textKind, starlark.String(""), "its standard input"},
			},
			returns: "result",
			doc:     "Runs a program within the host. It needs --allow-exec, for scripts are not trusted.",
			example: `check.fails(lambda: client.exec(["ip", "addr"]), "exec")`,
		}, hostExec},
	},
}

func familyOf(a netip.Addr) string {
	if a.Unmap().Is4() {
		return "ipv4"
	}
	return "ipv6"
}

func (h *host) events() ([]lab.Event, error) {
	events, err := h.host.Events()
	if err != nil {
		return nil, fmt.Errorf("events of %s: %w", h.host.Name(), err)
	}
	return events, nil
}

func (h *host) setUp(c *call, up bool) (starlark.Value, error) {
	dev, state := get[string](c, "dev"), map[bool]string{true: "up", false: "down"}[up]
	h.run.note(h.host.Name(), "link set %s %s", dev, state)
	return nil, h.host.SetInterfaceUp(c.ctx(), dev, up)
}

func hostAddress(c *call, h *host) (starlark.Value, error) {
	a, err := h.address(get[int64](c, "index"), get[string](c, "family"))
	return addressText(a), err
}

// address is the address with an index among those of a family; an empty family is that of the first address.
func (h *host) address(index int64, family string) (netip.Addr, error) {
	all := h.host.Addresses()
	if len(all) == 0 {
		return netip.Addr{}, fmt.Errorf("%s has no addresses yet: lab.link gives them", h.host.Name())
	}
	family = cmp.Or(family, familyOf(all[0].Prefix.Addr()))
	count := int64(0)
	for _, a := range all {
		if addr := a.Prefix.Addr(); familyOf(addr) == family {
			if count == index {
				return addr, nil
			}
			count++
		}
	}
	return netip.Addr{}, fmt.Errorf("%s has no %s address with index %d: it has %d, counted from 0", h.host.Name(), family, index, count)
}

func hostSysctl(c *call, h *host) (starlark.Value, error) {
	name := get[string](c, "name")
	if setting, own := strings.CutPrefix(name, "net.mptcp."); own {
		if f, known := h.run.options.Features.Find("sysctl." + setting); known && !f.OK {
			return nil, missing(f)
		}
	}
	if c.has("value") {
		value := valueText(get[starlark.Value](c, "value"))
		h.run.note(h.host.Name(), "sysctl %s = %s", name, value)
		if err := h.host.SetSysctl(name, value); err != nil {
			return nil, err
		}
	}
	value, err := h.host.Sysctl(name)
	return text(value), err
}

func hostExec(c *call, h *host) (starlark.Value, error) {
	var argv []string
	for v := range starlark.Elements(get[starlark.Iterable](c, "argv")) {
		arg, ok := starlark.AsString(v)
		if !ok {
			return nil, fmt.Errorf("argv: expected strings, got %s", shown(v))
		}
		argv = append(argv, arg)
	}
	if len(argv) == 0 {
		return nil, fmt.Errorf("argv: expected a program")
	}
	h.run.note(h.host.Name(), "exec %q", argv)
	var result lab.ExecResult
	err := h.run.attend(c.ctx(), func(ctx context.Context) (err error) {
		result, err = h.host.Exec(ctx, argv, get[string](c, "stdin"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return resultSnapshot.of(result), nil
}
