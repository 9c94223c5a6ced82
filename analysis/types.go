package analysis

import (
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// Type is what is known of a value. The zero value knows nothing.
type Type struct {
	Name     string        // as type() has it, or the table of the language: "string", "host", "host.mptcp"; empty: unknown
	Builtin  *lang.Builtin // of a function of the language
	Function *Function     // of a function of a script

	elem  *Type  // of a list or another collection; nil: unknown
	items []Type // of a tuple
	parts int    // types within
}

// maxParts bounds what a type says of its parts: functions can make tuples of tuples of tuples.
const maxParts = 100

// Known tells whether anything is known.
func (t Type) Known() bool { return t.Name != "" }

// String is the type for people: "list of hosts" is list[host].
func (t Type) String() string {
	switch {
	case !t.Known():
		return "?"
	case t.elem != nil:
		return t.Name + "[" + t.elem.String() + "]"
	case t.items != nil:
		var items []string
		for _, i := range t.items {
			items = append(items, i.String())
		}
		return t.Name + "[" + strings.Join(items, ", ") + "]"
	}
	return t.Name
}

// element is the type of what a loop over a value of this type takes.
func (t Type) element() Type {
	switch {
	case t.elem != nil:
		return *t.elem
	case len(t.items) > 0:
		return join(t.items...)
	}
	return Type{}
}

// item is the type of the item with that index.
func (t Type) item(i int) Type {
	switch {
	case t.elem != nil:
		return *t.elem
	case i >= 0 && i < len(t.items):
		return t.items[i]
	}
	return Type{}
}

// join is what is known of a value that has one of these types.
func join(types ...Type) Type {
	if len(types) == 0 || !types[0].Known() {
		return Type{}
	}
	first := types[0]
	for _, t := range types[1:] {
		switch {
		case t.String() == first.String() && t.Builtin == first.Builtin && t.Function == first.Function:
		case t.Name == first.Name && t.Builtin == first.Builtin && t.Function == first.Function:
			first = Type{Name: first.Name, Builtin: first.Builtin, Function: first.Function}
		default:
			return Type{}
		}
	}
	return first
}

// Function is a function of a script, a lambda included.
type Function struct {
	Module *Module
	Node   syntax.Node // a *syntax.DefStmt or *syntax.LambdaExpr
	Name   string      // "lambda" for one
	Params []syntax.Expr
}

func (m *Module) function(n syntax.Node) Type {
	f := &Function{Module: m, Node: n, Name: "lambda"}
	switch n := n.(type) {
	case *syntax.DefStmt:
		f.Name, f.Params = n.Name.Name, n.Params
	case *syntax.LambdaExpr:
		f.Params = n.Params
	}
	return Type{Name: "function", Function: f}
}

// Doc is the docstring of the function; empty when it has none.
func (f *Function) Doc() string {
	d, ok := f.Node.(*syntax.DefStmt)
	if !ok {
		return ""
	}
	return docstring(d.Body)
}

func docstring(body []syntax.Stmt) string {
	if len(body) == 0 {
		return ""
	}
	if e, ok := body[0].(*syntax.ExprStmt); ok {
		if l, ok := e.X.(*syntax.Literal); ok && l.Token == syntax.STRING {
			return l.Value.(string)
		}
	}
	return ""
}

// returned is the type of what a function returns.
func (f *Function) returned() Type {
	m := f.Module
	if t, ok := m.types[f.Node]; ok {
		return t
	}
	if m.asked[f.Node] {
		return Type{}
	}
	m.asked[f.Node] = true
	defer delete(m.asked, f.Node)
	t := f.result()
	m.types[f.Node] = t
	return t
}

func (f *Function) result() Type {
	m := f.Module
	switch n := f.Node.(type) {
	case *syntax.LambdaExpr:
		return m.TypeOf(n.Body)
	case *syntax.DefStmt:
		var types []Type
		for _, r := range returns(n.Body) {
			if r.Result == nil {
				return Type{}
			}
			types = append(types, m.TypeOf(r.Result))
		}
		return join(types...)
	}
	return Type{}
}

// returns are the return statements of a function, without those of functions within.
func returns(body []syntax.Stmt) []*syntax.ReturnStmt {
	var all []*syntax.ReturnStmt
	for _, s := range body {
		syntax.Walk(s, func(n syntax.Node) bool {
			if r, ok := n.(*syntax.ReturnStmt); ok {
				all = append(all, r)
			}
			_, within := n.(*syntax.DefStmt)
			return !within
		})
	}
	return all
}

// variable is the type of a variable, by the identifier that makes it.
func (m *Module) variable(made *syntax.Ident) Type {
	if t, ok := m.types[made]; ok {
		return t
	}
	if m.asked[made] {
		return Type{}
	}
	m.asked[made] = true
	defer delete(m.asked, made)
	var types []Type
	for _, v := range m.values[made] {
		types = append(types, v.typ())
	}
	t := join(types...)
	m.types[made] = t
	return t
}

// TypeOf is what is known of the value of an expression of the script.
func (m *Module) TypeOf(e syntax.Expr) Type {
	switch e := e.(type) {
	case *syntax.Ident:
		return m.ident(e)
	case *syntax.Literal:
		return literalType(e)
	case *syntax.ParenExpr:
		return m.TypeOf(e.X)
	case *syntax.LambdaExpr:
		return m.function(e)
	case *syntax.DotExpr:
		return m.project.Language.attribute(m.TypeOf(e.X), e.Name.Name)
	case *syntax.CallExpr:
		return m.call(e)
	case *syntax.IndexExpr:
		return m.index(e)
	case *syntax.SliceExpr:
		if t := m.TypeOf(e.X); t.Name == "list" || t.Name == "string" {
			return t
		}
	case *syntax.CondExpr:
		return join(m.TypeOf(e.True), m.TypeOf(e.False))
	case *syntax.BinaryExpr:
		return m.binary(e)
	case *syntax.UnaryExpr:
		if e.Op == syntax.NOT {
			return Type{Name: "bool"}
		}
	case *syntax.DictExpr:
		return Type{Name: "dict"}
	}
	return m.collection(e)
}

func (m *Module) collection(e syntax.Expr) Type {
	switch e := e.(type) {
	case *syntax.ListExpr:
		return listOf(join(m.typesOf(e.List)...))
	case *syntax.TupleExpr:
		return tupleOf(m.typesOf(e.List)...)
	case *syntax.Comprehension:
		if e.Curly {
			return Type{}
		}
		return listOf(m.TypeOf(e.Body))
	}
	return Type{}
}

func listOf(elem Type) Type {
	if !elem.Known() || elem.parts >= maxParts {
		return Type{Name: "list"}
	}
	return Type{Name: "list", elem: &elem, parts: elem.parts + 1}
}

func tupleOf(items ...Type) Type {
	t := Type{Name: "tuple", items: items}
	for _, i := range items {
		t.parts += i.parts + 1
	}
	if t.parts > maxParts {
		return Type{Name: "tuple"}
	}
	return t
}

func (m *Module) typesOf(exprs []syntax.Expr) []Type {
	types := make([]Type, len(exprs))
	for i, e := range exprs {
		types[i] = m.TypeOf(e)
	}
	return types
}

func literalType(l *syntax.Literal) Type {
	return Type{Name: map[syntax.Token]string{
		syntax.STRING: "string", syntax.BYTES: "bytes", syntax.INT: "int", syntax.FLOAT: "float",
	}[l.Token]}
}

func (m *Module) ident(id *syntax.Ident) Type {
	if made := Made(id); made != nil {
		return m.variable(made)
	}
	if !Predeclared(id) {
		return Type{}
	}
	if b, ok := m.project.Language.Builtin(id.Name); ok {
		if b.Signature != "" {
			return Type{Name: "builtin_function_or_method", Builtin: &b}
		}
		return Type{Name: b.Name}
	}
	switch v := starlark.Universe[id.Name].(type) {
	case nil:
		return Type{}
	case starlark.NoneType:
		return Type{Name: "None"}
	default:
		return Type{Name: v.Type()}
	}
}

// attribute is the type of an attribute of a value.
func (l *Language) attribute(of Type, name string) Type {
	if !of.Known() {
		return Type{}
	}
	full := of.Name + "." + name
	if _, is := l.tables[full]; is {
		return Type{Name: full}
	}
	if b, ok := l.names[full]; ok {
		if b.Signature != "" {
			return Type{Name: "builtin_function_or_method", Builtin: &b}
		}
		return l.Returned(b.Returns)
	}
	return Type{}
}

func (m *Module) index(e *syntax.IndexExpr) Type {
	t := m.TypeOf(e.X)
	if t.elem != nil {
		return *t.elem
	}
	if l, ok := e.Y.(*syntax.Literal); ok && l.Token == syntax.INT {
		if i, ok := l.Value.(int64); ok {
			return t.item(int(i))
		}
	}
	return Type{}
}

func (m *Module) binary(e *syntax.BinaryExpr) Type {
	x, y := m.TypeOf(e.X), m.TypeOf(e.Y)
	switch e.Op {
	case syntax.EQL, syntax.NEQ, syntax.LT, syntax.GT, syntax.LE, syntax.GE, syntax.IN, syntax.NOT_IN:
		return Type{Name: "bool"}
	case syntax.AND, syntax.OR:
		return join(x, y)
	case syntax.PERCENT:
		if x.Name == "string" {
			return x
		}
	case syntax.PLUS:
		if slices.Contains([]string{"string", "list", "int"}, x.Name) {
			return join(x, y)
		}
	}
	return Type{}
}

func (m *Module) call(e *syntax.CallExpr) Type {
	fn := m.TypeOf(e.Fn)
	switch {
	case fn.Builtin != nil:
		return m.project.Language.Returned(fn.Builtin.Returns)
	case fn.Function != nil:
		return fn.Function.returned()
	}
	id, ok := e.Fn.(*syntax.Ident)
	if !ok || !Predeclared(id) {
		return Type{}
	}
	var first Type
	if len(e.Args) > 0 {
		first = m.TypeOf(e.Args[0])
	}
	switch id.Name {
	case "len", "int", "hash", "ord":
		return Type{Name: "int"}
	case "str", "repr", "type", "chr":
		return Type{Name: "string"}
	case "any", "all", "bool", "hasattr":
		return Type{Name: "bool"}
	case "sorted", "list", "reversed":
		return listOf(first.element())
	case "enumerate":
		return listOf(tupleOf(Type{Name: "int"}, first.element()))
	case "range":
		return Type{Name: "range", elem: &Type{Name: "int"}}
	case "dict":
		return Type{Name: "dict"}
	}
	return Type{}
}
