package starlark

import (
	"maps"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// conditionText is a condition as the script has it: the body of a lambda, or the call of a named function.
func (r *run) conditionText(condition starlark.Callable) string {
	if fn, ok := condition.(*starlark.Function); ok {
		if lambda, script := r.lambdaOf(fn); lambda != nil {
			return strings.Join(strings.Fields(script.text(lambda.Body)), " ")
		}
	}
	return condition.Name() + "()"
}

// conditionState shows what a condition looked at: the operands of a lambda's comparisons as they are now, or else its last value.
func (r *run) conditionState(thread *starlark.Thread, condition starlark.Callable, last starlark.Value) []string {
	var lines []string
	if fn, ok := condition.(*starlark.Function); ok {
		if lambda, script := r.lambdaOf(fn); lambda != nil {
			env := environment(fn)
			for _, operand := range operands(lambda.Body) {
				source := script.text(operand)
				v, err := starlark.EvalOptions(dialect, thread, script.name, "("+source+")", env)
				if err == nil {
					lines = append(lines, stateLines(source, v)...)
				}
			}
		}
	}
	if len(lines) == 0 && last != nil {
		lines = []string{"last value: " + shownText(last)}
	}
	return lines
}

func stateLines(source string, v starlark.Value) []string {
	if l, ok := v.(*starlark.List); ok && l.Len() > 1 {
		return append([]string{source + " ="}, indented(listed(v))...)
	}
	return []string{source + " = " + shownText(v)}
}

// environment is what the body of a lambda sees.
func environment(fn *starlark.Function) starlark.StringDict {
	env := maps.Clone(predeclared)
	maps.Copy(env, fn.Globals())
	for i := range fn.NumFreeVars() {
		if b, v := fn.FreeVar(i); v != nil {
			env[b.Name] = v
		}
	}
	return env
}

// comparisons are the operators whose operands are worth showing.
var comparisons = []syntax.Token{syntax.EQL, syntax.NEQ, syntax.LT, syntax.LE, syntax.GT, syntax.GE, syntax.IN, syntax.NOT_IN}

// operands are the parts of a condition that tell why it has its value; constants tell nothing.
func operands(e syntax.Expr) []syntax.Expr {
	switch e := e.(type) {
	case *syntax.ParenExpr:
		return operands(e.X)
	case *syntax.UnaryExpr:
		return operands(e.X)
	case *syntax.Literal:
		return nil
	case *syntax.BinaryExpr:
		if e.Op == syntax.AND || e.Op == syntax.OR || slices.Contains(comparisons, e.Op) {
			return append(operands(e.X), operands(e.Y)...)
		}
	case *syntax.CallExpr:
		if fn, ok := e.Fn.(*syntax.Ident); ok && fn.Name == "len" && len(e.Args) == 1 {
			return []syntax.Expr{e, e.Args[0]}
		}
	}
	return []syntax.Expr{e}
}

// wantedMore is the socket of which a condition wants more subflows than there are, as in len(conn.client.subflows) == 2; nil: it is
// another condition.
func (r *run) wantedMore(thread *starlark.Thread, condition starlark.Callable) *socket {
	fn, ok := condition.(*starlark.Function)
	if !ok {
		return nil
	}
	lambda, script := r.lambdaOf(fn)
	if lambda == nil {
		return nil
	}
	compared, ok := lambda.Body.(*syntax.BinaryExpr)
	if !ok || compared.Op != syntax.EQL && compared.Op != syntax.GE {
		return nil
	}
	length, ok := compared.X.(*syntax.CallExpr)
	if !ok || script.text(length.Fn) != "len" || len(length.Args) != 1 {
		return nil
	}
	list, ok := length.Args[0].(*syntax.DotExpr)
	if !ok || list.Name.Name != "subflows" {
		return nil
	}
	value := func(e syntax.Expr) starlark.Value {
		v, err := starlark.EvalOptions(dialect, thread, script.name, "("+script.text(e)+")", environment(fn))
		if err != nil {
			return nil
		}
		return v
	}
	s, ok := value(list.X).(*socket)
	if !ok {
		return nil
	}
	paths, err := s.paths()
	if err != nil || !fewer(len(paths), value(compared.Y)) {
		return nil
	}
	return s
}
