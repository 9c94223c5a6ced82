//go:build linux

package observe

import (
	"cmp"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// join makes connections of MPTCP sockets and their subflows, by token, and of the TCP sockets that are nobody's.
func join(mptcp, tcp []socket) []lab.Conn {
	slices.SortFunc(mptcp, byCreation)
	slices.SortFunc(tcp, byCreation)

	conns := make([]lab.Conn, 0, len(mptcp)+len(tcp))
	index := make(map[uint32]int, len(mptcp)) // of conns, by token
	for _, s := range mptcp {
		c := s.conn()
		index[c.Token] = len(conns)
		conns = append(conns, c)
	}
	for _, s := range tcp {
		if s.Subflow.TokenLoc == 0 {
			conns = append(conns, s.plainConn())
		} else if i, known := index[s.Subflow.TokenLoc]; known {
			conns[i].Subflows = append(conns[i].Subflows, s.subflow())
		}
	}
	return conns
}

// conn is the lab's view of an MPTCP socket, still without its subflows.
func (s *socket) conn() lab.Conn {
	info := decodeInfo(s.Info)
	return lab.Conn{
		Token:    info.Token,
		Local:    unmapped(s.Local),
		Remote:   unmapped(s.Remote),
		State:    s.State,
		Fallback: info.Flags&infoFallback != 0,
		Info:     info,
	}
}

// plainConn is the lab's view of a TCP socket that no MPTCP socket owns.
func (s *socket) plainConn() lab.Conn {
	return lab.Conn{
		Local:    unmapped(s.Local),
		Remote:   unmapped(s.Remote),
		State:    s.State,
		Fallback: true,
		Subflows: []lab.Subflow{s.subflow()},
	}
}

func byCreation(a, b socket) int {
	return cmp.Or(compareBools(a.Subflow.join(), b.Subflow.join()), cmp.Compare(a.order, b.order))
}

// sightings numbers sockets in the order in which they were first seen. They are known by their cookies, which say
// nothing of age by themselves: the kernel deals them out when a socket is first looked at, from a range per CPU
// (include/linux/cookie.h).
type sightings struct {
	order map[uint64]uint64 // by cookie
	last  uint64
}

func newSightings() sightings { return sightings{order: map[uint64]uint64{}} }

// update numbers the sockets of one answer, and forgets those that are not in it.
func (s *sightings) update(dumps ...[]socket) {
	order := make(map[uint64]uint64, len(s.order))
	for _, sockets := range dumps {
		slices.SortFunc(sockets, byIdentifiers)
		for i := range sockets {
			x := &sockets[i]
			x.order = s.order[x.Cookie]
			if x.order == 0 {
				s.last++
				x.order = s.last
			}
			order[x.Cookie] = x.order
		}
	}
	s.order = order
}

// byIdentifiers orders sockets that were seen together for the first time: by the identifiers of the address that the
// subflow was opened from and of the one that it was opened to, so that both ends of a connection give one order.
func byIdentifiers(a, b socket) int {
	aFrom, aTo := a.Subflow.identifiers()
	bFrom, bTo := b.Subflow.identifiers()
	return cmp.Or(
		compareBools(a.Subflow.join(), b.Subflow.join()),
		cmp.Compare(aFrom, bFrom),
		cmp.Compare(aTo, bTo),
		a.Local.Compare(b.Local),
		a.Remote.Compare(b.Remote),
	)
}

// identifiers are those of the address of the end that opened the subflow and of the other end.
func (i subflowInfo) identifiers() (from, to uint8) {
	if i.Flags&flagJoinLoc != 0 {
		return i.IDLoc, i.IDRem
	}
	return i.IDRem, i.IDLoc
}

// compareBools orders false before true.
func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}
