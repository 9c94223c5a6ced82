package starlark

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// checkModule is the value of check.
type checkModule struct{}

func (checkModule) String() string                             { return "<module check>" }
func (checkModule) Type() string                               { return "check" }
func (checkModule) Freeze()                                    {}
func (checkModule) Truth() starlark.Bool                       { return true }
func (checkModule) Hash() (uint32, error)                      { return 0, errors.New("unhashable: module") }
func (m checkModule) Attr(name string) (starlark.Value, error) { return checkNoun.attr(m, name) }
func (checkModule) AttrNames() []string                        { return checkNoun.attrNames() }

type checkMethod = method[checkModule]

var messageParam = param{"message", textKind, starlark.String(""), "what it means when the check does not hold"}

var checkNoun = &noun[checkModule]{
	name: "check",
	doc: "The checks that judge a case. One that does not hold ends the case, which has failed then; it says what was expected and " +
		"what was seen. Every check is noted in the timeline.",
	methods: []checkMethod{
		{signature{
			name: "equal", params: []param{{"actual", anyKind, nil, "what was seen"}, {"expected", anyKind, nil, "what it must be"}, messageParam},
			returns: "None", doc: "Checks that two values are equal, and shows how they differ when they are not.",
			example: "check.equal(client.address(1), \"10.0.2.1\")",
		}, checkEqual},
		{signature{
			name: "not_equal", params: []param{{"actual", anyKind, nil, "what was seen"}, {"unexpected", anyKind, nil, "what it must not be"}, messageParam},
			returns: "None", doc: "Checks that two values differ.",
			example: "a, b = lab.connect(client, server), lab.connect(client, server)\ncheck.not_equal(a.client.token, b.client.token)",
		}, checkNotEqual},
		{signature{
			name: "true", params: []param{{"value", anyKind, nil, "what must hold"}, messageParam},
			returns: "None", doc: "Checks that a value is true; a list must not be empty, a number not 0.",
			example: "check.true(client.mptcp.limits.show().subflows <= 8, \"the kernel's own maximum\")",
		}, func(c *call, _ checkModule) (starlark.Value, error) { return checkTruth(c, true) }},
		{signature{
			name: "false", params: []param{{"value", anyKind, nil, "what must not hold"}, messageParam},
			returns: "None", doc: "Checks that a value is false; a list must be empty, a number 0.",
			example: "check.false(lab.connect(client, server).client.fallback)",
		}, func(c *call, _ checkModule) (starlark.Value, error) { return checkTruth(c, false) }},
		{signature{
			name: "at_least", params: []param{{"actual", anyKind, nil, "what was seen"}, {"bound", anyKind, nil, "what it must reach"}, messageParam},
			returns: "None", doc: "Checks that a value is not less than another.",
			example: "conn = lab.connect(client, server)\nconn.transfer(\"64KB\")\ncheck.at_least(conn.server.info.bytes_received, 64000)",
		}, func(c *call, _ checkModule) (starlark.Value, error) { return checkBound(c, syntax.GE, "at least") }},
		{signature{
			name: "at_most", params: []param{{"actual", anyKind, nil, "what was seen"}, {"bound", anyKind, nil, "what it must not exceed"}, messageParam},
			returns: "None", doc: "Checks that a value is not greater than another.",
			example: "check.at_most(len(lab.connect(client, server).client.subflows), 3)",
		}, func(c *call, _ checkModule) (starlark.Value, error) { return checkBound(c, syntax.LE, "at most") }},
		{signature{
			name: "contains", params: []param{{"container", anyKind, nil, "a list, set, dict or string"}, {"item", anyKind, nil, "what it must contain"}, messageParam},
			returns: "None", doc: "Checks that a container has an item, or a string a part.",
			example: "check.contains(server.addresses, \"10.0.2.2\")",
		}, checkContains},
		{signature{
			name: "set_equal", params: []param{{"actual", listKind, nil, "what was seen"}, {"expected", listKind, nil, "what it must be"}, messageParam},
			returns: "None", doc: "Checks that two collections have the same items, in any order and however often.",
			example: "client.mptcp.endpoint.add(client.address(1), subflow = True)\nclient.mptcp.endpoint.add(client.address(0), subflow = True)\n" +
				"check.set_equal([e.address for e in client.mptcp.endpoint.show()], [client.address(0), client.address(1)])",
		}, checkSetEqual},
		{signature{
			name: "fails",
			params: []param{
				{"action", callableKind, nil, "a function without parameters"},
				{"message", textKind, starlark.String(""), "a part of the error's text"},
			},
			returns: "error", doc: "Checks that an action ends in an error, and returns the error. A check that fails within the action is not an error.",
			example: "err = check.fails(lambda: client.mptcp.endpoint.show(3), \"not found\")\ncheck.equal(err.errno, \"EINVAL\")",
		}, checkFails},
		{signature{
			name: "never", params: []param{conditionParam, duringParam},
			returns: "None", doc: "Checks that a condition does not come true within a time. This is the one way to see that nothing happens.",
			example: "conn = lab.connect(client, server)\ncheck.never(lambda: len(conn.client.subflows) > 1, during = \"50ms\")",
		}, func(c *call, _ checkModule) (starlark.Value, error) { return checkDuring(c, true, "came true") }},
		{signature{
			name: "always", params: []param{conditionParam, duringParam},
			returns: "None", doc: "Checks that a condition stays true for a time.",
			example: "conn = lab.connect(client, server)\ncheck.always(lambda: len(conn.client.subflows) == 1, during = \"50ms\")",
		}, func(c *call, _ checkModule) (starlark.Value, error) { return checkDuring(c, false, "became false") }},
		{countersSignature, checkCounters},
		{addAddrSignature, checkAddAddr},
		{subflowsSignature, checkSubflows},
		{eventsSignature, checkEvents},
	},
}

