package starlark

import (
	"fmt"
	"net/netip"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// manager is host.mptcp.
type manager struct{ *host }

func (m *manager) String() string                           { return "<mptcp of " + m.host.host.Name() + ">" }
func (m *manager) Type() string                             { return "host.mptcp" }
func (m *manager) Attr(name string) (starlark.Value, error) { return managerNoun.attr(m, name) }
func (m *manager) AttrNames() []string                      { return managerNoun.attrNames() }

var managerNoun = &noun[*manager]{
	name: "host.mptcp",
	doc:  "The path manager of a host, in the words of ip-mptcp(8).",
	attributes: []attribute[*manager]{
		{"endpoint", "host.mptcp.endpoint", "`ip mptcp endpoint`.", func(m *manager) (starlark.Value, error) { return &endpoints{m.host}, nil }},
		{"subflow", "host.mptcp.subflow", "The subflows of connections under a userspace path manager.", func(m *manager) (starlark.Value, error) { return &subflows{m.host}, nil }},
		{"limits", "host.mptcp.limits", "`ip mptcp limits`.", func(m *manager) (starlark.Value, error) { return &limits{m.host}, nil }},
	},
	methods: []method[*manager]{
		{monitorSignature, openMonitor},
		{announceSignature, announce},
		{removeSignature, removeAddress},
		{addressesSignature, showAddresses},
		{manageSignature, manage},
	},
}

// endpoints is host.mptcp.endpoint.
type endpoints struct{ *host }

func (e *endpoints) String() string                           { return "<endpoints of " + e.host.host.Name() + ">" }
func (e *endpoints) Type() string                             { return "host.mptcp.endpoint" }
func (e *endpoints) Attr(name string) (starlark.Value, error) { return endpointNoun.attr(e, name) }
func (e *endpoints) AttrNames() []string                      { return endpointNoun.attrNames() }

// endpointFlags are the flags that scripts set, by the words of ip-mptcp(8).
var endpointFlags = []struct {
	name string
	bit  pm.Flags
	doc  string
}{
	{"signal", pm.FlagSignal, "announce it to the peer (ADD_ADDR)"},
	{"subflow", pm.FlagSubflow, "open an extra subflow from it"},
	{"backup", pm.FlagBackup, "its subflows are backup paths"},
	{"fullmesh", pm.FlagFullmesh, "open a subflow from it to every address of the peer"},
	{"laminar", pm.FlagLaminar, "use it as the source of one subflow towards an announced address"},
	{"implicit", pm.FlagImplicit, "refused: only the kernel makes implicit endpoints"},
}

// flagParams are the parameters for some of the flags.
func flagParams(names ...string) []param {
	var params []param
	for _, name := range names {
		for _, f := range endpointFlags {
			if f.name == name {
				params = append(params, param{name, boolKind, starlark.False, f.doc})
			}
		}
	}
	return params
}

// flagsOf reads the flags that a call gives.
func flagsOf(c *call) pm.Flags {
	var flags pm.Flags
	for _, f := range endpointFlags {
		if c.index(f.name) >= 0 && get[bool](c, f.name) {
			flags |= f.bit
		}
	}
	return flags
}

var endpointNoun = &noun[*endpoints]{
	name: "host.mptcp.endpoint",
	doc:  "The endpoints of the in-kernel path manager, as `ip mptcp endpoint` manages them.",
	methods: []method[*endpoints]{
		{signature{
			name: "add",
			params: append([]param{
				{"address", addressKind, nil, "its IP address"},
				{"id", number(0, 255), starlark.MakeInt(0), "its address ID; 0: the kernel picks one"},
				{"port", portKind, starlark.MakeInt(0), "port to announce with it, with signal only; 0: none"},
				{"dev", textKind, starlark.String(""), "name of its interface; empty: any"},
			}, flagParams("signal", "subflow", "backup", "fullmesh", "laminar", "implicit")...),
			returns: "endpoint",
			doc:     "Adds an endpoint, and returns it as the kernel shows it. What the kernel refuses is an error with its own words.",
			example: `announced = server.mptcp.endpoint.add(server.address(1), signal = True)
check.equal(announced.id, 1)
err = check.fails(lambda: server.mptcp.endpoint.add(server.address(1), signal = True), "duplicate")
check.equal(err.errno, "EEXIST")`,
		}, addEndpoint},
		{signature{
			name: "delete",
			params: []param{
				{"id", endpointIDKind, nil, "the endpoint, or its ID; 0 stands for the address of initial subflows"},
				{"address", addressKind, starlark.None, "with ID 0: the address"},
			},
			returns: "None",
			doc:     "Deletes an endpoint. The peer is told (RM_ADDR) and its subflows are closed.",
			example: `announced = server.mptcp.endpoint.add(server.address(1), signal = True)
server.mptcp.endpoint.delete(announced)
check.equal(server.mptcp.endpoint.show(), [])`,
		}, deleteEndpoint},
		{signature{
			name: "change",
			params: append([]param{
				{"id", endpointIDKind, starlark.None, "the endpoint, or its ID"},
				{"address", addressKind, starlark.None, "its address, where no ID is given"},
				{"port", portKind, starlark.MakeInt(0), "its port, along with the address"},
			}, flagParams("backup", "fullmesh")...),
			returns: "endpoint or None",
			doc:     "Sets the backup and fullmesh flags of an endpoint; a flag that is not given is cleared. Connections follow (MP_PRIO). Returns the changed endpoint when an ID is given.",
			example: `endpoint = client.mptcp.endpoint.add(client.address(1), subflow = True)
check.true(client.mptcp.endpoint.change(endpoint, backup = True).backup)`,
		}, changeEndpoint},
		{signature{
			name:    "show",
			params:  []param{{"id", endpointIDKind, starlark.None, "the endpoint, or its ID; None: all"}},
			returns: "endpoint, or list of endpoints",
			doc:     "Returns an endpoint as it is now, or all endpoints by ID.",
			example: `client.mptcp.endpoint.add(client.address(1), id = 7, subflow = True)
check.equal(client.mptcp.endpoint.show(7).address, client.address(1))
check.equal([e.id for e in client.mptcp.endpoint.show()], [7])`,
		}, showEndpoints},
		{signature{
			name: "flush", returns: "None", doc: "Deletes all endpoints.",
			example: `client.mptcp.endpoint.add(client.address(1), subflow = True)
client.mptcp.endpoint.flush()
check.equal(client.mptcp.endpoint.show(), [])`,
		}, func(_ *call, e *endpoints) (starlark.Value, error) {
			e.run.note(e.host.host.Name(), "endpoint flush")
			return nil, e.host.host.PathManager().FlushEndpoints()
		}},
	},
}

// endpointIDKind takes an endpoint or its ID.
var endpointIDKind = kindOf("an endpoint or its ID, from 0 to 255", func(v starlark.Value) (uint8, error) {
	if r, ok := v.(*record); ok {
		if e, ok := r.of.(endpoint); ok {
			return e.ID, nil
		}
	}
	n, err := number(0, 255).convert(v)
	if err != nil {
		return 0, errWrongKind
	}
	return uint8(n.(int64)), nil
})

func addEndpoint(c *call, e *endpoints) (starlark.Value, error) {
	want := pm.Endpoint{
		ID:      uint8(get[int64](c, "id")),
		Address: get[netip.Addr](c, "address"),
		Port:    uint16(get[int64](c, "port")),
		Flags:   flagsOf(c),
	}
	if dev := get[string](c, "dev"); dev != "" {
		index, err := e.host.host.InterfaceIndex(dev)
		if err != nil {
			return nil, err
		}
		want.IfIndex = index
	}
	e.run.note(e.host.host.Name(), "endpoint add %s", endpointWords(want, get[string](c, "dev")))
	manager := e.host.host.PathManager()
	if err := manager.AddEndpoint(want); err != nil {
		return nil, err
	}
	all, err := manager.Endpoints()
	if err != nil {
		return nil, fmt.Errorf("read back endpoint %s on %s: %w", want.Address, e.host.host.Name(), err)
	}
	for _, got := range all {
		if got.Address.Unmap() == want.Address.Unmap() && got.Port == want.Port {
			return endpointSnapshot.of(e.named(got)), nil
		}
	}
	return nil, c.fail(fmt.Sprintf("%s took endpoint %s, but does not show it", e.host.host.Name(), want.Address))
}

// endpointWords is an endpoint as ip-mptcp(8) takes it: "10.0.2.1 id 3 dev eth1 signal".
func endpointWords(e pm.Endpoint, dev string) string {
	words := []string{e.Address.String()}
	if e.Port != 0 {
		words = append(words, fmt.Sprintf("port %d", e.Port))
	}
	if e.ID != 0 {
		words = append(words, fmt.Sprintf("id %d", e.ID))
	}
	if dev != "" {
		words = append(words, "dev "+dev)
	}
	if e.Flags != 0 {
		words = append(words, e.Flags.String())
	}
	return strings.Join(words, " ")
}

// named adds the name of an endpoint's interface.
func (h *host) named(e pm.Endpoint) endpoint {
	if e.IfIndex == 0 {
		return endpoint{Endpoint: e}
	}
	for _, a := range h.host.Addresses() {
		if index, err := h.host.InterfaceIndex(a.Interface); err == nil && index == e.IfIndex {
			return endpoint{Endpoint: e, dev: a.Interface}
		}
	}
	return endpoint{Endpoint: e, dev: fmt.Sprintf("if%d", e.IfIndex)}
}

func deleteEndpoint(c *call, e *endpoints) (starlark.Value, error) {
	victim := pm.Endpoint{ID: get[uint8](c, "id"), Address: get[netip.Addr](c, "address")}
	e.run.note(e.host.host.Name(), "endpoint delete id %d %s", victim.ID, string(addressText(victim.Address).(starlark.String)))
	return nil, e.host.host.PathManager().DeleteEndpoint(victim)
}

func changeEndpoint(c *call, e *endpoints) (starlark.Value, error) {
	want := pm.Endpoint{
		ID:      get[uint8](c, "id"),
		Address: get[netip.Addr](c, "address"),
		Port:    uint16(get[int64](c, "port")),
		Flags:   flagsOf(c),
	}
	e.run.note(e.host.host.Name(), "endpoint change id %d %s", want.ID, want.Flags)
	if err := e.host.host.PathManager().ChangeEndpoint(want); err != nil {
		return nil, err
	}
	if want.ID == 0 {
		return nil, nil
	}
	return e.show(want.ID)
}

func showEndpoints(c *call, e *endpoints) (starlark.Value, error) {
	if c.has("id") {
		return e.show(get[uint8](c, "id"))
	}
	all, err := e.host.host.PathManager().Endpoints()
	if err != nil {
		return nil, err
	}
	return e.endpointList(all), nil
}

// endpointList is a list of endpoints with the names of their interfaces.
func (h *host) endpointList(all []pm.Endpoint) *starlark.List {
	list := make([]endpoint, len(all))
	for i, x := range all {
		list[i] = h.named(x)
	}
	return endpointSnapshot.list(list)
}

func (e *endpoints) show(id uint8) (starlark.Value, error) {
	got, err := e.host.host.PathManager().Endpoint(id)
	if err != nil {
		return nil, err
	}
	return endpointSnapshot.of(e.named(got)), nil
}
