package pathmanager

import (
	"net/netip"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// run announces the next address and opens subflows (mptcp_pm_create_subflow_or_signal_addr).
func (c *Connection) run() {
	if !c.manager.has(IDBitmap) {
		c.runPositions()
		return
	}
	c.account()
	next, blocked := c.announceNext()
	if blocked {
		return
	}
	if next != nil && (next.Flags&pm.FlagSubflow == 0 || !c.manager.has(SignalAndSubflow)) {
		next = nil
	}
	began := !c.cFlagCase() && c.openSubflows(next)
	if next != nil && !began && c.manager.has(SignalAccounting) {
		c.localAddrUsed++
	}
	if began {
		c.linger()
		return
	}
	c.checkPending()
}

// linger ends a run that has opened subflows when these calls are over. What a near peer answers meanwhile still finds the work
// pending, and gets another run.
func (c *Connection) linger() {
	if c.stopRun != nil {
		c.stopRun()
	}
	c.stopRun = c.manager.host.After(connectTime, func() {
		c.stopRun = nil
		c.checkPending()
		c.wake()
	})
}

// account looks, once, for the endpoint of the initial address: it counts as used. If it is a backup, the peer is told.
func (c *Connection) account() {
	if c.accounted || !c.manager.has(InitialAccounting) {
		return
	}
	subflows := c.conn.Subflows()
	if len(subflows) == 0 || subflows[0].Info().Join {
		return
	}
	c.accounted = true
	initial := subflows[0]
	e := c.manager.byAddress(initial.Info().Local)
	if e == nil {
		return
	}
	c.used[e.ID], c.initialID = true, e.ID
	c.explainInitial(e)
	if e.Flags&pm.FlagBackup != 0 {
		initial.SendPrio(true)
	}
}

// announceNext announces at most one address, the first with the flag signal and an ID that was not used. It is blocked while
// the one before waits to be sent.
func (c *Connection) announceNext() (next *entry, blocked bool) {
	m := c.manager
	if most := m.count(pm.FlagSignal); c.addAddrSignaled >= most {
		return nil, false
	}
	if c.signal&signalAdd != 0 {
		c.explainBlocked()
		return nil, true
	}
	next = m.find(func(e *entry) bool { return e.Flags&pm.FlagSignal != 0 && !c.used[e.ID] })
	if next == nil {
		return nil, false
	}
	a := AddAddr{ID: c.localIDOf(next), Address: next.Address, Port: next.Port}
	if !c.startAnnouncing(a, false) {
		return nil, true
	}
	c.used[next.ID] = true
	c.addAddrSignaled++
	c.explainAnnounce(a)
	c.transmit(a)
	return next, false
}

// localIDOf is the ID by which the peer knows an endpoint: 0 for that of the initial address (mptcp_endp_get_local_id).
func (c *Connection) localIDOf(e *entry) uint8 {
	if e.ID == c.initialID {
		return 0
	}
	return e.ID
}

// openSubflows opens subflows from all endpoints that were not used, up to the limits; first from the given one, if any. It tells
// whether it came to use one.
func (c *Connection) openSubflows(first *entry) (began bool) {
	m := c.manager
	for c.localAddrUsed < m.count(pm.FlagSubflow) && c.extraSubflows < c.limit() {
		e := first
		if e == nil || began {
			e = m.find(c.isCandidate)
		}
		if e == nil {
			return began
		}
		began = true
		c.useEndpoint(e, e == first)
	}
	c.explainLimit()
	return began
}

func (c *Connection) isCandidate(e *entry) bool { return e.Flags&pm.FlagSubflow != 0 && !c.used[e.ID] }

// useEndpoint opens the subflows of one endpoint, which is used from then on, whatever becomes of them. That of the initial address
// does not count, unless it was announced just before: then it has its ID 0 already, which is not compared again.
func (c *Connection) useEndpoint(e *entry, announced bool) {
	c.used[e.ID] = true
	id := c.localIDOf(e)
	if e.ID != c.initialID || announced {
		c.localAddrUsed++
	}
	for _, to := range c.remotes(e, id) {
		c.start(joinOf(e, id, to.Address, to.Port, to.ID))
	}
}

// remotes are the peer's addresses for an endpoint: the initial one or, with fullmesh, all that subflows lead to and that have none
// from this endpoint yet (fill_remote_addresses_vec). Each counts as an extra subflow at once.
func (c *Connection) remotes(e *entry, id uint8) []AddAddr {
	info := c.conn.Info()
	if e.Flags&pm.FlagFullmesh != 0 {
		return c.meshRemotes(e, id)
	}
	switch {
	case c.denied:
		c.explainDenied(e)
		return nil
	case !c.mayJoin(e.Address, info.Remote.Addr()):
		c.explainFamilies(e.Address, info.Remote.Addr())
		return nil
	}
	c.extraSubflows++
	return []AddAddr{{Address: info.Remote.Addr(), Port: info.Remote.Port()}}
}

func (c *Connection) meshRemotes(e *entry, id uint8) []AddAddr {
	var all []AddAddr
	var reached [256]bool
	subflows := c.conn.Subflows()
	for _, s := range subflows {
		if info := s.Info(); info.LocalID == id {
			reached[info.RemoteID] = true
		}
	}
	for _, s := range subflows {
		to := s.Info()
		if reached[to.RemoteID] || c.denied && to.RemoteID == 0 || !c.mayJoin(e.Address, to.Remote.Addr()) {
			continue
		}
		reached[to.RemoteID] = true
		all = append(all, AddAddr{ID: to.RemoteID, Address: to.Remote.Addr(), Port: to.Remote.Port()})
		c.extraSubflows++
		if c.extraSubflows >= c.limit() {
			break
		}
	}
	return all
}

// joinOf is a subflow from an endpoint.
func joinOf(e *entry, id uint8, to netip.Addr, port uint16, remoteID uint8) Join {
	return Join{
		Local:    netip.AddrPortFrom(e.Address, e.Port),
		Remote:   netip.AddrPortFrom(likeLocal(e.Address, to), port),
		LocalID:  id,
		RemoteID: remoteID,
		Backup:   e.Flags&pm.FlagBackup != 0,
		IfIndex:  e.IfIndex,
	}
}

// likeLocal is an address in the form that goes with a socket of the local address.
func likeLocal(local, a netip.Addr) netip.Addr {
	if local.Is4() || !isIPv4(a) {
		return a.Unmap()
	}
	return netip.AddrFrom16(a.As16())
}

// start opens a subflow that is counted already, and takes it off the count if that fails at once.
func (c *Connection) start(j Join) syscall.Errno {
	c.explainConnect(j)
	errno := c.conn.Connect(j)
	switch {
	case errno == 0:
		return 0
	case c.userspace:
		c.extraSubflows--
	default:
		c.release()
	}
	c.explainConnectError(j, errno)
	return errno
}

// checkPending tells whether the path manager may still have something to do; if not, it is not asked again by what joins or
// echoes bring (mptcp_pm_nl_check_work_pending). The comparison is exact: with more subflows than the limit it stays.
func (c *Connection) checkPending() bool {
	if !c.manager.has(IDBitmap) {
		return c.checkPositions()
	}
	unused := 0
	for _, e := range c.manager.table {
		if !c.used[e.ID] {
			unused++
		}
	}
	if unused > 0 && c.extraSubflows != c.limit() {
		return true
	}
	if unused > 0 && c.workPending {
		c.explainRest(unused)
	}
	c.workPending = false
	return false
}

// mayJoin tells whether the path manager may open a subflow between these addresses.
func (c *Connection) mayJoin(local, remote netip.Addr) bool {
	return c.familiesMatch(local, remote, FamilyRules)
}

// familiesMatch tells whether a connection may have a subflow between these addresses (mptcp_pm_addr_families_match), for whom
// that came with a change.
func (c *Connection) familiesMatch(local, remote netip.Addr, rules Change) bool {
	info := c.conn.Info()
	local4, remote4 := isIPv4(local), isIPv4(remote)
	switch {
	case !c.manager.has(rules):
		return local4 == remote4 && local4 == isIPv4(info.Local.Addr())
	case info.Local.Addr().Is4():
		return local4 && remote4
	case info.V6Only:
		return !local4 && !remote4
	}
	return local4 == remote4
}

// cFlagCase tells whether the next announced address takes the subflow endpoints: the peer takes no joins to its initial address,
// and limits are the default ones (mptcp_pm_add_addr_c_flag_case).
func (c *Connection) cFlagCase() bool {
	return c.manager.has(CFlagClient) && c.denied && c.acceptLimit() == 0 && c.localAddrUsed == 0 && c.extraSubflows < c.limit()
}
