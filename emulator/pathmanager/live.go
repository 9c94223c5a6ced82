package pathmanager

import (
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// What changes of endpoints do to a living connection (net/mptcp/pm_kernel.c).

// endpointAdded lets a fully established connection use a new endpoint (mptcp_nl_add_subflow_or_signal_addr).
func (c *Connection) endpointAdded(e *entry) {
	info := c.conn.Info()
	if !info.FullyEstablished {
		c.explainTooEarly(e)
		return
	}
	if e.at(info.Local) && c.manager.has(InitialReadded) {
		c.initialID = e.ID
	}
	c.run()
}

// endpointRemoved withdraws an endpoint and closes its subflows (mptcp_nl_remove_subflow_and_signal_addr).
func (c *Connection) endpointRemoved(e *entry) {
	m := c.manager
	inUse := c.hasSubflowFrom(e)
	id := c.localIDOf(e)
	at := netip.AddrPortFrom(e.Address, e.Port)
	if a := c.findAnnouncement(at); a != nil && a.sent < retransmissions {
		c.explainStalled(e)
	}
	announced := c.withdraw(at)
	if announced {
		c.addAddrSignaled--
	}
	if announced || inUse && e.Flags&pm.FlagImplicit == 0 {
		c.queueRm([]uint8{id})
	}
	if inUse {
		c.closeFrom(id)
	}
	switch {
	case !m.has(IDBitmap), !m.has(IDsComeBack):
	case e.Flags&pm.FlagSubflow != 0:
		c.giveBack(id)
	case announced, m.has(IDsAlwaysComeBack):
		c.used[e.ID] = false
	}
	if c.initialID == e.ID {
		c.initialID = 0
	}
}

// hasSubflowFrom tells whether any subflow, in whatever state, has the address of an endpoint.
func (c *Connection) hasSubflowFrom(e *entry) bool {
	return slices.ContainsFunc(c.conn.Subflows(), func(s Subflow) bool { return e.at(s.Info().Local) })
}

// closeFrom closes the subflows of a local ID (mptcp_pm_rm_subflow).
func (c *Connection) closeFrom(id uint8) {
	for _, s := range c.subflows() {
		if info := s.Info(); !info.closing() && info.LocalID == id {
			c.explainClosing(info)
			s.Close()
			c.manager.host.Count("RmSubflow", 1)
		}
	}
}

// giveBack makes the endpoint of a local ID available again (__mark_subflow_endp_available).
func (c *Connection) giveBack(id uint8) {
	endpoint := id
	if id == 0 {
		endpoint = c.initialID
	}
	was := c.used[endpoint]
	c.used[endpoint] = false
	if was && id != 0 && c.localAddrUsed > 0 {
		c.localAddrUsed--
	}
}

// initialRemoved withdraws the address of the initial subflow, if it is this one (mptcp_nl_remove_id_zero_address).
func (c *Connection) initialRemoved(a netip.AddrPort) {
	local := c.conn.Info().Local
	known := a.Addr().IsValid() && sameAddress(a.Addr(), local.Addr()) && (a.Port() == 0 || a.Port() == local.Port())
	if !known || len(c.conn.Subflows()) == 0 {
		return
	}
	c.queueRm([]uint8{0})
	c.closeFrom(0)
	if c.manager.has(IDsComeBack) {
		c.giveBack(0)
	}
}

// endpointsFlushed withdraws what was announced and closes the subflows of all endpoints (mptcp_pm_flush_addrs_and_subflows).
func (c *Connection) endpointsFlushed(all []*entry) {
	var announced, closing []uint8
	for _, e := range all {
		if len(closing) < maxRmIDs && c.hasSubflowFrom(e) {
			closing = append(closing, c.localIDOf(e))
		}
		if len(announced) < maxRmIDs && c.withdraw(netip.AddrPortFrom(e.Address, e.Port)) {
			announced = append(announced, c.localIDOf(e))
		}
	}
	if len(announced) > 0 {
		c.addAddrSignaled -= len(announced)
		c.queueRm(announced)
	}
	for _, id := range closing {
		c.closeFrom(id)
	}
	c.used = [256]bool{}
	c.localAddrUsed = 0
}

// endpointChanged tells the peer of a changed backup flag, and opens the subflows of an endpoint anew whose fullmesh flag has
// changed (mptcp_pm_nl_set_flags_all).
func (c *Connection) endpointChanged(e *entry, changed pm.Flags) {
	if len(c.conn.Subflows()) == 0 {
		return
	}
	if changed&pm.FlagBackup != 0 {
		c.sendPrio(netip.AddrPortFrom(e.Address, e.Port), netip.AddrPort{}, e.Flags&pm.FlagBackup != 0)
	}
	if changed&pm.FlagFullmesh != 0 && e.Flags&pm.FlagSubflow != 0 {
		id := c.localIDOf(e)
		c.closeFrom(id)
		c.giveBack(id)
		c.run()
	}
}

// sendPrio sends a MP_PRIO over the first subflow of these addresses, of which ports count if they are not 0, and tells whether
// there was one (mptcp_pm_mp_prio_send_ack). An invalid remote address is any.
func (c *Connection) sendPrio(local, remote netip.AddrPort, backup bool) bool {
	is := func(a, want netip.AddrPort) bool {
		return sameAddress(a.Addr(), want.Addr()) && (want.Port() == 0 || want.Port() == a.Port())
	}
	for _, s := range c.subflows() {
		info := s.Info()
		if !info.active() && c.manager.has(PrioOnActive) {
			continue
		}
		if is(info.Local, local) && (!remote.Addr().IsValid() || is(info.Remote, remote)) {
			c.explainPrio(info, backup)
			s.SendPrio(backup)
			return true
		}
	}
	return false
}
