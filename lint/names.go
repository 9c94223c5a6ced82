package lint

import (
	"path"
	"slices"
	"strings"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// loads finds modules and names in them that are not there.
func loads(c *checker) {
	seen := map[*syntax.LoadStmt]bool{}
	for _, l := range c.m.Loads {
		first := !seen[l.Stmt]
		seen[l.Stmt] = true
		switch {
		case l.Err != nil && first:
			c.report(l.Stmt.Module, "load", "mend the path, or make that file", "%v", l.Err)
		case l.Err != nil:
		case l.Module.File == nil && first:
			c.report(l.Stmt.Module, "load", "mend that module", "the module cannot be parsed: %v", l.Module.Problems[0])
		case l.Module.File == nil:
		case first && reaches(l.Module, c.m, map[*analysis.Module]bool{}):
			c.report(l.Stmt.Module, "load", "move what both need into a module of its own", "%s loads this script in turn", l.Module.Name)
		case l.Module.Global(l.From.Name) == nil:
			names := exported(l.Module)
			c.report(l.From, "load", "it has "+listed(names), "%s has no %s%s", l.Module.Name, l.From.Name, lang.DidYouMean(l.From.Name, names))
		}
	}
}

// exported are the names that a module gives to others.
func exported(m *analysis.Module) []string {
	names := m.Globals()
	slices.Sort(names)
	return slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, "_") })
}

// reaches tells whether a module loads another one, at any remove.
func reaches(from, to *analysis.Module, seen map[*analysis.Module]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(from.Loads, func(l *analysis.Load) bool { return l.Module != nil && reaches(l.Module, to, seen) })
}

func unusedLoads(c *checker) {
	for _, l := range c.m.Loads {
		there := l.Module != nil && l.Module.Global(l.From.Name) != nil
		if there && c.uses[l.To] == 0 {
			c.report(l.To, "unused-load", "take it out of the load statement", "%s is loaded and not used", l.To.Name)
		}
	}
}

func attributes(c *checker) {
	walk(c.m, func(e *syntax.DotExpr) {
		t := c.m.TypeOf(e.X)
		names, known := c.m.Language().AttributesOf(t)
		if !known || slices.Contains(names, e.Name.Name) {
			return
		}
		help := "mptcp-lab doc " + t.Name + " lists what it has"
		switch {
		case t.Builtin != nil, t.Function != nil:
			help = "call it first: " + c.m.Excerpt(e.X) + "(…)." + e.Name.Name
		case !c.m.Language().Has(t.Name):
			help = "it has " + listed(names)
		}
		c.report(e.Name, "unknown-attribute", help, "%s has no .%s%s", article(t), e.Name.Name, lang.DidYouMean(e.Name.Name, names))
	})
}

// listed are names in a sentence.
func listed(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// article is a kind of value in a sentence.
func article(t analysis.Type) string {
	switch {
	case t.Name == "builtin_function_or_method" && t.Builtin != nil:
		return "the function " + t.Builtin.Name
	case t.Name == "function" && t.Function != nil:
		return "the function " + t.Function.Name
	case strings.Contains(t.Name, ".") || t.Name == "check" || t.Name == "verdict" || t.Name == "None":
		return t.Name
	case strings.ContainsRune("aeio", rune(t.Name[0])):
		return "an " + t.Name
	}
	return "a " + t.Name
}

func unusedVariables(c *checker) {
	walk(c.m, func(n syntax.Node) {
		var id *syntax.Ident
		switch n := n.(type) {
		case *syntax.AssignStmt:
			id, _ = n.LHS.(*syntax.Ident)
		case *syntax.DefStmt:
			id = n.Name
		}
		if id == nil || analysis.Made(id) != id || c.uses[id] > 0 {
			return
		}
		switch scope := id.Binding.(*resolve.Binding).Scope; {
		case scope == resolve.Global && strings.HasPrefix(id.Name, "_"):
			c.report(id, "unused-variable", "take it away; no other script can load a name with _ in front", "nothing uses %s", id.Name)
		case (scope == resolve.Local || scope == resolve.Cell) && !strings.HasPrefix(id.Name, "_") && !looksLikeCase(id.Name):
			c.report(id, "unused-variable", "keep only what it is set to, or put _ in front of its name", "nothing uses %s", id.Name)
		}
	})
}

// inLibrary tells whether a script is in a folder in which no cases are looked for.
func inLibrary(m *analysis.Module) bool {
	name := strings.TrimPrefix(m.Name, "@std//")
	if m.Path == "" {
		return true
	}
	return slices.Contains(strings.Split(path.Dir(name), "/"), "lib")
}
