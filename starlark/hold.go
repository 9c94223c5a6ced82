package starlark

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
)

// held is a rule that puts packets aside, and what it has put aside.
type held struct {
	rule

	mu      sync.Mutex
	packets []*heldPacket
}

// heldPacket is a packet that is put aside.
type heldPacket struct {
	packet lab.Packet
	decide func(lab.Verdict) error
}

func (h *held) Type() string                             { return "held" }
func (h *held) Attr(name string) (starlark.Value, error) { return heldNoun.attr(h, name) }
func (h *held) AttrNames() []string                      { return heldNoun.attrNames() }

var heldNoun = &noun[*held]{
	name: "held",
	doc: "Packets that link.hold has put aside, and its rule. They are in link.packets() once they are released or dropped; when the case " +
		"ends they are gone.",
	attributes: append(ruleAttributes[*held](), attribute[*held]{
		"packets", "list of packets", "The packets that it holds now, in the order in which they came.",
		func(h *held) (starlark.Value, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			all := make([]packet, len(h.packets))
			for i, p := range h.packets {
				all[i] = packet{Packet: p.packet, held: p}
			}
			return packetSnapshot.list(all), nil
		},
	}),
	methods: []method[*held]{
		{signature{
			name: "release", params: heldParams, returns: "None", doc: "Lets a packet go on into the link now, behind those that have passed it meanwhile.",
			example: holding + `held.release()
check.subflows(conn.client, 2)
check.equal(held.packets, [])`,
		}, func(c *call, h *held) (starlark.Value, error) { return h.decide(c, lab.ActionPass, "released") }},
		{signature{
			name: "drop", params: heldParams, returns: "None", doc: "Drops a packet.",
			example: holding + `held.drop(all = True)
held.remove()
check.subflows(conn.client, 2) # after a second, TCP sends the SYN again`,
		}, func(c *call, h *held) (starlark.Value, error) { return h.decide(c, lab.ActionDrop, "dropped") }},
		{signature{
			name: "remove", returns: "None", doc: "Removes the rule: nothing more is put aside. What is remains so until it is released or dropped.",
			example: holding + `held.remove()
check.equal(len(held.packets), 1)`,
		}, removeRule[*held]},
	},
}

var heldParams = []param{
	{"which", whichKind, starlark.MakeInt(0), "a packet of held.packets, or its index there; 0: the oldest"},
	{"all", boolKind, starlark.False, "all of them, the oldest first"},
}

var whichKind = kindOf("a packet of held.packets, or its index there", func(v starlark.Value) (starlark.Value, error) {
	if r, ok := v.(*record); ok {
		if _, ok := r.of.(packet); ok {
			return v, nil
		}
	}
	if i, ok := v.(starlark.Int); ok && i.Sign() >= 0 {
		return v, nil
	}
	return nil, errWrongKind
})

// holding is what examples begin with: the SYN of a second subflow is held.
const holding = filtering + `client.mptcp.endpoint.add(client.addresses[-4], subflow = True)
held = link.hold(option = "MP_JOIN", flags = "S", nth = 1)
for h in [client, server]:
    h.route.add("default", via = (server if h == client else client).addresses[-2], source = h.addresses[-4])
conn = lab.connect(client, server, address = server.addresses[-2])
lab.wait(lambda: held.packets)
`

var holdSignature = signature{
	name: "hold", params: []param{selectionParam}, returns: "held",
	doc: "Adds a rule for packets that enter the link: they are put aside, while what follows goes on, until the script releases or drops them.",
	example: filtering + `conn = lab.connect(client, server, address = server.addresses[-2])
held = link.hold(sender = client, payload = True)
conn.client.send(b"hello")
lab.wait(lambda: held.packets)
check.equal(held.packets[0].payload, 5)
held.release(all = True)
held.remove()
check.equal(conn.server.receive_bytes(5), b"hello")`,
}

func holdPackets(c *call, l *link) (starlark.Value, error) {
	r, err := c.addRule(l, match.Match{})
	if err != nil {
		return nil, err
	}
	h, in := &held{rule: *r}, c.run.lab
	return h, h.start(c, func(p lab.Packet, _ []byte, decide func(lab.Verdict) error) lab.Verdict {
		h.mu.Lock()
		h.packets = append(h.packets, &heldPacket{p, decide})
		h.mu.Unlock()
		in.Wake()
		return lab.Verdict{Action: lab.ActionHold, Note: "held"}
	})
}

// decide decides on the packets that the call means.
func (h *held) decide(c *call, action lab.Action, word string) (starlark.Value, error) {
	packets, err := h.take(c)
	if err != nil {
		return nil, err
	}
	for _, p := range packets {
		after := (c.run.lab.Now() - p.packet.Time).Round(time.Millisecond)
		if err := p.decide(lab.Verdict{Action: action, Note: fmt.Sprintf("%s after %s", word, after)}); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// take takes the packets that the call means out of those that are held.
func (h *held) take(c *call) ([]*heldPacket, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if get[bool](c, "all") {
		all := h.packets
		h.packets = nil
		return all, nil
	}
	i := -1
	switch which := get[starlark.Value](c, "which").(type) {
	case starlark.Int:
		n, ok := which.Int64()
		if !ok || n >= int64(len(h.packets)) {
			return nil, fmt.Errorf("which: there is no packet with index %s: %d are held, counted from 0", which, len(h.packets))
		}
		i = int(n)
	case *record:
		i = slices.Index(h.packets, which.of.(packet).held)
	}
	if i < 0 {
		return nil, errors.New("which: the packet is not held by this rule, or no more")
	}
	p := h.packets[i]
	h.packets = slices.Delete(h.packets, i, i+1)
	return []*heldPacket{p}, nil
}
