//go:build linux

package forward

import (
	"errors"
	"fmt"
	"time"
)

// Direction is one of the two ways across the link.
type Direction uint8

// The directions, by the interfaces of [Config].
const (
	AToB Direction = iota
	BToA
)

func (d Direction) String() string {
	if d == AToB {
		return "a to b"
	}
	return "b to a"
}

// Filter looks at packets before the impairment does. Both functions run on the thread of the forwarder, one call at a time: while
// they run, nothing is forwarded. They may call the methods of the forwarder and of its packets, except Close.
type Filter struct {
	// Wants tells quickly whether Judge is to see a frame. A large frame that is wanted is cut into packets, each of which is asked
	// for again. The frame is valid during the call, begins with the Ethernet header, and may lack its TCP checksum. Nil wants all.
	Wants func(d Direction, frame []byte) bool

	// Judge says what becomes of a packet.
	Judge func(p *Packet) Verdict
}

// Action is what becomes of a packet that a filter has seen.
type Action uint8

// The actions. After Wait and Hold the packet is for the filter to keep, until it calls Packet.Decide.
const (
	Pass Action = iota
	Drop
	Wait // for a verdict that is not yet known; what follows in the same direction waits behind it
	Hold // aside, while what follows goes on
)

// Verdict is the answer of a filter. Its zero value lets the packet pass. The fields other than Action are for packets that pass.
type Verdict struct {
	Action Action
	Delay  time.Duration // after the time at which the impairment lets it arrive; packets that follow may overtake it
	Copies int           // how many more of it arrive, together with it
	Frame  []byte        // in place of the packet, if not nil: from the Ethernet header, checksums included
}

func (v Verdict) validate() error {
	switch {
	case v.Action > Hold:
		return fmt.Errorf("verdict: unknown action %d: want Pass, Drop, Wait or Hold", v.Action)
	case v.Delay < 0:
		return fmt.Errorf("verdict: delay %s: want 0 or more", v.Delay)
	case v.Copies < 0:
		return fmt.Errorf("verdict: %d copies: want 0 or more", v.Copies)
	case v.Action != Pass && (v.Delay != 0 || v.Copies != 0 || v.Frame != nil):
		return errors.New("verdict: a delay, copies or another frame are for packets that pass")
	case v.Frame != nil:
		return checkFrame(v.Frame)
	}
	return nil
}

func checkFrame(b []byte) error {
	if len(b) < ethernetHeader || len(b) > maxFrame {
		return fmt.Errorf("a frame of %d bytes: want %d to %d, with an Ethernet header", len(b), ethernetHeader, maxFrame)
	}
	return nil
}

// Packet is a packet in the hands of a filter.
type Packet struct {
	Direction Direction
	Arrived   time.Time // at the near interface
	Frame     []byte    // from the Ethernet header, checksums complete; not to be changed, and valid until the verdict

	forwarder *Forwarder
	frame     *frame
	state     packetState
	verdict   Verdict
}

type packetState uint8

const (
	judging packetState = iota
	waiting
	held
	decided
)

// Decide gives the verdict on a packet that was told to wait or is held. It may be called from any goroutine.
//
// A packet that waited is treated as if it had passed at once: its delay counts from its arrival, so that a verdict which
// takes less than the link's delay changes nothing. A packet that was held enters the link now, in whatever order such
// packets are decided. Hold for a packet that waits lets the ones behind it go on.
func (p *Packet) Decide(v Verdict) error {
	if err := v.validate(); err != nil {
		return err
	}
	return p.forwarder.try(func() error { return p.forwarder.decide(p, v) })
}

// judge asks the filter about a frame, which is a single packet.
func (f *Forwarder) judge(filter *Filter, x *frame) {
	if x.complete() != nil {
		f.drop(x, DropUnread)
		return
	}
	p := &Packet{
		Direction: x.lane.direction,
		Arrived:   f.epoch.Add(x.arrived),
		Frame:     x.ethernet(),
		forwarder: f,
		frame:     x,
	}
	x.packet = p
	v := filter.Judge(p)
	if err := v.validate(); err != nil {
		f.fail(err)
		v = Verdict{}
	}
	p.verdict = v
	switch v.Action {
	case Wait:
		p.state = waiting
	case Hold:
		p.hold()
		return
	default:
		p.state = decided
	}
	x.lane.queue(f, x)
}

func (p *Packet) hold() {
	p.state = held
	p.frame.lane.held[p] = struct{}{}
	p.frame.lane.counters.Held++
}

// decide acts on a late verdict.
func (f *Forwarder) decide(p *Packet, v Verdict) error {
	lane := p.frame.lane
	switch {
	case p.state == judging:
		return errors.New("decide a packet: the filter is asked about it at this very moment, and answers with a verdict")
	case p.state == decided:
		return errors.New("decide a packet: it is decided already")
	case v.Action == Wait && p.state == held:
		return errors.New("decide a packet: one that is held cannot wait again, as others have passed it")
	case v.Action == Wait, v.Action == Hold && p.state == held:
		return nil
	case v.Action == Hold:
		lane.remove(p.frame)
		p.hold()
		lane.flush(f)
		return nil
	}
	p.verdict = v
	if p.state == held {
		p.state = decided
		delete(lane.held, p)
		lane.counters.Held--
		p.frame.arrived = f.now()
		f.enter(p.frame)
		return nil
	}
	p.state = decided
	lane.flush(f)
	return nil
}
