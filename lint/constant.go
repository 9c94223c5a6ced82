package lint

import (
	"math/big"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
)

// constant is the value of an expression that is written out in the script: literals, and collections of them.
func constant(e syntax.Expr) (starlark.Value, bool) {
	switch e := e.(type) {
	case *syntax.Literal:
		return literal(e)
	case *syntax.ParenExpr:
		return constant(e.X)
	case *syntax.Ident:
		if !analysis.Predeclared(e) {
			return nil, false
		}
		switch e.Name {
		case "True":
			return starlark.True, true
		case "False":
			return starlark.False, true
		case "None":
			return starlark.None, true
		}
	case *syntax.UnaryExpr:
		if v, ok := constant(e.X); ok && e.Op == syntax.MINUS {
			v, err := starlark.Unary(e.Op, v)
			return v, err == nil
		}
	case *syntax.ListExpr:
		items, ok := constants(e.List)
		return starlark.NewList(items), ok
	case *syntax.TupleExpr:
		items, ok := constants(e.List)
		return starlark.Tuple(items), ok
	case *syntax.DictExpr:
		return dict(e)
	}
	return nil, false
}

func literal(l *syntax.Literal) (starlark.Value, bool) {
	switch v := l.Value.(type) {
	case string:
		if l.Token == syntax.BYTES {
			return starlark.Bytes(v), true
		}
		return starlark.String(v), true
	case int64:
		return starlark.MakeInt64(v), true
	case *big.Int:
		return starlark.MakeBigInt(v), true
	case float64:
		return starlark.Float(v), true
	}
	return nil, false
}

func constants(exprs []syntax.Expr) ([]starlark.Value, bool) {
	values := make([]starlark.Value, len(exprs))
	for i, e := range exprs {
		v, ok := constant(e)
		if !ok {
			return nil, false
		}
		values[i] = v
	}
	return values, true
}

func dict(e *syntax.DictExpr) (starlark.Value, bool) {
	d := starlark.NewDict(len(e.List))
	for _, entry := range e.List {
		entry := entry.(*syntax.DictEntry)
		k, ok := constant(entry.Key)
		v, known := constant(entry.Value)
		if !ok || !known || d.SetKey(k, v) != nil {
			return nil, false
		}
	}
	return d, true
}
