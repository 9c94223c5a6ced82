package starlark

import (
	"fmt"
	"slices"
	"strings"

	"go.starlark.net/starlark"
)

// settings are named arguments that several functions share, as their parameter **NAME: one table for what they take, what they
// set and their documentation.
type settings[T any] struct {
	name   string
	doc    string
	fields []setting[T]
}

// setting is one of them. T is what can be set something of: a pointer or an interface.
type setting[T any] struct {
	name string
	kind kind
	doc  string
	set  func(T, any) error
	get  func(T) starlark.Value // what it is set to; nil where nobody asks
}

// newSetting declares a setting whose kind converts to V.
func newSetting[T, V any](name string, k kind, doc string, set func(T, V)) setting[T] {
	return setting[T]{name: name, kind: k, doc: doc, set: func(t T, v any) error {
		set(t, v.(V))
		return nil
	}}
}

func (s *settings[T]) param(doc string) param {
	k := anyKind
	for _, f := range s.fields {
		k.named = append(k.named, param{f.name, f.kind, starlark.None, f.doc})
	}
	return param{"**" + s.name, k, nil, doc}
}

func (s *settings[T]) names() []string {
	names := make([]string, len(s.fields))
	for i, f := range s.fields {
		names[i] = f.name
	}
	return names
}

// prepare converts named arguments to what they do. None leaves a setting as it is, unless its kind takes it.
func (s *settings[T]) prepare(args []keyword) (apply func(T) error, err error) {
	var steps []func(T) error
	for _, a := range args {
		i := slices.IndexFunc(s.fields, func(f setting[T]) bool { return f.name == a.name })
		if i < 0 {
			hint := DidYouMean(a.name, s.names())
			if hint == "" {
				hint = ": it has " + strings.Join(s.names(), ", ")
			}
			return nil, fmt.Errorf("%s has no %s%s", s.name, a.name, hint)
		}
		f, given := s.fields[i], a.value.(starlark.Value)
		v, err := f.kind.convert(given)
		switch {
		case err != nil && given == starlark.None:
		case err != nil:
			return nil, fmt.Errorf("%s: %w", f.name, err)
		default:
			steps = append(steps, func(t T) error { return f.set(t, v) })
		}
	}
	return func(t T) error {
		for _, step := range steps {
			if err := step(t); err != nil {
				return err
			}
		}
		return nil
	}, nil
}

// apply sets named arguments.
func (s *settings[T]) apply(to T, args []keyword) error {
	set, err := s.prepare(args)
	if err != nil {
		return err
	}
	return set(to)
}

// record shows what is set.
func (s *settings[T]) record(t T) *record {
	r := &record{kind: s.name, names: s.names(), of: t}
	for _, f := range s.fields {
		r.values = append(r.values, f.get(t))
	}
	return r
}

func (s *settings[T]) builtins() []Builtin {
	all := []Builtin{{Name: s.name, Doc: s.doc}}
	for _, f := range s.fields {
		all = append(all, Builtin{Name: s.name + "." + f.name, Returns: f.kind.want, Doc: sentence(f.doc)})
	}
	return all
}
