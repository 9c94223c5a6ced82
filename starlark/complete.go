package starlark

import (
	"context"
	"slices"
	"strings"
	"unicode"

	"go.starlark.net/starlark"
)

// Complete tells what could stand in the place of the last word of a line: names, attributes of a value after a point, and
// parameters within the parentheses of a call. Head is the line without that word. Nothing is called for it.
func (s *Session) Complete(ctx context.Context, line string) (head string, words []string) {
	s.run.ctx = ctx
	path := pathAtEnd(line)
	last := path[len(path)-1]
	head = strings.TrimSuffix(line, last)
	if len(path) > 1 {
		words = attributesOf(s.lookUp(path[:len(path)-1]))
	} else {
		words = append(s.argumentsOf(head), s.names()...)
	}
	words = slices.DeleteFunc(words, func(w string) bool { return !strings.HasPrefix(w, last) })
	return head, words
}

// names are those that a statement may begin with.
func (s *Session) names() []string {
	names := append(sortedKeys(s.globals), sortedKeys(starlark.Universe)...)
	slices.Sort(names)
	names = slices.DeleteFunc(names, func(n string) bool { return strings.HasPrefix(n, " ") }) // guards
	return slices.Compact(names)
}

// attributesOf are the names after the point.
func attributesOf(v starlark.Value) []string {
	with, ok := v.(starlark.HasAttrs)
	if !ok {
		return nil
	}
	names := slices.Clone(with.AttrNames())
	slices.Sort(names)
	return names
}

// argumentsOf are the parameters of the call that a line is within, as "name = ".
func (s *Session) argumentsOf(line string) []string {
	open := unclosed(line)
	if open < 0 {
		return nil
	}
	var names []string
	switch f := s.lookUp(pathAtEnd(line[:open])).(type) {
	case *starlark.Builtin:
		for _, b := range Reference() {
			if b.Name != f.Name() {
				continue
			}
			for _, p := range b.Params {
				if !strings.HasPrefix(p.Name, "**") {
					names = append(names, p.Name+" = ")
				}
			}
			break
		}
	case *starlark.Function:
		for i := range f.NumParams() {
			name, _ := f.Param(i)
			names = append(names, name+" = ")
		}
	}
	return names
}

// lookUp is the value of names that are joined by points; nil if there is none.
func (s *Session) lookUp(path []string) starlark.Value {
	v, ok := s.globals[path[0]]
	if !ok {
		v = starlark.Universe[path[0]]
	}
	for _, name := range path[1:] {
		with, ok := v.(starlark.HasAttrs)
		if !ok {
			return nil
		}
		var err error
		if v, err = with.Attr(name); err != nil || v == nil {
			return nil
		}
	}
	return v
}

// pathAtEnd are the names, joined by points, that a line ends with; the last may be empty.
func pathAtEnd(line string) []string {
	start := strings.LastIndexFunc(line, func(r rune) bool {
		return r != '_' && r != '.' && !unicode.IsLetter(r) && !unicode.IsDigit(r)
	})
	return strings.Split(line[start+1:], ".")
}

// unclosed is where the innermost parenthesis is that a line has not closed; -1: there is none, or the line ends in a string.
func unclosed(line string) int {
	var (
		open  []int
		quote rune
	)
	escaped := false
	for i, r := range line {
		switch {
		case escaped:
			escaped = false
		case quote != 0:
			escaped = r == '\\'
			if r == quote {
				quote = 0
			}
		case r == '"' || r == '\'':
			quote = r
		case r == '(' || r == '[' || r == '{':
			open = append(open, i)
		case (r == ')' || r == ']' || r == '}') && len(open) > 0:
			open = open[:len(open)-1]
		}
	}
	if quote != 0 || len(open) == 0 || line[open[len(open)-1]] != '(' {
		return -1
	}
	return open[len(open)-1]
}
