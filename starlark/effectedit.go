package starlark

import (
	"fmt"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

var rewriteType = effectType{
	signature: signature{
		name: "rewrite",
		params: []param{
			{"option", optionKind, nil, "which MPTCP option"},
			{"fields", is[*starlark.Dict]("a dict of the option's fields"), nil, "their new values: `{\"id\": 9}`; see option.ADD_ADDR and the others"},
		},
		doc: "Fields of an MPTCP option are changed. What depends on them, such as an HMAC, stays as it is.",
		example: announcing + `link.rewrite("ADD_ADDR", {"hmac": 0}, echo = False)
before = client.counters
lab.connect(client, server, address = server.addresses[-2])
lab.wait(lambda: link.packets(option = "ADD_ADDR"))
check.equal(link.packets(option = "ADD_ADDR")[0].fate, "ADD_ADDR rewritten by rewrite(\"ADD_ADDR\", {\"hmac\": 0}, echo = False)")
check.never(lambda: (client.counters - before).AddAddr > 0)`,
	},
	verdict: filtering + `link.filter(lambda packet: verdict.rewrite("MP_CAPABLE", {"version": 0}), flags = "S", option = "MP_CAPABLE")
check.true(lab.connect(client, server, address = server.addresses[-2]).client.fallback)`,
	about:  "Packets with that option are meant.",
	preset: func(c *call) match.Match { return match.Match{Option: get[string](c, "option")} },
	make:   makeRewrite,
}

func makeRewrite(c *call) (func(*edit) error, error) {
	name := get[string](c, "option")
	var fields []keyword
	for _, kv := range get[*starlark.Dict](c, "fields").Items() {
		field, ok := starlark.AsString(kv[0])
		if !ok {
			return nil, fmt.Errorf("fields: expected names of fields, got %s", shown(kv[0]))
		}
		fields = append(fields, keyword{field, kv[1]})
	}
	if len(fields) == 0 {
		return nil, fmt.Errorf("fields: nothing to change is given")
	}
	set, err := typeOfOption(name).prepare(fields)
	if err != nil {
		return nil, fmt.Errorf("fields: %w", err)
	}
	return func(e *edit) error {
		return e.change(func(s *wire.Segment) (note string, err error) {
			replaced := s.Replace(func(o wire.Option) wire.Option {
				if o.Name() == name {
					note = name + " rewritten"
					if failed := set(o); err == nil {
						err = failed
					}
				}
				return o
			})
			switch {
			case err != nil:
				return "", err
			case note == "":
				return "", fmt.Errorf("the packet has no %s", name)
			}
			return note, replaced
		})
	}, nil
}

// checksumModes are what may become of a TCP checksum.
var checksumModes = map[string]wire.ChecksumMode{"fix": wire.ChecksumFix, "keep": wire.ChecksumKeep}

var corruptType = effectType{
	signature: signature{
		name: "corrupt",
		params: []param{
			{"offset", number(0, 65535), starlark.MakeInt(0), "which byte of the payload, from 0"},
			{"xor", number(1, 255), starlark.MakeInt(255), "the bits of it that are flipped"},
			{
				"checksum", words("what becomes of the TCP checksum", checksumModes), starlark.String("fix"),
				`"fix": it is made right, so that TCP takes the packet and only MPTCP can notice; "keep": it is wrong then`,
			},
		},
		doc: "A byte of the payload is changed.",
		example: filtering + `link.corrupt(sender = client, nth = 1, checksum = "keep")
lab.connect(client, server, address = server.addresses[-2]).transfer("1KB")
check.equal([p.fate for p in link.packets() if p.fate], ["payload byte 0 changed by corrupt(sender = client, nth = 1, checksum = \"keep\")"])`,
	},
	verdict: filtering + `client.sysctl("net.mptcp.checksum_enabled", 1)
conn = lab.connect(client, server, address = server.addresses[-2])
link.filter(lambda packet: verdict.corrupt(offset = 2), payload = True, sender = client, nth = 1)
conn.client.send(b"hello")
check.counters(server, DataCsumErr = 1)`,
	about:  "Where the selection does not say, packets with payload are meant.",
	preset: func(*call) match.Match { return match.Match{Payload: new(true)} },
	make: func(c *call) (func(*edit) error, error) {
		offset, xor := int(get[int64](c, "offset")), byte(get[int64](c, "xor"))
		mode := get[wire.ChecksumMode](c, "checksum")
		return func(e *edit) error {
			return e.change(func(s *wire.Segment) (string, error) {
				if offset >= len(s.Payload) {
					return "", fmt.Errorf("the payload has no byte %d: it has %d bytes", offset, len(s.Payload))
				}
				s.Payload[offset] ^= xor
				s.Checksum = mode
				return fmt.Sprintf("payload byte %d changed", offset), nil
			})
		}, nil
	},
}

var resetType = effectType{
	signature: signature{
		name: "reset",
		params: []param{
			{"reason", orNone[wire.ResetReason](unsigned[wire.ResetReason](255)), starlark.None, "of an MP_TCPRST option that the resets carry, of RFC 8684 section 8.3; None: they carry none"},
			{"transient", boolKind, starlark.False, "with reason: the condition may pass"},
		},
		doc: "The packet does not arrive, and both ends are sent a reset in its place, as from each other.",
		example: filtering + `conn = lab.connect(client, server, address = server.addresses[-2])
link.reset(payload = True, nth = 1, reason = 6)
conn.client.send(b"hello")
check.subflows(conn.client, 0)
check.subflows(conn.server, 0)`,
	},
	verdict: filtering + `link.filter(lambda packet: verdict.reset(), flags = "S")
check.fails(lambda: lab.connect(client, server, address = server.addresses[-2]), "refused")`,
	last: true,
	make: func(c *call) (func(*edit) error, error) {
		var options []wire.Option
		if reason := get[*wire.ResetReason](c, "reason"); reason != nil {
			o := &wire.TCPRst{Reason: *reason}
			if get[bool](c, "transient") {
				o.Flags = wire.ResetTransient
			}
			options = append(options, o)
		} else if get[bool](c, "transient") {
			return nil, fmt.Errorf("transient: it is told with a reason, which is not given")
		}
		return func(e *edit) error { return e.reset(options) }, nil
	},
}

// reset drops the packet, and sends both ends a reset that fits in its place.
func (e *edit) reset(options []wire.Option) error {
	flags := wire.FlagRST | wire.FlagACK
	instead := e.packet.Next(flags, options...)
	instead.Seq = e.packet.Seq // the packet itself never arrives
	for _, i := range []struct {
		to     int
		packet wire.Packet
	}{{1 - e.from, instead}, {e.from, e.packet.Answer(flags, options...)}} {
		frame, err := wire.EncodeLike(e.frame, wire.LayerEthernet, i.packet, nil)
		if err != nil {
			return err
		}
		e.verdict.Inject = append(e.verdict.Inject, lab.Injection{To: i.to, Frame: frame})
	}
	e.verdict.Action = lab.ActionDrop
	e.notes = append(e.notes, "reset")
	return nil
}
