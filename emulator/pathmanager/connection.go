package pathmanager

import (
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// workerDelay is the time from a trigger to the worker that acts on it. On a machine it is some microseconds.
const workerDelay = 50 * time.Microsecond

// connectTime is how long the path manager takes to open subflows: longer than a handshake over a cable, which is done before
// connect has returned.
const connectTime = 60 * time.Microsecond

// Connection is the path manager's side of one connection (struct mptcp_pm_data). The host tells it what happens; the worker then
// decides.
type Connection struct {
	manager   *Manager
	conn      Conn
	side      Side
	index     int    // among the manager's connections
	token     uint32 // by which commands find it; 0 before Created
	userspace bool

	workPending   bool
	acceptAddr    bool
	acceptSubflow bool
	closedBy      verdict // why acceptAddr is false
	refusedBy     verdict // why acceptSubflow is false

	extraSubflows   int
	localAddrUsed   int
	addAddrSignaled int
	addAddrAccepted int

	used       [256]bool // endpoint IDs that this connection has used: id_avail_bitmap, negated
	initialID  uint8     // of the endpoint of the initial address (mpc_endpoint_id)
	accounted  bool      // whether that was looked for
	announced  bool      // the event ESTABLISHED was made
	denied     bool      // the peer denies joins to its initial address (remote_deny_join_id0)
	own        []pm.Endpoint
	status     status
	stopWorker func()
	stopRun    func() // of a run that opens subflows

	signal    signal
	local     AddAddr // the announcement that waits to be sent
	remote    AddAddr // the echo that waits, or the announcement that was received: the kernel has one place for both
	rmTx      []uint8
	rmRx      []uint8
	anno      []*announcement // newest first
	destroyed bool
}

// status are the actions that wait for the worker (enum mptcp_pm_status).
type status uint8

const (
	sendAck status = 1 << iota
	rmReceived
	addReceived
	established
	subflowEstablished
)

// signal is what waits to be sent (enum mptcp_addr_signal_status).
type signal uint8

const (
	signalAdd signal = 1 << iota
	signalEcho
	signalRm
)

// NewConnection returns the path manager's side of a connection, and takes the settings and limits that it keeps. It is to be
// called as the socket is made or, on the side that accepts, as the third ACK of the handshake comes.
func (m *Manager) NewConnection(conn Conn, side Side) *Connection {
	c := &Connection{manager: m, conn: conn, side: side}
	m.remember(c)
	c.sample()
	return c
}

// Reset brings a connection back to the state of a new one, as disconnect does.
func (c *Connection) Reset() {
	c.stop()
	c.disown()
	*c = Connection{manager: c.manager, conn: c.conn, side: c.side, index: c.index}
	c.sample()
}

// sample takes what a connection does not read again (mptcp_pm_data_reset).
func (c *Connection) sample() {
	m := c.manager
	c.userspace = m.settings.PathManager == UserspaceManager
	if c.userspace {
		return
	}
	subflows := m.limits.Subflows > 0
	c.workPending = m.count(pm.FlagSubflow) > 0 && subflows || m.count(pm.FlagSignal) > 0
	c.acceptAddr = m.limits.AddAddrAccepted > 0 && subflows
	c.acceptSubflow = subflows
	c.closedBy = c.sampled()
	c.refusedBy = verdict{"limit_extra_subflows 0 > 0", "its limit of subflows was 0 when the connection was made"}
}

// Userspace tells whether the connection is left to a path manager in userspace.
func (c *Connection) Userspace() bool { return c.userspace }

// DenyJoinID0 records that the peer set the C flag: it takes no joins to its initial address.
func (c *Connection) DenyJoinID0() {
	if c.manager.has(CFlag) {
		c.denied = true
	}
}

// Created tells that the handshake with MP_CAPABLE is over, and that the connection has its token.
func (c *Connection) Created() {
	c.disown()
	c.token = c.conn.Info().Token
	c.manager.tokens[c.token] = c
	c.emitConnection(pm.EventCreated)
}

// Established tells that the connection is fully established. It counts once.
func (c *Connection) Established() {
	if c.announced {
		return
	}
	if c.workPending {
		c.schedule(established)
	}
	c.announced = true
	c.emitConnection(pm.EventEstablished)
}

// SubflowJoined tells that the handshake of a join is over: on the side that opened it with the SYN-ACK, on the other with the
// third ACK.
func (c *Connection) SubflowJoined(s Subflow) { c.emitSubflow(pm.EventSubEstablished, s.Info()) }

// SubflowEstablished tells that a join is fully established.
func (c *Connection) SubflowEstablished() {
	if c.workPending {
		c.schedule(subflowEstablished)
	}
}

// SubflowClosed tells that a subflow is closed, once, while it is still on the connection's list. If it was a join, there is room
// for another, and the next endpoint takes its place (mptcp_pm_subflow_check_next).
func (c *Connection) SubflowClosed(s Subflow) {
	info := s.Info()
	if c.conn.Info().State == Established {
		c.emitSubflow(pm.EventSubClosed, info)
	}
	switch {
	case c.userspace && info.Join:
		c.extraSubflows--
		return
	case c.userspace, !c.workPending && !info.Join:
		return
	case info.Join:
		c.release()
	}
	if c.checkPending() && c.schedule(subflowEstablished) {
		c.explainNext(info)
	}
}

// release takes an extra subflow off the count (__mptcp_pm_close_subflow).
func (c *Connection) release() {
	c.extraSubflows--
	if c.extraSubflows < c.limit() {
		c.acceptSubflow = true
	}
}

// Closed tells that the program closed its socket, or disconnected it.
func (c *Connection) Closed() {
	if token := c.conn.Info().Token; token != 0 {
		c.manager.emit(pm.Event{Kind: pm.EventClosed, Has: pm.AttrToken, Token: token})
	}
}

// Destroyed tells that the connection is gone, with its token.
func (c *Connection) Destroyed() {
	if c.destroyed {
		return
	}
	c.destroyed = true
	c.stop()
	c.disown()
	c.manager.forget(c)
}

// disown takes the token out of the table, if it is this connection's.
func (c *Connection) disown() {
	if c.manager.tokens[c.token] == c {
		delete(c.manager.tokens, c.token)
	}
}

// stop stops the worker and all timers.
func (c *Connection) stop() {
	for _, stop := range []*func(){&c.stopWorker, &c.stopRun} {
		if *stop != nil {
			(*stop)()
			*stop = nil
		}
	}
	for _, a := range c.anno {
		a.stop()
	}
	c.anno = nil
}

// FillInfo sets what the path manager contributes to struct mptcp_info (mptcp_diag_fill_info).
func (c *Connection) FillInfo(i *lab.Info) {
	i.ExtraSubflows = uint8(c.extraSubflows)
	i.AddAddrSignaled = uint8(c.addAddrSignaled)
	i.AddAddrAccepted = uint8(c.addAddrAccepted)
	i.LocalAddrUsed = uint8(c.localAddrUsed)
	if c.userspace {
		return
	}
	m := c.manager
	i.LimitExtraSubflows = uint8(m.limits.Subflows)
	i.LimitAddAddrAccepted = uint8(m.limits.AddAddrAccepted)
	i.EndpSignalMax = uint8(m.count(pm.FlagSignal))
	i.EndpSubflowMax = uint8(m.count(pm.FlagSubflow))
	if m.has(Laminar) {
		i.EndpLaminarMax = uint8(m.count(pm.FlagLaminar))
	}
}

// LocalID is the ID of a local address: 0 for that of the initial subflow, else that of its endpoint; an address without one gets
// one (mptcp_pm_get_local_id). Without a free ID or place for that, there is none.
func (c *Connection) LocalID(local netip.AddrPort) (id uint8, ok bool) {
	if sameAddress(c.conn.Info().Local.Addr(), local.Addr()) {
		return 0, true
	}
	if c.userspace {
		return c.ownID(local), true
	}
	m := c.manager
	if e := m.byAddress(local); e != nil {
		return e.ID, true
	}
	id, ok = m.implicitID(local.Addr())
	c.explainImplicit(local.Addr(), id, ok)
	return id, ok
}

// Backup tells whether subflows of a local address are to be backups (mptcp_pm_is_backup).
func (c *Connection) Backup(local netip.AddrPort) bool {
	if c.userspace {
		e := c.ownByAddress(local.Addr())
		return e != nil && e.Flags&pm.FlagBackup != 0
	}
	e := c.manager.byAddress(local)
	return e != nil && e.Flags&pm.FlagBackup != 0
}

// BackupOfAnswer is Backup for the SYN-ACK of a join, which older releases leave without the flag.
func (c *Connection) BackupOfAnswer(local netip.AddrPort) bool {
	return c.manager.has(TwoBackupFlags) && c.Backup(local)
}

// AcceptsPort tells whether a join may come in on a port other than that of the connection: it must be announced
// (mptcp_pm_sport_in_anno_list).
func (c *Connection) AcceptsPort(local netip.AddrPort) bool {
	ok := c.findAnnouncement(local) != nil
	if !ok {
		c.explainPort(local)
	}
	return ok
}

// CanAcceptJoin tells whether a join is worth a SYN-ACK (mptcp_can_accept_new_subflow). The kernel asks so early only where SYN
// cookies leave it no state; a join that is refused is counted.
func (c *Connection) CanAcceptJoin() bool { return c.open() || c.refuse() }

// AcceptJoin decides on a join whose third ACK has come with the right HMAC (mptcp_pm_allow_new_subflow). If so it counts as an
// extra subflow; else it is counted as refused.
func (c *Connection) AcceptJoin() bool {
	if !c.open() || !c.userspace && c.extraSubflows >= c.limit() {
		return c.refuse()
	}
	c.extraSubflows++
	if !c.userspace && c.extraSubflows == c.limit() {
		c.acceptSubflow = false
		c.refusedBy = c.full()
	}
	return true
}

// open tells whether the connection takes joins at all.
func (c *Connection) open() bool {
	info := c.conn.Info()
	if info.State != Established || !info.FullyEstablished {
		return false
	}
	if c.userspace {
		return c.manager.host.Listened()
	}
	return c.acceptSubflow
}

// refuse counts a join that is refused, and is always false.
func (c *Connection) refuse() bool {
	switch {
	case c.manager.has(JoinRejected):
		c.manager.host.Count("MPJoinRejected", 1)
	case !c.manager.has(OnlyHMacFailures):
		c.manager.host.Count("MPJoinAckHMacFailure", 1)
	}
	c.explainRefusal()
	return false
}

// JoinAborted tells that a join failed after AcceptJoin, before it was on the connection's list.
func (c *Connection) JoinAborted() {
	if c.manager.has(AbortedJoins) {
		c.release()
	}
}

// PrioReceived tells that a MP_PRIO was received on a subflow, which has its new flag already.
func (c *Connection) PrioReceived(s Subflow) {
	c.manager.host.Count("MPPrioRx", 1)
	c.emitSubflow(pm.EventSubPriority, s.Info())
}

// limit is the live limit of extra subflows.
func (c *Connection) limit() int { return int(c.manager.limits.Subflows) }

// acceptLimit is the live limit of announced addresses.
func (c *Connection) acceptLimit() int { return int(c.manager.limits.AddAddrAccepted) }

// subflows are those on the list at this moment; closing one while walking does no harm.
func (c *Connection) subflows() []Subflow { return slices.Clone(c.conn.Subflows()) }

// schedule asks the worker for an action, and tells whether that was not asked before (mptcp_pm_schedule_work).
func (c *Connection) schedule(s status) bool {
	if c.status&s != 0 {
		return false
	}
	c.status |= s
	c.wake()
	return true
}

// wake lets the worker come, unless it will anyway or is at work.
func (c *Connection) wake() {
	if c.status != 0 && c.stopWorker == nil && c.stopRun == nil {
		c.stopWorker = c.manager.host.After(workerDelay, c.work)
	}
}

// work does what was asked for, in the kernel's order (mptcp_pm_worker).
func (c *Connection) work() {
	c.stopWorker = nil
	if c.conn.Info().State == Close {
		return
	}
	for _, step := range []struct {
		when status
		do   func()
	}{
		{sendAck, c.sendSignals},
		{rmReceived, c.removeRemote},
		{addReceived, c.handleAddAddr},
		{established, c.run},
		{subflowEstablished, c.run},
	} {
		if c.status&step.when != 0 && c.stopRun == nil {
			c.status &^= step.when
			step.do()
		}
	}
}

// active tells whether a subflow may send (__mptcp_subflow_active).
func (s SubflowInfo) active() bool {
	return (s.State == Established || s.State == CloseWait) && (!s.Opened || s.FullyEstablished)
}

// closing tells whether a subflow is past its end, as those who close subflows see it.
func (s SubflowInfo) closing() bool {
	return s.State == FinWait1 || s.State == FinWait2 || s.State == Closing || s.State == Close
}
