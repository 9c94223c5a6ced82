package mptcp

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Conn is one end of an MPTCP connection (struct mptcp_sock).
type Conn struct {
	host   *Host
	pm     *pathmanager.Connection
	state  tcp.State
	server bool
	six    bool           // it is a socket of IPv6
	local  netip.AddrPort // of the initial subflow
	remote netip.AddrPort

	key, peerKey wire.Key
	token        uint32
	hasPeerKey   bool // so that data can be acknowledged
	established  bool // fully
	checksum     bool // on all mappings
	fallback     bool // it is plain TCP

	// mayFallBack is allow_infinite_fallback, and alone that no subflow was ever joined.
	mayFallBack bool

	first    *Subflow   // the initial one, which stays
	subflows []*Subflow // on the connection's list
	closing  []*Subflow // off the list, but not yet closed
	total    int        // subflows ever

	sending
	receiving

	options tcp.Options // of the socket, and so of all subflows

	connected bool          // the handshake is done
	accepted  bool          // a program has it
	orphan    bool          // the program has closed its socket
	closed    bool          // destroyed
	why       syscall.Errno // why it ended
	work      *vtime.Timer  // of the worker
	closeAt   *vtime.Timer  // after which a connection without subflows is given up
	stats     stats
}

// stats are what mptcp_info counts.
type stats struct {
	sent, received, acked, retransmitted uint64
	retransmissions                      uint32
	lastSent, lastReceived, lastAck      time.Duration
}

var _ pathmanager.Conn = (*Conn)(nil)

func (h *Host) newConn(six, server bool) *Conn {
	c := &Conn{host: h, six: six, server: server, mayFallBack: true, state: tcp.Closed}
	now := h.Stack.Clock().Now()
	c.stats.lastSent, c.stats.lastReceived, c.stats.lastAck = now, now, now
	c.checksum = h.Manager.Settings().ChecksumEnabled
	return c
}

// Dial opens a connection, by an interface unless index is 0. A remote address that is mapped into IPv6 makes a socket of IPv6. Of the data as much goes with the SYN as may, and how much that is is
// returned. What fails at once is an error number.
func (h *Host) Dial(local, remote netip.AddrPort, index int32, o tcp.Options, data []byte) (c *Conn, sent int, errno syscall.Errno) {
	c = h.newConn(remote.Addr().Is6(), false)
	c.options = o
	c.accepted = true
	c.pm = h.Manager.NewConnection(c, pathmanager.Opened)
	c.setState(tcp.SynSent)
	f := c.newSubflow(c.six)
	c.first = f
	c.subflows = []*Subflow{f}
	h.prepare(c, f)
	_, errno = h.Stack.Open(local, plain(remote), index, f, func(t *tcp.Conn) {
		f.tcp = t
		sent = t.SendWithSYN(data)
		t.Options = c.options
		c.local, c.remote = t.Local, t.Remote
	})
	if errno != 0 {
		c.setState(tcp.Closed)
		c.destroy()
		return nil, 0, errno
	}
	return c, sent, 0
}

// SetOptions changes the options of the socket, on all subflows.
func (c *Conn) SetOptions(o tcp.Options) {
	c.options = o
	for _, f := range c.subflows {
		f.tcp.Options = o
	}
}

// prepare decides whether a connection asks for MPTCP, and gives it a key.
func (h *Host) prepare(c *Conn, f *Subflow) {
	if h.hole.active(h) {
		h.Count("MPCapableSYNTXDisabled", 1)
		c.fallback = true
		h.conns = append(h.conns, c)
		return
	}
	key, ok := h.newKey()
	if !ok {
		h.Count("MPFallbackTokenInit", 1)
		c.fallback = true
		h.conns = append(h.conns, c)
		return
	}
	h.Count("MPCapableSYNTX", 1)
	f.requestsMP = true
	c.setKey(key)
}

// setKey gives a connection its key, and so its token and the beginning of its stream.
func (c *Conn) setKey(key wire.Key) {
	c.key, c.token = key, key.Token()
	first := key.IDSN() + 1
	c.sending.begin(first)
	c.host.add(c)
}

// setPeerKey takes the peer's key.
func (c *Conn) setPeerKey(key wire.Key) {
	c.peerKey, c.hasPeerKey = key, true
	c.rcvNxt = key.IDSN() + 1
	c.rcvStart = c.rcvNxt
}

