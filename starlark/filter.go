package starlark

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// A filter may take so much for one packet, while which others wait behind it.
const (
	maxFilterSteps = 1_000_000
	maxFilterTime  = 5 * time.Second
)

// filter is a rule that asks a function of the script. Packets arrive on a goroutine of the link, and wait in a queue until the
// thread of the case serves them.
type filter struct {
	rule
	thread *starlark.Thread
	fn     starlark.Callable

	mu      sync.Mutex
	waiting []*waitingPacket
}

var _ served = (*filter)(nil)

// waitingPacket is a packet that waits for a filter.
type waitingPacket struct {
	packet lab.Packet
	frame  []byte // valid until the decision
	decide func(lab.Verdict) error
}

var filterSignature = signature{
	name: "filter",
	params: []param{
		{"function", callableKind, nil, "called with each packet; it returns what becomes of it"},
		selectionParam,
	},
	returns: "rule",
	doc: "Adds a rule for packets that enter the link: a function of the script decides. It returns None, True or \"pass\" to let the packet " +
		"pass, \"drop\", \"reset\", a verdict such as verdict.delay(\"10ms\"), or a list of verdicts that are carried out one after the other. " +
		"Meanwhile the packets behind it in the same direction wait; what the answer takes counts against the link's delay. A case has one thread: the " +
		"function is called while the case waits, sends, receives or connects, and cannot do so itself. Where no code is needed, " +
		"link.drop and its like decide at once.",
	example: filtering + `def lose_joins(packet):
    return "drop" if packet.option("MP_JOIN") else [verdict.delay("2ms"), verdict.duplicate()]
link.filter(lose_joins, flags = "S")
lab.connect(client, server, address = server.addresses[-2])
check.equal(link.packets()[0].fate, 'delayed 2ms, duplicated by filter(lose_joins, flags = "S")')`,
}

func addFilter(c *call, l *link) (starlark.Value, error) {
	r, err := c.addRule(l, match.Match{})
	if err != nil {
		return nil, err
	}
	f := &filter{rule: *r, thread: c.thread, fn: get[starlark.Callable](c, "function")}
	in := c.run.lab
	err = f.start(c, func(p lab.Packet, frame []byte, decide func(lab.Verdict) error) lab.Verdict {
		f.mu.Lock()
		f.waiting = append(f.waiting, &waitingPacket{p, frame, decide})
		f.mu.Unlock()
		in.Wake()
		return lab.Verdict{Action: lab.ActionWait}
	})
	if err != nil {
		return nil, err
	}
	c.run.served = append(c.run.served, f)
	return &f.rule, nil
}

// serve implements [served]. A packet for which the function fails passes: the case has ended, unless it expected that.
func (f *filter) serve() error {
	f.mu.Lock()
	waiting := f.waiting
	f.waiting = nil
	f.mu.Unlock()
	for i, w := range waiting {
		v, err := f.ask(w)
		if decided := w.decide(v); err == nil {
			err = decided
		}
		if err != nil {
			f.mu.Lock()
			f.waiting = append(waiting[i+1:], f.waiting...)
			f.mu.Unlock()
			return err
		}
	}
	return nil
}

// ask calls the function, and understands its answer.
func (f *filter) ask(w *waitingPacket) (lab.Verdict, error) {
	s, err := wire.ParseSegment(w.frame, wire.LayerEthernet)
	if err != nil {
		return lab.Verdict{}, f.wrong(err)
	}
	payload := starlark.Bytes(s.Payload)
	answer, err := f.call(packetSnapshot.of(packet{Packet: w.packet, payload: &payload}))
	if err != nil {
		return lab.Verdict{}, err
	}
	effects, err := toEffects(answer)
	if err != nil {
		return lab.Verdict{}, f.wrong(fmt.Errorf("returned %s: %w", shown(answer), err))
	}
	v, err := verdictOf(w.packet, w.frame, sentBy(w.packet, f.link.link.Ends()[0].Node), effects...)
	if err != nil {
		return lab.Verdict{}, f.wrong(err)
	}
	return v, nil
}

