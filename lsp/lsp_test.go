package lsp_test

import (
	"context"
	"encoding/json"
	"io"
	"log"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/a-h/templ/lsp/jsonrpc2"
	"github.com/a-h/templ/lsp/protocol"
	"github.com/a-h/templ/lsp/uri"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lsp"
)

// client is the library's client of the protocol, at the other end of two pipes.
type client struct {
	protocol.Client // what the server does not use
	*testing.T
	conn   jsonrpc2.Conn
	server protocol.Server
	dir    string
	told   chan *protocol.PublishDiagnosticsParams
	ended  chan error
}

func (c *client) PublishDiagnostics(_ context.Context, p *protocol.PublishDiagnosticsParams) error {
	c.told <- p
	return nil
}

type pipe struct {
	io.Reader
	io.WriteCloser
}

// start starts a server, with a client that has introduced itself.
func start(t *testing.T) *client {
	t.Helper()
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	c := &client{T: t, dir: t.TempDir(), told: make(chan *protocol.PublishDiagnosticsParams, 100), ended: make(chan error, 1)}
	go func() {
		c.ended <- lsp.Serve(t.Context(), in, out, lsp.Config{Cache: filepath.Join(c.dir, "cache"), Log: log.New(failing{t}, "", 0)})
		out.Close()
	}()
	_, c.conn, c.server = protocol.NewClient(t.Context(), c, jsonrpc2.NewStream(pipe{fromServer, toServer}), slog.New(slog.DiscardHandler))
	result, err := c.server.Initialize(t.Context(), &protocol.InitializeParams{})
	require.NoError(t, err)
	require.Equal(t, "mptcp-lab", result.ServerInfo.Name)
	require.NoError(t, c.server.Initialized(t.Context(), &protocol.InitializedParams{}))
	t.Cleanup(func() { toServer.Close() })
	return c
}

// failing is a log in which nothing may be written.
type failing struct{ *testing.T }

func (f failing) Write(line []byte) (int, error) {
	f.Errorf("the server logs: %s", line)
	return len(line), nil
}

