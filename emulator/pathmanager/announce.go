package pathmanager

import (
	"math"
	"net/netip"
	"slices"
	"time"
)

const (
	retransmissions = 3                    // of an ADD_ADDR (ADD_ADDR_RETRANS_MAX)
	blockedRetry    = 15 * time.Second     // TCP_RTO_MAX / 8
	tick            = 4 * time.Millisecond // of a timer, with 250 in a second
	maxRmIDs        = 8                    // of a RM_ADDR (MPTCP_RM_IDS_MAX)
)

// announcement is an announced address, and the timer that sends it again (struct mptcp_pm_add_entry).
type announcement struct {
	AddAddr
	sent int // again; at retransmissions nothing waits for the echo any more
	stop func()
}

// findAnnouncement returns what announces an address and port (mptcp_lookup_anno_list_by_saddr).
func (c *Connection) findAnnouncement(a netip.AddrPort) *announcement {
	i := slices.IndexFunc(c.anno, func(known *announcement) bool { return known.is(a) })
	if i < 0 {
		return nil
	}
	return c.anno[i]
}

func (a AddAddr) is(b netip.AddrPort) bool {
	return a.Port == b.Port() && sameAddress(a.Address, b.Addr())
}

func (a AddAddr) addrPort() netip.AddrPort { return netip.AddrPortFrom(a.Address, a.Port) }

// startAnnouncing puts an address on the list of announcements and starts its timer (mptcp_pm_alloc_anno_list). One that is
// there already is taken only again where userspace asks for it.
func (c *Connection) startAnnouncing(a AddAddr, again bool) bool {
	known := c.findAnnouncement(a.addrPort())
	switch {
	case known != nil && !again:
		return false
	case known != nil:
		known.stop()
	default:
		known = &announcement{AddAddr: a, stop: func() {}}
		c.anno = slices.Insert(c.anno, 0, known)
	}
	wait := c.addAddrTimeout()
	c.arm(known, wait)
	if wait == 0 && c.manager.has(NoRetransmission) {
		c.explainOnce(a)
	}
	return true
}

// arm starts the timer of an announcement; without a time-out there is none.
func (c *Connection) arm(a *announcement, d time.Duration) {
	a.stop = func() {}
	if d > 0 || !c.manager.has(NoRetransmission) {
		a.stop = c.manager.host.After(max(d, tick), func() { c.retransmit(a) })
	}
}

// addAddrTimeout is how long an echo is waited for: the longest RTO of the subflows, and at most add_addr_timeout
// (mptcp_adjust_add_addr_timeout). Before Linux 6.18 it is add_addr_timeout.
func (c *Connection) addAddrTimeout() time.Duration {
	most := c.manager.settings.AddAddrTimeout
	if most < 0 {
		most = math.MaxInt64 // the kernel takes it for an unsigned number
	}
	if !c.manager.has(AdaptiveTimer) || most == 0 {
		return most
	}
	var rto, staleRTO time.Duration
	for _, s := range c.conn.Subflows() {
		switch info := s.Info(); {
		case !info.active():
		case info.Stale:
			staleRTO = max(staleRTO, info.rto())
		default:
			rto = max(rto, info.rto())
		}
	}
	for _, d := range []time.Duration{rto, staleRTO} {
		if d > 0 {
			return min(d, most)
		}
	}
	return most
}

// rto is the time-out of TCP, which is one second before it has measured anything.
func (s SubflowInfo) rto() time.Duration {
	if s.RTO == 0 {
		return time.Second
	}
	return s.RTO
}

// retransmit sends an announcement again that has no echo, or gives it up and goes on to the next (mptcp_pm_add_timer).
func (c *Connection) retransmit(a *announcement) {
	m := c.manager
	if c.conn.Info().State == Close || a.ID == 0 && !m.has(RetransmitID0) {
		return
	}
	wait := c.addAddrTimeout()
	if c.signal&signalAdd != 0 {
		if !m.has(BlockedRetry) {
			wait = blockedRetry
		}
		if wait > 0 {
			c.arm(a, wait)
		}
		return
	}
	if wait == 0 && m.has(NoRetransmission) {
		return
	}
	if a.sent < retransmissions {
		a.sent++
		c.explainRetransmission(a)
		c.queueAdd(a.AddAddr)
		c.askForAck()
	}
	if a.sent < retransmissions {
		if m.has(AdaptiveTimer) {
			wait <<= a.sent
		}
		c.arm(a, wait)
		return
	}
	c.SubflowEstablished() // gives the next address its turn
}

// settle ends the waiting for an echo.
func (a *announcement) settle() {
	a.sent = retransmissions
	a.stop()
}

// withdraw takes an address off the list of announcements, and tells whether it was there (mptcp_remove_anno_list_by_saddr).
func (c *Connection) withdraw(a netip.AddrPort) bool {
	known := c.findAnnouncement(a)
	if known == nil {
		return false
	}
	known.settle()
	c.anno = slices.DeleteFunc(c.anno, func(a *announcement) bool { return a == known })
	return true
}

// queueAdd lets an announcement wait for an ACK (mptcp_pm_announce_addr). There is one place.
func (c *Connection) queueAdd(a AddAddr) {
	if c.signal&signalAdd != 0 {
		c.manager.host.Count("AddAddrTxDrop", 1)
		c.explainSlot("ADD_ADDR", "AddAddrTxDrop", describeAddr(a))
		return
	}
	a.Echo = false
	c.local = a
	c.signal |= signalAdd
}

