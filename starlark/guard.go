package starlark

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// The interpreter bounds steps, not what one step may cost. The guards bound the operations that make a large value of
// small ones: addition, repetition, formatting, and the methods that copy. They stand in the syntax tree in front of the
// operand, under names that no script can write. watchMemory bounds what is made in small steps.

// maxItems bounds a list that is made at once and a range, and maxText a string, in bytes. maxMade bounds all that the
// guarded operations of a case make, in bytes, whether or not it is still in use.
const (
	maxItems = 1 << 20
	maxText  = 16 << 20
	maxMade  = 256 << 20
)

const (
	operandGuard  = " operand"
	additionGuard = " addition"
	receiverGuard = " receiver"
)

const budgetLocal = "budget"

var (
	errTooLarge = fmt.Errorf("too large: at most %d items or %d bytes of text can be made at once", maxItems, maxText)
	errTooMuch  = fmt.Errorf("too much: a case can make at most %d MiB of lists and strings", maxMade>>20)
)

// guarded are the methods whose result can be much larger than their operands.
var guarded = map[string]bool{"replace": true, "join": true, "format": true, "extend": true}

// guard puts guards before the operands of +, * and %, and before the receivers of guarded methods.
func guard(f *syntax.File) {
	syntax.Walk(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.BinaryExpr:
			if n.Op == syntax.PLUS || n.Op == syntax.STAR || n.Op == syntax.PERCENT {
				n.X = guardedBy(operandGuard, n.X)
			}
		case *syntax.AssignStmt:
			switch {
			case n.Op == syntax.STAR_EQ || n.Op == syntax.PERCENT_EQ:
				n.RHS = guardedBy(operandGuard, n.RHS)
			case n.Op == syntax.PLUS_EQ && !calls(n.LHS):
				n.RHS = guardedBy(additionGuard, n.RHS, n.LHS) // a guarded operand would not extend a list in place
			}
		case *syntax.DotExpr:
			if guarded[n.Name.Name] {
				n.X = guardedBy(receiverGuard, n.X)
			}
		}
		return true
	})
}

// calls tells whether an expression calls anything, so that it must not be evaluated twice.
func calls(e syntax.Expr) bool {
	found := false
	syntax.Walk(e, func(n syntax.Node) bool {
		_, isCall := n.(*syntax.CallExpr)
		found = found || isCall
		return true
	})
	return found
}

func guardedBy(name string, x syntax.Expr, more ...syntax.Expr) syntax.Expr {
	start, end := x.Span()
	return &syntax.CallExpr{
		Fn: &syntax.Ident{NamePos: start, Name: name}, Lparen: start,
		Args: append([]syntax.Expr{x}, more...), Rparen: end,
	}
}

// budget is what the guarded operations of a thread may still make, in bytes.
type budget struct{ left int }

// itemSize is the size of an item of a list, in bytes.
const itemSize = 16

// make takes a value off the budget that has so many items, or bytes of text, of which some are new.
func (b *budget) make(kind starlark.Value, count, added int) error {
	limit, size := maxText, added
	switch kind.(type) {
	case starlark.String, starlark.Bytes:
	case *starlark.List, starlark.Tuple:
		limit, size = maxItems, added*itemSize
	default:
		return nil
	}
	if count > limit {
		return errTooLarge
	}
	if b.left -= size; b.left < 0 {
		return errTooMuch
	}
	return nil
}

// extend takes more items of a list off the budget.
func (b *budget) extend(l *starlark.List, by starlark.Value) error {
	added := max(starlark.Len(by), 0)
	return b.make(l, l.Len()+added, added)
}

func budgetOf(thread *starlark.Thread) *budget {
	b, _ := thread.Local(budgetLocal).(*budget)
	return b
}

// operand is a value on one side of +, * or %, until the operation is done.
type operand struct {
	starlark.Value
	budget *budget
}

var _ starlark.HasBinary = operand{}

func (o operand) Binary(op syntax.Token, other starlark.Value, side starlark.Side) (starlark.Value, error) {
	x, y := o.Value, other
	if inner, ok := other.(operand); ok {
		y = inner.Value
	}
	if side == starlark.Right {
		x, y = y, x
	}
	if err := o.budget.operation(op, x, y); err != nil {
		return nil, err
	}
	return starlark.Binary(op, x, y)
}

// operation takes what x op y makes off the budget.
func (b *budget) operation(op syntax.Token, x, y starlark.Value) error {
	switch op {
	case syntax.PLUS:
		sum := starlark.Len(x) + starlark.Len(y)
		return b.make(x, sum, sum)
	case syntax.STAR:
		if n, ok := x.(starlark.Int); ok {
			return b.repeat(y, n)
		}
		if n, ok := y.(starlark.Int); ok {
			return b.repeat(x, n)
		}
	case syntax.PERCENT:
		if format, ok := x.(starlark.String); ok && !fits(strings.Count(string(format), "%"), y) {
			return errTooLarge
		}
	}
	return nil
}

