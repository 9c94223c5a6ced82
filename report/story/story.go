package story

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Story is what happened in a case.
type Story struct {
	Lanes []string // nodes, from those that open connections to those that accept them; those that exchange nothing last
	Flows []Flow   // in order of their first packet
	Items []Item   // in order of time
}

// Flow is a TCP connection as it is seen on the wire: a subflow, or plain TCP. Behind an address translation it is another.
type Flow struct {
	From, To   string // lanes of the end that sent the first packet, and of the other
	Src, Dst   netip.AddrPort
	Kind       FlowKind
	Connection int // number of its MPTCP connection, from 1; 0: none, or not known
	Subflow    int // number within the connection, from 1 for the initial one

	tokens []uint32 // of the connection, known once the keys were seen
}

// FlowKind says how a flow began.
type FlowKind string

// The kinds of flows.
const (
	FlowInitial FlowKind = "initial" // MP_CAPABLE
	FlowJoin    FlowKind = "join"    // MP_JOIN
	FlowTCP     FlowKind = "tcp"     // neither, as far as was seen
)

// Name is how the flow is called: "subflow 2", or of a second connection "connection 2, subflow 1".
func (f Flow) Name() string {
	switch {
	case f.Connection == 0 && f.Kind == FlowTCP:
		return "TCP"
	case f.Connection == 0:
		return "subflow"
	case f.Connection == 1:
		return fmt.Sprintf("subflow %d", f.Subflow)
	}
	return fmt.Sprintf("connection %d, subflow %d", f.Connection, f.Subflow)
}

// Item is something that happened: a line of the timeline.
type Item struct {
	Time    time.Duration
	Kind    lab.EntryKind
	Host    string // a lane; empty: of none in particular
	Text    string // what the timeline says
	Message *Message
	With    []int // of a message: the items that came with it, events and counters
}

// Message is a packet, or several in a row that say the same.
type Message struct {
	From, To string // lanes
	Link     string
	Flow     int  // index into Flows
	Back     bool // sent by the end that answered
	Class    Class
	Label    string // in few words: "SYN MP_JOIN id 1 backup"
	Packet   wire.Packet
	Fate     string   // what a rule of the link did to it; empty: it passed
	Count    int      // packets
	Bytes    int      // of payload, together
	Counters []string // that moved with it: "server MPJoinSynRx"
}

// New makes the story of a result. Without a snapshot it has only what the timeline says.
func New(r report.Result) *Story {
	s := &Story{}
	var nodes []string
	if r.Snapshot != nil {
		nodes = s.observe(r.Snapshot)
	}
	for _, e := range r.Timeline {
		if r.Snapshot != nil && (e.Kind == lab.KindPacket || e.Kind == lab.KindEvent) {
			continue // taken from the snapshot, which has more
		}
		s.Items = append(s.Items, Item{Time: e.Time, Kind: e.Kind, Host: e.Host, Text: e.Text})
	}
	slices.SortStableFunc(s.Items, func(a, b Item) int { return cmp.Compare(a.Time, b.Time) })
	s.Lanes = s.lanes(nodes)
	s.dropEchoes()
	s.joinRepeats()
	if r.Snapshot != nil {
		s.relate(r.Snapshot)
	}
	return s
}

// observe adds packets and events, and returns the names of the nodes.
func (s *Story) observe(snap *snapshot.Snapshot) (nodes []string) {
	var packets []lab.Packet
	for _, l := range snap.Links {
		packets = append(packets, l.Packets...)
	}
	slices.SortStableFunc(packets, func(a, b lab.Packet) int { return cmp.Compare(a.Time, b.Time) })
	flows := map[[2]netip.AddrPort]int{}
	for _, p := range packets {
		s.Items = append(s.Items, Item{Time: p.Time, Kind: lab.KindPacket, Host: p.From, Text: p.String(), Message: s.message(flows, p)})
	}
	for _, n := range snap.Nodes {
		nodes = append(nodes, n.Name)
		for _, e := range n.Events {
			s.Items = append(s.Items, Item{Time: e.Time, Kind: lab.KindEvent, Host: n.Name, Text: e.String()})
		}
	}
	return nodes
}

func (s *Story) message(flows map[[2]netip.AddrPort]int, p lab.Packet) *Message {
	key := tuple(p.Src, p.Dst)
	i, known := flows[key]
	if !known || p.Flags&(wire.FlagSYN|wire.FlagACK) == wire.FlagSYN && s.ended(i, p) {
		i = len(s.Flows)
		flows[key] = i
		s.Flows = append(s.Flows, Flow{From: p.From, To: p.To, Src: p.Src, Dst: p.Dst, Kind: FlowTCP})
	}
	f := &s.Flows[i]
	back := p.Src != f.Src
	if !back && p.Link != "" { // the farthest that its packets get
		f.To = farthest(f, p)
	}
	s.learn(f, p)
	return &Message{
		From: p.From, To: p.To, Link: p.Link, Flow: i, Back: back, Packet: p.Packet, Fate: p.Fate,
		Class: classOf(p.Packet), Label: labelOf(p.Packet), Count: 1, Bytes: p.PayloadLen,
	}
}