// source is the call as the script has it.
func (c *call) source() string {
	if c.thread.CallStackDepth() < 2 {
		return c.name
	}
	if lines := c.run.sourceAt(c.thread.CallFrame(1).Pos); len(lines) > 0 {
		return strings.Join(lines, " ")
	}
	return c.name
}

// hold notes that a check holds.
func (c *call) hold(what string) {
	c.run.checks++
	c.run.lab.Note(lab.KindCheck, "", "holds: "+cut(what, 200))
}

// fail notes that a check does not hold, and is the error of it.
func (c *call) fail(summary string, details ...string) error {
	c.run.checks++
	if i := c.index("message"); i >= 0 && c.name != "check.fails" {
		if m := get[string](c, "message"); m != "" {
			summary = m + ": " + summary
		}
	}
	c.run.lab.Note(lab.KindCheck, "", "fails: "+c.name+": "+cut(summary, 200))
	return &failure{summary: c.name + ": " + summary, details: details}
}

// decide holds or fails.
func (c *call) decide(holds bool, summary string, details ...string) (starlark.Value, error) {
	if !holds {
		return nil, c.fail(summary, details...)
	}
	c.hold(c.source())
	return nil, nil
}

func checkEqual(c *call, _ checkModule) (starlark.Value, error) {
	actual, expected := get[starlark.Value](c, "actual"), get[starlark.Value](c, "expected")
	equal, err := starlark.Equal(actual, expected)
	if err != nil {
		return nil, err
	}
	return c.decide(equal, "not equal", difference(expected, actual)...)
}

func checkNotEqual(c *call, _ checkModule) (starlark.Value, error) {
	actual := get[starlark.Value](c, "actual")
	equal, err := starlark.Equal(actual, get[starlark.Value](c, "unexpected"))
	if err != nil {
		return nil, err
	}
	return c.decide(!equal, "equal", "both are: "+shownText(actual))
}

func checkTruth(c *call, want bool) (starlark.Value, error) {
	v := get[starlark.Value](c, "value")
	return c.decide(bool(v.Truth()) == want, fmt.Sprintf("not %t", want), "seen: "+shownText(v))
}

func checkBound(c *call, op syntax.Token, word string) (starlark.Value, error) {
	actual, bound := get[starlark.Value](c, "actual"), get[starlark.Value](c, "bound")
	holds, err := starlark.Compare(op, actual, bound)
	if err != nil {
		return nil, err
	}
	return c.decide(holds, "not "+word+" the bound", "expected: "+word+" "+shownText(bound), "seen:     "+shownText(actual))
}

func checkContains(c *call, _ checkModule) (starlark.Value, error) {
	container, item := get[starlark.Value](c, "container"), get[starlark.Value](c, "item")
	in, err := starlark.Binary(syntax.IN, item, container)
	if err != nil {
		return nil, err
	}
	return c.decide(bool(in.Truth()), "not contained", append([]string{"expected: " + shownText(item), "seen:"}, indented(listed(container))...)...)
}

func checkSetEqual(c *call, _ checkModule) (starlark.Value, error) {
	actual, expected := get[starlark.Iterable](c, "actual"), get[starlark.Iterable](c, "expected")
	missing, unexpected, err := apart(expected, actual)
	if err != nil {
		return nil, err
	}
	return c.decide(len(missing)+len(unexpected) == 0, "the sets differ", setDifference(missing, unexpected, actual)...)
}

// apart is what differs between two collections: what is missing of the one, and what only the other has.
func apart(expected, actual starlark.Iterable) (missing, unexpected []starlark.Value, err error) {
	if missing, err = without(expected, actual); err != nil {
		return nil, nil, err
	}
	unexpected, err = without(actual, expected)
	return missing, unexpected, err
}

// without are the items of a that b has not.
func without(a, b starlark.Iterable) ([]starlark.Value, error) {
	have := starlark.NewSet(0)
	for v := range starlark.Elements(b) {
		if err := have.Insert(v); err != nil {
			return nil, err
		}
	}
	var missing []starlark.Value
	for v := range starlark.Elements(a) {
		found, err := have.Has(v)
		if err != nil {
			return nil, err
		}
		if !found {
			missing = append(missing, v)
		}
	}
	return missing, nil
}

func checkFails(c *call, _ checkModule) (starlark.Value, error) {
	want := get[string](c, "message")
	result, err := starlark.Call(c.thread, get[starlark.Callable](c, "action"), nil, nil)
	var (
		f *failure
		s *skip
	)
	switch {
	case errors.As(err, &f), errors.As(err, &s):
		return nil, err
	case c.ctx().Err() != nil:
		return nil, c.ctx().Err()
	case err == nil:
		return nil, c.fail("no error", "expected: "+orAny(want), "seen:     success, returned "+shownText(result))
	}
	var eval *starlark.EvalError
	if errors.As(err, &eval) && eval.Unwrap() != nil {
		err = eval.Unwrap()
	}
	if !strings.Contains(err.Error(), want) {
		return nil, c.fail("another error", "expected: "+orAny(want), "seen:     "+err.Error())
	}
	c.hold(c.source())
	return errorSnapshot.of(err), nil
}

func orAny(message string) string {
	if message == "" {
		return "an error"
	}
	return fmt.Sprintf("an error with %q", message)
}
