package starlark

import (
	"errors"
	"net/netip"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// The commands of a path manager in userspace, named as in the kernel's mptcp_pm.yaml: they act on one connection, by its
// token. userspaceSetup is what their examples begin with.
const userspaceSetup = `for h in [client, server]:
    h.sysctl("net.mptcp.pm_type", 1)
conn = lab.connect(client, server)
`

var (
	tokenParam = param{"token", tokenKind, nil, "the connection: its local token, or what has one: a socket, an event"}
	tokenKind  = kindOf("a token, or a socket or an event, which have one", toToken)
)

func toToken(v starlark.Value) (uint32, error) {
	switch v := v.(type) {
	case *socket:
		view, err := v.view()
		return view.Token, err
	case *record:
		switch of := v.of.(type) {
		case lab.Event:
			return of.Token, nil
		case lab.Conn:
			return of.Token, nil
		}
	case starlark.Int:
		if n, ok := v.Uint64(); ok && n <= 1<<32-1 {
			return uint32(n), nil
		}
	}
	return 0, errWrongKind
}

// addressIDParam is the ID of a local address of a connection. The kernel says which may not be 0.
var addressIDParam = param{"id", number(0, 255), nil, "the address ID that the peer knows it by"}

var announceSignature = signature{
	name: "announce",
	params: []param{
		tokenParam,
		{"address", addressKind, nil, "the local address"},
		addressIDParam,
		{"port", portKind, starlark.MakeInt(0), "port to announce with it; 0: none"},
		{"dev", textKind, starlark.String(""), "name of its interface; empty: any"},
		flagParams("backup")[0],
		{"signal", boolKind, starlark.True, "the kernel demands this flag"},
	},
	returns: "None",
	doc: "Announces an address to the peer of a connection (ADD_ADDR), in place of the in-kernel path manager. The address need " +
		"not be the host's, and nothing listens on the port by itself.",
	example: userspaceSetup + `client.mptcp.announce(conn.client, client.address(1), id = 3)
check.add_addr(server, received = 1)
check.equal([a.id for a in client.mptcp.addresses(conn.client)], [3])`,
}

func announce(c *call, m *manager) (starlark.Value, error) {
	local, err := m.localAddress(c, "address")
	if err != nil {
		return nil, err
	}
	local.Port = uint16(get[int64](c, "port"))
	token := get[uint32](c, "token")
	m.run.note(m.host.host.Name(), "announce %s token %08x", endpointWords(local, get[string](c, "dev")), token)
	return nil, m.host.host.PathManager().Announce(token, local)
}

// localAddress is the local address of a command, with its ID, interface and flags.
func (h *host) localAddress(c *call, address string) (pm.Endpoint, error) {
	e := pm.Endpoint{ID: uint8(get[int64](c, "id")), Address: get[netip.Addr](c, address), Flags: flagsOf(c)}
	dev := get[string](c, "dev")
	if dev == "" {
		return e, nil
	}
	index, err := h.host.InterfaceIndex(dev)
	e.IfIndex = index
	return e, err
}

var removeSignature = signature{
	name:    "remove",
	params:  []param{tokenParam, addressIDParam},
	returns: "None",
	doc:     "Withdraws a local address of a connection (RM_ADDR). The peer closes the subflows that use it.",
	example: userspaceSetup + `client.mptcp.announce(conn.client, client.address(1), id = 3)
client.mptcp.remove(conn.client, 3)
check.events(server, ["ANNOUNCED", "REMOVED"])`,
}

func removeAddress(c *call, m *manager) (starlark.Value, error) {
	token, id := get[uint32](c, "token"), uint8(get[int64](c, "id"))
	m.run.note(m.host.host.Name(), "remove id %d token %08x", id, token)
	return nil, m.host.host.PathManager().Remove(token, id)
}

var addressesSignature = signature{
	name: "addresses",
	params: []param{
		tokenParam,
		{"id", number(0, 255), starlark.None, "the ID of one; None: all"},
	},
	returns: "endpoint, or list of endpoints",
	doc: "Returns the local addresses of a connection that a userspace path manager has told the kernel of. A kernel that does not list them " +
		"skips the case.",
	example: userspaceSetup + `client.mptcp.announce(conn.client, client.address(1), id = 3)
check.equal(client.mptcp.addresses(conn.client, id = 3).address, client.address(1))`,
}

func showAddresses(c *call, m *manager) (starlark.Value, error) {
	if f, known := m.run.options.Features.Find("userspace_addresses"); known && !f.OK {
		return nil, missing(f)
	}
	token, manager := get[uint32](c, "token"), m.host.host.PathManager()
	if c.has("id") {
		got, err := manager.Address(token, uint8(get[int64](c, "id")))
		if err != nil {
			return nil, err
		}
		return endpointSnapshot.of(m.named(got)), nil
	}
	all, err := manager.Addresses(token)
	if err != nil {
		return nil, err
	}
	return m.endpointList(all), nil
}

// subflows is host.mptcp.subflow.
type subflows struct{ *host }

func (s *subflows) String() string                           { return "<subflow commands of " + s.host.host.Name() + ">" }
func (s *subflows) Type() string                             { return "host.mptcp.subflow" }
func (s *subflows) Attr(name string) (starlark.Value, error) { return subflowNoun.attr(s, name) }
func (s *subflows) AttrNames() []string                      { return subflowNoun.attrNames() }

// ends are the two ends of a subflow.
type ends struct{ local, remote netip.AddrPort }

func (e ends) String() string { return e.local.String() + " > " + e.remote.String() }

var (
	subflowParam = param{"subflow", subflowKind, nil, "a subflow of a socket, an event of it, or its local and remote end"}
	subflowKind  = kindOf(`a subflow, or its ends: ("10.0.2.1:40000", "10.0.2.2:8001")`, toEnds)
)

func toEnds(v starlark.Value) (ends, error) {
	switch v := v.(type) {
	case *record:
		switch of := v.of.(type) {
		case lab.Subflow:
			return ends{of.Local, of.Remote}, nil
		case lab.Event:
			return ends{of.Local, of.Remote}, nil
		}
	case starlark.Tuple:
		if len(v) != 2 {
			return ends{}, errWrongKind
		}
		local, err := toAddrPort(v[0])
		if err != nil {
			return ends{}, err
		}
		remote, err := toAddrPort(v[1])
		return ends{local, remote}, err
	}
	return ends{}, errWrongKind
}

// toAddrPort takes an address with or without a port, which the kernel then judges.
func toAddrPort(v starlark.Value) (netip.AddrPort, error) {
	s, ok := starlark.AsString(v)
	if !ok {
		return netip.AddrPort{}, errWrongKind
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 0), nil
	}
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		return a, errors.Join(errWrongKind, err)
	}
	return a, nil
}

