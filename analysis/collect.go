package analysis

import "go.starlark.net/syntax"

// collect notes what each variable can hold.
func (m *Module) collect() {
	for _, s := range m.File.Stmts {
		m.top(s)
	}
	syntax.Walk(m.File, func(n syntax.Node) bool {
		m.node(n)
		return true
	})
}

// top notes the global variables that a statement makes, whose identifiers are needed before those of any function.
func (m *Module) top(s syntax.Stmt) {
	switch s := s.(type) {
	case *syntax.DefStmt:
		m.globals[s.Name.Name] = s.Name
	case *syntax.AssignStmt:
		syntax.Walk(s.LHS, func(n syntax.Node) bool {
			switch n := n.(type) {
			case *syntax.Ident:
				if _, there := m.globals[n.Name]; !there {
					m.globals[n.Name] = n
				}
			case *syntax.DotExpr, *syntax.IndexExpr:
				return false
			}
			return true
		})
	}
}

// node notes the variables that one node makes.
func (m *Module) node(n syntax.Node) {
	switch n := n.(type) {
	case *syntax.DefStmt:
		m.bind(n, n.Name, func() Type { return m.function(n) })
		m.params(n, n.Params)
	case *syntax.LambdaExpr:
		m.params(n, n.Params)
	case *syntax.AssignStmt:
		if n.Op == syntax.EQ {
			m.bind(n, n.LHS, func() Type { return m.TypeOf(n.RHS) })
		} else if id, ok := n.LHS.(*syntax.Ident); ok {
			m.hold(n, id, func() Type { return Type{} })
		}
	case *syntax.ForStmt:
		m.bind(n, n.Vars, func() Type { return m.TypeOf(n.X).element() })
	case *syntax.ForClause:
		m.bind(n, n.Vars, func() Type { return m.TypeOf(n.X).element() })
	case *syntax.LoadStmt:
		m.loads(n)
	}
}

// bind notes that the variables of the left side of an assignment hold what is on the right.
func (m *Module) bind(made syntax.Node, lhs syntax.Expr, typ func() Type) {
	var parts []syntax.Expr
	switch lhs := lhs.(type) {
	case *syntax.Ident:
		m.places[lhs] = true
		m.hold(made, lhs, typ)
	case *syntax.ParenExpr:
		m.bind(made, lhs.X, typ)
	case *syntax.TupleExpr:
		parts = lhs.List
	case *syntax.ListExpr:
		parts = lhs.List
	}
	for i, part := range parts {
		m.bind(made, part, func() Type { return typ().item(i) })
	}
}

func (m *Module) hold(made syntax.Node, id *syntax.Ident, typ func() Type) {
	if first := Made(id); first != nil {
		m.values[first] = append(m.values[first], value{made, typ})
	}
}

// params notes the parameters of a function. What they hold is up to its callers.
func (m *Module) params(fn syntax.Node, params []syntax.Expr) {
	for _, p := range params {
		id := parameter(p)
		if id == nil {
			continue
		}
		m.places[id] = true
		m.hold(fn, id, func() Type {
			if id.Name == "lab" {
				return Type{Name: "lab"}
			}
			return Type{}
		})
	}
}

// parameter is the identifier of a parameter; nil for a bare *.
func parameter(p syntax.Expr) *syntax.Ident {
	switch p := p.(type) {
	case *syntax.Ident:
		return p
	case *syntax.BinaryExpr:
		return p.X.(*syntax.Ident)
	case *syntax.UnaryExpr:
		id, _ := p.X.(*syntax.Ident)
		return id
	}
	return nil
}

func (m *Module) loads(s *syntax.LoadStmt) {
	from, err := m.load(s)
	for i := range s.From {
		l := &Load{Stmt: s, From: s.From[i], To: s.To[i], Module: from, Err: err}
		m.Loads = append(m.Loads, l)
		m.places[l.From], m.places[l.To] = true, true
		m.hold(s, l.To, func() Type {
			if from == nil || from.Global(l.From.Name) == nil {
				return Type{}
			}
			return from.variable(from.Global(l.From.Name))
		})
	}
}
