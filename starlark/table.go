package starlark

import (
	"context"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// param declares one parameter of a built-in. A name that starts with ** takes all other named arguments, as []keyword.
type param struct {
	name string
	kind kind
	def  starlark.Value // nil: the argument must be given
	doc  string
}

// signature declares everything about a built-in but what it does.
type signature struct {
	name    string
	params  []param
	returns string
	doc     string
	example string // the body of a case, or a whole script
}

// method declares a built-in of a noun.
type method[T starlark.Value] struct {
	signature
	do func(c *call, self T) (starlark.Value, error)
}

// attribute declares a value that a noun shows of itself.
type attribute[T starlark.Value] struct {
	name    string
	returns string
	doc     string
	get     func(self T) (starlark.Value, error)
}

// noun is the table of one kind of value: the single source of its behaviour and of its documentation.
type noun[T starlark.Value] struct {
	name       string // as scripts reach it: "host.mptcp.endpoint"
	doc        string
	attributes []attribute[T]
	methods    []method[T]
}

// attr looks up a name; an unknown one is nil, from which the interpreter makes an error with the nearest name.
func (n *noun[T]) attr(self T, name string) (starlark.Value, error) {
	for i := range n.attributes {
		if n.attributes[i].name == name {
			return n.attributes[i].get(self)
		}
	}
	for i := range n.methods {
		if n.methods[i].name == name {
			return n.methods[i].bind(n.name, self), nil
		}
	}
	return nil, nil
}

func (n *noun[T]) attrNames() []string {
	var names []string
	for _, a := range n.attributes {
		names = append(names, a.name)
	}
	for _, m := range n.methods {
		names = append(names, m.name)
	}
	return names
}

func (m *method[T]) bind(noun string, self T) starlark.Value {
	return m.signature.builtin(noun+"."+m.name, func(c *call) (starlark.Value, error) { return m.do(c, self) })
}

// builtin makes a callable of a signature and what it does.
func (s *signature) builtin(name string, do func(*call) (starlark.Value, error)) *starlark.Builtin {
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		c := &call{name: name, signature: s, thread: thread}
		if err := c.unpack(args, kwargs); err != nil {
			return nil, fmt.Errorf("%s: %w\n    %s", name, err, s.usage(name))
		}
		var err error
		if c.run, err = running(thread, name); err != nil {
			return nil, err
		}
		v, err := do(c)
		if err != nil {
			return nil, c.failed(err)
		}
		if v == nil {
			v = starlark.None
		}
		return v, nil
	})
}

// usage is the call as documentation shows it: lab.wait(condition, timeout = "5s").
func (s *signature) usage(name string) string {
	var params []string
	for _, p := range s.params {
		if p.def == nil {
			params = append(params, p.name)
		} else {
			params = append(params, p.name+" = "+p.def.String())
		}
	}
	return name + "(" + strings.Join(params, ", ") + ")"
}

// written is the call as the script made it, with the values of its arguments: drop(option = "ADD_ADDR", nth = 1).
func (c *call) written() string {
	var args []string
	for _, v := range c.args {
		args = append(args, argument(v))
	}
	for _, kv := range c.kwargs {
		args = append(args, string(kv[0].(starlark.String))+" = "+argument(kv[1]))
	}
	return c.signature.name + "(" + strings.Join(args, ", ") + ")"
}

// argument is a value as a script would write it.
func argument(v starlark.Value) string {
	switch v := v.(type) {
	case node:
		return v.labNode().Name()
	case starlark.Callable:
		return v.Name()
	}
	return cut(v.String(), 100)
}

// call is one call of a built-in: its arguments, by the order of its parameters, and where it happens.
type call struct {
	*signature
	name   string
	thread *starlark.Thread
	run    *run
	args   starlark.Tuple // as the script gave them
	kwargs []starlark.Tuple
	values []any
	given  []bool
}

func (c *call) ctx() context.Context { return c.run.ctx }

// unpack checks the arguments against the parameters and converts them.
func (c *call) unpack(args starlark.Tuple, kwargs []starlark.Tuple) error {
	raw, err := c.assign(args, kwargs)
	if err != nil {
		return err
	}
	c.args, c.kwargs = args, kwargs
	c.values, c.given = make([]any, len(c.params)), make([]bool, len(c.params))
	for i, p := range c.params {
		v := raw[i]
		c.given[i] = v != nil
		if v == nil {
			v = p.def
		}
		switch {
		case strings.HasPrefix(p.name, "**"):
			c.values[i], err = p.convertAll(v.(*starlark.Dict))
		case v == nil:
			return fmt.Errorf("%s is missing: expected %s", p.name, p.kind.want)
		case v == starlark.None && p.def == starlark.None:
		default:
			if c.values[i], err = p.kind.convert(v); err != nil {
				err = fmt.Errorf("%s: %w", p.name, err)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keyword is a named argument that has no parameter of its own.
type keyword struct {
	name  string
	value any
}

func (p *param) convertAll(named *starlark.Dict) ([]keyword, error) {
	var all []keyword
	for _, kv := range named.Items() {
		name := string(kv[0].(starlark.String))
		v, err := p.kind.convert(kv[1])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, keyword{name, v})
	}
	return all, nil
}

// assign gives each argument to its parameter.
func (c *call) assign(args starlark.Tuple, kwargs []starlark.Tuple) ([]starlark.Value, error) {
	raw := make([]starlark.Value, len(c.params))
	keywords := -1
	var names []string
	for i, p := range c.params {
		if strings.HasPrefix(p.name, "**") {
			keywords, raw[i] = i, starlark.NewDict(0)
			continue
		}
		names = append(names, p.name)
	}
	switch {
	case len(args) > 0 && len(names) == 0 && keywords >= 0:
		return nil, fmt.Errorf("write its arguments with their names, such as name = %s", argument(args[0]))
	case len(args) > len(names):
		return nil, fmt.Errorf("%d arguments given without a name, at most %d expected", len(args), len(names))
	}
	copy(raw, args)
	for _, kv := range kwargs {
		name := string(kv[0].(starlark.String))
		i := c.index(name)
		switch {
		case i < 0 && keywords >= 0:
			if err := raw[keywords].(*starlark.Dict).SetKey(kv[0], kv[1]); err != nil {
				return nil, err
			}
		case i < 0:
			return nil, fmt.Errorf("no parameter is named %s%s", name, DidYouMean(name, names))
		case raw[i] != nil:
			return nil, fmt.Errorf("%s is given twice", name)
		default:
			raw[i] = kv[1]
		}
	}
	return raw, nil
}

func (c *call) index(name string) int {
	for i, p := range c.params {
		if p.name == name {
			return i
		}
	}
	return -1
}

// has tells whether an argument was given, and not as None.
func (c *call) has(name string) bool {
	i := c.index(name)
	return c.given[i] && c.values[i] != nil && c.values[i] != starlark.Value(starlark.None)
}

// get returns an argument as the Go type that its kind converts to; the zero value for a default of None.
func get[T any](c *call, name string) T {
	v, _ := c.values[c.index(name)].(T)
	return v
}
