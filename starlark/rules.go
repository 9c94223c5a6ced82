package starlark

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
)

// maxRules bounds the rules of one lab.
const maxRules = 1000

// rule is a rule of a link.
type rule struct {
	link *link
	rule *lab.Rule
}

func (r *rule) String() string                           { return r.rule.Name }
func (r *rule) Type() string                             { return "rule" }
func (r *rule) Freeze()                                  {}
func (r *rule) Truth() starlark.Bool                     { return true }
func (r *rule) Hash() (uint32, error)                    { return 0, errors.New("unhashable: " + r.Type()) }
func (r *rule) Attr(name string) (starlark.Value, error) { return ruleNoun.attr(r, name) }
func (r *rule) AttrNames() []string                      { return ruleNoun.attrNames() }

// asRule gives what all kinds of rules have in common.
func (r *rule) asRule() *rule { return r }

var ruleNoun = &noun[*rule]{
	name:       "rule",
	doc:        "A rule of a link, as link.drop and the others return it. It prints as the script wrote it.",
	attributes: ruleAttributes[*rule](),
	methods: []method[*rule]{{signature{
		name: "remove", returns: "None", doc: "Removes the rule; its counts stay.",
		example: filtering + `rule = link.drop(flags = "S", option = "MP_CAPABLE")
rule.remove()
lab.connect(client, server, address = server.addresses[-2])
check.equal(rule.matched, 0)`,
	}, removeRule[*rule]}},
}

// ruleAttributes are the attributes of all kinds of rules.
func ruleAttributes[R interface {
	starlark.Value
	asRule() *rule
}]() []attribute[R] {
	return []attribute[R]{
		{"matched", "int", "How many packets it was about so far, whether or not nth and its like picked them.", func(r R) (starlark.Value, error) {
			matched, _ := r.asRule().seen()
			return integer(uint64(matched)), nil
		}},
		{"selected", "int", "On how many packets it has decided so far.", func(r R) (starlark.Value, error) {
			_, selected := r.asRule().seen()
			return integer(uint64(selected)), nil
		}},
	}
}

func (r *rule) seen() (matched, selected uint) { return r.link.link.Seen(r.rule) }

func removeRule[R interface {
	starlark.Value
	asRule() *rule
}](_ *call, x R) (starlark.Value, error) {
	r := x.asRule()
	if err := r.link.link.RemoveRule(r.rule); err != nil {
		return nil, err
	}
	r.link.run.note("", "link %s: %s removed", r.link.link.Name(), r.rule.Name)
	return nil, nil
}

// addRule adds a rule that the call asks for, about what it selects.
func (c *call) addRule(l *link, preset match.Match) (*rule, error) {
	if c.run.rules >= maxRules {
		return nil, fmt.Errorf("a lab has at most %d rules", maxRules)
	}
	selector, err := c.selector(l, preset)
	if err != nil {
		return nil, err
	}
	return &rule{link: l, rule: &lab.Rule{Name: c.written(), Select: selector}}, nil
}

// start puts the rule in force.
func (r *rule) start(c *call, judge func(p lab.Packet, frame []byte, decide func(lab.Verdict) error) lab.Verdict) error {
	r.rule.Judge = judge
	if err := r.link.link.AddRule(c.ctx(), r.rule); err != nil {
		return err
	}
	c.run.rules++
	c.run.note("", "link %s: %s", r.link.link.Name(), r.rule.Name)
	return nil
}

// effectMethods are the effects as methods of a link.
func effectMethods() []method[*link] {
	var methods []method[*link]
	for _, t := range effectTypes {
		s := t.signature
		s.params = append(s.params[:len(s.params):len(s.params)], selectionParam)
		s.returns = "rule"
		s.doc = strings.Join(strings.Fields("Adds a rule for packets that enter the link. "+s.doc+" "+t.about+
			" The first rule that selects a packet decides on it."), " ")
		methods = append(methods, method[*link]{s, func(c *call, l *link) (starlark.Value, error) { return t.addRule(c, l) }})
	}
	return methods
}

var selectionParam = selectionSettings.param("which packets: see selection")

func (t *effectType) addRule(c *call, l *link) (starlark.Value, error) {
	var preset match.Match
	if t.preset != nil {
		preset = t.preset(c)
	}
	r, err := c.addRule(l, preset)
	if err != nil {
		return nil, err
	}
	does, err := t.effect(c, r.rule.Name)
	if err != nil {
		return nil, err
	}
	here, first := c.thread.CallStack(), l.link.Ends()[0].Node
	return r, r.start(c, func(p lab.Packet, frame []byte, _ func(lab.Verdict) error) lab.Verdict {
		v, err := verdictOf(p, frame, sentBy(p, first), does)
		if err != nil {
			v.Err = &starlark.EvalError{Msg: err.Error(), CallStack: here}
		}
		return v
	})
}

// sentBy is the end of the link that sent a packet, first being the node at the first end.
func sentBy(p lab.Packet, first string) int {
	if p.From == first {
		return 0
	}
	return 1
}

// ruleFailure is what a rule of a link could not do.
func (r *run) ruleFailure() error {
	if r.rules == 0 {
		return nil
	}
	_, err := r.lab.Wait(r.ctx, 0, func() (bool, error) { return true, nil })
	return err
}
