package pathmanager

import (
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// AddAddrReceived tells that an ADD_ADDR was received whose HMAC is right; it is no echo (mptcp_pm_add_addr_received).
func (c *Connection) AddAddrReceived(a AddAddr) {
	m := c.manager
	a.Echo = false
	c.countAdd("AddAddr", a)
	c.emitAnnounced(a)
	switch {
	case c.userspace && m.host.Listened():
		c.answer(a)
	case c.userspace:
		m.host.Count("AddAddrDrop", 1)
		c.explainUnheard(a)
	case c.ignores(a):
		c.explainIgnored(a)
		c.answer(a)
	case c.schedule(addReceived):
		c.remote = a
	default:
		m.host.Count("AddAddrDrop", 1)
		c.explainBusy(a)
	}
}

// countAdd counts an ADD_ADDR or an echo that was received.
func (c *Connection) countAdd(counter string, a AddAddr) {
	c.manager.host.Count(counter, 1)
	if a.Port != 0 {
		c.manager.host.Count("PortAdd", 1)
	}
}

// ignores tells whether an announced address gets an echo and nothing else.
func (c *Connection) ignores(a AddAddr) bool {
	if a.ID == 0 && c.manager.has(ForeignID0) {
		return !c.isInitialRemote(a)
	}
	return !c.acceptAddr && !c.cFlagCase()
}

// isInitialRemote tells whether an announced address is the peer's initial one, the port being compared if it was announced.
func (c *Connection) isInitialRemote(a AddAddr) bool {
	remote := c.conn.Info().Remote
	return sameAddress(a.Address, remote.Addr()) && (a.Port == 0 || a.Port == remote.Port())
}

// answer sends an echo.
func (c *Connection) answer(a AddAddr) {
	c.queueEcho(a)
	c.askForAck()
}

// AddAddrEchoed tells that the echo of an ADD_ADDR was received (mptcp_pm_add_addr_echoed, mptcp_pm_del_add_timer).
func (c *Connection) AddAddrEchoed(a AddAddr) {
	c.countAdd("EchoAdd", a)
	known := c.findAnnouncement(a.addrPort())
	if known == nil {
		return
	}
	c.SubflowEstablished()
	if known.ID == a.ID {
		known.settle()
	}
}

// handleAddAddr answers a received announcement and opens subflows to it (mptcp_pm_nl_add_addr_received).
func (c *Connection) handleAddAddr() {
	a := c.remote
	a.Echo = false
	c.queueEcho(a)
	c.sendSignals()
	c.account()
	if c.isConnected(a) && c.manager.has(SkipConnected) {
		c.explainConnected(a)
		return
	}
	if a.Port == 0 {
		a.Port = c.conn.Info().Remote.Port()
	}
	joins := c.joinsTo(a)
	if len(joins) == 0 {
		c.explainNoLocal(a)
		return
	}
	created := false
	for _, j := range joins {
		created = c.start(j) == 0 || created
	}
	if !created && c.manager.has(CountAfterConnect) {
		return
	}
	if a.ID != 0 || !c.manager.has(ForeignID0) {
		c.addAddrAccepted++
	}
	if c.addAddrAccepted >= c.acceptLimit() || c.extraSubflows >= c.limit() {
		c.acceptAddr = false
		c.closedBy = c.filled()
	}
}

// isConnected tells whether a subflow goes to an announced address already, or is about to.
func (c *Connection) isConnected(a AddAddr) bool {
	return slices.ContainsFunc(c.conn.Subflows(), func(s Subflow) bool {
		info := s.Info()
		alive := info.State == Established || info.State == SynSent || info.State == SynRecv
		return alive && sameAddress(info.Remote.Addr(), a.Address) && (a.Port == 0 || a.Port == info.Remote.Port())
	})
}

// joinsTo are the subflows to be opened to an announced address, each counted already (fill_local_addresses_vec): from the
// fullmesh endpoints, else from a laminar one, else from where routing says.
func (c *Connection) joinsTo(a AddAddr) []Join {
	m := c.manager
	special := a.ID != 0 && c.cFlagCase()
	joins := c.meshJoins(a, special)
	switch {
	case len(joins) > 0, m.has(FullmeshOnly) && m.count(pm.FlagFullmesh) > 0:
		return joins
	case m.has(Laminar) && m.count(pm.FlagLaminar) > 0:
		return c.laminarJoin(a)
	case special:
		return c.cFlagJoins(a)
	}
	return c.routedJoin(a)
}

func (c *Connection) joinTo(a AddAddr, e *entry, id uint8) Join {
	c.extraSubflows++
	return joinOf(e, id, a.Address, a.Port, a.ID)
}

func (c *Connection) meshJoins(a AddAddr, special bool) []Join {
	var joins []Join
	for _, e := range c.manager.table {
		if e.Flags&pm.FlagFullmesh == 0 || !c.mayJoin(e.Address, a.Address) {
			continue
		}
		if c.extraSubflows >= c.limit() && !c.manager.has(MeshBeyond) {
			break
		}
		id := e.ID
		if e.at(c.conn.Info().Local) {
			id = 0
		}
		if special && e.Flags&pm.FlagSubflow != 0 {
			c.used[e.ID] = true
			if id != 0 {
				c.localAddrUsed++
			}
		}
		joins = append(joins, c.joinTo(a, e, id))
		if c.extraSubflows >= c.limit() {
			break
		}
	}
	return joins
}

func (c *Connection) laminarJoin(a AddAddr) []Join {
	var taken [256]bool
	for _, s := range c.conn.Subflows() {
		if info := s.Info(); !info.closing() {
			taken[info.LocalID] = true
		}
	}
	e := c.manager.find(func(e *entry) bool {
		return e.Flags&pm.FlagLaminar != 0 && c.mayJoin(e.Address, a.Address) && !taken[c.localIDOf(e)]
	})
	if e == nil {
		return nil
	}
	if e.Flags&pm.FlagSubflow != 0 {
		c.used[e.ID] = true
		if e.ID != c.initialID {
			c.localAddrUsed++
		}
	}
	return []Join{c.joinTo(a, e, e.ID)}
}

func (c *Connection) cFlagJoins(a AddAddr) []Join {
	m := c.manager
	var joins []Join
	for c.localAddrUsed < m.count(pm.FlagSubflow) {
		e := m.find(c.isCandidate)
		if e == nil {
			break
		}
		c.used[e.ID] = true
		if !c.mayJoin(e.Address, a.Address) || e.ID == c.initialID {
			continue
		}
		c.localAddrUsed++
		joins = append(joins, c.joinTo(a, e, e.ID))
		if c.extraSubflows >= c.limit() {
			break
		}
	}
	return joins
}

// routedJoin leaves the local address to routing.
func (c *Connection) routedJoin(a AddAddr) []Join {
	any := netip.IPv6Unspecified()
	if isIPv4(a.Address) {
		any = netip.IPv4Unspecified()
	}
	if !c.mayJoin(any, a.Address) {
		c.explainFamilies(any, a.Address)
		return nil
	}
	return []Join{c.joinTo(a, &entry{Endpoint: pm.Endpoint{Address: any}}, 0)}
}

// RmAddrReceived tells that a RM_ADDR was received (mptcp_pm_rm_addr_received).
func (c *Connection) RmAddrReceived(ids []uint8) {
	for _, id := range ids {
		c.emitRemoved(id)
	}
	if c.schedule(rmReceived) {
		c.rmRx = slices.Clone(ids)
		return
	}
	c.manager.host.Count("RmAddrDrop", 1)
	c.explainRmBusy(ids)
}

// removeRemote closes the subflows to removed addresses (mptcp_pm_rm_addr_recv). An address that a subflow was opened to from here
// makes room for another.
func (c *Connection) removeRemote() {
	m := c.manager
	subflows := c.subflows()
	if len(subflows) == 0 {
		return
	}
	for _, id := range c.rmRx {
		closed, opened := 0, false
		for _, s := range subflows {
			info := s.Info()
			if info.closing() || info.RemoteID != id {
				continue
			}
			closed++
			opened = opened || info.Opened
			s.Close()
		}
		c.explainRemoved(id, closed)
		if m.has(RmAddrOnce) {
			m.host.Count("RmAddr", 1)
		} else {
			m.host.Count("RmAddr", closed)
		}
		if opened && id != 0 && !c.userspace && c.addAddrAccepted > 0 {
			c.addAddrAccepted--
			if c.addAddrAccepted < c.acceptLimit() {
				c.acceptAddr = true
			}
		}
	}
}