// setState changes the state, and the gauge of established connections with it.
func (c *Conn) setState(s tcp.State) {
	gauge := func(s tcp.State) int {
		if s == tcp.Established || s == tcp.CloseWait {
			return 1
		}
		return 0
	}
	c.host.Count("MPCurrEstab", gauge(s)-gauge(c.state))
	c.state = s
}

// fullyEstablished tells the path manager that the peer has shown that it knows of the connection.
func (c *Conn) fullyEstablished() {
	c.established = true
	c.pm.Established()
}

// Info implements [pathmanager.Conn].
func (c *Conn) Info() pathmanager.ConnInfo {
	return pathmanager.ConnInfo{
		Token: c.liveToken(), Local: mapped(c.local, c.six), Remote: mapped(c.remote, c.six),
		State: pathmanager.State(c.state), FullyEstablished: c.established,
	}
}

// liveToken is the token until the connection is destroyed, when others may have it.
func (c *Conn) liveToken() uint32 {
	if c.closed {
		return 0
	}
	return c.token
}

// Subflows implements [pathmanager.Conn].
func (c *Conn) Subflows() []pathmanager.Subflow {
	list := make([]pathmanager.Subflow, len(c.subflows))
	for i, f := range c.subflows {
		list[i] = f
	}
	return list
}

// Connect implements [pathmanager.Conn] (__mptcp_subflow_connect).
func (c *Conn) Connect(j pathmanager.Join) syscall.Errno {
	if !c.established || c.fallback || c.state == tcp.Closed {
		return tcp.ENOTCONN
	}
	if !c.accepted || c.orphan {
		c.host.Count("MPJoinSynTxCreatSkErr", 1)
		return network.EINVAL
	}
	f := c.newSubflow(j.Local.Addr().Is4In6() || j.Local.Addr().Is6())
	f.join, f.opened = true, true
	f.localID, f.remoteID, f.requestBackup = j.LocalID, j.RemoteID, j.Backup
	f.nonce = c.host.Nonce()
	f.remoteToken = c.peerKey.Token()
	missing := false
	_, errno := c.host.Stack.Open(plain(j.Local), plain(j.Remote), j.IfIndex, f, func(t *tcp.Conn) {
		f.tcp = t
		t.Options, t.Unlimited = c.options, true
		if j.Local.Addr().IsUnspecified() {
			f.routed = true
			id, ok := c.pm.LocalID(f.local())
			f.localID, f.requestBackup, missing = id, c.pm.Backup(f.local()), !ok
		}
		c.link(f)
	})
	if missing {
		c.unlink(f)
		f.tcp.Vanish(0)
		errno = network.EINVAL
	}
	switch {
	case (errno == network.EADDRNOTAVAIL || errno == tcp.EADDRINUSE) && !j.Local.Addr().IsUnspecified():
		c.host.Count("MPJoinSynTxBindErr", 1)
	case errno != 0:
		c.host.Count("MPJoinSynTxConnectErr", 1)
	default:
		c.host.Count("MPJoinSynTx", 1)
	}
	return errno
}

// link puts a subflow on the list.
func (c *Conn) link(f *Subflow) { c.subflows = append(c.subflows, f) }

// unlink takes one off.
func (c *Conn) unlink(f *Subflow) { c.subflows = without(c.subflows, f) }

func without(list []*Subflow, f *Subflow) []*Subflow {
	var rest []*Subflow
	for _, x := range list {
		if x != f {
			rest = append(rest, x)
		}
	}
	return rest
}

// workDelay is what it takes until the worker runs.
const workDelay = 50 * time.Microsecond

// schedule lets the worker run soon (mptcp_schedule_work).
func (c *Conn) schedule() {
	if !c.work.Pending() && !c.closed {
		c.work = c.host.Stack.Clock().After(workDelay, c.worker)
	}
}

// worker closes what has ended (mptcp_worker).
func (c *Conn) worker() {
	if c.closed {
		return
	}
	if c.state != tcp.Closed {
		c.checkFINAcked()
		c.checkDataFIN()
		c.closeDead()
	}
	c.checkEnd()
}

// destroy ends the connection for good.
func (c *Conn) destroy() {
	if c.closed {
		return
	}
	c.closed = true
	c.setState(tcp.Closed)
	c.work.Stop()
	c.closeAt.Stop()
	c.rtx.Stop()
	c.host.remove(c)
	c.pm.Destroyed()
}
