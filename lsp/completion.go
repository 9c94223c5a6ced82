package lsp

import (
	"context"
	"slices"
	"strings"

	"github.com/a-h/templ/lsp/protocol"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

func (s *server) completion(_ context.Context, p *protocol.CompletionParams) (*protocol.CompletionList, error) {
	d, err := s.document(p.TextDocument)
	if err != nil {
		return nil, err
	}
	at := offset(d.text, p.Position)
	list := &protocol.CompletionList{Items: []protocol.CompletionItem{}}
	switch literalAt(d.text, at) {
	case comment:
		return list, nil
	case stringLiteral:
		list.Items, err = s.completeString(d, at)
		return list, err
	}
	t, err := s.typing(d, at)
	if err != nil || t.hole == nil {
		return list, err
	}
	if e := t.attribute(t.hole); e != nil {
		list.Items = t.attributes(e)
	} else {
		list.Items = append(t.arguments(), t.names()...)
	}
	return list, nil
}

// attributes are those of the value before the dot.
func (t typed) attributes(e *syntax.DotExpr) []protocol.CompletionItem {
	typ := t.module.TypeOf(e.X)
	if all, known := t.module.Language().Attributes(typ.Name); known {
		items := make([]protocol.CompletionItem, len(all))
		for i, b := range all {
			items[i] = builtinItem(analysis.Attribute(b), b)
		}
		return unique(items)
	}
	names, _ := t.module.Language().AttributesOf(typ)
	var items []protocol.CompletionItem
	for _, n := range names {
		items = append(items, protocol.CompletionItem{Label: n, Kind: protocol.CompletionItemKindMethod, Detail: typ.Name + "." + n})
	}
	return items
}

// arguments are the names of those of the call around that are not given yet.
func (t typed) arguments() []protocol.CompletionItem {
	if len(t.nodes) < 2 {
		return nil
	}
	call, ok := t.nodes[len(t.nodes)-2].(*syntax.CallExpr)
	if !ok || call.Fn == syntax.Expr(t.hole) {
		return nil
	}
	sig := t.module.TypeOf(call.Fn).Signature()
	if sig == nil {
		return nil
	}
	given := map[string]bool{}
	for _, arg := range call.Args {
		if b, ok := arg.(*syntax.BinaryExpr); ok && b.Op == syntax.EQ {
			given[b.X.(*syntax.Ident).Name] = true
		}
	}
	var items []protocol.CompletionItem
	for _, p := range sig.Params {
		if given[p.Name] {
			continue
		}
		item := protocol.CompletionItem{
			Label: p.Name + " =", FilterText: p.Name, InsertText: p.Name + " = ", SortText: "0" + p.Name,
			Kind: protocol.CompletionItemKindProperty, Detail: sig.Usage,
		}
		if p.Builtin != nil {
			item.Detail = p.Builtin.Kind
			item.Documentation = markdown(explainParameter(*p.Builtin))
		}
		items = append(items, item)
	}
	return items
}

// names are those that mean something at the place: of variables, of the language, and of Starlark.
func (t typed) names() []protocol.CompletionItem {
	m := t.module
	var items []protocol.CompletionItem
	for _, id := range t.locals() {
		items = append(items, variableItem(id.Name, m.TypeOf(id)))
	}
	for _, l := range m.Loads {
		items = append(items, variableItem(l.To.Name, m.TypeOf(l.To)))
	}
	globals := m.Globals()
	slices.Sort(globals)
	for _, name := range globals {
		items = append(items, variableItem(name, m.TypeOf(m.Global(name))))
	}
	for _, name := range m.Language().Predeclared() {
		if b, ok := m.Language().Builtin(name); ok {
			items = append(items, builtinItem(name, b))
		}
	}
	for _, name := range starlark.Universe.Keys() {
		items = append(items, protocol.CompletionItem{Label: name, Kind: protocol.CompletionItemKindFunction, Detail: "Starlark", SortText: "2" + name})
	}
	for _, word := range []string{"and", "break", "continue", "def", "elif", "else", "for", "if", "in", "lambda", "load", "not", "or", "pass", "return"} {
		items = append(items, protocol.CompletionItem{Label: word, Kind: protocol.CompletionItemKindKeyword, SortText: "3" + word})
	}
	return unique(slices.DeleteFunc(items, func(i protocol.CompletionItem) bool { return i.Label == hole }))
}

// unique keeps the first of the items with the same label.
func unique(items []protocol.CompletionItem) []protocol.CompletionItem {
	seen := map[string]bool{}
	return slices.DeleteFunc(items, func(i protocol.CompletionItem) bool {
		again := seen[i.Label]
		seen[i.Label] = true
		return again
	})
}

func builtinItem(label string, b lang.Builtin) protocol.CompletionItem {
	item := protocol.CompletionItem{Label: label, Kind: protocol.CompletionItemKindProperty, Detail: b.Returns, Documentation: markdown(b.Markdown()), SortText: "1" + label}
	switch {
	case b.Signature != "":
		item.Kind, item.Detail = protocol.CompletionItemKindMethod, b.Signature
	case b.Returns == "":
		item.Kind = protocol.CompletionItemKindModule
	}
	return item
}

func variableItem(name string, t analysis.Type) protocol.CompletionItem {
	item := protocol.CompletionItem{Label: name, Kind: protocol.CompletionItemKindVariable, SortText: "1" + name}
	switch {
	case t.Function != nil:
		item.Kind, item.Detail = protocol.CompletionItemKindFunction, t.Signature().Usage
		item.Documentation = markdown(explainType(name, t))
	case t.Known():
		item.Detail = t.String()
	}
	return item
}

func markdown(text string) *protocol.MarkupContent {
	return &protocol.MarkupContent{Kind: protocol.Markdown, Value: text}
}

// completeString completes within a load statement: modules, and the names that they have.
func (s *server) completeString(d *document, at int) ([]protocol.CompletionItem, error) {
	open := openCall(d.text[:at])
	if open < 0 || d.text[expressionBefore(d.text, open):open] != "load" {
		return []protocol.CompletionItem{}, nil
	}
	project, err := s.open(d.path, "")
	if err != nil {
		return nil, err
	}
	defer project.Close()
	m := project.Module(d.path)
	given := strings.Split(d.text[open:at], `"`)
	if len(given) == 2 { // the first string
		return moduleItems(project, m), nil
	}
	loaded, err := project.Load(m, given[1])
	if err != nil { // there is nothing to complete
		return []protocol.CompletionItem{}, nil
	}
	items := []protocol.CompletionItem{}
	for _, name := range loaded.Globals() {
		if !strings.HasPrefix(name, "_") {
			items = append(items, variableItem(name, loaded.TypeOf(loaded.Global(name))))
		}
	}
	return items, nil
}

func moduleItems(p *analysis.Project, m *analysis.Module) []protocol.CompletionItem {
	items := []protocol.CompletionItem{}
	for _, name := range p.Modules(m) {
		items = append(items, protocol.CompletionItem{Label: name, Kind: protocol.CompletionItemKindFile})
	}
	return items
}

// What an offset of a text is in.
const (
	code = iota
	stringLiteral
	comment
)

// literalAt tells whether an offset is within a string or a comment.
func literalAt(text string, at int) int {
	for i := 0; i < at; {
		switch c := text[i]; c {
		case '#':
			end := strings.IndexByte(text[i:], '\n')
			if end < 0 || i+end >= at {
				return comment
			}
			i += end
		case '"', '\'':
			end := stringEnd(text, i)
			if end > at || end == at && !closed(text, i, end) {
				return stringLiteral
			}
			i = end
		default:
			i++
		}
	}
	return code
}

// stringEnd is the offset behind a string; a string that is not closed ends with its line, or with the text if it has three quotes.
func stringEnd(text string, start int) int {
	quote := text[start : start+1]
	if triple := strings.Repeat(quote, 3); strings.HasPrefix(text[start:], triple) {
		quote = triple
	}
	for i := start + len(quote); i < len(text); i++ {
		switch {
		case text[i] == '\\':
			i++
		case strings.HasPrefix(text[i:], quote):
			return i + len(quote)
		case text[i] == '\n' && len(quote) == 1:
			return i
		}
	}
	return len(text)
}

// closed tells whether a string has its closing quote.
func closed(text string, start, end int) bool {
	return end-start >= 2 && text[end-1] == text[start]
}
