package pathmanager

import (
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// request is a request of package pm, or one that netlink encodes. What is nil was not given.
type request struct {
	local, remote *nest
	token         *uint32
	id            *uint8
	limits        pm.LimitsUpdate
}

// nest is an address of a request. What is wrong with it is found when it is read, which for some commands is after other checks.
type nest struct {
	pm.Endpoint          // without an address: no family was given
	malformed   *refusal // what is wrong with it
}

// nestOf is an address as package pm sends it.
func nestOf(e pm.Endpoint) *nest { return &nest{Endpoint: e} }

// nestAt is an address and port as package pm sends them.
func nestAt(a netip.AddrPort) *nest { return nestOf(pm.Endpoint{Address: a.Addr(), Port: a.Port()}) }

// read returns the endpoint in an attribute (mptcp_pm_parse_entry).
func (m *Manager) read(n *nest, from attr, needsFamily bool) (pm.Endpoint, *refusal) {
	if n.malformed != nil {
		r := *n.malformed
		r.attr = from
		return pm.Endpoint{}, &r
	}
	if needsFamily && !n.Address.IsValid() {
		return pm.Endpoint{}, refuse(einval, from, "missing family")
	}
	e := n.Endpoint
	if m.has(FlagMask) {
		e.Flags &= knownFlags
	}
	return e, nil
}

// The requests of the table (net/mptcp/pm_netlink.c and pm_kernel.c).

func (m *Manager) doAdd(q request) *refusal {
	if q.local == nil {
		return lacks(attrAddr)
	}
	e, r := m.read(q.local, attrAddr, true)
	if r != nil {
		return r
	}
	return m.add(e)
}

func (m *Manager) doDelete(q request) *refusal {
	if q.local == nil {
		return lacks(attrAddr)
	}
	e, r := m.read(q.local, attrAddr, false)
	if r != nil {
		return r
	}
	return m.remove(e)
}

func (m *Manager) doSetLimits(q request) *refusal { return m.setLimits(q.limits) }

func (m *Manager) doFlush(request) *refusal {
	m.flush()
	return nil
}

// doSetFlags changes an endpoint or, with a token, a subflow (mptcp_pm_nl_set_flags_doit).
func (m *Manager) doSetFlags(q request) *refusal {
	if q.local == nil {
		return lacks(attrAddr)
	}
	e, r := m.read(q.local, attrAddr, false)
	switch {
	case r != nil:
		return r
	case q.token != nil && m.has(Userspace):
		return m.setSubflowFlags(q, e)
	}
	return m.change(e)
}

// doGet returns an endpoint or, with a token, an address of a connection.
func (m *Manager) doGet(q request) (pm.Endpoint, *refusal) {
	if q.local == nil {
		return pm.Endpoint{}, lacks(attrAddr)
	}
	e, r := m.read(q.local, attrAddr, false)
	if r != nil {
		return pm.Endpoint{}, r
	}
	unknown := refuse(einval, attrAddr, "address not found")
	if q.token != nil && m.has(TokenLists) {
		c, r := m.ofUserspace(q)
		if r != nil {
			return pm.Endpoint{}, unknown // its text replaces that of the token
		}
		if known := c.ownByID(e.ID); known != nil {
			return *known, nil
		}
		return pm.Endpoint{}, unknown
	}
	if known := m.byID(e.ID); known != nil {
		return known.Endpoint, nil
	}
	return pm.Endpoint{}, unknown
}

// doList returns the endpoints by ID or, with a token, the addresses of a connection.
func (m *Manager) doList(q request) ([]pm.Endpoint, *refusal) {
	if q.token != nil && m.has(TokenLists) {
		c, r := m.ofUserspace(q)
		if r != nil {
			return nil, r
		}
		return c.ownEndpoints(), nil
	}
	all := []pm.Endpoint{}
	for id := 1; id <= 255; id++ {
		if e := m.byID(uint8(id)); e != nil {
			all = append(all, e.Endpoint)
		}
	}
	return all, nil
}
