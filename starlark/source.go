package starlark

import (
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// sourceAt is the text of the call at a position, or else its line, trimmed.
func (r *run) sourceAt(pos syntax.Position) []string {
	s := r.scripts[pos.Filename()]
	if s == nil || s.syntax == nil || s.syntax() == nil {
		return nil
	}
	var found syntax.Node
	syntax.Walk(s.syntax(), func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && at(call.Lparen, pos) {
			found = call
		}
		return true
	})
	if found != nil {
		return dedent(s.text(found))
	}
	if lines := strings.Split(string(s.source), "\n"); int(pos.Line) <= len(lines) {
		return []string{strings.TrimSpace(lines[pos.Line-1])}
	}
	return nil
}

// at compares positions of one file that was parsed twice; positions themselves compare the parses too.
func at(a, b syntax.Position) bool { return a.Line == b.Line && a.Col == b.Col }

// lambdaOf is the syntax of a lambda, and its script; nil for any other function.
func (r *run) lambdaOf(fn *starlark.Function) (*syntax.LambdaExpr, *script) {
	s := r.scripts[fn.Position().Filename()]
	if s == nil || s.syntax == nil || s.syntax() == nil {
		return nil, nil
	}
	var found *syntax.LambdaExpr
	syntax.Walk(s.syntax(), func(n syntax.Node) bool {
		if l, ok := n.(*syntax.LambdaExpr); ok && at(l.Lambda, fn.Position()) {
			found = l
		}
		return true
	})
	return found, s
}

// text is the source of a node. Columns count characters.
func (s *script) text(n syntax.Node) string {
	start, end := n.Span()
	lines := strings.Split(string(s.source), "\n")
	if start.Line < 1 || int(end.Line) > len(lines) {
		return ""
	}
	lines = append([]string(nil), lines[start.Line-1:end.Line]...)
	last := len(lines) - 1
	lines[last] = columns(lines[last], 1, end.Col)
	lines[0] = columns(lines[0], start.Col, int32(len(lines[0])+1))
	return strings.Join(lines, "\n")
}

// columns cuts the columns from start to before end out of a line.
func columns(line string, start, end int32) string {
	runes := []rune(line)
	from, to := min(int(start)-1, len(runes)), min(int(end)-1, len(runes))
	return string(runes[from:max(from, to)])
}

// dedent splits text into lines and takes their common indentation off all but the first, whose own is not part of the text.
func dedent(text string) []string {
	lines := strings.Split(text, "\n")
	margin := -1
	for _, l := range lines[1:] {
		if t := strings.TrimLeft(l, " \t"); t != "" && (margin < 0 || len(l)-len(t) < margin) {
			margin = len(l) - len(t)
		}
	}
	for i := 1; i < len(lines); i++ {
		lines[i] = lines[i][min(max(margin, 0), len(lines[i])):]
	}
	return lines
}
