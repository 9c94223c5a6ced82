package pathmanager

import (
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// The requests of *pm.Client: the same words, the same errors.
var _ lab.PathManager = (*Manager)(nil)

// AddEndpoint adds an endpoint, as [pm.Client.AddEndpoint] does.
func (m *Manager) AddEndpoint(e pm.Endpoint) error {
	return m.perform("add endpoint "+e.String(), ipmptcp.CmdAddAddr, request{local: nestOf(e)})
}

// DeleteEndpoint deletes an endpoint, as [pm.Client.DeleteEndpoint] does.
func (m *Manager) DeleteEndpoint(e pm.Endpoint) error {
	k := key(e)
	return m.perform("delete endpoint "+k.String(), ipmptcp.CmdDelAddr, request{local: nestOf(k)})
}

// ChangeEndpoint changes the flags of an endpoint, as [pm.Client.ChangeEndpoint] does.
func (m *Manager) ChangeEndpoint(e pm.Endpoint) error {
	k := key(e)
	k.Flags = e.Flags
	return m.perform("change endpoint "+k.String(), ipmptcp.CmdSetFlags, request{local: nestOf(k)})
}

// Endpoint returns an endpoint, as [pm.Client.Endpoint] does.
func (m *Manager) Endpoint(id uint8) (pm.Endpoint, error) {
	e, r := m.doGet(request{local: nestOf(pm.Endpoint{ID: id})})
	return e, m.failure(fmt.Sprintf("get endpoint id %d", id), r)
}

// Endpoints lists the endpoints, as [pm.Client.Endpoints] does.
func (m *Manager) Endpoints() ([]pm.Endpoint, error) {
	all, r := m.doList(request{})
	return all, m.failure("list endpoints", r)
}

// FlushEndpoints deletes all endpoints, as [pm.Client.FlushEndpoints] does.
func (m *Manager) FlushEndpoints() error {
	return m.perform("flush endpoints", ipmptcp.CmdFlushAddrs, request{})
}

// Limits returns the limits.
func (m *Manager) Limits() (pm.Limits, error) { return m.limits, nil }

// SetLimits sets the limits that are not nil, as [pm.Client.SetLimits] does.
func (m *Manager) SetLimits(u pm.LimitsUpdate) error {
	return m.perform("set limits "+u.String(), ipmptcp.CmdSetLimits, request{limits: u})
}

// Announce sends an ADD_ADDR, as [pm.Client.Announce] does.
func (m *Manager) Announce(token uint32, local pm.Endpoint) error {
	op := fmt.Sprintf("announce %s on token %08x", local, token)
	return m.perform(op, cmdAnnounce, request{token: &token, local: nestOf(local)})
}

// Remove sends a RM_ADDR, as [pm.Client.Remove] does.
func (m *Manager) Remove(token uint32, id uint8) error {
	op := fmt.Sprintf("remove id %d on token %08x", id, token)
	return m.perform(op, cmdRemove, request{token: &token, id: &id})
}

// SubflowCreate opens a subflow, as [pm.Client.SubflowCreate] does.
func (m *Manager) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	op := fmt.Sprintf("create subflow %s to %s on token %08x", local, remote, token)
	return m.perform(op, cmdSubflowCreate, request{token: &token, local: nestOf(local), remote: nestAt(remote)})
}

// SubflowDestroy closes a subflow, as [pm.Client.SubflowDestroy] does.
func (m *Manager) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	op := fmt.Sprintf("destroy subflow %s to %s on token %08x", local, remote, token)
	return m.perform(op, cmdSubflowDestroy, request{token: &token, local: nestAt(local), remote: nestAt(remote)})
}

// SetFlags sets or clears the flag backup of a subflow, as [pm.Client.SetFlags] does.
func (m *Manager) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	words := flags.String()
	if flags == 0 {
		words = "nobackup"
	}
	op := fmt.Sprintf("set flags %s on subflow %s to %s on token %08x", words, local, remote, token)
	entry := nestAt(local)
	entry.Flags = flags
	return m.perform(op, ipmptcp.CmdSetFlags, request{token: &token, local: entry, remote: nestAt(remote)})
}

// Address returns an address of a connection, as [pm.Client.Address] does.
func (m *Manager) Address(token uint32, id uint8) (pm.Endpoint, error) {
	e, r := m.doGet(request{token: &token, local: nestOf(pm.Endpoint{ID: id})})
	return e, m.failure(fmt.Sprintf("get address id %d on token %08x", id, token), r)
}

// Addresses lists the addresses of a connection, as [pm.Client.Addresses] does.
func (m *Manager) Addresses(token uint32) ([]pm.Endpoint, error) {
	all, r := m.doList(request{token: &token})
	return all, m.failure(fmt.Sprintf("list addresses on token %08x", token), r)
}

// perform does a request that has no answer.
func (m *Manager) perform(op string, cmd ipmptcp.Cmd, q request) error {
	for _, n := range []*nest{q.local, q.remote} {
		if n != nil && n.Address.Zone() != "" {
			const text = "%s: address %s: an endpoint cannot carry the zone %q; give the interface index"
			return fmt.Errorf(text, op, n.Address, n.Address.Zone())
		}
	}
	c := commands[cmd]
	if !m.knows(c) {
		return m.failure(op, &refusal{errno: eopnotsupp})
	}
	return m.failure(op, c.do(m, q))
}

// key is an endpoint reduced to what selects it, as package pm sends it.
func key(e pm.Endpoint) pm.Endpoint {
	if e.ID != 0 {
		return pm.Endpoint{ID: e.ID}
	}
	return pm.Endpoint{Address: e.Address, Port: e.Port}
}
