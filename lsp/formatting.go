package lsp

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/a-h/templ/lsp/jsonrpc2"
	"github.com/a-h/templ/lsp/protocol"

	"github.com/mptcp-lab/mptcp-lab/format"
)

// requestFailed is the protocol's code for a request that is right and cannot be carried out.
const requestFailed jsonrpc2.Code = -32803

func (s *server) formatting(_ context.Context, p *protocol.DocumentFormattingParams) ([]protocol.TextEdit, error) {
	d, err := s.document(p.TextDocument)
	if err != nil {
		return nil, err
	}
	formatted, err := format.Source(filepath.Base(d.path), []byte(d.text))
	if err != nil {
		return nil, jsonrpc2.NewError(requestFailed, err.Error())
	}
	if string(formatted) == d.text {
		return []protocol.TextEdit{}, nil
	}
	end := protocol.Position{Line: uint32(strings.Count(d.text, "\n") + 1)}
	return []protocol.TextEdit{{Range: protocol.Range{End: end}, NewText: string(formatted)}}, nil
}
