package lint

import (
	"errors"
	"slices"
	"strings"

	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// calls holds the arguments of each call against what its function takes.
func calls(c *checker) {
	walk(c.m, func(e *syntax.CallExpr) {
		if s := c.m.TypeOf(e.Fn).Signature(); s != nil {
			(&checkedCall{checker: c, call: e, sig: s, given: map[string]bool{}}).check()
		}
	})
}

// checkedCall is one call that is checked.
type checkedCall struct {
	*checker
	call  *syntax.CallExpr
	sig   *analysis.Signature
	given map[string]bool // true: without its name
	open  bool            // *args or **kwargs: what else is given is not known
}

func (c *checkedCall) check() {
	positional := 0
	for _, arg := range c.call.Args {
		switch a := arg.(type) {
		case *syntax.UnaryExpr:
			if a.Op == syntax.STAR || a.Op == syntax.STARSTAR {
				c.open = true
				continue
			}
		case *syntax.BinaryExpr:
			if a.Op == syntax.EQ {
				c.named(a)
				continue
			}
		}
		c.positional(arg, positional)
		positional++
	}
	if !c.open {
		c.missing()
	}
}

// positional checks an argument without a name.
func (c *checkedCall) positional(arg syntax.Expr, i int) {
	var params []analysis.Param
	for _, p := range c.sig.Params {
		if !p.NamedOnly {
			params = append(params, p)
		}
	}
	switch {
	case i < len(params):
		c.given[params[i].Name] = true
		c.value(arg, params[i])
	case i == len(params) && !c.sig.Rest && !c.open:
		c.report(arg, "unknown-argument", c.sig.Usage, "%s takes at most %d %s without a name", c.sig.Name, len(params), plural(len(params), "argument"))
	}
}

// named checks an argument NAME = VALUE.
func (c *checkedCall) named(a *syntax.BinaryExpr) {
	id, ok := a.X.(*syntax.Ident)
	if !ok {
		return
	}
	p, known := c.sig.Param(id.Name)
	switch {
	case known && c.given[id.Name]:
		c.report(id, "repeated-argument", "give it once: "+c.sig.Usage, "%s is given to %s twice", id.Name, c.sig.Name)
	case known:
		c.value(a.Y, p)
	case !c.sig.Named:
		c.report(id, "unknown-argument", c.sig.Usage, "%s has no parameter %s%s", c.sig.Name, id.Name, lang.DidYouMean(id.Name, c.sig.Names()))
	}
	c.given[id.Name] = false
}

func (c *checkedCall) missing() {
	var names []string
	for _, p := range c.sig.Params {
		if _, given := c.given[p.Name]; p.Required && !given {
			names = append(names, p.Name)
		}
	}
	if len(names) > 0 {
		c.report(c.call.Fn, "missing-argument", c.sig.Usage, "%s is called without %s", c.sig.Name, strings.Join(names, ", "))
	}
}

// value checks what is given to a parameter of a function of the language.
func (c *checkedCall) value(arg syntax.Expr, p analysis.Param) {
	if p.Builtin == nil {
		return
	}
	if v, ok := constant(arg); ok {
		if err := p.Builtin.Accepts(v); err != nil {
			c.report(arg, "wrong-value", c.help(p), "%s of %s: %v", p.Name, c.sig.Name, firstLine(err))
		}
		return
	}
	t := c.m.TypeOf(arg)
	if !t.Known() || len(p.Builtin.Types) == 0 || slices.Contains(p.Builtin.Types, t.Name) || t.Name == "None" && p.Builtin.Default == "None" {
		return
	}
	help := c.help(p)
	if p.Builtin.Types[0] == "function" {
		help = "write it as a function: lambda: " + c.m.Excerpt(arg)
	}
	c.report(arg, "wrong-value", help, "%s of %s: expected %s, got %s", p.Name, c.sig.Name, p.Builtin.Kind, article(t))
}

// help is a way out of a wrong value.
func (c *checkedCall) help(p analysis.Param) string {
	name := c.sig.Name
	if p.NamedOnly {
		return "see mptcp-lab doc " + name
	}
	return "it is: " + p.Builtin.Doc
}

func firstLine(err error) error {
	line, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(line)
}

func plural(n int, word string) string {
	if n == 1 {
		return word
	}
	return word + "s"
}