func (c *client) file(name, text string) protocol.DocumentURI {
	path := filepath.Join(c.dir, name)
	require.NoError(c, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(c, os.WriteFile(path, []byte(text), 0o600))
	return uri.File(path)
}

// open opens a script in which | is the cursor, and returns the position of that.
func (c *client) open(name, marked string) protocol.TextDocumentPositionParams {
	c.Helper()
	text, at := cursor(marked)
	u := uri.File(filepath.Join(c.dir, name))
	require.NoError(c, c.server.DidOpen(c.Context(), &protocol.DidOpenTextDocumentParams{TextDocument: protocol.TextDocumentItem{URI: u, Text: text, Version: 1}}))
	return protocol.TextDocumentPositionParams{TextDocument: protocol.TextDocumentIdentifier{URI: u}, Position: at}
}

func cursor(marked string) (string, protocol.Position) {
	head, tail, found := strings.Cut(marked, "|")
	if !found {
		return marked, protocol.Position{}
	}
	line := head[strings.LastIndexByte(head, '\n')+1:]
	return head + tail, protocol.Position{Line: uint32(strings.Count(head, "\n")), Character: uint32(len(utf16.Encode([]rune(line))))}
}

// diagnostics waits until a document has that many.
func (c *client) diagnostics(u protocol.DocumentURI, many int) []protocol.Diagnostic {
	c.Helper()
	for {
		select {
		case p := <-c.told:
			if p.URI == u && len(p.Diagnostics) == many {
				return p.Diagnostics
			}
		case <-time.After(10 * time.Second):
			c.Fatalf("no diagnostics of %s", u)
		}
	}
}

func (c *client) labels(at protocol.TextDocumentPositionParams) []string {
	c.Helper()
	list, err := c.server.Completion(c.Context(), &protocol.CompletionParams{TextDocumentPositionParams: at})
	require.NoError(c, err)
	labels := []string{}
	for _, i := range list.Items {
		labels = append(labels, i.Label)
	}
	return labels
}

const topology = `"""Networks."""

def pair(lab, family = "ipv4"):
    """Two hosts.

    Args:
      lab: the lab.
    """
    client, server = lab.host("client"), lab.host("server")
    return client, server
`

const head = "load(\"lib/topology.star\", \"pair\")\n\ndef test_x(lab):\n    client, server = pair(lab)\n    conn = lab.connect(client, server)\n"

func TestDiagnostics(t *testing.T) {
	c := start(t)
	lib := c.file("lib/topology.star", topology)
	u := c.open("x.star", head+"    check.equal(\"😀\", conn.clent)\n").TextDocument.URI
	found := c.diagnostics(u, 1)
	require.Contains(t, found[0].Message, "a conn has no .clent (did you mean client?)")
	require.Equal(t, "unknown-attribute", found[0].Code)
	require.Equal(t, protocol.Range{Start: protocol.Position{Line: 5, Character: 27}, End: protocol.Position{Line: 5, Character: 32}}, found[0].Range)

	change := func(u protocol.DocumentURI, text string) {
		require.NoError(t, c.server.DidChange(t.Context(), &protocol.DidChangeTextDocumentParams{
			TextDocument:   protocol.VersionedTextDocumentIdentifier{TextDocumentIdentifier: protocol.TextDocumentIdentifier{URI: u}, Version: 2},
			ContentChanges: []protocol.TextDocumentContentChangeEvent{{Text: text}},
		}))
	}
	change(u, head+"    check.equal(1, \n")
	found = c.diagnostics(u, 1)
	require.Equal(t, "syntax", found[0].Code)
	change(u, head+"    check.true(conn)\n")
	c.diagnostics(u, 0)

	// What a module is in the editor counts, not what is on disk.
	c.open("lib/topology.star", topology)
	c.diagnostics(lib, 0)
	change(lib, "def pairs(lab): return lab\n")
	found = c.diagnostics(u, 1)
	require.Equal(t, "load", found[0].Code)
	require.NoError(t, c.server.DidClose(t.Context(), &protocol.DidCloseTextDocumentParams{TextDocument: protocol.TextDocumentIdentifier{URI: lib}}))
	c.diagnostics(u, 0)
}

func TestCompletion(t *testing.T) {
	for name, tt := range map[string]struct {
		script  string
		has     []string
		hasNot  []string
		nothing bool
	}{
		"a module":                 {head + "    check.|", []string{"equal", "subflows", "never"}, []string{"connect", "True"}, false},
		"in the middle of a word":  {head + "    check.eq|ua(1, 1)\n", []string{"equal"}, nil, false},
		"a value of a function":    {head + "    client.mptcp.endpoint.|\n", []string{"add", "change", "show"}, nil, false},
		"within a call":            {head + "    check.equal(conn.client.|\n", []string{"subflows", "fallback"}, []string{"equal"}, false},
		"within a lambda":          {head + "    lab.wait(lambda: conn.client.| == 2)\n", []string{"subflows"}, nil, false},
		"an item":                  {head + "    check.equal(conn.client.subflows[0].|, 1)\n", []string{"remote_id", "local"}, nil, false},
		"an element of a loop":     {head + "    for s in conn.client.subflows:\n        s.|\n", []string{"remote_id"}, nil, false},
		"of a comprehension":       {head + "    check.true([s.| for s in conn.client.subflows])\n", []string{"remote_id"}, nil, false},
		"a string":                 {head + "    \"x\".|\n", []string{"format", "split"}, nil, false},
		"counters":                 {head + "    client.counters.|\n", []string{"MPJoinSynRx"}, nil, false},
		"an option":                {head + "    option(\"ADD_ADDR\").|\n", []string{"echo", "address"}, nil, false},
		"keyword arguments":        {head + "    lab.connect(client, server, |)\n", []string{"port =", "client_protocol =", "conn", "pair"}, nil, false},
		"those left":               {head + "    lab.connect(client, server, port = 1, b|)\n", []string{"bind ="}, []string{"port ="}, false},
		"an open call":             {head + "    lab.connect(client, server, |\n", []string{"port =", "client"}, nil, false},
		"an open call, next line":  {head + "    lab.connect(\n        client,\n        |\n\ndef test_y(lab):\n    pass\n", []string{"port ="}, nil, false},
		"settings":                 {head + "    lab.link(client, server, |)\n", []string{"mtu =", "delay =", "loss ="}, nil, false},
		"counters to check":        {head + "    check.counters(client, MP|)\n", []string{"MPJoinSynRx ="}, nil, false},
		"of a function of scripts": {head + "    pair(lab, |)\n", []string{"family ="}, nil, false},
		"names":                    {head + "    |\n", []string{"client", "conn", "lab", "pair", "check", "each", "len", "for", "test_x"}, []string{"equal"}, false},
		"no names of others":       {head + "\ndef test_y(lab):\n    |\n", []string{"lab", "pair"}, []string{"client"}, false},
		"at the top":               {head + "\n|", []string{"def", "load", "pair"}, []string{"client"}, false},
		"behind broken lines":      {"x = = 1\n" + head + "    foo(\n    if conn\n    conn.|\n    for\n", []string{"client", "transfer"}, nil, false},
		"modules":                  {"load(\"|\", \"pair\")\n", []string{"@std//topology.star", "//lib/topology.star", "other.star"}, []string{"x.star"}, false},
		"names of a module":        {"load(\"lib/topology.star\", \"|\")\n", []string{"pair"}, []string{"_hidden"}, false},
		"of one that is open":      {"load(\"@std//topology.star\", \"|", []string{"two_paths"}, nil, false},
		"in a comment":             {head + "    # check.|\n", nil, nil, true},
		"in a string":              {head + "    lab.step(\"check.|\")\n", nil, nil, true},
		"behind another script":    {head + "    lab.step(\"é😀\"); check.|\n", []string{"equal"}, nil, false},
		"of what is not known":     {head + "    unknown.|\n", nil, nil, true},
		"nothing but a dot":        {".|", nil, nil, true},
		"an empty script":          {"|", []string{"def", "load"}, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			c.file("lib/topology.star", topology+"\n_hidden = 1\n")
			c.file("other.star", "")
			labels := c.labels(c.open("x.star", tt.script))
			if tt.nothing {
				require.Empty(t, labels)
			}
			require.Subset(t, labels, tt.has)
			for _, not := range tt.hasNot {
				require.NotContains(t, labels, not)
			}
			for i, l := range labels {
				require.NotContains(t, labels[i+1:], l, "twice")
				require.NotContains(t, l, "being_typed")
			}
		})
	}
}

