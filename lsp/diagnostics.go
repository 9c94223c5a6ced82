package lsp

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/a-h/templ/lsp/protocol"

	"github.com/mptcp-lab/mptcp-lab/lint"
)

// publish sends the client what is wrong with its documents: one that changed can make another one wrong, which loads it.
func (s *server) publish(ctx context.Context) {
	for _, path := range slices.Sorted(maps.Keys(s.documents)) {
		m, err := s.module(path)
		if err != nil {
			s.Log.Print(err)
			return
		}
		s.show(ctx, s.documents[path], lint.Module(m))
	}
}

// show sends the client what is wrong with one document.
func (s *server) show(ctx context.Context, d *document, found []lint.Finding) {
	lines := strings.Split(d.text, "\n")
	params := protocol.PublishDiagnosticsParams{URI: d.uri, Version: uint32(max(d.version, 0)), Diagnostics: []protocol.Diagnostic{}}
	for _, f := range found {
		params.Diagnostics = append(params.Diagnostics, protocol.Diagnostic{
			Range: protocol.Range{
				Start: toProtocol(lines, cmp.Or(f.Line, 1), f.Column),
				End:   toProtocol(lines, cmp.Or(f.EndLine, 1), f.EndColumn),
			},
			Severity: severity(f.Rule),
			Code:     f.Rule,
			Source:   "mptcp-lab",
			Message:  f.Message + "\n" + f.Help,
			Tags:     tags(f.Rule),
		})
	}
	if err := s.conn.Notify(ctx, protocol.MethodTextDocumentPublishDiagnostics, params); err != nil {
		s.Log.Printf("publish diagnostics: %v", err)
	}
}

// severity is that of a finding: what would not hinder a run is a warning.
func severity(rule string) protocol.DiagnosticSeverity {
	switch rule {
	case "unused-load", "unused-variable", "never-found", "ignored-rule", "misplaced-each":
		return protocol.DiagnosticSeverityWarning
	}
	return protocol.DiagnosticSeverityError
}

// tags let an editor show what is of no use in grey.
func tags(rule string) []protocol.DiagnosticTag {
	if strings.HasPrefix(rule, "unused-") {
		return []protocol.DiagnosticTag{protocol.DiagnosticTagUnnecessary}
	}
	return nil
}