func (b *budget) repeat(v starlark.Value, n starlark.Int) error {
	length := starlark.Len(v)
	if length <= 0 || n.Sign() <= 0 {
		return nil
	}
	times, ok := n.Int64()
	if !ok || times > int64(maxText/length) {
		times = int64(maxText/length) + 1
	}
	return b.make(v, length*int(times), length*int(times))
}

// fits tells whether a value can be written as text so many times.
func fits(times int, v starlark.Value) bool {
	budget := maxText / max(times, 1)
	return spend(v, &budget, 0)
}

// spend takes the size of a value as text off a budget, until nothing is left. Shared parts count each time they are written.
func spend(v starlark.Value, budget *int, depth int) bool {
	switch v := v.(type) {
	case starlark.String:
		*budget -= len(v)
	case starlark.Bytes:
		*budget -= 4 * len(v)
	case starlark.Int:
		*budget -= v.BigInt().BitLen()/3 + 1
	case starlark.IterableMapping:
		for _, kv := range v.Items() {
			if !spend(kv[0], budget, depth+1) || !spend(kv[1], budget, depth+1) {
				return false
			}
		}
	case starlark.Iterable:
		for e := range starlark.Elements(v) {
			if !spend(e, budget, depth+1) {
				return false
			}
		}
	}
	*budget -= 8
	return *budget >= 0 && depth < 1000
}

func guardOperand(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	return operand{args[0], budgetOf(thread)}, nil
}

// guardAddition is y of x += y.
func guardAddition(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	y, x := args[0], args[1]
	if l, ok := x.(*starlark.List); ok {
		return y, budgetOf(thread).extend(l, y)
	}
	return y, budgetOf(thread).operation(syntax.PLUS, x, y)
}

// guardReceiver gives a string or list whose guarded methods are bounded; other values stay as they are.
func guardReceiver(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
	switch v := args[0].(type) {
	case starlark.String:
		return receiver{v, budgetOf(thread)}, nil
	case *starlark.List:
		return receiver{v, budgetOf(thread)}, nil
	}
	return args[0], nil
}

// receiver is what a guarded method is called on.
type receiver struct {
	starlark.HasAttrs
	budget *budget
}

func (r receiver) Attr(name string) (starlark.Value, error) {
	method, err := r.HasAttrs.Attr(name)
	if err != nil || method == nil || !guarded[name] {
		return method, err
	}
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		all := append(starlark.Tuple{}, args...)
		for _, kv := range kwargs {
			all = append(all, kv[1])
		}
		if err := r.check(name, all); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return starlark.Call(thread, method, args, kwargs)
	}), nil
}

// check tells whether the result of a guarded method is within bounds.
func (r receiver) check(name string, args starlark.Tuple) error {
	if l, ok := r.HasAttrs.(*starlark.List); ok {
		if len(args) != 1 {
			return nil
		}
		return r.budget.extend(l, args[0])
	}
	if !copies(name, string(r.HasAttrs.(starlark.String)), args) {
		return errTooLarge
	}
	return nil
}

// copies tells whether the result of a guarded method of a string fits.
func copies(name, text string, args starlark.Tuple) bool {
	switch name {
	case "join":
		separators := 1
		if len(args) == 1 {
			separators = max(starlark.Len(args[0]), 1)
		}
		return len(text) <= maxText/separators && fits(1, args)
	case "replace":
		if len(args) < 2 {
			return true
		}
		old, isText := starlark.AsString(args[0])
		return !isText || fits(strings.Count(text, old), args[1])
	}
	return fits(strings.Count(text, "{")+1, args)
}

// bounded wraps a function of the interpreter that writes its arguments as text.
func bounded(name string) *starlark.Builtin {
	inner := starlark.Universe[name].(*starlark.Builtin)
	return starlark.NewBuiltin(name, func(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
		if !fits(1, args) {
			return nil, fmt.Errorf("%s: %w", name, errTooLarge)
		}
		return inner.CallInternal(thread, args, kwargs)
	})
}

// boundedRange is range with at most maxItems items, for list(range(…)) makes all of them in one step.
func boundedRange(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	r, err := starlark.Call(thread, starlark.Universe["range"], args, kwargs)
	if err == nil && starlark.Len(r) > maxItems {
		return nil, fmt.Errorf("range: more than %d items", maxItems)
	}
	return r, err
}

// boundedGetattr is getattr without a way around the guarded methods.
func boundedGetattr(thread *starlark.Thread, _ *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	if len(args) > 1 {
		if name, ok := starlark.AsString(args[1]); ok && guarded[name] {
			guarded, err := guardReceiver(thread, nil, args[:1], nil)
			if err != nil {
				return nil, err
			}
			args = append(starlark.Tuple{guarded}, args[1:]...)
		}
	}
	return starlark.Call(thread, starlark.Universe["getattr"], args, kwargs)
}