// ended tells that a SYN is not the flow's own, sent again or seen on a further link.
func (s *Story) ended(flow int, p lab.Packet) bool {
	for i := len(s.Items) - 1; i >= 0; i-- {
		if m := s.Items[i].Message; m != nil && m.Flow == flow && m.Packet.Flags&wire.FlagSYN != 0 {
			return !m.Back && m.Packet.Seq != p.Seq || m.Back && m.Packet.Ack != p.Seq+1
		}
	}
	return false
}

// farthest is where the packets of the flow's first end arrive, going on from link to link.
func farthest(f *Flow, p lab.Packet) string {
	if p.From == f.To {
		return p.To
	}
	return f.To
}

// learn takes from a packet what tells which connection its flow belongs to.
func (s *Story) learn(f *Flow, p lab.Packet) {
	for _, o := range p.Options {
		switch o := o.(type) {
		case *wire.MPCapable:
			s.capable(f, o)
		case *wire.MPJoin:
			s.join(f, o)
		}
	}
}

func (s *Story) capable(f *Flow, o *wire.MPCapable) {
	if f.Connection == 0 {
		f.Kind, f.Connection, f.Subflow = FlowInitial, s.connections()+1, 1
	}
	if o.HasSenderKey {
		f.tokens = append(f.tokens, o.SenderKey.Token())
	}
}

func (s *Story) join(f *Flow, o *wire.MPJoin) {
	if f.Kind == FlowTCP {
		f.Kind = FlowJoin
	}
	if f.Connection != 0 || o.Phase != wire.JoinSYN {
		return
	}
	for _, initial := range s.Flows {
		if initial.Kind == FlowInitial && slices.Contains(initial.tokens, o.Token) {
			f.Connection = initial.Connection
			f.Subflow = 1
			for i := range s.Flows {
				if x := &s.Flows[i]; x != f && x.Connection == f.Connection {
					f.Subflow = max(f.Subflow, x.Subflow)
				}
			}
			f.Subflow++
			return
		}
	}
}

// connections is how many MPTCP connections were seen so far.
func (s *Story) connections() int {
	n := 0
	for _, f := range s.Flows {
		n = max(n, f.Connection)
	}
	return n
}

// tuple is the pair of a flow's ends, whichever sent.
func tuple(a, b netip.AddrPort) [2]netip.AddrPort {
	a, b = netip.AddrPortFrom(a.Addr().Unmap(), a.Port()), netip.AddrPortFrom(b.Addr().Unmap(), b.Port())
	if a.Compare(b) > 0 {
		a, b = b, a
	}
	return [2]netip.AddrPort{a, b}
}

// lanes puts the nodes in order, left to right.
func (s *Story) lanes(nodes []string) []string {
	rank := map[string]int{}
	for _, f := range s.Flows {
		rank[f.From] = min(rank[f.From], -1)
		if _, known := rank[f.To]; !known {
			rank[f.To] = 1
		}
	}
	for _, i := range s.Items {
		if i.Message == nil {
			continue
		}
		for _, n := range []string{i.Message.From, i.Message.To} {
			if _, known := rank[n]; !known {
				rank[n] = 0
			}
		}
	}
	idle := 2 // nothing was seen of it
	of := func(name string) int {
		if r, known := rank[name]; known {
			return r
		}
		return idle
	}
	lanes := slices.Clone(nodes)
	slices.SortStableFunc(lanes, func(a, b string) int { return cmp.Compare(of(a), of(b)) })
	return lanes
}

// joinRepeats makes one message of several in a row that only move data on one flow in one direction.
func (s *Story) joinRepeats() {
	var kept []Item
	for _, i := range s.Items {
		if m := i.Message; m != nil && m.Class == ClassData && len(kept) > 0 {
			last := kept[len(kept)-1].Message
			if last != nil && last.Class == ClassData && last.Flow == m.Flow && last.Back == m.Back && last.From == m.From && last.Fate == m.Fate {
				last.Count++
				last.Bytes += m.Bytes
				continue
			}
		}
		kept = append(kept, i)
	}
	s.Items = kept
}

// dropEchoes leaves out what a link says of a packet where the packet's message has it.
func (s *Story) dropEchoes() {
	said := map[string]bool{}
	for _, i := range s.Items {
		if i.Message != nil && i.Message.Fate != "" {
			said[i.Message.Fate+": "+i.Text] = true
		}
	}
	s.Items = slices.DeleteFunc(s.Items, func(i Item) bool { return i.Kind == lab.KindLink && said[i.Text] })
}
