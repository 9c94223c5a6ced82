package pathmanager

import (
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// link is a connection of a world to a peer that does not answer by itself.
type link struct {
	*world
	c        *Connection
	info     ConnInfo
	subflows []*sub
	sent     []string // options, in order
	opened   []string // subflows by this end: "10.0.2.2/1 > 10.0.1.1:5000/0"
	refuse   map[netip.Addr]syscall.Errno
	routed   netip.Addr    // the source that routing picks
	room     int           // for options on a pure ACK
	answer   time.Duration // after which a join is fully established; 0: it does not tell
}

type sub struct {
	link *link
	info SubflowInfo
}

const token = 0x12345678

// connecting is a connection from 10.0.1.2 to 10.0.1.1 whose handshake is over, and that is not fully established yet. The peer may
// have set the C flag.
func connecting(w *world, side Side, denied bool) *link {
	l := &link{world: w, refuse: map[netip.Addr]syscall.Errno{}, routed: ip("10.0.9.2"), room: 28}
	local, remote := ipPort("10.0.1.2:40000"), ipPort("10.0.1.1:5000")
	if side == Accepted {
		local, remote = remote, local
	}
	l.info = ConnInfo{Token: token, Local: local, Remote: remote, State: Established}
	l.c = w.m.NewConnection(l, side)
	l.add(SubflowInfo{Local: local, Remote: remote})
	if denied {
		l.c.DenyJoinID0()
	}
	l.c.Created()
	return l
}

func (l *link) establish() {
	l.info.FullyEstablished = true
	l.c.Established()
	l.settle()
}

// Info implements [Conn].
func (l *link) Info() ConnInfo { return l.info }

// Subflows implements [Conn].
func (l *link) Subflows() []Subflow {
	all := make([]Subflow, len(l.subflows))
	for i, s := range l.subflows {
		all[i] = s
	}
	return all
}

// Connect implements [Conn].
func (l *link) Connect(j Join) syscall.Errno {
	if !l.info.FullyEstablished {
		return 107
	}
	if j.Local.Addr().IsUnspecified() {
		j.Local = netip.AddrPortFrom(l.routed, 0)
		id, ok := l.c.LocalID(j.Local)
		if !ok {
			return einval
		}
		j.LocalID, j.Backup = id, l.c.Backup(j.Local)
	}
	word := fmt.Sprintf("%s/%d > %s/%d", j.Local.Addr(), j.LocalID, j.Remote, j.RemoteID)
	if j.Backup {
		word += " backup"
	}
	if errno := l.refuse[j.Local.Addr()]; errno != 0 {
		return errno
	}
	l.opened = append(l.opened, word)
	l.add(SubflowInfo{
		Local: netip.AddrPortFrom(j.Local.Addr(), uint16(41000+len(l.opened))), Remote: j.Remote,
		LocalID: j.LocalID, RemoteID: j.RemoteID, Join: true, Opened: true, FullyEstablished: true, IfIndex: j.IfIndex,
	})
	if l.answer > 0 {
		l.After(l.answer, l.c.SubflowEstablished)
	}
	return 0
}

// add puts an established subflow on the list.
func (l *link) add(info SubflowInfo) *sub {
	if info.State == 0 {
		info.State = Established
	}
	info.RTO = 200 * time.Millisecond
	s := &sub{l, info}
	l.subflows = append(l.subflows, s)
	return s
}

// accept is a join of the peer, and tells whether it was taken.
func (l *link) accept(local, remote string, remoteID uint8) bool {
	from := ipPort(local)
	id, ok := l.c.LocalID(from)
	if !ok || !l.c.AcceptJoin() {
		return false
	}
	s := l.add(SubflowInfo{Local: from, Remote: ipPort(remote), LocalID: id, RemoteID: remoteID, Join: true, FullyEstablished: true})
	l.c.SubflowJoined(s)
	l.c.SubflowEstablished()
	l.settle()
	return true
}

// echo answers the last announcement.
func (l *link) echo(a AddAddr) {
	a.Echo = true
	l.c.AddAddrEchoed(a)
	l.settle()
}

// announce is an ADD_ADDR of the peer.
func (l *link) announce(id uint8, a string) {
	l.c.AddAddrReceived(addAddr(id, a))
	l.settle()
}

// addAddr is an ADD_ADDR of an address, with or without a port.
func addAddr(id uint8, a string) AddAddr {
	if at, err := netip.ParseAddrPort(a); err == nil {
		return AddAddr{ID: id, Address: at.Addr(), Port: at.Port()}
	}
	return AddAddr{ID: id, Address: ip(a)}
}

// withdraw is a RM_ADDR of the peer.
func (l *link) withdraw(ids ...uint8) {
	l.c.RmAddrReceived(ids)
	l.settle()
}

// drop ends a subflow.
func (l *link) drop(i int) {
	l.subflows[i].Close()
	l.settle()
}

func (l *link) counters() lab.Info {
	var i lab.Info
	l.c.FillInfo(&i)
	return i
}

// Info implements [Subflow].
func (s *sub) Info() SubflowInfo { return s.info }

// SendAck implements [Subflow]: an ACK carries what waits for it.
func (s *sub) SendAck() {
	l := s.link
	if a, ok := l.c.TakeAddAddr(true, l.room); ok {
		word := "add"
		if a.Echo {
			word = "echo"
		}
		l.sent = append(l.sent, fmt.Sprintf("%s %d %s", word, a.ID, addressPort(a.addrPort())))
	}
	if ids, ok := l.c.TakeRmAddr(l.room); ok {
		l.sent = append(l.sent, fmt.Sprintf("rm %v over %s", ids, s.info.Local.Addr()))
	}
}

// SendPrio implements [Subflow].
func (s *sub) SendPrio(backup bool) {
	s.link.sent = append(s.link.sent, fmt.Sprintf("prio %v on %s", backup, s.info.Local.Addr()))
}

// Close implements [Subflow]. The initial subflow stays on the list.
func (s *sub) Close() {
	l := s.link
	l.c.SubflowClosed(s)
	s.info.State = Close
	if s.info.Join {
		l.subflows = slices.DeleteFunc(l.subflows, func(other *sub) bool { return other == s })
	}
}

// endpoint adds an endpoint in the words of ip-mptcp(8).
func (w *world) endpoint(a string, flags string) {
	f, err := pm.ParseFlags(flags)
	if err != nil {
		panic(err)
	}
	e := pm.Endpoint{Flags: f}
	if at, err := netip.ParseAddrPort(a); err == nil {
		e.Address, e.Port = at.Addr(), at.Port()
	} else {
		e.Address = ip(a)
	}
	if err := w.m.AddEndpoint(e); err != nil {
		panic(err)
	}
}

// limits sets both limits.
func (w *world) limits(accepted, subflows uint32) {
	if err := w.m.SetLimits(pm.LimitsUpdate{AddAddrAccepted: &accepted, Subflows: &subflows}); err != nil {
		panic(err)
	}
}

// told are the texts of the reasons of a rule.
func (w *world) told(rule string) []string {
	var all []string
	for _, r := range w.reasons {
		if r.Rule == rule {
			all = append(all, r.Text)
		}
	}
	return all
}
