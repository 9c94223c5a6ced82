package pathmanager

import (
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Before Linux 5.17 a connection remembers how many addresses it has announced and used, not which: what comes next is a position
// in the table. One endpoint is used in a run; the next one when the join is over (net/mptcp/pm_netlink.c).

func (c *Connection) runPositions() {
	m := c.manager
	if c.addAddrSignaled < m.count(pm.FlagSignal) {
		c.announcePosition()
		c.checkPositions()
	}
	if c.localAddrUsed >= m.count(pm.FlagSubflow) || c.extraSubflows >= c.limit() || c.denied {
		c.explainLimit()
		return
	}
	e := m.find(func(e *entry) bool { return e.Flags&pm.FlagSubflow != 0 && !c.hasSubflowFrom(e) })
	if e == nil {
		c.localAddrUsed = m.count(pm.FlagSubflow) // nothing to look for any more
		c.checkPositions()
		return
	}
	c.localAddrUsed++
	c.checkPositions()
	for _, to := range c.remotes(e, e.ID) {
		c.start(joinOf(e, e.ID, to.Address, to.Port, to.ID))
	}
}

// announcePosition announces the endpoint at the position that the count of announced ones tells.
func (c *Connection) announcePosition() {
	skip := c.addAddrSignaled
	e := c.manager.find(func(e *entry) bool {
		if e.Flags&pm.FlagSignal == 0 {
			return false
		}
		skip--
		return skip < 0
	})
	if e == nil {
		return
	}
	a := AddAddr{ID: e.ID, Address: e.Address, Port: e.Port}
	if c.startAnnouncing(a, false) {
		c.addAddrSignaled++
		c.explainAnnounce(a)
		c.transmit(a)
	}
}

func (c *Connection) checkPositions() bool {
	m := c.manager
	announced := c.addAddrSignaled == m.count(pm.FlagSignal)
	opened := c.localAddrUsed == m.count(pm.FlagSubflow) || c.extraSubflows == c.limit()
	if announced && opened {
		c.workPending = false
	}
	return c.workPending
}