func TestHover(t *testing.T) {
	for name, tt := range map[string]struct{ script, want string }{
		"a built-in":             {head + "    lab.con|nect(client, server)\n", "lab.connect(client, server, port = None"},
		"an attribute":           {head + "    client.addr|esses\n", "The addresses of its links"},
		"a module":               {head + "    chec|k.true(1)\n", "The checks that judge a case"},
		"an argument":            {head + "    lab.connect(client, server, po|rt = 1)\n", "`port`: port of the server"},
		"a function":             {head + "    pai|r(lab)\n", "Two hosts.\n\nArgs:\n  lab: the lab."},
		"a loaded name":          {"load(\"lib/topology.star\", \"pa|ir\")\n", "def pair(lab, family = \"ipv4\")"},
		"a variable":             {head + "    con|n.client\n", "conn: conn"},
		"a function of Starlark": {head + "    le|n([])\n", "a part of [Starlark]"},
		"a broken script":        {"x = = 1\n" + head + "    foo(\n    con|n.transfer(1)\n", "conn: conn"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			c.file("lib/topology.star", topology)
			h, err := c.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: c.open("x.star", tt.script)})
			require.NoError(t, err)
			require.NotNil(t, h)
			require.Contains(t, h.Contents.Value, tt.want)
		})
	}
	c := start(t)
	for _, script := range []string{head + "    1|", head + "    unkno|wn", "|", "\"\"\"do|c\"\"\""} {
		h, err := c.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: c.open("x.star", script)})
		require.NoError(t, err)
		if h != nil {
			require.Empty(t, h.Contents.Value)
		}
	}
}

