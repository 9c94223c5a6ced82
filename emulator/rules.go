package emulator

import (
	"context"
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// rules are those of a link.
type rules struct {
	inForce  []*rule
	counters map[*lab.Rule]*match.Counter // also of rules that were removed
	selected map[*lab.Rule]uint
}

// rule is a rule in force.
type rule struct {
	*lab.Rule
	counter *match.Counter
}

// AddRule implements [lab.Link].
func (k *link) AddRule(_ context.Context, r *lab.Rule) error {
	if err := r.Select.Validate(); err != nil {
		return k.on(err)
	}
	k.lab.act()
	if k.counters == nil {
		k.counters, k.selected = map[*lab.Rule]*match.Counter{}, map[*lab.Rule]uint{}
	}
	k.plain = false
	k.counters[r] = &match.Counter{Selector: r.Select}
	k.inForce = append(k.inForce, &rule{Rule: r, counter: k.counters[r]})
	return nil
}

// RemoveRule implements [lab.Link].
func (k *link) RemoveRule(r *lab.Rule) error {
	k.lab.act()
	for i, x := range k.inForce {
		if x.Rule == r {
			k.inForce = append(k.inForce[:i:i], k.inForce[i+1:]...)
			return nil
		}
	}
	return k.on(fmt.Errorf("%s is no rule of the link", r.Name))
}

// Seen implements [lab.Link].
func (k *link) Seen(r *lab.Rule) (matched, selected uint) {
	if c := k.counters[r]; c != nil {
		return c.Seen(), k.selected[r]
	}
	return 0, 0
}

// wants tells whether a frame has to be decoded.
func (k *link) wants(frame []byte) bool {
	class := wire.Classify(frame, wire.LayerEthernet)
	if class == wire.ClassOther { // the record may keep it
		return true
	}
	for _, r := range k.inForce {
		if r.Select.Match.MayMatch(class) {
			return true
		}
	}
	return false
}

// judge asks the rules about a frame, and records it.
func (k *link) judge(t *network.Transit) network.Verdict {
	if !k.wants(t.Frame) {
		return network.Verdict{}
	}
	decoded, err := k.decoder.Decode(t.Frame, wire.LayerEthernet)
	if err != nil {
		return network.Verdict{} // no TCP: rules are about TCP
	}
	p := lab.Packet{
		Time: t.Arrived, Link: k.name, From: k.ends[t.From].Node, To: k.ends[1-t.From].Node, Head: lab.HeadOf(t.Frame), Packet: decoded,
	}
	r := k.selects(p, [...]match.Direction{match.AToB, match.BToA}[t.From])
	if r == nil {
		k.keep(p)
		return network.Verdict{}
	}
	v := r.Judge(p, t.Frame, func(v lab.Verdict) error { return t.Decide(k.carryOut(r, p, v)) })
	return k.carryOut(r, p, v)
}

// selects finds the rule that decides on a packet.
func (k *link) selects(p lab.Packet, d match.Direction) *rule {
	for _, r := range k.inForce {
		if r.counter.Selects(p.Packet, d) {
			k.selected[r.Rule]++
			return r
		}
	}
	return nil
}

// actions are the model's words for those of a lab.
var actions = map[lab.Action]network.Action{
	lab.ActionPass: network.Pass, lab.ActionDrop: network.Drop, lab.ActionWait: network.Wait, lab.ActionHold: network.Hold,
}

// carryOut turns a rule's verdict into that of the model. A packet is recorded once its fate is known.
func (k *link) carryOut(r *rule, p lab.Packet, v lab.Verdict) network.Verdict {
	if v.Err != nil {
		k.lab.fail(k.on(fmt.Errorf("%s: %w", r.Name, v.Err)))
		v = lab.Verdict{Note: "could not be changed: " + v.Err.Error()}
	}
	for _, i := range v.Inject {
		k.model.Inject(i.To, i.Frame)
	}
	if v.Note != "" {
		p.Fate = v.Note + " by " + r.Name
		p.Lost, p.Changed = v.Action == lab.ActionDrop, v.Frame != nil
		k.lab.note(lab.KindLink, p.From+" > "+p.To, fmt.Sprintf("%s: %s", p.Fate, p.Packet))
	}
	if v.Action != lab.ActionWait && v.Action != lab.ActionHold {
		k.keep(p)
	}
	return network.Verdict{Action: actions[v.Action], Delay: v.Delay, Copies: v.Copies, Frame: v.Frame}
}

// keep records a packet that says something.
func (k *link) keep(p lab.Packet) {
	if !p.IsBareDSS() || p.Fate != "" {
		k.lab.record.AddPacket(p)
	}
}

func (k *link) dropped(from int, frame []byte, why string) { k.tell(from, frame, "dropped ("+why+")") }

func (k *link) corrupted(from int, frame []byte) { k.tell(from, frame, "corrupted") }

// tell notes what the impairment did to a packet that says something.
func (k *link) tell(from int, frame []byte, what string) {
	if wire.Classify(frame, wire.LayerEthernet) != wire.ClassOther {
		return
	}
	if p, err := k.decoder.Decode(frame, wire.LayerEthernet); err == nil {
		k.lab.note(lab.KindLink, k.ends[from].Node+" > "+k.ends[1-from].Node, fmt.Sprintf("%s by %s: %s", what, k.name, p))
	}
}
