package kernel

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/forward"
	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// emulation is what makes a link more than a cable: it is cut in two, and a forwarder carries the frames. It sees all packets that
// enter the link, whatever becomes of them, and so takes the place of the capture.
type emulation struct {
	link      *link
	forwarder *forward.Forwarder
	accurate  bool

	mu       sync.Mutex // over all below
	rules    []*rule
	counters map[*lab.Rule]*match.Counter // also of rules that were removed
	selected map[*lab.Rule]uint
	err      error // what a rule could not do
}

// rule is a rule in force.
type rule struct {
	*lab.Rule
	counter *match.Counter
}

// emulate carries the frames of a link that is cut.
func (k *link) emulate(cut netns.Cut, o lab.LinkOptions) (*emulation, error) {
	e := &emulation{link: k, accurate: o.Accurate, counters: map[*lab.Rule]*match.Counter{}, selected: map[*lab.Rule]uint{}}
	f, err := forward.Open(forward.Config{
		In: k.lab.middle.Do, A: cut.A, B: cut.B,
		AToB: o.Impair[0], BToA: o.Impair[1],
		Seed: k.seed, Accurate: o.Accurate,
		Filter:  &forward.Filter{Wants: e.wants, Judge: e.judge},
		Observe: e.observe,
	})
	if err != nil {
		return nil, err
	}
	e.forwarder = f
	k.emulation.Store(e)
	e.delays(o.Impair[:]...)
	return e, nil
}

func (e *emulation) wants(_ forward.Direction, frame []byte) bool {
	class := wire.Classify(frame, wire.LayerEthernet)
	if class == wire.ClassOther { // the record may keep it
		return true
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.rules {
		if r.Select.Match.MayMatch(class) {
			return true
		}
	}
	return false
}

// judge asks the rules about a packet, and records it.
func (e *emulation) judge(f *forward.Packet) forward.Verdict {
	decoded, err := e.link.decoder.Decode(f.Frame, wire.LayerEthernet)
	if err != nil {
		return forward.Verdict{} // no TCP: rules are about TCP
	}
	p := e.packet(f, decoded)
	r := e.selects(p, f.Direction)
	if r == nil {
		e.record(p)
		return forward.Verdict{}
	}
	v := r.Judge(p, f.Frame, func(v lab.Verdict) error {
		return f.Decide(e.carryOut(r, p, v))
	})
	return e.carryOut(r, p, v)
}

func (e *emulation) packet(f *forward.Packet, decoded wire.Packet) lab.Packet {
	from := int(f.Direction) // AToB is 0
	ends := e.link.ends
	return lab.Packet{
		Time: e.link.lab.record.at(f.Arrived), Link: e.link.name,
		From: ends[from].Node, To: ends[1-from].Node, Head: lab.HeadOf(f.Frame), Packet: decoded,
	}
}

// selects finds the rule that decides on a packet.
func (e *emulation) selects(p lab.Packet, d forward.Direction) *rule {
	direction := map[forward.Direction]match.Direction{forward.AToB: match.AToB, forward.BToA: match.BToA}[d]
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.rules {
		if r.counter.Selects(p.Packet, direction) {
			e.selected[r.Rule]++
			return r
		}
	}
	return nil
}

// actions are the forwarder's words for those of a lab.
var actions = map[lab.Action]forward.Action{
	lab.ActionPass: forward.Pass, lab.ActionDrop: forward.Drop, lab.ActionWait: forward.Wait, lab.ActionHold: forward.Hold,
}

// carryOut turns a rule's verdict into the forwarder's. A packet is recorded once its fate is known.
func (e *emulation) carryOut(r *rule, p lab.Packet, v lab.Verdict) forward.Verdict {
	if v.Err != nil {
		e.fail(fmt.Errorf("%s: %w", r.Name, v.Err))
		v = lab.Verdict{Note: "could not be changed: " + v.Err.Error()}
	}
	for _, i := range v.Inject {
		if err := e.inject(i); err != nil {
			e.fail(fmt.Errorf("%s: %w", r.Name, err))
		}
	}
	if v.Note != "" {
		p.Fate = v.Note + " by " + r.Name
		p.Lost, p.Changed = v.Action == lab.ActionDrop, v.Frame != nil
		e.note(p.From+" > "+p.To, fmt.Sprintf("%s: %s", p.Fate, p.Packet))
	}
	if v.Action != lab.ActionWait && v.Action != lab.ActionHold {
		e.record(p)
	}
	return forward.Verdict{Action: actions[v.Action], Delay: v.Delay, Copies: v.Copies, Frame: v.Frame}
}

func (e *emulation) record(p lab.Packet) {
	if !p.IsBareDSS() || p.Fate != "" {
		e.link.lab.record.AddPacket(p)
		e.link.lab.seen.notify()
	}
}

// note adds to the timeline what the link did.
func (e *emulation) note(host, text string) {
	l := e.link.lab
	l.record.Note(lab.Entry{Time: l.Now(), Host: host, Kind: lab.KindLink, Text: text})
}

// observe notes what the impairment did to a packet that says something.
func (e *emulation) observe(d forward.Decision) {
	var what string
	switch {
	case d.Dropped != forward.NotDropped && d.Dropped != forward.DropFilter && d.Dropped != forward.DropClosed:
		what = "dropped (" + d.Dropped.String() + ")"
	case d.Corrupted:
		what = "corrupted"
	default:
		return
	}
	if wire.Classify(d.Frame, wire.LayerEthernet) != wire.ClassOther {
		return
	}
	p, err := wire.Decode(d.Frame, wire.LayerEthernet)
	if err != nil {
		return
	}
	ends := e.link.ends
	e.note(ends[d.Direction].Node+" > "+ends[1-d.Direction].Node, fmt.Sprintf("%s by %s: %s", what, e.link.name, p))
}

func (e *emulation) fail(err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.err == nil {
		e.err = e.link.on(err)
	}
	e.link.lab.seen.notify()
}

// failure is what went wrong in the link so far.
func (e *emulation) failure() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// delays lets the backend know of links whose precision matters.
func (e *emulation) delays(impairments ...impair.Impairment) {
	for _, i := range impairments {
		if i.Delay > 0 {
			accurate := map[bool]int{false: 0, true: 1}[e.accurate]
			e.link.lab.backend.delays[accurate].Store(true)
		}
	}
}

func (e *emulation) addRule(r *lab.Rule) error {
	if err := r.Select.Validate(); err != nil {
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	counter := &match.Counter{Selector: r.Select}
	e.counters[r] = counter
	e.rules = append(e.rules[:len(e.rules):len(e.rules)], &rule{Rule: r, counter: counter})
	return nil
}

func (e *emulation) removeRule(r *lab.Rule) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i, x := range e.rules {
		if x.Rule == r {
			e.rules = append(e.rules[:i:i], e.rules[i+1:]...)
			return nil
		}
	}
	return fmt.Errorf("%s is no rule of the link", r.Name)
}

func (e *emulation) seen(r *lab.Rule) (matched, selected uint) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if c := e.counters[r]; c != nil {
		return c.Seen(), e.selected[r]
	}
	return 0, 0
}

