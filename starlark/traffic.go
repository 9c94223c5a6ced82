package starlark

import (
	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

var trafficSnapshot = &snapshot[lab.Traffic]{
	name: "traffic",
	doc: "What became of the packets that an end of a link sent, as they are on the wire. At any time " +
		"received + injected + duplicated == delivered + dropped + in_flight + held. All is 0 while the link is a plain cable.",
	fields: []field[lab.Traffic]{
		{"received", "packets that the sender sent into the link", func(t lab.Traffic) starlark.Value { return integer(t.Received) }},
		{"injected", "packets that the link sent by itself", func(t lab.Traffic) starlark.Value { return integer(t.Injected) }},
		{"duplicated", "copies that the link made", func(t lab.Traffic) starlark.Value { return integer(t.Duplicated) }},
		{"delivered", "packets that reached the other end", func(t lab.Traffic) starlark.Value { return integer(t.Delivered) }},
		{"corrupted", "packets with a bit that the impairment flipped", func(t lab.Traffic) starlark.Value { return integer(t.Corrupted) }},
		{"dropped", "packets that the link dropped", func(t lab.Traffic) starlark.Value {
			total := uint64(0)
			for _, n := range t.Dropped {
				total += n
			}
			return integer(total)
		}},
		{"dropped_by", `the same by reason: {"loss": 3, "queue full": 1}; a rule's is "filter"`, func(t lab.Traffic) starlark.Value {
			d := starlark.NewDict(len(t.Dropped))
			for _, reason := range sortedKeys(t.Dropped) {
				_ = d.SetKey(text(reason), integer(t.Dropped[reason])) // a string can be a key
			}
			d.Freeze()
			return d
		}},
		{"in_flight", "packets under way now", func(t lab.Traffic) starlark.Value { return integer(t.InFlight) }},
		{"held", "packets that a rule holds now, that wait for a filter, or behind one that does", func(t lab.Traffic) starlark.Value { return integer(t.Held) }},
	},
}

var trafficSignature = signature{
	name: "traffic", params: []param{senderParam}, returns: "traffic",
	doc: "Returns what has become of the packets that an end of the link sent.",
	example: `link = lab.link(client, server, loss = 0.1)
lab.connect(client, server, address = server.addresses[-2]).transfer("64KB")
sent = link.traffic(client)
check.equal(sent.received + sent.duplicated, sent.delivered + sent.dropped + sent.in_flight)`,
}

func linkTraffic(c *call, l *link) (starlark.Value, error) {
	from, err := l.end("sender", get[node](c, "sender"))
	if err != nil {
		return nil, err
	}
	return trafficSnapshot.of(l.link.Traffic()[from]), nil
}
