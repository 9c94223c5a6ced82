package starlark

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// pathManager is a path manager written in the script: functions that are called with the events of a host.
type pathManager struct {
	host      *host
	thread    *starlark.Thread
	functions map[pm.EventKind]starlark.Callable
	served    int // events
}

var manageSignature = signature{
	name:    "manage",
	params:  manageParams(),
	returns: "None",
	doc: "Makes functions the path manager of the host's connections from now on, in place of the kernel's: each is called with " +
		"the event that it is for. It sets `net.mptcp.pm_type` to 1. A case has one thread: the functions are called while it " +
		"waits, sends, receives or connects, and cannot do so themselves.",
	example: `def on_established(event):
    client.mptcp.subflow.create(event, client.address(1), 1, server.address(1), event.remote_port)
client.mptcp.manage(established = on_established)
conn = lab.connect(client, server)
check.subflows(conn.client, 2)`,
}

// eventFunctions are the parameters of manage: the kernel's names of the events.
var eventFunctions = map[string]struct {
	kind pm.EventKind
	doc  string
}{
	"created":          {pm.EventCreated, "a connection is being made"},
	"established":      {pm.EventEstablished, "a connection can have further subflows"},
	"closed":           {pm.EventClosed, "a connection has ended"},
	"announced":        {pm.EventAnnounced, "the peer announced an address (ADD_ADDR)"},
	"removed":          {pm.EventRemoved, "the peer withdrew an address (RM_ADDR)"},
	"sub_established":  {pm.EventSubEstablished, "a subflow was added"},
	"sub_closed":       {pm.EventSubClosed, "a subflow has ended"},
	"sub_priority":     {pm.EventSubPriority, "the peer changed the priority of a subflow (MP_PRIO)"},
	"listener_created": {pm.EventListenerCreated, "a socket listens"},
	"listener_closed":  {pm.EventListenerClosed, "a socket listens no more"},
}

func manageParams() []param {
	var params []param
	names := sortedKeys(eventFunctions)
	slices.SortFunc(names, func(a, b string) int { return int(eventFunctions[a].kind) - int(eventFunctions[b].kind) })
	for _, name := range names {
		params = append(params, param{name, callableKind, starlark.None, "called when " + eventFunctions[name].doc})
	}
	return params
}

func manage(c *call, m *manager) (starlark.Value, error) {
	functions := map[pm.EventKind]starlark.Callable{}
	for name, e := range eventFunctions {
		if c.has(name) {
			functions[e.kind] = get[starlark.Callable](c, name)
		}
	}
	if len(functions) == 0 {
		return nil, fmt.Errorf("no function given: name them by the events they are for: %s", strings.Join(sortedKeys(eventFunctions), ", "))
	}
	if slices.ContainsFunc(m.run.served, func(s served) bool {
		p, ok := s.(*pathManager)
		return ok && p.host.host == m.host.host
	}) {
		return nil, fmt.Errorf("%s has a path manager already", m.host.host.Name())
	}
	if err := m.host.host.SetSysctl("net.mptcp.pm_type", "1"); err != nil {
		return nil, err
	}
	before, err := m.events()
	if err != nil {
		return nil, err
	}
	m.run.served = append(m.run.served, &pathManager{host: m.host, thread: c.thread, functions: functions, served: len(before)})
	return nil, nil
}

// serve implements [served].
func (p *pathManager) serve() error {
	events, err := p.host.events()
	if err != nil {
		return err
	}
	for p.served < len(events) {
		e := events[p.served]
		p.served++
		if fn, ok := p.functions[e.Kind]; ok {
			if _, err := starlark.Call(p.thread, fn, starlark.Tuple{eventSnapshot.of(e)}, nil); err != nil {
				return err
			}
		}
	}
	return nil
}
