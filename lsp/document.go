package lsp

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"github.com/a-h/templ/lsp/jsonrpc2"
	"github.com/a-h/templ/lsp/protocol"
	"github.com/a-h/templ/lsp/uri"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
)

// document is an open script.
type document struct {
	uri     protocol.DocumentURI // as the client writes it
	path    string
	text    string
	version int32
}

// pathOf is the path of a file; empty for a document that is none.
func pathOf(u protocol.DocumentURI) string {
	parsed, err := uri.ParseDocumentURI(string(u))
	if err != nil || parsed == "" {
		return ""
	}
	return filepath.Clean(parsed.Filename())
}

func (s *server) didOpen(_ context.Context, p *protocol.DidOpenTextDocumentParams) (any, error) {
	if path := pathOf(p.TextDocument.URI); path != "" {
		s.documents[path] = &document{uri: p.TextDocument.URI, path: path, text: p.TextDocument.Text, version: p.TextDocument.Version}
		s.forget()
	}
	return nil, nil
}

func (s *server) didChange(_ context.Context, p *protocol.DidChangeTextDocumentParams) (any, error) {
	d, ok := s.documents[pathOf(p.TextDocument.URI)]
	if !ok {
		return nil, nil
	}
	for _, c := range p.ContentChanges { // each is the whole text, as the server has asked for
		d.text = c.Text
	}
	d.version = p.TextDocument.Version
	s.forget()
	return nil, nil
}

func (s *server) didSave(context.Context, *none) (any, error)      { s.forget(); return nil, nil }
func (s *server) filesChanged(context.Context, *none) (any, error) { s.forget(); return nil, nil }

func (s *server) didClose(ctx context.Context, p *protocol.DidCloseTextDocumentParams) (any, error) {
	path := pathOf(p.TextDocument.URI)
	if d, ok := s.documents[path]; ok {
		delete(s.documents, path)
		s.show(ctx, d, nil)
		s.forget()
	}
	return nil, nil
}

// forget drops what is known of the scripts: it is found out anew when it is needed.
func (s *server) forget() {
	s.stale = true
	if s.project == nil {
		return
	}
	if err := s.project.Close(); err != nil {
		s.Log.Print(err)
	}
	s.project = nil
}

// document finds an open document.
func (s *server) document(id protocol.TextDocumentIdentifier) (*document, error) {
	d, ok := s.documents[pathOf(id.URI)]
	if !ok {
		return nil, jsonrpc2.Errorf(jsonrpc2.InvalidParams, "%s is not open", id.URI)
	}
	return d, nil
}

// module analyses a document as it is.
func (s *server) module(path string) (*analysis.Module, error) {
	if s.project == nil {
		p, err := s.open("", "")
		if err != nil {
			return nil, err
		}
		s.project = p
	}
	return s.project.Module(path), nil
}

// open opens the scripts as they are in the editor, with another text for one of them.
func (s *server) open(other, text string) (*analysis.Project, error) {
	return analysis.Open("", func(path string) ([]byte, bool) {
		if path == other && other != "" {
			return []byte(text), true
		}
		d, ok := s.documents[path]
		if !ok {
			return nil, false
		}
		return []byte(d.text), true
	})
}

// Positions of the protocol count from 0, and code units of UTF-16; those of Starlark count from 1, and characters.

// toProtocol is a position of a text for the client.
func toProtocol(lines []string, line, column int) protocol.Position {
	at := protocol.Position{Line: uint32(max(line-1, 0))}
	if line < 1 || line > len(lines) {
		return at
	}
	runes := []rune(lines[line-1])
	at.Character = uint32(len(utf16.Encode(runes[:min(max(column-1, 0), len(runes))])))
	return at
}

// offset is a position of the client as an offset in a text, in bytes.
func offset(text string, p protocol.Position) int {
	start := 0
	for range p.Line {
		next := strings.IndexByte(text[start:], '\n')
		if next < 0 {
			return len(text)
		}
		start += next + 1
	}
	end := len(text)
	if next := strings.IndexByte(text[start:], '\n'); next >= 0 {
		end = start + next
	}
	units := 0
	for i, r := range text[start:end] {
		if units >= int(p.Character) {
			return start + i
		}
		units += utf16.RuneLen(r)
	}
	return end
}

// fromOffset is an offset as Starlark has it.
func fromOffset(text string, at int) (line, column int32) {
	line = int32(strings.Count(text[:at], "\n") + 1)
	column = int32(len([]rune(text[strings.LastIndexByte(text[:at], '\n')+1:at])) + 1)
	return line, column
}

// span is the range of a node for the client.
func span(text string, n syntax.Node) protocol.Range {
	start, end := n.Span()
	lines := strings.Split(text, "\n")
	return protocol.Range{Start: toProtocol(lines, int(start.Line), int(start.Col)), End: toProtocol(lines, int(end.Line), int(end.Col))}
}

// readable keeps the module of a script where editors can open it; empty when there is no such place.
func (s *server) readable(m *analysis.Module) (string, error) {
	if m.Path != "" || s.Cache == "" {
		return m.Path, nil
	}
	path := filepath.Join(s.Cache, filepath.FromSlash(strings.TrimPrefix(m.Name, "@std//")))
	if old, err := os.ReadFile(path); err == nil && string(old) == string(m.Text) {
		return path, nil
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	return path, os.WriteFile(path, m.Text, 0o644)
}
