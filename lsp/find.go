package lsp

import (
	"slices"

	"go.starlark.net/resolve"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
)

// place is where a position of a script is: the nodes around it, the outermost first.
type place struct {
	module *analysis.Module
	nodes  []syntax.Node
}

// find finds the place of a position. The end of a node belongs to it, so that a cursor behind a word is at the word.
func find(m *analysis.Module, line, column int32) place {
	p := place{module: m}
	if m.File == nil {
		return p
	}
	syntax.Walk(m.File, func(n syntax.Node) bool {
		if _, is := n.(*syntax.File); is || n == nil {
			return true
		}
		start, end := n.Span()
		if before(line, column, start) || before(end.Line, end.Col, syntax.MakePosition(nil, line, column)) {
			return false
		}
		p.nodes = append(p.nodes, n)
		return true
	})
	return p
}

func before(line, column int32, p syntax.Position) bool {
	return line < p.Line || line == p.Line && column < p.Col
}

// ident is the identifier at the place; nil when there is none.
func (p place) ident() *syntax.Ident {
	for _, n := range slices.Backward(p.nodes) {
		if id, ok := n.(*syntax.Ident); ok {
			return id
		}
	}
	return nil
}

// attribute is the expression whose attribute an identifier is; nil when it is none.
func (p place) attribute(id *syntax.Ident) *syntax.DotExpr {
	for _, n := range slices.Backward(p.nodes) {
		if e, ok := n.(*syntax.DotExpr); ok && e.Name == id {
			return e
		}
	}
	return nil
}

// keyword is the call to which an identifier gives an argument its name; nil when it does not.
func (p place) keyword(id *syntax.Ident) *syntax.CallExpr {
	for _, n := range slices.Backward(p.nodes) {
		if call, ok := n.(*syntax.CallExpr); ok && slices.ContainsFunc(call.Args, func(arg syntax.Expr) bool {
			b, ok := arg.(*syntax.BinaryExpr)
			return ok && b.Op == syntax.EQ && b.X == syntax.Expr(id)
		}) {
			return call
		}
	}
	return nil
}

// load is the load statement at the place, and the name in it that the position is at; nil where there is none.
func (p place) load() (*syntax.LoadStmt, *analysis.Load) {
	for _, n := range p.nodes {
		s, ok := n.(*syntax.LoadStmt)
		if !ok {
			continue
		}
		id := p.ident()
		for _, l := range p.module.Loads {
			if l.Stmt == s && id != nil && (l.From == id || l.To == id) {
				return s, l
			}
		}
		return s, nil
	}
	return nil, nil
}

// locals are the variables of the functions around the place, the innermost first.
func (p place) locals() []*syntax.Ident {
	var all []*syntax.Ident
	for _, n := range slices.Backward(p.nodes) {
		var fn any
		switch n := n.(type) {
		case *syntax.DefStmt:
			fn = n.Function
		case *syntax.LambdaExpr:
			fn = n.Function
		}
		if f, ok := fn.(*resolve.Function); ok {
			for _, b := range f.Locals {
				all = append(all, b.First)
			}
		}
	}
	return all
}
