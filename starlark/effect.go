package starlark

import (
	"fmt"
	"strings"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// effect is something that is done to a packet. It is carried out on a goroutine of the link, so it has no value of the script.
type effect struct {
	name  string // as the script wrote it: strip("MP_JOIN")
	last  bool   // the packet does not arrive: nothing else can be done to it
	apply func(*edit) error
}

// edit is a packet to which effects are applied, one after the other.
type edit struct {
	packet  lab.Packet
	frame   []byte
	from    int           // the end of the link that sent it
	segment *wire.Segment // nil: nothing has changed in it
	verdict lab.Verdict
	notes   []string
}

// verdictOf is what a link does with a packet by these effects.
func verdictOf(p lab.Packet, frame []byte, from int, effects ...effect) (lab.Verdict, error) {
	e := &edit{packet: p, frame: frame, from: from}
	for _, f := range effects {
		if err := f.apply(e); err != nil {
			return lab.Verdict{}, fmt.Errorf("%s: %w: %s", f.name, err, p.Packet)
		}
	}
	if e.segment != nil {
		b, err := e.segment.Bytes()
		if err != nil {
			return lab.Verdict{}, err
		}
		e.verdict.Frame = b
	}
	e.verdict.Note = strings.Join(e.notes, ", ")
	return e.verdict, nil
}

// combined tells whether effects can be applied to one packet together.
func combined(effects []effect) error {
	for i, f := range effects {
		if f.last && len(effects) > 1 {
			return fmt.Errorf("%s cannot be combined with %s: the packet does not arrive", f.name, effects[(i+1)%len(effects)].name)
		}
	}
	return nil
}

// change gives the segment to a function that says how it changed; nothing when it did not.
func (e *edit) change(do func(*wire.Segment) (note string, err error)) error {
	s := e.segment
	if s == nil {
		var err error
		if s, err = wire.ParseSegment(e.frame, wire.LayerEthernet); err != nil {
			return err
		}
	}
	note, err := do(s)
	if note != "" && err == nil {
		e.segment = s
		e.notes = append(e.notes, note)
	}
	return err
}

// effectType declares an effect: as link.NAME, a rule that applies it to packets that are selected, and as verdict.NAME, which a
// filter returns.
type effectType struct {
	signature        // its example is that of the rule
	verdict   string // the example of the verdict
	last      bool
	preset    func(c *call) match.Match // what the rule selects by itself; nil: every packet
	about     string                    // the same in words
	make      func(c *call) (func(*edit) error, error)
}

// effect makes the effect that a call asks for.
func (t *effectType) effect(c *call, name string) (effect, error) {
	apply, err := t.make(c)
	return effect{name: name, last: t.last, apply: apply}, err
}

var effectTypes = []effectType{
	{
		signature: signature{
			name: "drop", doc: "The packet does not arrive.",
			example: announcing + `rule = link.drop(option = "ADD_ADDR", echo = False, nth = 1)
conn = lab.connect(client, server, address = server.addresses[-2])
check.add_addr(server, sent = 2, echo_received = 1)
check.equal((rule.matched, rule.selected), (2, 1))`,
		},
		verdict: filtering + `link.filter(lambda packet: verdict.drop(), flags = "S", nth = 1)
lab.connect(client, server, address = server.addresses[-2])
check.equal([p.flags for p in link.packets(sender = client)][:2], ["S", "S"])`,
		last: true,
		make: func(*call) (func(*edit) error, error) {
			return func(e *edit) error {
				e.verdict.Action = lab.ActionDrop
				e.notes = append(e.notes, "dropped")
				return nil
			}, nil
		},
	},
	{
		signature: signature{
			name: "delay", params: []param{{"by", latencyKind, nil, "how long"}},
			doc: "The packet arrives later than the link's own delay lets it; others may overtake it.",
			example: filtering + `link.delay("30ms", flags = "S", first = 1)
before = lab.now
lab.connect(client, server, address = server.addresses[-2])
check.at_least(lab.now - before, 30)`,
		},
		verdict: filtering + `link.filter(lambda packet: verdict.delay("30ms"), flags = "S")
before = lab.now
lab.connect(client, server, address = server.addresses[-2])
check.at_least(lab.now - before, 30)`,
		make: func(c *call) (func(*edit) error, error) {
			by := get[time.Duration](c, "by")
			return func(e *edit) error {
				e.verdict.Delay += by
				e.notes = append(e.notes, "delayed "+by.String())
				return nil
			}, nil
		},
	},
	{
		signature: signature{
			name: "duplicate", params: []param{{"copies", number(1, 1000), starlark.MakeInt(1), "how many more arrive"}},
			doc: "The packet arrives several times.",
			example: announcing + `link.duplicate(option = "ADD_ADDR", echo = False)
lab.connect(client, server, address = server.addresses[-2])
check.add_addr(client, received = 2)`,
		},
		verdict: announcing + `link.filter(lambda packet: verdict.duplicate(2), option = "ADD_ADDR", echo = False)
lab.connect(client, server, address = server.addresses[-2])
check.add_addr(client, received = 3)`,
		make: func(c *call) (func(*edit) error, error) {
			copies := int(get[int64](c, "copies"))
			return func(e *edit) error {
				e.verdict.Copies += copies
				e.notes = append(e.notes, "duplicated")
				return nil
			}, nil
		},
	},
	stripType, rewriteType, corruptType, resetType,
}

// filtering and announcing are what examples begin with.
const (
	filtering  = "link = lab.link(client, server)\n"
	announcing = filtering + `server.sysctl("net.mptcp.add_addr_timeout", 1)
server.mptcp.endpoint.add(server.addresses[-4], signal = True)
`
)

var stripType = effectType{
	signature: signature{
		name:   "strip",
		params: []param{{"options", optionListKind, starlark.None, "their names; None: all MPTCP options"}},
		doc:    "MPTCP options are taken out of the packet.",
		example: filtering + `link.strip("MP_CAPABLE")
check.true(lab.connect(client, server, address = server.addresses[-2]).client.fallback)`,
	},
	verdict: filtering + `link.filter(lambda packet: verdict.strip(["MP_CAPABLE", "MP_JOIN"]), flags = "S.")
check.true(lab.connect(client, server, address = server.addresses[-2]).client.fallback)`,
	about: "Where the selection names no option and only one is stripped, packets with that option are meant.",
	preset: func(c *call) (m match.Match) {
		if names := get[[]string](c, "options"); len(names) == 1 {
			m.Option = names[0]
		}
		return m
	},
	make: func(c *call) (func(*edit) error, error) {
		names := get[[]string](c, "options")
		return func(e *edit) error {
			return e.change(func(s *wire.Segment) (string, error) {
				if names == nil {
					if s.StripKind(wire.KindMPTCP) == 0 {
						return "", nil
					}
					return "without MPTCP options", nil
				}
				var gone []string
				for _, name := range names {
					if s.Strip(name) > 0 {
						gone = append(gone, name)
					}
				}
				if len(gone) == 0 {
					return "", nil
				}
				return "without " + strings.Join(gone, " and "), nil
			})
		}, nil
	},
}

var optionListKind = kindOf("an MPTCP option, or a list of them", func(v starlark.Value) ([]string, error) {
	elems := []starlark.Value{v}
	if list, ok := v.(starlark.Iterable); ok {
		elems = elems[:0]
		for e := range starlark.Elements(list) {
			elems = append(elems, e)
		}
	}
	var names []string
	for _, e := range elems {
		name, err := optionKind.convert(e)
		if err != nil {
			return nil, err
		}
		names = append(names, name.(string))
	}
	if len(names) == 0 {
		return nil, errWrongKind
	}
	return names, nil
})