func (e *emulation) inject(i lab.Injection) error {
	towards := map[int]forward.Direction{0: forward.BToA, 1: forward.AToB}
	return e.forwarder.Inject(towards[i.To], i.Frame)
}

func (e *emulation) traffic() (t [2]lab.Traffic) {
	for d := range t {
		c := e.forwarder.Counters(forward.Direction(d))
		dropped := map[string]uint64{}
		for reason, n := range c.Dropped {
			if n > 0 {
				dropped[forward.Reason(reason).String()] = n
			}
		}
		t[d] = lab.Traffic{
			Received: c.Received, Injected: c.Injected, Duplicated: c.Duplicated, Delivered: c.Forwarded, Corrupted: c.Corrupted,
			Dropped: dropped, InFlight: c.InFlight, Held: c.Held + c.Waiting,
		}
	}
	return t
}

// Drain implements [watcher]: the forwarder has read what was sent before it was called.
func (e *emulation) Drain() error {
	e.forwarder.Counters(forward.AToB) // the thread reads between two calls
	return e.forwarder.Err()
}

// Drops implements [watcher].
func (e *emulation) Drops() uint64 {
	return e.forwarder.Counters(forward.AToB).Lost + e.forwarder.Counters(forward.BToA).Lost
}

// Close implements [watcher].
func (e *emulation) Close() error { return e.forwarder.Close() }

var errNoSuchEnd = errors.New("a link has the ends 0 and 1")

// Impair implements [lab.Link].
func (k *link) Impair(_ context.Context, from int, i impair.Impairment) error {
	if from != 0 && from != 1 {
		return k.on(errNoSuchEnd)
	}
	e, err := k.emulated()
	if err != nil {
		return k.on(err)
	}
	e.delays(i)
	return k.on(e.forwarder.Set(forward.Direction(from), i))
}

// AddRule implements [lab.Link].
func (k *link) AddRule(_ context.Context, r *lab.Rule) error {
	e, err := k.emulated()
	if err == nil {
		err = e.addRule(r)
	}
	return k.on(err)
}

// RemoveRule implements [lab.Link].
func (k *link) RemoveRule(r *lab.Rule) error {
	e := k.emulation.Load()
	if e == nil {
		return k.on(fmt.Errorf("%s is no rule of the link", r.Name))
	}
	return k.on(e.removeRule(r))
}

// Seen implements [lab.Link].
func (k *link) Seen(r *lab.Rule) (matched, selected uint) {
	if e := k.emulation.Load(); e != nil {
		return e.seen(r)
	}
	return 0, 0
}

// Inject implements [lab.Link].
func (k *link) Inject(_ context.Context, i lab.Injection) error {
	if i.To != 0 && i.To != 1 {
		return k.on(errNoSuchEnd)
	}
	e, err := k.emulated()
	if err == nil {
		err = e.inject(i)
	}
	return k.on(err)
}

// Traffic implements [lab.Link].
func (k *link) Traffic() [2]lab.Traffic {
	if e := k.emulation.Load(); e != nil {
		return e.traffic()
	}
	return [2]lab.Traffic{}
}

// emulated is the emulation of the link, which a plain cable becomes now.
func (k *link) emulated() (*emulation, error) {
	k.lab.building.Lock()
	defer k.lab.building.Unlock()
	if k.lab.life.Err() != nil {
		return nil, errClosed
	}
	if e := k.emulation.Load(); e != nil {
		return e, nil
	}
	if err := k.lab.needMiddle(); err != nil {
		return nil, err
	}
	if err := k.capture.Close(); err != nil {
		return nil, err
	}
	cut, err := k.lab.middle.Relink(k.ports[0], k.ports[1], k.mtu)
	if err != nil {
		return nil, err
	}
	return k.emulate(cut, lab.LinkOptions{})
}
