package lsp

import (
	"context"
	"slices"

	"github.com/a-h/templ/lsp/protocol"
	"github.com/a-h/templ/lsp/uri"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
)

func (s *server) definition(_ context.Context, p *protocol.DefinitionParams) ([]protocol.Location, error) {
	_, at, err := s.at(p.TextDocumentPositionParams)
	if err != nil {
		return nil, err
	}
	m, made := at.made()
	if m == nil {
		return []protocol.Location{}, nil
	}
	path, err := s.readable(m)
	if err != nil || path == "" {
		return []protocol.Location{}, err
	}
	l := protocol.Location{URI: uri.URIFromPath(path)}
	if d, ok := s.documents[path]; ok {
		l.URI = d.uri
	}
	if made != nil {
		l.Range = span(string(m.Text), made)
	}
	return []protocol.Location{l}, nil
}

// made is where what stands at the place is made: a module, and an identifier in it; no identifier: the module as a whole.
func (p place) made() (*analysis.Module, *syntax.Ident) {
	id := p.ident()
	if s, l := p.load(); s != nil {
		i := slices.IndexFunc(p.module.Loads, func(l *analysis.Load) bool { return l.Stmt == s })
		switch {
		case l != nil && l.Module != nil:
			return l.Module, l.Module.Global(l.From.Name)
		case i >= 0 && p.module.Loads[i].Module != nil:
			return p.module.Loads[i].Module, nil
		}
		return nil, nil
	}
	if id == nil || p.attribute(id) != nil {
		return nil, nil
	}
	if call := p.keyword(id); call != nil {
		f := p.module.TypeOf(call.Fn).Function
		if f == nil {
			return nil, nil
		}
		return f.Module, f.Param(id.Name)
	}
	made := analysis.Made(id)
	if made == nil {
		return nil, nil
	}
	for _, l := range p.module.Loads {
		if l.To == made && l.Module != nil && l.Module.Global(l.From.Name) != nil {
			return l.Module, l.Module.Global(l.From.Name)
		}
	}
	return p.module, made
}
