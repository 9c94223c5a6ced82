package story

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// relate finds for each event and counter the message that it came with.
func (s *Story) relate(snap *snapshot.Snapshot) {
	events := map[string][]lab.Event{} // by host, those that have no item yet
	for _, n := range snap.Nodes {
		events[n.Name] = slices.Clone(n.Events)
		slices.SortStableFunc(events[n.Name], func(a, b lab.Event) int { return cmp.Compare(a.Time, b.Time) })
	}
	counted := map[string]int{} // by host: the item up to which its counters were read
	for i, item := range s.Items {
		switch item.Kind {
		case lab.KindEvent:
			e := events[item.Host][0]
			events[item.Host] = events[item.Host][1:]
			if at := s.causeOf(i, item.Host, e.Event); at >= 0 {
				s.Items[at].With = append(s.Items[at].With, i)
			}
		case lab.KindCounter:
			s.count(counted[item.Host], i)
			counted[item.Host] = i
		}
	}
}

// causes tells which messages lead to an event of a kind.
var causes = map[pm.EventKind]func(m *Message, host string, e pm.Event) bool{
	pm.EventCreated:        func(m *Message, _ string, e pm.Event) bool { return m.Class == ClassHandshake && sameFlow(m, e) },
	pm.EventEstablished:    func(m *Message, _ string, e pm.Event) bool { return sameFlow(m, e) },
	pm.EventSubEstablished: func(m *Message, _ string, e pm.Event) bool { return m.Class == ClassJoin && sameFlow(m, e) },
	pm.EventSubClosed: func(m *Message, host string, e pm.Event) bool {
		if o, ok := m.Packet.Option(wire.NameRemoveAddr).(*wire.RemoveAddr); ok {
			return m.To == host && slices.Contains(o.IDs, e.RemoteID) || m.From == host && slices.Contains(o.IDs, e.LocalID)
		}
		return (m.Class == ClassReset || m.Class == ClassClose) && sameFlow(m, e)
	},
	pm.EventSubPriority: func(m *Message, _ string, e pm.Event) bool { return m.Class == ClassPrio && sameFlow(m, e) },
	pm.EventAnnounced: func(m *Message, host string, e pm.Event) bool {
		o, ok := m.Packet.Option(wire.NameAddAddr).(*wire.AddAddr)
		return ok && m.To == host && !o.Echo && o.ID == e.RemoteID
	},
	pm.EventRemoved: func(m *Message, host string, e pm.Event) bool {
		o, ok := m.Packet.Option(wire.NameRemoveAddr).(*wire.RemoveAddr)
		return ok && m.To == host && slices.Contains(o.IDs, e.RemoteID)
	},
}

// causeOf is the last message before an item that led to the event; -1: none did.
func (s *Story) causeOf(before int, host string, e pm.Event) int {
	leads := causes[e.Kind]
	if leads == nil {
		return -1
	}
	for i := before - 1; i >= 0; i-- {
		if m := s.Items[i].Message; m != nil && m.Fate == "" && (m.From == host || m.To == host) && leads(m, host, e) {
			return i
		}
	}
	return -1
}

func sameFlow(m *Message, e pm.Event) bool {
	return tuple(m.Packet.Src, m.Packet.Dst) == tuple(unmapped(e.Local), unmapped(e.Remote))
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// movedCounter is one of the counters that an entry of the timeline lists.
var movedCounter = regexp.MustCompile(`(\w+) \+(\d+)`)

// count gives the counters of an item to the messages since the item before, as many as they moved by.
func (s *Story) count(since, at int) {
	host := s.Items[at].Host
	for _, moved := range movedCounter.FindAllStringSubmatch(s.Items[at].Text, -1) {
		c, known := counters[moved[1]]
		left, err := strconv.Atoi(moved[2])
		if !known || err != nil {
			continue
		}
		for i := since; i < at && left > 0; i++ {
			m := s.Items[i].Message
			if m == nil || !c.moves(m, host) {
				continue
			}
			left--
			m.Counters = append(m.Counters, host+" "+moved[1])
			if !slices.Contains(s.Items[i].With, at) {
				s.Items[i].With = append(s.Items[i].With, at)
			}
		}
	}
}

// counter tells which messages move a counter (net/mptcp/mib.h).
type counter struct {
	sent bool // by the host, not received
	is   func(p wire.Packet) bool
}

func (c counter) moves(m *Message, host string) bool {
	if c.sent {
		return m.From == host && c.is(m.Packet)
	}
	return m.To == host && m.Fate == "" && c.is(m.Packet)
}

var counters = map[string]counter{
	"MPCapableSYNRX":       {false, handshake(wire.NameMPCapable, "S")},
	"MPCapableSYNTX":       {true, handshake(wire.NameMPCapable, "S")},
	"MPCapableSYNACKRX":    {false, handshake(wire.NameMPCapable, "S.")},
	"MPCapableACKRX":       {false, handshake(wire.NameMPCapable, ".")},
	"MPJoinSynRx":          {false, handshake(wire.NameMPJoin, "S")},
	"MPJoinSynTx":          {true, handshake(wire.NameMPJoin, "S")},
	"MPJoinSynAckRx":       {false, handshake(wire.NameMPJoin, "S.")},
	"MPJoinAckRx":          {false, handshake(wire.NameMPJoin, ".")},
	"MPJoinSynBackupRx":    {false, backup("S")},
	"MPJoinSynAckBackupRx": {false, backup("S.")},
	"AddAddr":              {false, addAddr(func(o *wire.AddAddr) bool { return !o.Echo })},
	"AddAddrTx":            {true, addAddr(func(o *wire.AddAddr) bool { return !o.Echo })},
	"EchoAdd":              {false, addAddr(func(o *wire.AddAddr) bool { return o.Echo })},
	"EchoAddTx":            {true, addAddr(func(o *wire.AddAddr) bool { return o.Echo })},
	"PortAdd":              {false, addAddr(func(o *wire.AddAddr) bool { return o.Port != 0 })},
	"RmAddr":               {false, has(wire.NameRemoveAddr)},
	"RmAddrTx":             {true, has(wire.NameRemoveAddr)},
	"MPPrioRx":             {false, has(wire.NameMPPrio)},
	"MPPrioTx":             {true, has(wire.NameMPPrio)},
	"MPFailRx":             {false, has(wire.NameMPFail)},
	"MPFailTx":             {true, has(wire.NameMPFail)},
	"MPFastcloseRx":        {false, has(wire.NameFastClose)},
	"MPFastcloseTx":        {true, has(wire.NameFastClose)},
	"MPRstRx":              {false, has(wire.NameTCPRst)},
	"MPRstTx":              {true, has(wire.NameTCPRst)},
}

func has(option string) func(wire.Packet) bool {
	return func(p wire.Packet) bool { return p.Option(option) != nil }
}

// handshake is a packet of a handshake, by its flags as tcpdump writes them; PSH does not matter.
func handshake(option, flags string) func(wire.Packet) bool {
	return func(p wire.Packet) bool {
		return p.Option(option) != nil && strings.ReplaceAll(p.Flags.String(), "P", "") == flags
	}
}

func backup(flags string) func(wire.Packet) bool {
	is := handshake(wire.NameMPJoin, flags)
	return func(p wire.Packet) bool {
		return is(p) && p.Option(wire.NameMPJoin).(*wire.MPJoin).Backup
	}
}

func addAddr(is func(*wire.AddAddr) bool) func(wire.Packet) bool {
	return func(p wire.Packet) bool {
		o, ok := p.Option(wire.NameAddAddr).(*wire.AddAddr)
		return ok && is(o)
	}
}
