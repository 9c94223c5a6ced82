package starlark

import (
	"path"
	"regexp"
	"slices"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

var (
	tagLine     = regexp.MustCompile(`(?m)^\s*Tags:(.*)$`)
	counterpart = regexp.MustCompile(`(?ms)^\s*Counterpart:(.*?)(?:^\s*$|\z)`)
	selftest    = regexp.MustCompile(`\b\w+\.sh\b`)
)

// tags are the words by which a case can be selected: the folders and the name of its script, those that its docstring and the
// script's name in a line "Tags: a, b", and the selftests of the kernel that the docstring names behind "Counterpart:".
func tags(s *script, fn *starlark.Function) []string {
	all := strings.Split(strings.TrimSuffix(s.key, path.Ext(s.key)), "/")
	for _, doc := range []string{s.doc(), fn.Doc()} {
		for _, line := range tagLine.FindAllStringSubmatch(doc, -1) {
			for tag := range strings.SplitSeq(line[1], ",") {
				if tag = strings.TrimSpace(tag); tag != "" {
					all = append(all, tag)
				}
			}
		}
		for _, paragraph := range counterpart.FindAllStringSubmatch(doc, -1) {
			all = append(all, selftest.FindAllString(paragraph[1], -1)...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// doc is the docstring of the script itself.
func (s *script) doc() string {
	f := s.syntax()
	if f == nil || len(f.Stmts) == 0 {
		return ""
	}
	if e, ok := f.Stmts[0].(*syntax.ExprStmt); ok {
		if l, ok := e.X.(*syntax.Literal); ok && l.Token == syntax.STRING {
			return l.Value.(string)
		}
	}
	return ""
}