var subflowNoun = &noun[*subflows]{
	name: "host.mptcp.subflow",
	doc:  "The subflows of connections under a userspace path manager.",
	methods: []method[*subflows]{
		{signature{
			name: "create",
			params: []param{
				tokenParam,
				{"local", addressKind, nil, "the local address"},
				addressIDParam,
				{"remote", addressKind, nil, "the address of the peer"},
				{"port", portKind, nil, "the port of the peer"},
				{"local_port", portKind, starlark.MakeInt(0), "0: the kernel picks one"},
				{"dev", textKind, starlark.String(""), "name of the interface to bind to; empty: none"},
				flagParams("backup")[0],
			},
			returns: "None",
			doc:     "Opens a subflow (MP_JOIN). It returns when the SYN is sent: the event SUB_ESTABLISHED tells of its success.",
			example: userspaceSetup + `client.mptcp.subflow.create(conn.client, client.address(1), 3, server.address(1), 8001)
check.subflows(conn.client, 2)`,
		}, createSubflow},
		{signature{
			name:    "destroy",
			params:  []param{tokenParam, subflowParam},
			returns: "None",
			doc:     "Closes a subflow. The peer is not told that its address is gone: see host.mptcp.remove.",
			example: userspaceSetup + `client.mptcp.subflow.create(conn.client, client.address(1), 3, server.address(1), 8001)
check.subflows(conn.client, 2)
client.mptcp.subflow.destroy(conn.client, conn.client.subflows[1])
check.subflows(conn.client, 1)`,
		}, destroySubflow},
		{signature{
			name:    "change",
			params:  append([]param{tokenParam, subflowParam}, flagParams("backup")...),
			returns: "None",
			doc:     "Makes a subflow a backup path, or no longer, and tells the peer (MP_PRIO).",
			example: userspaceSetup + `client.mptcp.subflow.change(conn.client, conn.client.subflows[0], backup = True)
lab.wait(lambda: conn.server.subflows[0].backup)`,
		}, changeSubflow},
	},
}

func createSubflow(c *call, s *subflows) (starlark.Value, error) {
	local, err := s.localAddress(c, "local")
	if err != nil {
		return nil, err
	}
	local.Port = uint16(get[int64](c, "local_port"))
	token := get[uint32](c, "token")
	remote := netip.AddrPortFrom(get[netip.Addr](c, "remote"), uint16(get[int64](c, "port")))
	s.run.note(s.host.host.Name(), "subflow create %s to %s token %08x", endpointWords(local, get[string](c, "dev")), remote, token)
	return nil, s.host.host.PathManager().SubflowCreate(token, local, remote)
}

func destroySubflow(c *call, s *subflows) (starlark.Value, error) {
	token, e := get[uint32](c, "token"), get[ends](c, "subflow")
	s.run.note(s.host.host.Name(), "subflow destroy %s token %08x", e, token)
	return nil, s.host.host.PathManager().SubflowDestroy(token, e.local, e.remote)
}

func changeSubflow(c *call, s *subflows) (starlark.Value, error) {
	token, e, flags := get[uint32](c, "token"), get[ends](c, "subflow"), flagsOf(c)
	word := map[bool]string{true: "backup", false: "nobackup"}[flags != 0]
	s.run.note(s.host.host.Name(), "subflow change %s %s token %08x", e, word, token)
	return nil, s.host.host.PathManager().SetFlags(token, e.local, e.remote, flags)
}