func TestDefinition(t *testing.T) {
	for name, tt := range map[string]struct {
		script, file string
		line, column uint32
	}{
		"a variable":           {head + "    conn.transfer(cl|ient)\n", "x.star", 3, 4},
		"a parameter":          {head + "    la|b.step(\"\")\n", "x.star", 2, 11},
		"a function elsewhere": {head + "    pai|r(lab)\n", "lib/topology.star", 2, 4},
		"a loaded name":        {"load(\"lib/topology.star\", \"pai|r\")\n", "lib/topology.star", 2, 4},
		"a module":             {"load(\"lib/top|ology.star\", \"pair\")\n", "lib/topology.star", 0, 0},
		"an argument":          {head + "    pair(lab, fam|ily = 1)\n", "lib/topology.star", 2, 14},
		"of the program":       {"load(\"@std//topology.star\", \"two_paths\")\ntwo_|paths\n", "cache/topology.star", 0, 0},
		"in a broken script":   {head + "    foo(\n    conn.transfer(cl|ient)\n", "x.star", 3, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			c.file("lib/topology.star", topology)
			where, err := c.server.Definition(t.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: c.open("x.star", tt.script)})
			require.NoError(t, err)
			require.Len(t, where, 1)
			require.Equal(t, filepath.Join(c.dir, filepath.FromSlash(tt.file)), where[0].URI.Filename())
			if tt.file == "cache/topology.star" {
				text, err := os.ReadFile(where[0].URI.Filename())
				require.NoError(t, err)
				line := strings.Split(string(text), "\n")[where[0].Range.Start.Line]
				require.Contains(t, line, "def two_paths(")
				return
			}
			require.Equal(t, protocol.Position{Line: tt.line, Character: tt.column}, where[0].Range.Start)
		})
	}
	c := start(t)
	where, err := c.server.Definition(t.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: c.open("x.star", head+"    check.tr|ue(1)\n")})
	require.NoError(t, err)
	require.Empty(t, where)
}

func TestFormatting(t *testing.T) {
	c := start(t)
	format := func(text string) ([]protocol.TextEdit, error) {
		return c.server.Formatting(t.Context(), &protocol.DocumentFormattingParams{TextDocument: c.open("x.star", text).TextDocument})
	}
	edits, err := format("x=1\n")
	require.NoError(t, err)
	require.Len(t, edits, 1)
	require.Equal(t, "x = 1\n", edits[0].NewText)
	edits, err = format("x = 1\n")
	require.NoError(t, err)
	require.Empty(t, edits)
	_, err = format("x = (\n")
	require.ErrorContains(t, err, "x.star:2:1: ")
}

// call sends a request of which the library's client knows nothing.
func (c *client) call(method string, params any) error {
	c.Helper()
	_, err := c.conn.Call(c.Context(), method, params, nil)
	return err
}

func TestUnknownRequests(t *testing.T) {
	c := start(t)
	require.ErrorContains(t, c.call("textDocument/unheardOf", nil), "textDocument/unheardOf is not known here")
	require.NoError(t, c.conn.Notify(t.Context(), "$/unheardOf", nil))
	require.ErrorContains(t, c.call(protocol.MethodTextDocumentHover, []int{1}), "cannot unmarshal")
	require.ErrorContains(t, c.call(protocol.MethodTextDocumentHover, protocol.HoverParams{}), "is not open")
	require.ErrorContains(t, c.call(protocol.MethodInitialize, nil), "initialize comes once")
	require.NoError(t, c.conn.Notify(t.Context(), protocol.MethodTextDocumentDidChange, map[string]any{"textDocument": map[string]any{"uri": "untitled:1"}}))

	at := c.open("x.star", "x = 1|")
	at.Position = protocol.Position{Line: 1000, Character: 1000}
	_, err := c.server.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: at})
	require.NoError(t, err)
}

