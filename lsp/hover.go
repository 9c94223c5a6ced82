package lsp

import (
	"context"
	"fmt"
	"strings"

	"github.com/a-h/templ/lsp/protocol"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

func (s *server) hover(_ context.Context, p *protocol.HoverParams) (*protocol.Hover, error) {
	d, at, err := s.at(p.TextDocumentPositionParams)
	if err != nil {
		return nil, err
	}
	id := at.ident()
	if id == nil {
		return nil, nil
	}
	text := at.explain(id)
	if text == "" {
		return nil, nil
	}
	where := span(d.text, id)
	return &protocol.Hover{Contents: protocol.MarkupContent{Kind: protocol.Markdown, Value: text}, Range: &where}, nil
}

// at finds the place of a position of a document.
func (s *server) at(p protocol.TextDocumentPositionParams) (*document, place, error) {
	d, err := s.document(p.TextDocument)
	if err != nil {
		return nil, place{}, err
	}
	m, err := s.module(d.path)
	if err != nil {
		return nil, place{}, err
	}
	line, column := fromOffset(d.text, offset(d.text, p.Position))
	if m.File == nil { // a broken script: what can be parsed of it
		if m, err = s.variant(d, repaired(d.text, int(line))); err != nil {
			return nil, place{}, err
		}
	}
	return d, find(m, line, column), nil
}

// variant analyses a document as if it had another text.
func (s *server) variant(d *document, text string) (*analysis.Module, error) {
	project, err := s.open(d.path, text)
	if err != nil {
		return nil, err
	}
	m := project.Module(d.path)
	return m, project.Close()
}

// explain is what there is to say about an identifier, in Markdown; empty for nothing.
func (p place) explain(id *syntax.Ident) string {
	m := p.module
	if _, l := p.load(); l != nil && l.Module != nil {
		if made := l.Module.Global(l.From.Name); made != nil {
			return explainType(id.Name, l.Module.TypeOf(made))
		}
		return ""
	}
	if call := p.keyword(id); call != nil {
		return explainArgument(m.TypeOf(call.Fn).Signature(), id.Name)
	}
	if e := p.attribute(id); e != nil {
		t := m.TypeOf(e.X)
		if all, known := m.Language().Attributes(t.Name); known {
			for _, b := range all {
				if analysis.Attribute(b) == id.Name {
					return b.Markdown()
				}
			}
		}
		return explainType(id.Name, m.TypeOf(e))
	}
	if b, ok := m.Language().Builtin(id.Name); ok && analysis.Predeclared(id) {
		return b.Markdown()
	}
	if analysis.Predeclared(id) && starlark.Universe.Has(id.Name) {
		return fmt.Sprintf("`%s` is a part of [Starlark](https://github.com/bazelbuild/starlark/blob/master/spec.md) itself.", id.Name)
	}
	return explainType(id.Name, m.TypeOf(id))
}

func explainType(name string, t analysis.Type) string {
	switch {
	case t.Builtin != nil:
		return t.Builtin.Markdown()
	case t.Function != nil:
		text := "```python\ndef " + t.Signature().Usage + "\n```\n"
		if doc := dedented(t.Function.Doc()); doc != "" {
			text += "\n" + doc + "\n"
		}
		return text + "\n*" + t.Function.Module.Name + "*\n"
	case t.Known():
		return fmt.Sprintf("```python\n%s: %s\n```\n", name, t)
	}
	return ""
}

func explainArgument(s *analysis.Signature, name string) string {
	if s == nil {
		return ""
	}
	p, ok := s.Param(name)
	if !ok {
		return ""
	}
	if p.Builtin == nil {
		return "```python\n" + s.Usage + "\n```\n"
	}
	return explainParameter(*p.Builtin)
}

// explainParameter is the documentation of a parameter of the language.
func explainParameter(p lang.Parameter) string {
	text := fmt.Sprintf("`%s`: %s. Takes %s", p.Name, p.Doc, p.Kind)
	if p.Default != "" {
		text += "; default `" + p.Default + "`"
	}
	return text + "."
}

// dedented is a docstring without the indentation of its function.
func dedented(doc string) string {
	lines := strings.Split(strings.TrimSpace(doc), "\n")
	margin := -1
	for _, l := range lines[1:] {
		if t := strings.TrimLeft(l, " "); t != "" && (margin < 0 || len(l)-len(t) < margin) {
			margin = len(l) - len(t)
		}
	}
	for i := 1; i < len(lines); i++ {
		lines[i] = lines[i][min(max(margin, 0), len(lines[i])):]
	}
	return strings.Join(lines, "\n")
}
