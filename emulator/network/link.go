package network

import (
	"fmt"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/impair"
)

// Link joins two interfaces. Each direction has a number: that of the end which sends.
type Link struct {
	Ends [2]*Interface
	// Judge, if it is set, says what becomes of each frame that enters the link, before the impairment sees it.
	Judge func(t *Transit) Verdict
	// Dropped and Corrupted, if they are set, are told what the impairment did to a frame.
	Dropped   func(from int, frame []byte, why string)
	Corrupted func(from int, frame []byte)

	net   *Net
	lanes [2]lane
}

// lane is one direction of a link.
type lane struct {
	line    *impair.Line
	waiting []*Transit // the first one for its verdict, the others behind it
	counts  Counts
}

// Counts are of one direction, in frames.
type Counts struct {
	Received, Injected, Duplicated, Delivered, Corrupted uint64
	Dropped                                              map[string]uint64 // by reason
	InFlight, Held                                       uint64            // now
}

// Action is what becomes of a frame that was judged.
type Action uint8

// The actions. A frame that waits or is held is decided by [Transit.Decide].
const (
	Pass Action = iota
	Drop
	Wait // those behind it wait, too
	Hold // those behind it go on
)

// Verdict is what is decided on a frame. Its zero value lets it pass.
type Verdict struct {
	Action Action
	Delay  time.Duration // beyond the link's; others may overtake it
	Copies int           // how many more of it arrive
	Frame  []byte        // in place of it; nil: as it is
}

// Transit is a frame that enters a link.
type Transit struct {
	From    int // the end that sent it
	Frame   []byte
	Arrived time.Duration

	link    *Link
	action  Action // the last decision
	entered bool   // it has been decided for good
}

// NewLink joins two interfaces, that were attached to nodes.
func (n *Net) NewLink(a, b *Interface, mtu int) *Link {
	l := &Link{Ends: [2]*Interface{a, b}, net: n}
	for end, i := range l.Ends {
		i.Link, i.end, i.mtu = l, end, mtu
		seed := n.Seed + uint64(n.links)<<32 + uint64(end)
		l.lanes[end] = lane{line: impair.NewLine(seed), counts: Counts{Dropped: map[string]uint64{}}}
	}
	n.links++
	for _, i := range l.Ends {
		i.announce()
	}
	return l
}

// Impair sets how the link treats what an end sends from now on.
func (l *Link) Impair(from int, i impair.Impairment) error { return l.lanes[from].line.Set(i) }

// Counts are those of what an end sent.
func (l *Link) Counts(from int) Counts {
	c := l.lanes[from].counts
	dropped := map[string]uint64{}
	for reason, n := range c.Dropped {
		dropped[reason] = n
	}
	c.Dropped = dropped
	c.Held += uint64(len(l.lanes[from].waiting))
	return c
}

// Inject delivers a frame to an end, as if the other one had sent it, at once: nothing judges or impairs it.
func (l *Link) Inject(to int, frame []byte) {
	lane := &l.lanes[1-to]
	lane.counts.Injected++
	l.deliver(1-to, slices.Clone(frame), l.net.Clock.Now())
}

// send takes a frame from an end. It owns the frame.
func (l *Link) send(from int, frame []byte) {
	lane := &l.lanes[from]
	lane.counts.Received++
	t := &Transit{From: from, Frame: frame, Arrived: l.net.Clock.Now(), link: l}
	if len(lane.waiting) > 0 {
		lane.waiting = append(lane.waiting, t)
		return
	}
	l.judge(t)
}

// judge asks what becomes of a frame; false: it waits.
func (l *Link) judge(t *Transit) {
	var v Verdict
	if l.Judge != nil {
		v = l.Judge(t)
	}
	t.action = v.Action
	switch v.Action {
	case Wait:
		lane := &l.lanes[t.From]
		lane.waiting = append([]*Transit{t}, lane.waiting...)
	case Hold:
		l.lanes[t.From].counts.Held++
	default:
		t.entered = true
		l.enter(t, v)
	}
}

// Decide gives the verdict on a frame that waits or is held. One that waited is treated as if it had passed at once, and those
// behind it follow; one that was held enters the link now.
func (t *Transit) Decide(v Verdict) error {
	if t.entered || t.action != Wait && t.action != Hold {
		return fmt.Errorf("the packet has been decided already")
	}
	l, was := t.link, t.action
	lane := &l.lanes[t.From]
	switch {
	case v.Action == Wait:
		return fmt.Errorf("a packet that waits or is held cannot be told to wait")
	case v.Action == Hold && was == Hold:
		return nil
	case was == Hold:
		lane.counts.Held--
		t.Arrived = l.net.Clock.Now()
	default:
		lane.waiting = lane.waiting[1:]
	}
	t.action = v.Action
	if v.Action == Hold {
		lane.counts.Held++
	} else {
		t.entered = true
		l.enter(t, v)
	}
	if was == Wait {
		l.follow(lane)
	}
	return nil
}

// follow judges what has waited behind a frame that was decided.
func (l *Link) follow(lane *lane) {
	for len(lane.waiting) > 0 {
		t := lane.waiting[0]
		lane.waiting = lane.waiting[1:]
		if l.judge(t); t.action == Wait {
			return
		}
	}
}

// enter lets a frame that was decided on enter the link.
func (l *Link) enter(t *Transit, v Verdict) {
	lane := &l.lanes[t.From]
	if v.Action == Drop {
		lane.counts.Dropped["filter"]++
		return
	}
	frame := t.Frame
	if v.Frame != nil {
		frame = v.Frame
	}
	fate := lane.line.Pass(t.Arrived, len(frame)-lenEthernet)
	if fate.Drop != impair.NotDropped {
		lane.counts.Dropped[fate.Drop.String()]++
		if l.Dropped != nil {
			l.Dropped(t.From, frame, fate.Drop.String())
		}
		return
	}
	if fate.Corrupt {
		frame = slices.Clone(frame)
		frame[lenEthernet+fate.Bit/8] ^= 0x80 >> (fate.Bit % 8)
		lane.counts.Corrupted++
		if l.Corrupted != nil {
			l.Corrupted(t.From, frame)
		}
	}
	l.deliver(t.From, frame, fate.At+v.Delay)
	for range v.Copies {
		lane.counts.Duplicated++
		l.deliver(t.From, slices.Clone(frame), fate.At+v.Delay)
	}
	if fate.Duplicate {
		lane.counts.Duplicated++
		l.deliver(t.From, slices.Clone(frame), fate.DuplicateAt+v.Delay)
	}
}

// deliver hands a frame over to the other end.
func (l *Link) deliver(from int, frame []byte, at time.Duration) {
	lane := &l.lanes[from]
	lane.counts.InFlight++
	l.net.Clock.After(at-l.net.Clock.Now()+Hop, func() {
		lane.counts.InFlight--
		to := l.Ends[1-from]
		if !to.up || len(frame)-lenEthernet > to.mtu {
			lane.counts.Dropped["refused by the far interface"]++
			return
		}
		lane.counts.Delivered++
		to.Node.receive(to, frame)
	})
}
