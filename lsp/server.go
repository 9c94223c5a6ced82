package lsp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/a-h/templ/lsp/jsonrpc2"
	"github.com/a-h/templ/lsp/protocol"

	"github.com/mptcp-lab/mptcp-lab/analysis"
)

// Config is what a server is given.
type Config struct {
	Version string      // of the program, which clients show
	Cache   string      // folder for the modules that come with the program, so that editors can open them; empty: they cannot
	Log     *log.Logger // what goes wrong within the server; nil: nowhere
}

// ErrNoShutdown is returned by Serve when the client has gone without asking for the end, as the protocol demands.
var ErrNoShutdown = errors.New("the client has gone without shutdown")

// Serve answers one client until it says exit, or its stream ends, or the context does.
func Serve(ctx context.Context, in io.Reader, out io.Writer, c Config) error {
	if c.Log == nil {
		c.Log = log.New(io.Discard, "", 0)
	}
	s := &server{Config: c, documents: map[string]*document{}, exit: make(chan struct{})}
	defer s.close()
	s.conn = jsonrpc2.NewConn(jsonrpc2.NewStream(stdio{in, out}))
	s.conn.Go(ctx, s.handler())
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.exit:
	case <-s.conn.Done():
		if err := s.conn.Err(); !errors.Is(err, io.EOF) {
			return fmt.Errorf("speak with the client: %w", err)
		}
	}
	if s.state.Load() != shutDown {
		return ErrNoShutdown
	}
	return nil
}

// stdio is a stream to the client. Its ends are those of the program, so it does not close them.
type stdio struct {
	io.Reader
	io.Writer
}

func (stdio) Close() error { return nil }

// The states of a server.
const (
	created int32 = iota
	initialized
	shutDown
)

// server serves one client. Messages are handled one after the other, by order of arrival.
type server struct {
	Config
	conn      jsonrpc2.Conn
	state     atomic.Int32
	waiting   atomic.Int32 // messages that were read and not handled
	exit      chan struct{}
	mu        sync.Mutex           // held while a message is handled; it guards what follows
	documents map[string]*document // by path
	project   *analysis.Project    // of the documents as they are; nil: they have changed
	stale     bool                 // the documents have changed since diagnostics were last published
}

// method answers a request or a notification with these parameters.
type method func(s *server, ctx context.Context, params json.RawMessage) (any, error)

// takes makes a method of a function of one type of parameters.
func takes[P, R any](do func(s *server, ctx context.Context, params *P) (R, error)) method {
	return func(s *server, ctx context.Context, raw json.RawMessage) (any, error) {
		params := new(P)
		if len(raw) > 0 {
			if err := json.Unmarshal(raw, params); err != nil {
				return nil, jsonrpc2.NewError(jsonrpc2.InvalidParams, err.Error())
			}
		}
		return do(s, ctx, params)
	}
}

// methods are what the server knows. Of the parameters of initialize it needs none.
var methods = map[string]method{
	protocol.MethodInitialize:                     takes((*server).initialize),
	protocol.MethodInitialized:                    takes((*server).ignore),
	protocol.MethodShutdown:                       takes((*server).shutdown),
	protocol.MethodExit:                           takes((*server).leave),
	protocol.MethodTextDocumentDidOpen:            takes((*server).didOpen),
	protocol.MethodTextDocumentDidChange:          takes((*server).didChange),
	protocol.MethodTextDocumentDidSave:            takes((*server).didSave),
	protocol.MethodTextDocumentDidClose:           takes((*server).didClose),
	protocol.MethodTextDocumentCompletion:         takes((*server).completion),
	protocol.MethodTextDocumentHover:              takes((*server).hover),
	protocol.MethodTextDocumentDefinition:         takes((*server).definition),
	protocol.MethodTextDocumentFormatting:         takes((*server).formatting),
	protocol.MethodWorkspaceDidChangeWatchedFiles: takes((*server).filesChanged),
}

