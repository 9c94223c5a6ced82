package starlark

import (
	"errors"
	"fmt"
	"math"
	"net/netip"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// packet is a packet as scripts see it: seen on a link, or made like one that was.
type packet struct {
	lab.Packet
	payload *starlark.Bytes // nil: it was not kept
	held    *heldPacket     // nil: it is not held
}

var packetSnapshot = &snapshot[packet]{
	name: "packet",
	doc: "A TCP segment on a link. link.packets returns those that say something about the connection: SYN, FIN, RST, or an MPTCP option " +
		"other than a bare DSS. link.filter sees all.",
	fields: []field[packet]{
		{"time", "lab time in milliseconds", func(p packet) starlark.Value { return milliseconds(p.Time) }},
		{"link", "the link", func(p packet) starlark.Value { return text(p.Link) }},
		{"sender", "the node that sent it into the link", func(p packet) starlark.Value { return text(p.From) }},
		{"source", "source address", func(p packet) starlark.Value { return addressText(p.Src.Addr()) }},
		{"destination", "destination address", func(p packet) starlark.Value { return addressText(p.Dst.Addr()) }},
		{"source_port", "source port", func(p packet) starlark.Value { return integer(p.Src.Port()) }},
		{"destination_port", "destination port", func(p packet) starlark.Value { return integer(p.Dst.Port()) }},
		{"flags", `TCP flags as tcpdump(8) prints them: "S." for SYN and ACK`, func(p packet) starlark.Value { return text(p.Flags.String()) }},
		{"seq", "sequence number", func(p packet) starlark.Value { return integer(p.Seq) }},
		{"ack", "acknowledgement number", func(p packet) starlark.Value { return integer(p.Ack) }},
		{"window", "window, as it is in the header", func(p packet) starlark.Value { return integer(p.Window) }},
		{"tos", "type of service of its IP header; of IPv6 the traffic class", func(p packet) starlark.Value { return integer(p.TOS) }},
		{"payload", "bytes of payload", func(p packet) starlark.Value { return integer(p.PayloadLen) }},
		{"options", `names of its MPTCP options, as in RFC 8684: ["ADD_ADDR"]`, func(p packet) starlark.Value {
			return packetOptions(p, func(i int) string { return p.Options[i].Name() })
		}},
		{"texts", "its MPTCP options as tcpdump prints them", func(p packet) starlark.Value {
			return packetOptions(p, func(i int) string { return p.Options[i].String() })
		}},
		{"fate", `what a rule of the link did to it: "dropped by drop(option = \"ADD_ADDR\")"; empty: nothing`, func(p packet) starlark.Value { return text(p.Fate) }},
	},
	methods: []method[*record]{
		{signature{
			name: "option", params: []param{{"name", optionKind, nil, "its name"}}, returns: "option, or None",
			doc: "Returns the first MPTCP option with that name, with its fields: see option.ADD_ADDR and the others.",
			example: filtering + `lab.connect(client, server, address = server.addresses[-2])
syn, answer = link.packets()[:2]
check.equal(syn.option("MP_CAPABLE").version, 1)
check.not_equal(answer.option("MP_CAPABLE").sender_key, None)
check.equal(syn.option("MP_JOIN"), None)`,
		}, func(c *call, r *record) (starlark.Value, error) {
			if o := r.of.(packet).Option(get[string](c, "name")); o != nil {
				return optionRecord(o), nil
			}
			return nil, nil
		}},
		{signature{
			name: "payload_bytes", returns: "bytes",
			doc: "Returns the payload. Only the packets that link.filter gives to its function have it, and those that a script makes.",
			example: filtering + `heard = []
link.filter(lambda packet: heard.append(packet.payload_bytes()), sender = client, payload = True)
conn = lab.connect(client, server, address = server.addresses[-2], establish = False)
conn.client.send(b"hello")
conn.server.receive_bytes(5)
check.equal(heard, [b"hello"])`,
		}, func(_ *call, r *record) (starlark.Value, error) { return r.of.(packet).content() }},
		{signature{
			name: "next", params: segmentParams, returns: "packet",
			doc: "Makes a packet that its sender could have sent after it, for link.inject: with its addresses, acknowledgement and window, and " +
				"the sequence number that follows. It belongs to the connection while nothing else was sent since, so start from the newest packet, " +
				"which a filter sees.",
			example: injecting + `link.inject(seen[-1].next(options = [option("MP_PRIO", backup = True)]))
lab.wait(lambda: conn.client.subflows[0].backup)`,
		}, func(c *call, r *record) (starlark.Value, error) {
			p := r.of.(packet)
			p, err := c.segment(p, p.Next)
			return r.like(p), err
		}},
		{signature{
			name: "answer", params: segmentParams, returns: "packet",
			doc: "Makes a packet with which its receiver could answer, for link.inject: it acknowledges the packet.",
			example: injecting + `link.inject(seen[-1].answer(flags = "R."))
check.subflows(conn.server, 0)`,
		}, func(c *call, r *record) (starlark.Value, error) {
			p := r.of.(packet)
			p.From, p.To = p.To, p.From
			p, err := c.segment(p, p.Answer)
			return r.like(p), err
		}},
	},
}

// injecting is what examples begin with: seen has what the server has sent.
const injecting = filtering + `seen = []
link.filter(seen.append, sender = server)
conn = lab.connect(client, server, address = server.addresses[-2])
`

var segmentParams = []param{
	{"flags", parsed(`TCP flags as tcpdump(8) prints them: ".", "P.", "R."`, parseTCPFlags), text("."), "its TCP flags"},
	{"options", is[starlark.Iterable]("a list of options"), starlark.None, "its MPTCP options: `[option(\"MP_PRIO\", backup = True)]`"},
	{"payload", is[starlark.Bytes]("bytes"), starlark.Bytes(""), "its payload"},
	{"seq", orNone[uint32](unsigned[uint32](math.MaxUint32)), starlark.None, "its sequence number; None: the one that follows"},
	{"ack", orNone[uint32](unsigned[uint32](math.MaxUint32)), starlark.None, "its acknowledgement number; None: what is to be acknowledged"},
	{"window", orNone[uint16](unsigned[uint16](math.MaxUint16)), starlark.None, "its window; None: that of the packet"},
}

// segment makes a packet of the same connection by the arguments of the call.
func (c *call) segment(p packet, forge func(wire.TCPFlags, ...wire.Option) wire.Packet) (packet, error) {
	var options []wire.Option
	if list := get[starlark.Iterable](c, "options"); list != nil {
		for e := range starlark.Elements(list) {
			r, _ := e.(*record)
			if r == nil {
				return p, fmt.Errorf("options: expected values of option, got %s", shown(e))
			}
			o, ok := r.of.(wire.Option)
			if !ok {
				return p, fmt.Errorf("options: expected values of option, got %s", shown(e))
			}
			options = append(options, o)
		}
	}
	payload := get[starlark.Bytes](c, "payload")
	p.Packet.Packet = forge(get[wire.TCPFlags](c, "flags"), options...)
	p.Time, p.Fate, p.payload, p.held = c.run.lab.Now(), "", &payload, nil
	p.PayloadLen = len(payload)
	if n := get[*uint32](c, "seq"); n != nil {
		p.Seq = *n
	}
	if n := get[*uint32](c, "ack"); n != nil {
		p.Ack = *n
	}
	if n := get[*uint16](c, "window"); n != nil {
		p.Window = *n
	}
	_, err := wire.Encode(p.Packet.Packet, []byte(payload))
	return p, err
}

func (p packet) content() (starlark.Bytes, error) {
	switch {
	case p.payload != nil:
		return *p.payload, nil
	case p.PayloadLen == 0:
		return "", nil
	}
	return "", errors.New("the payload of the packet was not kept: only the packets that link.filter gives to its function have theirs")
}

// packetOptions lists something of each MPTCP option of a packet.
func packetOptions(p packet, show func(i int) string) starlark.Value {
	elems := make([]starlark.Value, len(p.Options))
	for i := range p.Options {
		elems[i] = text(show(i))
	}
	return frozen(elems)
}

var packetKind = kindOf("a packet, such as link.packets()[0] or packet.next()", func(v starlark.Value) (packet, error) {
	if r, ok := v.(*record); ok {
		if p, ok := r.of.(packet); ok {
			return p, nil
		}
	}
	return packet{}, errWrongKind
})

var injectSignature = signature{
	name: "inject", params: []param{{"packet", packetKind, nil, "what to send: made by packet.next or packet.answer, or seen on this link"}}, returns: "None",
	doc: "Sends a packet by the link itself, to the end that the packet goes to. It arrives at once: neither rules nor impairments see it, " +
		"and it is not in link.packets(). Its TCP header has no options but those of MPTCP.",
	example: injecting + `client.mptcp.limits.set(subflows = 1, add_addr_accepted = 1)
announced = server.address(0)
link.inject(seen[-1].next(options = [option(
    "ADD_ADDR", id = 9, address = announced, hmac = link.add_addr_hmac(conn.server, 9, announced),
)]))
check.add_addr(client, received = 1)
check.equal(link.traffic(server).injected, 1)`,
}

func injectPacket(c *call, l *link) (starlark.Value, error) {
	p := get[packet](c, "packet")
	if p.Link != l.link.Name() {
		return nil, fmt.Errorf("packet: it was seen on link %s: on another its Ethernet addresses are nobody's", p.Link)
	}
	payload, err := p.content()
	if err != nil {
		return nil, err
	}
	frame, err := wire.EncodeLike(p.Head, wire.LayerEthernet, p.Packet.Packet, []byte(payload))
	if err != nil {
		return nil, err
	}
	l.run.note(p.From+" > "+p.To, "inject %s", p.Packet)
	return nil, l.link.Inject(c.ctx(), lab.Injection{To: 1 - sentBy(p.Packet, l.link.Ends()[0].Node), Frame: frame})
}

var hmacSignature = signature{
	name: "add_addr_hmac",
	params: []param{
		tokenParam,
		{"id", number(0, 255), nil, "the address ID"},
		{"address", addressKind, nil, "the address"},
		{"port", portKind, starlark.MakeInt(0), "the port announced with it; 0: none"},
	},
	returns: "int",
	doc:     "Returns the HMAC of an ADD_ADDR by the host whose token it is. The keys of the connection are those that the link saw in its MP_CAPABLE.",
	example: filtering + `server.mptcp.endpoint.add(server.address(1), id = 7, signal = True)
conn = lab.connect(client, server, address = server.addresses[-2])
lab.wait(lambda: link.packets(option = "ADD_ADDR"))
announced = link.packets(option = "ADD_ADDR")[0].option("ADD_ADDR")
check.equal(link.add_addr_hmac(conn.server, 7, server.address(1)), announced.hmac)`,
}

func addAddrHMAC(c *call, l *link) (starlark.Value, error) {
	token, id := get[uint32](c, "token"), uint8(get[int64](c, "id"))
	address, port := get[netip.Addr](c, "address"), uint16(get[int64](c, "port"))
	packets, err := l.link.Packets()
	if err != nil {
		return nil, err
	}
	for _, p := range packets {
		o, ok := p.Option(wire.NameMPCapable).(*wire.MPCapable)
		switch {
		case !ok || !o.HasReceiverKey:
		case o.SenderKey.Token() == token:
			return integer(wire.AddAddrHMAC(o.SenderKey, o.ReceiverKey, id, address, port)), nil
		case o.ReceiverKey.Token() == token:
			return integer(wire.AddAddrHMAC(o.ReceiverKey, o.SenderKey, id, address, port)), nil
		}
	}
	return nil, fmt.Errorf("no MP_CAPABLE with the keys of the connection with token %08x was seen on link %s", token, l.link.Name())
}
