package starlark

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// field declares one field of a snapshot.
type field[T any] struct {
	name string
	doc  string
	get  func(T) starlark.Value
}

// snapshot is the table of a kind of immutable value: what was seen at one moment.
type snapshot[T any] struct {
	name    string
	doc     string
	fields  []field[T]
	methods []method[*record]
	show    func(T) string // how it is printed; nil: with the fields that say something
}

// of takes the snapshot of a Go value.
func (s *snapshot[T]) of(v T) *record {
	r := &record{kind: s.name, names: s.names(), values: make(starlark.Tuple, len(s.fields)), methods: s.methods, of: v, like: s.like}
	for i, f := range s.fields {
		r.values[i] = f.get(v)
	}
	if s.show != nil {
		r.shown = s.show(v)
	}
	return r
}

func (s *snapshot[T]) like(v any) *record { return s.of(v.(T)) }

func (s *snapshot[T]) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

func (s *snapshot[T]) list(vs []T) *starlark.List {
	elems := make([]starlark.Value, len(vs))
	for i, v := range vs {
		elems[i] = s.of(v)
	}
	return frozen(elems)
}

// frozen makes a list that scripts cannot change: it is a snapshot too.
func frozen(elems []starlark.Value) *starlark.List {
	l := starlark.NewList(elems)
	l.Freeze()
	return l
}

// record is a snapshot's value: printable, comparable by its fields, and usable as a key.
type record struct {
	kind    string
	names   []string
	values  starlark.Tuple
	methods []method[*record]
	shown   string            // how it is printed; empty: with its fields
	of      any               // the Go value
	like    func(any) *record // makes a record of the same kind; nil: nobody asks
}

var (
	_ starlark.HasAttrs   = (*record)(nil)
	_ starlark.Comparable = (*record)(nil)
)

// String shows the fields that say something: endpoint(address = "10.0.2.1", id = 1, signal = True).
func (r *record) String() string {
	if r.shown != "" {
		return r.shown
	}
	var fields []string
	for i, name := range r.names {
		if r.values[i].Truth() {
			fields = append(fields, name+" = "+r.values[i].String())
		}
	}
	return r.kind + "(" + strings.Join(fields, ", ") + ")"
}

func (r *record) Type() string          { return r.kind }
func (r *record) Freeze()               {}
func (r *record) Truth() starlark.Bool  { return true }
func (r *record) Hash() (uint32, error) { return r.values.Hash() }

func (r *record) Attr(name string) (starlark.Value, error) {
	for i, n := range r.names {
		if n == name {
			return r.values[i], nil
		}
	}
	for i := range r.methods {
		if r.methods[i].name == name {
			return r.methods[i].bind(r.kind, r), nil
		}
	}
	return nil, nil
}

func (r *record) AttrNames() []string {
	names := slices.Clip(r.names)
	for _, m := range r.methods {
		names = append(names, m.name)
	}
	return names
}

func (r *record) CompareSameType(op syntax.Token, other starlark.Value, depth int) (bool, error) {
	o := other.(*record)
	if op != syntax.EQL && op != syntax.NEQ {
		return false, fmt.Errorf("%s %s %s: only == and != compare them", r.kind, op, o.kind)
	}
	equal, err := starlark.EqualDepth(r.values, o.values, depth)
	return equal == (op == syntax.EQL), err
}

func integer[N ~int | ~int32 | ~int64 | ~uint8 | ~uint16 | ~uint32 | ~uint64](n N) starlark.Value {
	if n >= 0 {
		return starlark.MakeUint64(uint64(n))
	}
	return starlark.MakeInt64(int64(n))
}

// addressText is an address as scripts see it: an IPv4 address mapped into IPv6 is the IPv4 address.
func addressText(a netip.Addr) starlark.Value {
	if !a.IsValid() {
		return starlark.String("")
	}
	return starlark.String(a.Unmap().String())
}

func endText(a netip.AddrPort) starlark.Value {
	if !a.IsValid() {
		return starlark.String("")
	}
	return starlark.String(netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String())
}