// handler reads on while a message is handled, so that what waits can be cancelled.
func (s *server) handler() jsonrpc2.Handler {
	handle, cancel := jsonrpc2.CancelHandler(jsonrpc2.AsyncHandler(s.handle))
	return func(ctx context.Context, reply jsonrpc2.Replier, req jsonrpc2.Request) error {
		if req.Method() != protocol.MethodCancelRequest {
			s.waiting.Add(1)
			return handle(ctx, reply, req)
		}
		var params struct {
			ID jsonrpc2.ID `json:"id"`
		}
		if err := json.Unmarshal(req.Params(), &params); err == nil {
			cancel(params.ID)
		}
		return reply(ctx, nil, nil)
	}
}

// handle answers one message. An error that it returns ends the connection, so it returns none.
func (s *server) handle(ctx context.Context, reply jsonrpc2.Replier, req jsonrpc2.Request) error {
	s.waiting.Add(-1)
	result, err := s.settle(ctx, req)
	if err := reply(context.WithoutCancel(ctx), result, err); err != nil {
		s.Log.Printf("%s: reply: %v", req.Method(), err)
	}
	return nil
}

// settle answers a message, and tells the client what is wrong with its documents once it has said all that it has to say.
func (s *server) settle(ctx context.Context, req jsonrpc2.Request) (any, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	result, err := s.answer(ctx, req)
	if s.stale && s.waiting.Load() == 0 && s.state.Load() == initialized {
		s.stale = false
		s.publish(context.WithoutCancel(ctx))
	}
	return result, err
}

// close lets go of the scripts, when the message that is being handled has been.
func (s *server) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
}

func (s *server) answer(ctx context.Context, req jsonrpc2.Request) (result any, err error) {
	defer func() {
		if r := recover(); r != nil {
			s.Log.Printf("%s: panic: %v\n%s", req.Method(), r, debug.Stack())
			err = jsonrpc2.Errorf(jsonrpc2.InternalError, "%s: %v", req.Method(), r)
		}
	}()
	known, ok := methods[req.Method()]
	state := s.state.Load()
	switch {
	case ctx.Err() != nil:
		return nil, protocol.ErrRequestCancelled
	case req.Method() == protocol.MethodExit:
	case state == created && req.Method() != protocol.MethodInitialize:
		return nil, jsonrpc2.NewError(jsonrpc2.ServerNotInitialized, "the first request must be initialize")
	case state == shutDown:
		return nil, jsonrpc2.NewError(jsonrpc2.InvalidRequest, "the server was shut down")
	}
	if !ok {
		return nil, jsonrpc2.Errorf(jsonrpc2.MethodNotFound, "%s is not known here", req.Method())
	}
	return known(s, ctx, req.Params())
}

type none struct{}

func (s *server) ignore(context.Context, *none) (any, error) { return nil, nil }

func (s *server) initialize(context.Context, *none) (*protocol.InitializeResult, error) {
	if !s.state.CompareAndSwap(created, initialized) {
		return nil, jsonrpc2.NewError(jsonrpc2.InvalidRequest, "initialize comes once")
	}
	return &protocol.InitializeResult{
		Capabilities: protocol.ServerCapabilities{
			TextDocumentSync: &protocol.TextDocumentSyncOptions{
				OpenClose: true, Change: protocol.TextDocumentSyncKindFull, Save: &protocol.SaveOptions{},
			},
			CompletionProvider:         &protocol.CompletionOptions{TriggerCharacters: []string{".", "(", "\"", "/"}},
			HoverProvider:              true,
			DefinitionProvider:         true,
			DocumentFormattingProvider: true,
		},
		ServerInfo: &protocol.ServerInfo{Name: "mptcp-lab", Version: s.Version},
	}, nil
}

func (s *server) shutdown(context.Context, *none) (any, error) {
	s.state.Store(shutDown)
	return nil, nil
}

func (s *server) leave(context.Context, *none) (any, error) {
	select {
	case <-s.exit:
	default:
		close(s.exit)
	}
	return nil, nil
}
