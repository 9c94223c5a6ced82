package firewall

import (
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// flow is a tracked connection of TCP.
type flow struct {
	lab.Flow
	answered         bool // packets have come back
	confirmed        bool // its first packet has passed
	toDone, fromDone bool // the rules of translation were asked
}

// ends are the source and destination of a packet.
type ends struct{ src, dst netip.AddrPort }

// track finds the connection of a packet, or begins one.
func (f *Firewall) track(packet []byte) context {
	if !f.tracks() && len(f.flows) == 0 {
		return context{}
	}
	h, ok := read(packet)
	if !ok {
		return context{state: lab.FlowInvalid}
	}
	if h.tcp == 0 {
		if e, ok := network.ParseICMP(packet); ok && f.find(ends{e.Src, e.Dst}) != nil {
			return context{state: lab.FlowRelated}
		}
		return context{state: lab.FlowInvalid}
	}
	flags := h.flags(packet)
	if x := f.find(ends{h.src, h.dst}); x != nil {
		reply := x.Original.Source != h.src || x.Original.Destination != h.dst
		return context{flow: x, reply: reply, state: x.see(flags, reply)}
	}
	if !f.tracks() || !f.begins(flags) {
		return context{state: lab.FlowInvalid}
	}
	x := &flow{Flow: lab.Flow{
		Protocol: "tcp", State: "ESTABLISHED",
		Original: lab.FlowEnds{Source: h.src, Destination: h.dst}, Reply: lab.FlowEnds{Source: h.dst, Destination: h.src},
	}}
	if flags&wire.FlagSYN != 0 {
		x.State = "SYN_SENT"
	}
	return context{flow: x, state: lab.FlowNew}
}

// begins tells whether a segment may be the first that is seen of a connection (tcp_new in nf_conntrack_proto_tcp.c).
func (f *Firewall) begins(flags wire.TCPFlags) bool {
	switch {
	case flags&(wire.FlagRST|wire.FlagFIN) != 0:
		return false
	case flags&wire.FlagSYN != 0:
		return flags&wire.FlagACK == 0
	}
	return f.Loose()
}

// find finds the connection with a packet between these ends, of either direction.
func (f *Firewall) find(e ends) *flow {
	for _, x := range f.flows {
		if x.Original == (lab.FlowEnds{Source: e.src, Destination: e.dst}) || x.Reply == (lab.FlowEnds{Source: e.src, Destination: e.dst}) {
			return x
		}
	}
	return nil
}

// see follows the connection's states, and tells what its packet is to rules.
func (x *flow) see(flags wire.TCPFlags, reply bool) lab.FlowState {
	x.answered = x.answered || reply
	switch {
	case flags&wire.FlagRST != 0:
		x.State = "CLOSE"
	case flags&wire.FlagSYN != 0 && reply:
		x.State = "SYN_RECV"
	case flags&wire.FlagSYN != 0 && slices.Contains([]string{"CLOSE", "TIME_WAIT"}, x.State):
		x.State, x.answered = "SYN_SENT", false
	case flags&wire.FlagFIN != 0 && x.State == "ESTABLISHED":
		x.State = "FIN_WAIT"
	case flags&wire.FlagFIN != 0 && (x.State == "CLOSE_WAIT" || x.State == "FIN_WAIT"):
		x.State = "LAST_ACK"
	case x.State == "SYN_RECV" && !reply:
		x.State = "ESTABLISHED"
	case x.State == "FIN_WAIT":
		x.State = "CLOSE_WAIT"
	case x.State == "LAST_ACK":
		x.State = "TIME_WAIT"
	}
	if x.answered {
		return lab.FlowEstablished
	}
	return lab.FlowNew
}

// confirm keeps a connection whose packet has passed.
func (f *Firewall) confirm(c context) {
	if c.flow != nil && !c.flow.confirmed {
		c.flow.confirmed = true
		f.flows = append(f.flows, c.flow)
	}
}

// translateDestination changes where a packet goes, before it is routed.
func (f *Firewall) translateDestination(c context, packet []byte, m network.Meta) {
	x := c.flow
	if x == nil {
		return
	}
	if !x.toDone {
		x.toDone = true
		if r := f.translation("prerouting", packet, m, c.state); r != nil {
			to := netip.AddrPortFrom(r.To, x.Original.Destination.Port())
			if r.ToPort.First != 0 {
				to = netip.AddrPortFrom(r.To, r.ToPort.First)
			}
			x.Reply.Source = to
		}
	}
	x.apply(packet, c.reply, true)
}

// translateSource changes where a packet seems to come from, as it leaves.
func (f *Firewall) translateSource(c context, packet []byte, m network.Meta) {
	x := c.flow
	if x == nil {
		return
	}
	if !x.fromDone {
		x.fromDone = true
		if r := f.translation("postrouting", packet, m, c.state); r != nil {
			from := r.To
			if r.Target == "masquerade" {
				from = f.host.AddressOf(m.Out, x.Original.Source.Addr().Is4())
			}
			if from.IsValid() {
				x.Reply.Destination = f.freeEnd(x, from, r.ToPort)
			}
		}
	}
	x.apply(packet, c.reply, false)
}

// apply translates one end of a packet.
func (x *flow) apply(packet []byte, reply, destination bool) {
	h, ok := read(packet)
	if !ok || h.tcp == 0 {
		return
	}
	was := h
	switch {
	case destination && !reply:
		h.dst = x.Reply.Source
	case destination:
		h.dst = x.Original.Source
	case !reply:
		h.src = x.Reply.Destination
	default:
		h.src = x.Original.Destination
	}
	if h != was {
		rewrite(packet, h.src, h.dst)
	}
}

// translation is the rule that a new connection is translated by; nil: none.
func (f *Firewall) translation(chain string, packet []byte, m network.Meta, state lab.FlowState) *rule {
	for _, x := range f.rules[chain] {
		if x.matches(packet, m, state) {
			x.entry.Packets++
			x.entry.Bytes += uint64(len(packet))
			return x
		}
	}
	return nil
}

// freeEnd is what a connection is to come from: its own port if that is in the range and free, or else the first that is.
func (f *Firewall) freeEnd(x *flow, address netip.Addr, ports lab.PortRange) netip.AddrPort {
	own := x.Original.Source.Port()
	if ports == (lab.PortRange{}) {
		if end := netip.AddrPortFrom(address, own); f.isFree(x, end) {
			return end
		}
		ports = lab.PortRange{First: 1024, Last: 65535}
	}
	if own >= ports.First && own <= ports.Last {
		if end := netip.AddrPortFrom(address, own); f.isFree(x, end) {
			return end
		}
	}
	for port := int(ports.First); port <= int(ports.Last); port++ {
		if end := netip.AddrPortFrom(address, uint16(port)); f.isFree(x, end) {
			return end
		}
	}
	return netip.AddrPortFrom(address, own)
}

// isFree tells whether no other connection has the packets that would come back to an end.
func (f *Firewall) isFree(x *flow, end netip.AddrPort) bool {
	return f.find(ends{x.Reply.Source, end}) == nil
}

// Flows implements [lab.Firewall].
func (f *Firewall) Flows() ([]lab.Flow, error) {
	var all []lab.Flow
	for _, four := range []bool{true, false} {
		for _, x := range f.flows {
			if x.Original.Source.Addr().Is4() == four {
				all = append(all, x.Flow)
			}
		}
	}
	return all, nil
}

// DeleteFlows implements [lab.Firewall].
func (f *Firewall) DeleteFlows(s lab.FlowSelector) (int, error) {
	before := len(f.flows)
	f.flows = slices.DeleteFunc(f.flows, func(x *flow) bool { return s.Selects(x.Flow) })
	return before - len(f.flows), nil
}
