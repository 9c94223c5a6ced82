package mptcp

import (
	"net/netip"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Listener takes MPTCP connections, and plain ones of those who do not speak MPTCP.
type Listener struct {
	host      *Host
	listener  *tcp.Listener
	joinsOnly bool // it is that of an endpoint with a port
	six       bool // its sockets are of IPv6
	waiting   []any
	closed    bool
}

// request is what a subflow has to remember between the SYN and the third ACK (struct mptcp_subflow_request_sock).
type request struct {
	listener *Listener
	key      wire.Key
	conn     *Conn // of a join

	final      *wire.MPCapable // of the third ACK
	peerWindow *segment.Segment
}

// Listen opens a listener.
func (h *Host) Listen(address netip.AddrPort, o tcp.Options) (*Listener, syscall.Errno) {
	l := &Listener{host: h}
	if errno := l.open(address, o); errno != 0 {
		return nil, errno
	}
	h.Manager.ListenerCreated(l.Address())
	return l, 0
}

func (l *Listener) open(address netip.AddrPort, o tcp.Options) (errno syscall.Errno) {
	l.six = address.Addr().Is6()
	l.listener, errno = l.host.Stack.Listen(plain(address), o, l.take)
	return errno
}

// Address is where it listens.
func (l *Listener) Address() netip.AddrPort { return l.listener.Address }

// Waiting tells whether a connection can be accepted.
func (l *Listener) Waiting() bool { return len(l.waiting) > 0 }

// Accept takes the next connection: a [*Conn] or a [*tcp.Stream]; nil: there is none.
func (l *Listener) Accept() any {
	if len(l.waiting) == 0 {
		return nil
	}
	next := l.waiting[0]
	l.waiting = l.waiting[1:]
	if c, ok := next.(*Conn); ok {
		c.accepted = true
		l.host.Count("MPCapableACKRX", 1)
	}
	return next
}

// Close stops listening. What was not accepted is reset.
func (l *Listener) Close() {
	if l.closed {
		return
	}
	l.closed = true
	l.listener.Close()
	l.host.Manager.ListenerClosed(l.Address())
	for _, x := range l.waiting {
		switch x := x.(type) {
		case *Conn:
			x.orphan = true
			x.fastClose()
		case *tcp.Stream:
			x.Abort()
		}
	}
	l.waiting = nil
}

// take decides on a SYN (subflow_check_req).
func (l *Listener) take(t *tcp.Conn, syn *segment.Segment) tcp.Owner {
	capable, join := validCapable(syn), segment.Option[*wire.MPJoin](syn)
	if join != nil && join.Phase != wire.JoinSYN {
		join = nil
	}
	if capable != nil {
		l.host.Count("MPCapableSYNRX", 1)
	}
	if l.joinsOnly && join == nil {
		l.host.Count("MPCapableEndpAttempt", 1)
		l.host.Stack.Refuse(syn, &wire.TCPRst{Reason: wire.ResetProhibited})
		return nil
	}
	switch {
	case capable != nil:
		if key, ok := l.host.newKey(); ok {
			return &Subflow{tcp: t, six: l.six, request: &request{listener: l, key: key}}
		}
		l.host.Count("MPFallbackTokenInit", 1)
	case join != nil:
		return l.takeJoin(t, syn, join)
	}
	return tcp.Accepting(t, l.queue)
}

func (l *Listener) queue(s *tcp.Stream) {
	if l.closed {
		s.Abort()
		return
	}
	l.waiting = append(l.waiting, s)
}

// validCapable is a MP_CAPABLE that Linux takes into account; nil: there is none.
func validCapable(s *segment.Segment) *wire.MPCapable {
	o := segment.Option[*wire.MPCapable](s)
	if o == nil || o.Extensibility || o.Crypto&wire.CryptoHMACSHA256 == 0 {
		return nil
	}
	if s.Has(wire.FlagSYN) && !s.Has(wire.FlagACK) {
		if o.Version < 1 {
			return nil
		}
		return o
	}
	if o.Version != 1 || !s.Has(wire.FlagSYN) && o.HasData != (len(s.Payload) > 0) {
		return nil
	}
	return o
}

// takeJoin decides on the SYN of a join.
func (l *Listener) takeJoin(t *tcp.Conn, syn *segment.Segment, o *wire.MPJoin) tcp.Owner {
	h := l.host
	h.Count("MPJoinSynRx", 1)
	if o.Backup {
		h.Count("MPJoinSynBackupRx", 1)
	}
	refuse := func(reason wire.ResetReason) tcp.Owner {
		h.Stack.Refuse(syn, &wire.TCPRst{Reason: reason})
		return nil
	}
	c := h.tokens[o.Token]
	if c == nil || c.fallback {
		h.Count("MPJoinNoTokenFound", 1)
		return refuse(wire.ResetMPTCPError)
	}
	local := mapped(t.Local, l.six)
	id, ok := c.pm.LocalID(local)
	if !ok {
		return refuse(wire.ResetMPTCPError)
	}
	if l.Address().Port() != c.local.Port() {
		if !c.pm.AcceptsPort(local) {
			h.Count("MismatchPortSynRx", 1)
			return refuse(wire.ResetProhibited)
		}
		h.Count("MPJoinPortSynRx", 1)
	}
	if t.Cookie && !c.pm.CanAcceptJoin() {
		return nil
	}
	return &Subflow{
		tcp: t, six: l.six, join: true, localID: id, remoteID: o.ID, backup: o.Backup, requestBackup: c.pm.BackupOfAnswer(local),
		nonce: h.Nonce(), peerNonce: o.Nonce, request: &request{listener: l, conn: c},
	}
}

// requested takes a segment that comes before the handshake is done (subflow_syn_recv_sock); false: there is nothing more to do.
func (f *Subflow) requested(s *segment.Segment) bool {
	r := f.request
	if s.Has(wire.FlagSYN) { // once more: the request is there, and nothing looks at the options again
		return true
	}
	if f.join {
		return f.completeJoin(s)
	}
	o := validCapable(s)
	if o == nil || !o.HasReceiverKey || o.ReceiverKey != r.key {
		r.listener.host.Count("MPCapableFallbackACK", 1)
		stream := tcp.Adopt(f.tcp)
		r.listener.queue(stream)
		return true
	}
	r.final, r.peerWindow = o, s
	return true
}

// Established implements [tcp.Owner]: of what this end took, the third ACK was right.
func (f *Subflow) Established() {
	switch {
	case f.request != nil && f.request.final != nil:
		f.complete(f.request.peerWindow, f.request.final)
	case f.join && !f.opened:
		f.conn.pm.SubflowJoined(f)
		f.tcp.SendAck() // the fourth ACK, by which the peer knows
		f.notified = true
		f.conn.pm.SubflowEstablished()
	}
}

// complete makes the connection of a request.
func (f *Subflow) complete(s *segment.Segment, o *wire.MPCapable) {
	r := f.request
	h := r.listener.host
	f.request = nil
	c := h.newConn(f.six, true)
	c.options, c.checksum = f.tcp.Options, c.checksum || o.ChecksumRequired
	c.local, c.remote, c.connected = f.tcp.Local, f.tcp.Remote, true
	c.setKey(r.key)
	c.setPeerKey(o.SenderKey)
	_, withSYN := f.tcp.SYNData()
	c.received = append(c.received, withSYN...)
	c.stats.received += uint64(len(withSYN))
	c.total = 1
	f.conn, f.id, f.capable, f.established, f.notified = c, 1, true, true, true
	f.tcp.Unlimited = true
	c.first, c.subflows = f, []*Subflow{f}
	c.setState(tcp.Established)
	c.pm = h.Manager.NewConnection(c, pathmanager.Accepted)
	if o.DenyJoinInitial {
		c.pm.DenyJoinID0()
	}
	c.pm.Created()
	c.fullyEstablished()
	c.learnWindow(f, s, c.sndUna)
	if r.listener.closed {
		c.orphan = true
		c.fastClose()
		return
	}
	r.listener.waiting = append(r.listener.waiting, c)
}

// completeJoin takes the third ACK of a join.
func (f *Subflow) completeJoin(s *segment.Segment) bool {
	c, l := f.request.conn, f.request.listener
	h := c.host
	refuse := func(reason wire.ResetReason) bool {
		f.refuse(s, reason, 0)
		return false
	}
	o := segment.Option[*wire.MPJoin](s)
	switch {
	case o == nil || o.Phase != wire.JoinACK:
		return refuse(wire.ResetMPTCPError)
	case c.closed || c.fallback:
		return refuse(wire.ResetMPTCPError)
	case o.HMAC != wire.JoinAckHMAC(c.peerKey, c.key, f.peerNonce, f.nonce):
		h.Count("MPJoinAckHMacFailure", 1)
		return refuse(wire.ResetMPTCPError)
	case !c.pm.AcceptJoin():
		return refuse(wire.ResetProhibited)
	}
	if l.Address().Port() != c.local.Port() {
		if !c.pm.AcceptsPort(f.local()) {
			h.Count("MismatchPortAckRx", 1)
			c.pm.JoinAborted()
			return refuse(wire.ResetProhibited)
		}
		h.Count("MPJoinPortAckRx", 1)
	}
	c.total++
	f.request, f.conn, f.id = nil, c, c.total
	f.joined, f.established = true, true
	f.tcp.Unlimited = true
	c.mayFallBack = false
	c.link(f)
	f.tcp.Options = c.options
	c.closeAt.Stop()
	h.Count("MPJoinAckRx", 1)
	return true
}