// call calls the function within its bounds.
func (f *filter) call(p starlark.Value) (starlark.Value, error) {
	if steps, most := f.thread.ExecutionSteps()+maxFilterSteps, f.link.run.options.maxSteps(); steps < most {
		exceeded := f.thread.OnMaxSteps
		f.thread.SetMaxExecutionSteps(steps)
		f.thread.OnMaxSteps = func(t *starlark.Thread) {
			t.Cancel(fmt.Sprintf("more than %d steps for one packet: is there a loop that does not end?", maxFilterSteps))
		}
		defer func() {
			f.thread.SetMaxExecutionSteps(most)
			f.thread.OnMaxSteps = exceeded
		}()
	}
	slow := time.AfterFunc(maxFilterTime, func() {
		f.thread.Cancel(fmt.Sprintf("more than %s for one packet, while others wait behind it", maxFilterTime))
	})
	defer slow.Stop()
	return starlark.Call(f.thread, f.fn, starlark.Tuple{p}, nil)
}

// wrong is an error of what the function did, at its place.
func (f *filter) wrong(err error) error {
	stack := f.thread.CallStack()
	if fn, ok := f.fn.(*starlark.Function); ok {
		stack = append(stack, starlark.CallFrame{Name: fn.Name(), Pos: fn.Position()})
	}
	return &starlark.EvalError{Msg: fmt.Sprintf("link.filter: %s: %s", f.fn.Name(), err), CallStack: stack}
}

// verdictModule is the value of verdict.
type verdictModule struct{}

func (verdictModule) String() string        { return "<module verdict>" }
func (verdictModule) Type() string          { return "verdict" }
func (verdictModule) Freeze()               {}
func (verdictModule) Truth() starlark.Bool  { return true }
func (verdictModule) Hash() (uint32, error) { return 0, errors.New("unhashable: module") }

func (m verdictModule) Attr(name string) (starlark.Value, error) { return verdictNoun.attr(m, name) }
func (verdictModule) AttrNames() []string                        { return verdictNoun.attrNames() }

var verdictNoun = &noun[verdictModule]{
	name: "verdict",
	doc: "What the function of link.filter may return for a packet. Several in a list are carried out one after the other; " +
		"drop and reset stand alone.",
	methods: verdictMethods(),
}

// verdict is an effect as a value.
type verdict struct{ effect effect }

func (v *verdict) String() string        { return v.effect.name }
func (v *verdict) Type() string          { return "verdict" }
func (v *verdict) Freeze()               {}
func (v *verdict) Truth() starlark.Bool  { return true }
func (v *verdict) Hash() (uint32, error) { return 0, errors.New("unhashable: verdict") }

// verdictMethods are the effects as functions that make verdicts.
func verdictMethods() []method[verdictModule] {
	var methods []method[verdictModule]
	for _, t := range effectTypes {
		s := t.signature
		s.returns, s.example = "verdict", t.verdict
		methods = append(methods, method[verdictModule]{s, func(c *call, _ verdictModule) (starlark.Value, error) {
			made, err := t.effect(c, "verdict."+c.written())
			return &verdict{made}, err
		}})
	}
	return methods
}

var errNoVerdict = errors.New(`expected None, True, "pass", "drop", "reset", a verdict such as verdict.delay("10ms"), or a list of them`)

// toEffects understands the answer of a filter.
func toEffects(v starlark.Value) ([]effect, error) {
	var list starlark.Sequence = starlark.Tuple{v}
	switch v := v.(type) {
	case *starlark.List:
		list = v
	case starlark.Tuple:
		list = v
	}
	var effects []effect
	for e := range starlark.Elements(list) {
		switch e := e.(type) {
		case *verdict:
			effects = append(effects, e.effect)
		case starlark.String:
			plain, err := plainEffects(string(e))
			if err != nil {
				return nil, err
			}
			effects = append(effects, plain...)
		default:
			if e != starlark.None && e != starlark.True {
				return nil, errNoVerdict
			}
		}
	}
	return effects, combined(effects)
}

// plainEffects are those of a verdict that is a word.
func plainEffects(word string) ([]effect, error) {
	if word == "pass" {
		return nil, nil
	}
	for _, t := range effectTypes {
		if t.name == word && t.last {
			c := &call{signature: &t.signature}
			if err := c.unpack(nil, nil); err != nil {
				return nil, err
			}
			e, err := t.effect(c, word)
			return []effect{e}, err
		}
	}
	return nil, errNoVerdict
}
