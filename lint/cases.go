package lint

import (
	"path"
	"strings"

	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// isCase tells whether a top-level function is a case that run finds.
func (c *checker) isCase(d *syntax.DefStmt) bool {
	return strings.HasPrefix(d.Name.Name, "test_") && !inLibrary(c.m)
}

// functions visits the top-level functions.
func (c *checker) functions(visit func(*syntax.DefStmt)) {
	for _, s := range c.m.File.Stmts {
		if d, ok := s.(*syntax.DefStmt); ok {
			visit(d)
		}
	}
}

func unchecked(c *checker) {
	c.functions(func(d *syntax.DefStmt) {
		if c.isCase(d) && !(&search{seen: map[syntax.Node]bool{}}).checks(c.m, d) {
			c.report(d.Name, "no-check", "judge what came of it with check.… or lab.wait", "%s checks nothing: it would end in an error", d.Name.Name)
		}
	})
}

// search looks for checks.
type search struct{ seen map[syntax.Node]bool }

// checks tells whether a node, or anything that it mentions, may check something.
func (s *search) checks(m *analysis.Module, n syntax.Node) bool {
	if s.seen[n] {
		return false
	}
	s.seen[n] = true
	found := false
	syntax.Walk(n, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Ident:
			found = found || s.mentions(m, n)
		case *syntax.DotExpr:
			found = found || n.Name.Name == "wait" || n.Name.Name == "predict" // whose answer is a check
		}
		return !found
	})
	return found
}

func (s *search) mentions(m *analysis.Module, id *syntax.Ident) bool {
	if analysis.Predeclared(id) {
		return id.Name == "check"
	}
	made := analysis.Made(id)
	if made == nil {
		return false
	}
	for _, l := range m.Loads {
		if l.To == made {
			return s.loaded(l)
		}
	}
	for _, n := range m.Makers(made) {
		if s.checks(m, n) {
			return true
		}
	}
	return false
}

// loaded tells whether a loaded name may check something; one that is not there may.
func (s *search) loaded(l *analysis.Load) bool {
	if l.Module == nil || l.Module.File == nil {
		return true
	}
	made := l.Module.Global(l.From.Name)
	return made == nil || s.mentions(l.Module, made)
}

// looksLikeCase tells whether a name is near one of a case.
func looksLikeCase(name string) bool {
	head := name[:min(len(name), len("test_"))]
	return strings.HasPrefix(strings.ToLower(name), "test") || lang.DidYouMean(head, []string{"test_"}) != ""
}

// neverFound finds functions that look like cases, and are none.
func neverFound(c *checker) {
	for _, s := range c.m.File.Stmts {
		d, ok := s.(*syntax.DefStmt)
		if !ok {
			continue
		}
		name := d.Name.Name
		switch {
		case strings.HasPrefix(name, "test_") && inLibrary(c.m) && c.uses[d.Name] == 0:
			c.report(d.Name, "never-found", "move it into a script outside of "+path.Dir(c.m.Name), "%s is no case: none is looked for in a folder named lib", name)
		case !strings.HasPrefix(name, "test_") && looksLikeCase(name) && c.uses[d.Name] == 0 && takesLab(d) && !inLibrary(c.m):
			c.report(d.Name, "never-found", "name it test_…, or start its name with another word", "%s is no case: the name of one starts with test_", name)
		}
		syntax.Walk(d, func(n syntax.Node) bool {
			if inner, ok := n.(*syntax.DefStmt); ok && inner != d && strings.HasPrefix(inner.Name.Name, "test_") && c.uses[inner.Name] == 0 {
				c.report(inner.Name, "never-found", "move it out of "+name, "%s is no case: it is within a function", inner.Name.Name)
			}
			return true
		})
	}
}

// takesLab tells whether the first parameter of a function is lab.
func takesLab(d *syntax.DefStmt) bool {
	if len(d.Params) == 0 {
		return false
	}
	id, ok := d.Params[0].(*syntax.Ident)
	return ok && id.Name == "lab"
}

// caseParameters finds cases that cannot be called.
func caseParameters(c *checker) {
	c.functions(func(d *syntax.DefStmt) {
		if !c.isCase(d) {
			return
		}
		if !takesLab(d) {
			c.report(d.Name, "case-parameters", "write def "+d.Name.Name+"(lab)", "%s: the first parameter of a case is lab", d.Name.Name)
			return
		}
		for _, p := range d.Params[1:] {
			switch p := p.(type) {
			case *syntax.Ident:
				c.report(p, "case-parameters", "write "+p.Name+" = each(…)", "%s: nothing gives a value to %s", d.Name.Name, p.Name)
			case *syntax.UnaryExpr:
				c.report(p, "case-parameters", "name its parameters, each with a default each(…)", "%s: a case takes neither * nor **", d.Name.Name)
			}
		}
	})
}

// misplacedEach finds calls of each that can make no cases: in the body of a function, and as a default of one that is no case.
func misplacedEach(c *checker) {
	inBody := func(body []syntax.Stmt) {
		for _, s := range body {
			syntax.Walk(s, func(n syntax.Node) bool {
				c.reportEach(n)
				return true
			})
		}
	}
	c.functions(func(d *syntax.DefStmt) {
		inBody(d.Body)
		if strings.HasPrefix(d.Name.Name, "test_") {
			return
		}
		for _, p := range d.Params {
			if def, ok := p.(*syntax.BinaryExpr); ok {
				c.reportEach(def.Y)
			}
		}
	})
}

func (c *checker) reportEach(n syntax.Node) {
	call, ok := n.(*syntax.CallExpr)
	if !ok {
		return
	}
	if b := c.m.TypeOf(call.Fn).Builtin; b != nil && b.Name == "each" {
		c.report(n, "misplaced-each", "give it as the default of a parameter of a test_ function: family = each(\"ipv4\", \"ipv6\")",
			"each makes no cases here")
	}
}