// queueEcho lets an echo wait for an ACK. There is one place, which the announcements that are received use too.
func (c *Connection) queueEcho(a AddAddr) {
	if c.signal&signalEcho != 0 {
		c.manager.host.Count("EchoAddTxDrop", 1)
		c.explainSlot("echo of ADD_ADDR", "EchoAddTxDrop", describeAddr(a))
		return
	}
	a.Echo = true
	c.remote = a
	c.signal |= signalEcho
}

// queueRm sends a RM_ADDR, unless anything waits to be sent (mptcp_pm_remove_addr).
func (c *Connection) queueRm(ids []uint8) {
	m := c.manager
	if !m.has(RmAddrLists) {
		ids = ids[:1]
	}
	if c.signal != 0 {
		m.host.Count("RmAddrTxDrop", len(ids))
		c.explainSlot("RM_ADDR", "RmAddrTxDrop", describeIDs(ids))
		return
	}
	c.rmTx = ids
	c.signal |= signalRm
	c.explainWithdrawal(ids)
	c.sendSignals()
}

// transmit sends an announcement now.
func (c *Connection) transmit(a AddAddr) {
	c.queueAdd(a)
	c.sendSignals()
}

// askForAck lets the worker send what waits (mptcp_pm_add_addr_send_ack).
func (c *Connection) askForAck() {
	if c.signal&(signalAdd|signalEcho) != 0 {
		c.schedule(sendAck)
	}
}

// sendSignals sends an ACK for what waits, on the first subflow that will do: active, not stale and not about to be removed, else
// one of those that fail this (mptcp_pm_addr_send_ack).
func (c *Connection) sendSignals() {
	if c.signal == 0 {
		return
	}
	var avoided, stale Subflow
	for _, s := range c.subflows() {
		info := s.Info()
		switch {
		case !info.active():
		case info.Stale:
			if stale == nil {
				stale = s
			}
		case c.removing(info.LocalID):
			if avoided == nil {
				avoided = s
			}
		default:
			s.SendAck()
			return
		}
	}
	switch {
	case avoided != nil:
		avoided.SendAck()
	case stale != nil:
		stale.SendAck()
	default:
		c.explainNoSubflow()
	}
}

// removing tells whether the RM_ADDR that waits is about this local ID.
func (c *Connection) removing(id uint8) bool {
	return c.signal&signalRm != 0 && c.manager.has(AvoidRemoved) && slices.Contains(c.rmTx, id)
}

// Pending tells whether an ADD_ADDR, an echo or a RM_ADDR waits to be sent.
func (c *Connection) Pending() bool { return c.signal != 0 }

// TakeAddAddr takes the echo or the announcement that waits to be sent, echoes first, if the segment that is written can carry it:
// a pure ACK with that many bytes of room for options, where all other options of MPTCP but MP_PRIO are left out
// (mptcp_pm_add_addr_signal). It is not to be asked for the segments of a handshake.
func (c *Connection) TakeAddAddr(pureAck bool, room int) (AddAddr, bool) {
	if c.signal&(signalAdd|signalEcho) == 0 {
		return AddAddr{}, false
	}
	waiting, mark, drop, sent := c.local, signalAdd, "AddAddrTxDrop", "AddAddrTx"
	if c.signal&signalEcho != 0 {
		waiting, mark, drop, sent = c.remote, signalEcho, "EchoAddTxDrop", "EchoAddTx"
		waiting.Echo = true
	}
	m := c.manager
	fits := waiting.size() <= room
	if !pureAck {
		if fits && !m.has(PureAcks) {
			c.signal &^= mark
			c.explainLost(waiting)
		}
		return AddAddr{}, false
	}
	c.signal &^= mark
	if !fits {
		m.host.Count(drop, 1)
		c.explainTooLarge(waiting, room)
		c.skip(waiting)
		return AddAddr{}, false
	}
	m.host.Count(sent, 1)
	return waiting, true
}

// skip gives up an announcement that fits on no segment, and lets the next have its turn.
func (c *Connection) skip(a AddAddr) {
	if a.Echo || !c.manager.has(SkipTooLarge) {
		return
	}
	if known := c.findAnnouncement(a.addrPort()); known != nil {
		known.settle()
	}
	c.SubflowEstablished()
}

// size is the length of the option in bytes, with its padding (mptcp_add_addr_len).
func (a AddAddr) size() int {
	size := 8
	if !a.Address.Is4() {
		size = 20
	}
	if a.Port != 0 {
		size += 4
	}
	if !a.Echo {
		size += 8
	}
	return size
}

// TakeRmAddr takes the IDs of the RM_ADDR that waits to be sent, if the segment that is written has that many bytes of room for it
// (mptcp_pm_rm_addr_signal). It goes beside other options.
func (c *Connection) TakeRmAddr(room int) ([]uint8, bool) {
	if c.signal&signalRm == 0 || (3+len(c.rmTx)+3)&^3 > room {
		return nil, false
	}
	c.signal &^= signalRm
	c.manager.host.Count("RmAddrTx", len(c.rmTx))
	return c.rmTx, true
}
