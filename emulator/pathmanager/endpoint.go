package pathmanager

import (
	"net/netip"
	"slices"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// settableFlags are what SET_FLAGS assigns.
const settableFlags = pm.FlagBackup | pm.FlagFullmesh

// knownFlags are all the flags there are.
const knownFlags = pm.FlagSignal | pm.FlagSubflow | pm.FlagBackup | pm.FlagFullmesh | pm.FlagImplicit | pm.FlagLaminar

// usesPort tells whether an endpoint of these flags may have a port (address_use_port).
func usesPort(f pm.Flags) bool { return f&(pm.FlagSignal|pm.FlagSubflow) == pm.FlagSignal }

// add adds an endpoint (mptcp_pm_nl_add_addr_doit). ID 0 is as good as none.
func (m *Manager) add(e pm.Endpoint) *refusal {
	portless := !usesPort(e.Flags)
	if !m.has(PortWithoutSubflow) {
		portless = e.Flags&pm.FlagSignal == 0
	}
	switch {
	case e.Port != 0 && portless:
		return refuse(einval, attrAddr, "flags must have signal and not subflow when using port")
	case e.Flags&pm.FlagSignal != 0 && e.Flags&pm.FlagFullmesh != 0:
		return refuse(einval, attrAddr, "flags mustn't have both signal and fullmesh")
	case e.Flags&pm.FlagImplicit != 0 && m.has(Implicit):
		return refuse(einval, attrAddr, "can't create IMPLICIT endpoint")
	}
	added := &entry{Endpoint: e}
	if e.Port != 0 {
		if errno := m.openListener(added); errno != 0 {
			return refuse(errno, 0, "create listen socket error: %d", -int(errno))
		}
	}
	if _, errno := m.insert(added, true); errno != 0 {
		m.release(added)
		if !m.has(AddErrnos) {
			return refuse(einval, 0, "too many addresses or duplicate one")
		}
		return refuse(errno, 0, "too many addresses or duplicate one: %d", -int(errno))
	}
	for _, c := range m.live(false) {
		c.endpointAdded(added)
	}
	return nil
}

// openListener opens the listener of an endpoint with a port (mptcp_pm_nl_create_listen_socket).
func (m *Manager) openListener(e *entry) syscall.Errno {
	local := netip.AddrPortFrom(e.Address, e.Port)
	closer, errno := m.host.ListenJoins(local)
	if errno != 0 {
		return errno
	}
	m.ListenerCreated(local)
	e.closeListener = func() {
		closer()
		m.ListenerClosed(local)
	}
	return 0
}

// release gives up what an endpoint holds.
func (m *Manager) release(e *entry) {
	if e.closeListener != nil {
		e.closeListener()
	}
}

// insert gives an endpoint its ID and its place in the table (mptcp_pm_nl_append_new_local_addr). With replace it takes the place
// of an implicit one of the same address; else it gets the ID of that.
func (m *Manager) insert(e *entry, replace bool) (uint8, syscall.Errno) {
	if m.nextID == 255 {
		m.nextID = 1
	}
	if len(m.table) >= maxEndpoints {
		return 0, erange
	}
	if m.ids[e.ID] {
		return 0, ebusy
	}
	if !usesPort(e.Flags) {
		e.Port = 0
	}
	if i := slices.IndexFunc(m.table, e.duplicates); i >= 0 {
		same := m.table[i]
		switch {
		case same.Flags&pm.FlagImplicit == 0:
			return 0, eexist
		case e.ID != 0:
			return 0, einval
		case !replace:
			return same.ID, 0
		}
		m.table = slices.Delete(m.table, i, i+1)
		e.ID = same.ID
	}
	if e.ID == 0 {
		e.ID = m.freeID()
	}
	if e.ID == 0 {
		return 0, einval
	}
	m.ids[e.ID] = true
	m.nextID = max(m.nextID, e.ID)
	if e.Port == 0 {
		m.table = append(m.table, e)
	} else {
		m.table = slices.Insert(m.table, 0, e)
	}
	return e.ID, 0
}

// duplicates tells whether two endpoints are the same address. Ports count if one of them has one.
func (e *entry) duplicates(other *entry) bool {
	return sameAddress(e.Address, other.Address) && e.Port == other.Port
}

// freeID is the lowest free ID from nextID on; if there is none, from 1 on, where nextID goes back to. 0 is none.
func (m *Manager) freeID() uint8 {
	for {
		for id := int(m.nextID); id <= 255; id++ {
			if !m.ids[id] {
				return uint8(id)
			}
		}
		if m.nextID == 1 {
			return 0
		}
		m.nextID = 1
	}
}

// remove deletes the endpoint of that ID (mptcp_pm_nl_del_addr_doit).
func (m *Manager) remove(e pm.Endpoint) *refusal {
	if e.ID == 0 && m.has(RemoveID0) {
		for _, c := range m.live(false) {
			c.initialRemoved(netip.AddrPortFrom(e.Address, e.Port))
		}
		return nil
	}
	i := slices.IndexFunc(m.table, func(known *entry) bool { return known.ID == e.ID })
	if i < 0 {
		return refuse(einval, attrAddr, "address not found")
	}
	removed := m.table[i]
	m.table = slices.Delete(m.table, i, i+1)
	m.ids[removed.ID] = false
	for _, c := range m.live(false) {
		c.endpointRemoved(removed)
	}
	m.release(removed)
	return nil
}

// flush deletes all endpoints (mptcp_pm_nl_flush_addrs_doit).
func (m *Manager) flush() {
	flushed := m.table
	m.table, m.ids, m.nextID = nil, [256]bool{}, 1
	if !m.has(FlushKeepsLimits) {
		m.limits.AddAddrAccepted = 0
	}
	if len(flushed) == 0 {
		return
	}
	for _, c := range m.live(false) {
		c.endpointsFlushed(flushed)
	}
	for _, e := range flushed {
		m.release(e)
	}
}

// change sets the flags backup and fullmesh of an endpoint (mptcp_pm_nl_set_flags), which is told by its address or, without
// one, by its ID.
func (m *Manager) change(e pm.Endpoint) *refusal {
	r := m.setFlags(e)
	if r != nil && !m.has(ErrorNumbers) {
		r.message = ""
	}
	return r
}

func (m *Manager) setFlags(e pm.Endpoint) *refusal {
	byID := !e.Address.IsValid()
	if byID && e.ID == 0 {
		return refuse(eopnotsupp, attrAddr, "missing address ID")
	}
	var known *entry
	if byID {
		known = m.byID(e.ID)
	} else {
		known = m.byAddress(netip.AddrPortFrom(e.Address, e.Port))
	}
	if known == nil {
		return refuse(einval, attrAddr, "address not found")
	}
	settable := settableFlags
	if !m.has(FullmeshToggle) {
		settable = pm.FlagBackup
	}
	if e.Flags&settable&pm.FlagFullmesh != 0 && known.Flags&(pm.FlagSignal|pm.FlagImplicit) != 0 && m.has(FullmeshChecks) {
		return refuse(einval, attrAddr, "invalid addr flags")
	}
	changed := (known.Flags ^ e.Flags) & settable
	known.Flags ^= changed
	if changed == 0 {
		return nil
	}
	for _, c := range m.live(false) {
		c.endpointChanged(known, changed)
	}
	return nil
}

// implicitID gives an ID to an address of the host that has none (mptcp_pm_nl_get_local_id).
func (m *Manager) implicitID(a netip.Addr) (uint8, bool) {
	e := &entry{Endpoint: pm.Endpoint{Address: a}}
	if m.has(Implicit) {
		e.Flags = pm.FlagImplicit
	}
	id, errno := m.insert(e, false)
	return id, errno == 0
}

// setLimits sets the limits that are not nil (mptcp_pm_nl_set_limits_doit).
func (m *Manager) setLimits(u pm.LimitsUpdate) *refusal {
	limits := m.limits
	for _, l := range []struct {
		attr  attr
		value *uint32
		limit *uint32
	}{
		{attrRcvAddAddrs, u.AddAddrAccepted, &limits.AddAddrAccepted},
		{attrSubflows, u.Subflows, &limits.Subflows},
	} {
		if l.value == nil {
			continue
		}
		if *l.value > maxEndpoints {
			return refuse(einval, l.attr, "limit greater than maximum (%d)", maxEndpoints)
		}
		*l.limit = *l.value
	}
	m.limits = limits
	return nil
}
