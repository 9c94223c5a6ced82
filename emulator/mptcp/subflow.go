package mptcp

import (
	"net/netip"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Subflow is a TCP connection of an MPTCP connection (struct mptcp_subflow_context), or, before the third ACK of a passive
// one, the request for it.
type Subflow struct {
	conn *Conn // nil: a request
	tcp  *tcp.Conn
	six  bool // a socket of IPv6
	id   int  // number within the connection, from 1

	localID, remoteID uint8
	remoteToken       uint32 // of an opened join
	requestsMP        bool   // the SYN has MP_CAPABLE
	capable           bool   // both ends spoke MPTCP in the handshake of the initial one, and after it
	join              bool
	opened            bool // this end sent the MP_JOIN
	routed            bool // from an address that routing chose
	disconnected      bool // while its SYN was not answered
	joined            bool // the handshake of the join is done
	established       bool // fully
	notified          bool // the path manager knows
	backup            bool // the peer asks for it
	requestBackup     bool // this end does
	nonce, peerNonce  uint32

	stale      bool
	staleCount int
	heard      uint64 // segments
	looked     uint64 // heard, when last looked at

	mapping mapping

	request       *request // before the third ACK
	prio          *bool    // a MP_PRIO that waits to be sent
	fail          bool     // a MP_FAIL waits to be sent
	failSeq       uint64
	lastMapped    uint64 // DSN of the mapping that was received last
	validChecksum bool   // one was seen
	reset         *wire.TCPRst
	errno         syscall.Errno
	eventDone     bool // its closing was told
	dead          bool // TCP has closed
	quiet         bool // its end is not told before another subflow closes

	infinite bool         // the next data have an infinite mapping
	failing  *vtime.Timer // of the answer to a MP_FAIL
	thirdAck *vtime.Timer // after which that of an opened join is sent again

	dropped                bool // MP_CAPABLE from the SYN: see blackhole
	firstPlain, plainTries int
}

var (
	_ pathmanager.Subflow = (*Subflow)(nil)
	_ tcp.Owner           = (*Subflow)(nil)
)

func (c *Conn) newSubflow(six bool) *Subflow {
	c.total++
	return &Subflow{conn: c, six: six, id: c.total}
}

// local and remote are the addresses in the form of the subflow's socket.
func (f *Subflow) local() netip.AddrPort  { return mapped(f.tcp.Local, f.six) }
func (f *Subflow) remote() netip.AddrPort { return mapped(f.tcp.Remote, f.six) }

// Info implements [pathmanager.Subflow].
func (f *Subflow) Info() pathmanager.SubflowInfo {
	i := pathmanager.SubflowInfo{
		Local: f.local(), Remote: f.remote(), LocalID: f.localID, RemoteID: f.remoteID, State: pathmanager.State(f.state()),
		Join: f.join, Opened: f.opened, FullyEstablished: f.established, Backup: f.backup, Stale: f.stale,
		Error: f.errno, IfIndex: f.tcp.IfIndex,
	}
	if f.disconnected { // which clears them (tcp_disconnect)
		i.Remote = netip.AddrPortFrom(i.Remote.Addr(), 0)
		if f.routed {
			i.Local = netip.AddrPortFrom(unspecified(i.Local.Addr()), i.Local.Port())
		}
	}
	if f.tcp.RTT() > 0 {
		i.RTO = f.tcp.RTO()
	}
	if f.reset != nil {
		i.Reset, i.ResetReason, i.ResetTransient = true, uint8(f.reset.Reason), f.reset.Flags&wire.ResetTransient != 0
	}
	return i
}

// state is that of the subflow's socket, which does not wait in TIME-WAIT itself.
func (f *Subflow) state() tcp.State {
	if s := f.tcp.State(); s != tcp.TimeWait {
		return s
	}
	return tcp.Closed
}

// SendAck implements [pathmanager.Subflow].
func (f *Subflow) SendAck() { f.tcp.SendAck() }

// SendPrio implements [pathmanager.Subflow].
func (f *Subflow) SendPrio(backup bool) {
	f.requestBackup = backup
	f.prio = &backup
	f.tcp.SendAck()
}

// Close implements [pathmanager.Subflow] (mptcp_subflow_shutdown, mptcp_close_ssk).
func (f *Subflow) Close() {
	switch state := f.tcp.State(); {
	case state.CanSend():
		f.tcp.SendAck()
	case state == tcp.SynSent:
		f.disconnected, f.errno = true, tcp.ECONNRESET
	}
	f.conn.closeSubflow(f)
}

func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// active tells whether data can be sent on the subflow (__mptcp_subflow_active).
func (f *Subflow) active() bool {
	if f.opened && !f.established {
		return false
	}
	return f.tcp.State().CanSend() && f.conn.onList(f)
}

// isBackup tells whether either end wants the subflow to be a backup.
func (f *Subflow) isBackup() bool { return f.backup || f.requestBackup }

// Window implements [tcp.Owner]: all subflows share that of the connection.
func (f *Subflow) Window() int {
	if f.conn == nil {
		return f.tcp.Options.Receive(&f.tcp.Stack().Settings)
	}
	return f.conn.window()
}

// Acked implements [tcp.Owner].
func (f *Subflow) Acked() {
	if c := f.conn; c != nil {
		if c.fallback && f == c.first {
			c.plainAcked()
		}
		c.push()
	}
}

// Finished implements [tcp.Owner].
func (f *Subflow) Finished() {
	if f.conn == nil {
		return
	}
	if f.conn.fallback && f == f.conn.first {
		f.conn.endOfStream()
	}
	f.conn.schedule()
}

// Closed implements [tcp.Owner].
func (f *Subflow) Closed(why syscall.Errno) {
	f.dead = true
	if f.errno == 0 {
		f.errno = why
	}
	c := f.conn
	if c == nil {
		return
	}
	c.closing = without(c.closing, f)
	if !c.onList(f) {
		return
	}
	if f == c.first && (c.state == tcp.SynSent || c.fallback) {
		c.failed(f.errno)
	}
	c.schedule()
}

// abort resets the subflow with a reason (mptcp_subflow_reset, tcp_send_active_reset).
func (f *Subflow) abort(reason wire.ResetReason, why syscall.Errno) {
	var options []wire.Option
	if f.fail {
		f.fail = false
		options = append(options, &wire.MPFail{DSN: f.failSeq})
		f.count("MPFailTx")
	}
	f.count("MPRstTx")
	f.errno = why
	f.tcp.Abort(why, append(options, &wire.TCPRst{Reason: reason})...)
}

// refuse answers a segment with a reset, and ends the subflow, whose handshake was not done.
func (f *Subflow) refuse(s *segment.Segment, reason wire.ResetReason, why syscall.Errno) {
	f.tcp.Stack().Refuse(s, &wire.TCPRst{Reason: reason})
	f.tcp.Vanish(why)
}

func (f *Subflow) count(counter string) { f.conn.host.Count(counter, 1) }