// TestCancel cancels a request that waits for another one.
func TestCancel(t *testing.T) {
	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- lsp.Serve(t.Context(), in, out, lsp.Config{}) }()
	stream := jsonrpc2.NewStream(pipe{fromServer, toServer})
	call := func(id jsonrpc2.ID, method string, params any) {
		m, err := jsonrpc2.NewCall(id, method, params)
		require.NoError(t, err)
		_, err = stream.Write(t.Context(), m)
		require.NoError(t, err)
	}
	tell := func(method string, params any) {
		m, err := jsonrpc2.NewNotification(method, params)
		require.NoError(t, err)
		_, err = stream.Write(t.Context(), m)
		require.NoError(t, err)
	}
	answer := func() *jsonrpc2.Response {
		for {
			m, _, err := stream.Read(t.Context())
			require.NoError(t, err)
			if r, ok := m.(*jsonrpc2.Response); ok {
				return r
			}
		}
	}
	u := uri.File(filepath.Join(t.TempDir(), "x.star"))
	call(jsonrpc2.NewNumberID(1), protocol.MethodInitialize, nil)
	require.NoError(t, answer().Err())
	tell(protocol.MethodTextDocumentDidOpen, protocol.DidOpenTextDocumentParams{
		TextDocument: protocol.TextDocumentItem{URI: u, Text: strings.Repeat("check.equal(1,1)\n", 10000)},
	})
	id := protocol.TextDocumentIdentifier{URI: u}
	call(jsonrpc2.NewNumberID(2), protocol.MethodTextDocumentFormatting, protocol.DocumentFormattingParams{TextDocument: id})
	call(jsonrpc2.NewNumberID(3), protocol.MethodTextDocumentFormatting, protocol.DocumentFormattingParams{TextDocument: id})
	call(jsonrpc2.NewStringID("four"), protocol.MethodTextDocumentFormatting, protocol.DocumentFormattingParams{TextDocument: id})
	tell(protocol.MethodCancelRequest, json.RawMessage(`{"id": 3}`))
	tell(protocol.MethodCancelRequest, json.RawMessage(`{"id": "four"}`))
	tell(protocol.MethodCancelRequest, json.RawMessage(`{"id": {}}`))
	for range 3 { // in any order
		r := answer()
		if r.ID() == jsonrpc2.NewNumberID(2) {
			require.NoError(t, r.Err())
			continue
		}
		var wrong *jsonrpc2.Error
		require.ErrorAs(t, r.Err(), &wrong)
		require.Equal(t, protocol.CodeRequestCancelled, wrong.Code)
	}
	call(jsonrpc2.NewNumberID(5), protocol.MethodShutdown, nil)
	require.NoError(t, answer().Err())
	require.NoError(t, toServer.Close())
	require.NoError(t, <-ended)
}

func TestShutdown(t *testing.T) {
	c := start(t)
	require.NoError(t, c.call(protocol.MethodShutdown, json.RawMessage("null")))
	require.ErrorContains(t, c.call(protocol.MethodTextDocumentHover, protocol.HoverParams{}), "shut down")
	require.NoError(t, c.server.Exit(t.Context()))
	require.NoError(t, <-c.ended)

	c = start(t)
	require.NoError(t, c.server.Exit(t.Context()))
	require.ErrorIs(t, <-c.ended, lsp.ErrNoShutdown)

	in, toServer := io.Pipe()
	fromServer, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- lsp.Serve(t.Context(), in, out, lsp.Config{}) }()
	conn := jsonrpc2.NewConn(jsonrpc2.NewStream(pipe{fromServer, toServer}))
	conn.Go(t.Context(), jsonrpc2.MethodNotFoundHandler)
	_, err := conn.Call(t.Context(), protocol.MethodTextDocumentHover, protocol.HoverParams{}, nil)
	require.ErrorContains(t, err, "the first request must be initialize")
	require.NoError(t, toServer.Close())
	require.ErrorIs(t, <-ended, lsp.ErrNoShutdown)
}

// FuzzCompletion asks at any offset of any text: there must be an answer, and no panic.
func FuzzCompletion(f *testing.F) {
	f.Add(head+"    lab.connect(client, \n", uint16(5), uint16(24))
	f.Add("load(\"@std//topology.star\", \"\n'''", uint16(0), uint16(29))
	f.Add("x = [é.😀(", uint16(0), uint16(7))
	f.Fuzz(func(t *testing.T, text string, line, character uint16) {
		c := start(t)
		at := c.open("x.star", strings.ReplaceAll(text, "|", ""))
		at.Position = protocol.Position{Line: uint32(line), Character: uint32(character)}
		_, err := c.server.Completion(t.Context(), &protocol.CompletionParams{TextDocumentPositionParams: at})
		require.NoError(t, err)
		_, err = c.server.Hover(t.Context(), &protocol.HoverParams{TextDocumentPositionParams: at})
		require.NoError(t, err)
		_, err = c.server.Definition(t.Context(), &protocol.DefinitionParams{TextDocumentPositionParams: at})
		require.NoError(t, err)
	})
}
