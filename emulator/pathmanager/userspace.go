package pathmanager

import (
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// The commands of a path manager in userspace (net/mptcp/pm_userspace.c), each with its checks in the kernel's order.

// ofUserspace returns the connection that a request names by its token.
func (m *Manager) ofUserspace(q request) (*Connection, *refusal) {
	if q.token == nil {
		return nil, lacks(attrToken)
	}
	c, ok := m.tokens[*q.token]
	switch {
	case !ok || *q.token == 0:
		return nil, refuse(einval, attrToken, "invalid token")
	case !c.userspace:
		return nil, refuse(einval, attrToken, "userspace PM not selected")
	}
	return c, nil
}

func (m *Manager) doAnnounce(q request) *refusal {
	if q.local == nil {
		return lacks(attrAddr)
	}
	c, r := m.ofUserspace(q)
	if r != nil {
		return r
	}
	e, r := m.read(q.local, attrAddr, true)
	switch {
	case r != nil:
		return r
	case (e.ID == 0 || e.Flags&pm.FlagSignal == 0) && !m.has(Texts):
		return refuse(einval, attrAddr, "invalid addr id or flags")
	case e.ID == 0:
		return refuse(einval, attrAddr, "invalid addr id")
	case e.Flags&pm.FlagSignal == 0:
		return refuse(einval, attrAddr, "invalid addr flags")
	case !c.appendOwn(e):
		return refuse(einval, attrAddr, "did not match address and id")
	}
	a := AddAddr{ID: e.ID, Address: e.Address, Port: e.Port}
	c.startAnnouncing(a, true)
	c.addAddrSignaled++
	c.transmit(a)
	return nil
}

func (m *Manager) doRemove(q request) *refusal {
	if q.id == nil {
		return lacks(attrLocID)
	}
	c, r := m.ofUserspace(q)
	if r != nil {
		return r
	}
	id := *q.id
	if id == 0 && m.has(RemoveUserspaceID0) {
		if !slices.ContainsFunc(c.conn.Subflows(), func(s Subflow) bool { return s.Info().LocalID == 0 }) {
			return refuse(einval, attrLocID, "address with id 0 not found")
		}
		c.queueRm([]uint8{0})
		return nil
	}
	e := c.ownByID(id)
	if e == nil {
		return refuse(einval, attrLocID, "address with id %d not found", id)
	}
	removed := *e
	c.own = slices.DeleteFunc(c.own, func(e pm.Endpoint) bool { return e == removed }) // and localAddrUsed stays
	announced := c.withdraw(netip.AddrPortFrom(removed.Address, removed.Port))
	if announced {
		c.addAddrSignaled--
	}
	if announced || c.hasSubflowFrom(&entry{Endpoint: removed}) {
		c.queueRm([]uint8{id})
	}
	return nil
}

func (m *Manager) doCreate(q request) *refusal {
	if r := missingAddress(q); r != nil {
		return r
	}
	c, r := m.ofUserspace(q)
	if r != nil {
		return r
	}
	e, r := m.read(q.local, attrAddr, true)
	switch {
	case r != nil:
		return r
	case e.Flags&pm.FlagSignal != 0:
		return refuse(einval, attrAddr, "invalid addr flags")
	}
	to, r := m.read(q.remote, attrAddrRemote, true)
	switch {
	case r != nil:
		return r
	case !c.familiesMatch(e.Address, to.Address, UserspaceFamilies):
		return refuse(einval, 0, "families mismatch")
	}
	e.Flags |= pm.FlagSubflow
	if !c.appendOwn(e) {
		return refuse(einval, attrAddr, "did not match address and id")
	}
	c.extraSubflows++
	j := joinOf(&entry{Endpoint: e}, e.ID, to.Address, to.Port, to.ID)
	if errno := c.start(j); errno != 0 {
		c.deleteOwn(e.Address)
		return refuse(errno, 0, "connect error: %d", -int(errno))
	}
	return nil
}

func (m *Manager) doDestroy(q request) *refusal {
	if r := missingAddress(q); r != nil {
		return r
	}
	c, r := m.ofUserspace(q)
	if r != nil {
		return r
	}
	from, r := m.read(q.local, attrAddr, true)
	if r != nil {
		return r
	}
	to, r := m.read(q.remote, attrAddrRemote, true)
	if r != nil {
		return r
	}
	// If one is mapped into IPv6, so is the other.
	if from.Address.Is4In6() && to.Address.Is4() || from.Address.Is4() && to.Address.Is4In6() {
		from.Address, to.Address = netip.AddrFrom16(from.Address.As16()), netip.AddrFrom16(to.Address.As16())
	}
	switch {
	case from.Address.Is4() != to.Address.Is4():
		return refuse(einval, 0, "address families do not match")
	case from.Port == 0:
		return refuse(einval, attrAddr, "missing local port")
	case to.Port == 0:
		return refuse(einval, attrAddrRemote, "missing remote port")
	}
	local, remote := netip.AddrPortFrom(from.Address, from.Port), netip.AddrPortFrom(to.Address, to.Port)
	for _, s := range c.subflows() {
		if info := s.Info(); info.Local == local && info.Remote == remote {
			c.deleteOwn(from.Address)
			s.Close()
			m.host.Count("RmSubflow", 1)
			return nil
		}
	}
	return refuse(esrch, 0, "subflow not found")
}

// missingAddress tells which of the two addresses a request lacks.
func missingAddress(q request) *refusal {
	switch {
	case q.local == nil:
		return lacks(attrAddr)
	case q.remote == nil:
		return lacks(attrAddrRemote)
	}
	return nil
}

// setSubflowFlags is SET_FLAGS with a token (mptcp_userspace_pm_set_flags). The local address was read already.
func (m *Manager) setSubflowFlags(q request, e pm.Endpoint) *refusal {
	if q.remote == nil {
		return lacks(attrAddrRemote)
	}
	c, r := m.ofUserspace(q)
	switch {
	case r != nil:
		return r
	case !e.Address.IsValid():
		return refuse(einval, attrAddr, "invalid local address family")
	}
	to, r := m.read(q.remote, attrAddrRemote, true)
	if r != nil {
		return r
	}
	if known := c.ownByAddress(e.Address); known != nil {
		known.Flags = known.Flags&^pm.FlagBackup | e.Flags&pm.FlagBackup
	}
	local, remote := netip.AddrPortFrom(e.Address, e.Port), netip.AddrPortFrom(to.Address, to.Port)
	if !c.sendPrio(local, remote, e.Flags&pm.FlagBackup != 0) {
		return refuse(einval, 0, "subflow not found")
	}
	return nil
}

// The list of a connection: the local addresses that commands have named or that joins came in on.

// appendOwn puts an address on the list, if it and its ID are both there or both not
// (mptcp_userspace_pm_append_new_local_addr).
func (c *Connection) appendOwn(e pm.Endpoint) bool {
	for _, known := range c.own {
		address := sameAddress(known.Address, e.Address) && known.Port == e.Port
		id := known.ID == e.ID
		if address || id {
			return address && id
		}
	}
	c.own = append(c.own, e)
	c.localAddrUsed++
	return true
}

// ownID gives an ID to the local address of a join (mptcp_userspace_pm_get_local_id).
func (c *Connection) ownID(local netip.AddrPort) uint8 {
	if known := c.ownByAddress(local.Addr()); known != nil {
		return known.ID
	}
	e := pm.Endpoint{Address: local.Addr(), Port: local.Port(), Flags: pm.FlagImplicit}
	if e.Port == c.conn.Info().Local.Port() {
		e.Port = 0
	}
	e.ID = 1
	for c.ownByID(e.ID) != nil && e.ID < 255 {
		e.ID++
	}
	c.own = append(c.own, e)
	c.localAddrUsed++
	return e.ID
}

func (c *Connection) ownByID(id uint8) *pm.Endpoint {
	return c.ownWhere(func(e pm.Endpoint) bool { return e.ID == id })
}

func (c *Connection) ownByAddress(a netip.Addr) *pm.Endpoint {
	return c.ownWhere(func(e pm.Endpoint) bool { return sameAddress(e.Address, a) })
}

func (c *Connection) ownWhere(is func(pm.Endpoint) bool) *pm.Endpoint {
	if i := slices.IndexFunc(c.own, is); i >= 0 {
		return &c.own[i]
	}
	return nil
}

// deleteOwn takes the first entry of an address off the list, whatever its port (mptcp_userspace_pm_delete_local_addr).
func (c *Connection) deleteOwn(a netip.Addr) {
	i := slices.IndexFunc(c.own, func(e pm.Endpoint) bool { return sameAddress(e.Address, a) })
	if i >= 0 {
		c.own = slices.Delete(c.own, i, i+1)
		c.localAddrUsed--
	}
}

// ownEndpoints are the entries of the list, each ID once.
func (c *Connection) ownEndpoints() []pm.Endpoint {
	all := []pm.Endpoint{}
	for _, e := range c.own {
		if !slices.ContainsFunc(all, func(known pm.Endpoint) bool { return known.ID == e.ID }) {
			all = append(all, e)
		}
	}
	return all
}
