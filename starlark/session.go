package starlark

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"runtime/debug"
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Session is the language as people type it: statements that run one after the other in one lab, which is there as lab, and keep
// what they have defined. An error ends its statement, and nothing else. A session is used from one goroutine at a time.
type Session struct {
	loader  *loader
	run     *run
	globals starlark.StringDict
	input   *script // all that has run so far, so that errors can show their lines
	out     io.Writer
}

const (
	inputName = "<input>" // how positions name what was typed
	lastName  = "_"       // the variable that has the result of the last expression
	helpName  = "help"
)

// typed is the dialect of what is typed: that of scripts, with loops and conditions outside of functions, and names that may be
// given another value.
var typed = &syntax.FileOptions{Set: true, TopLevelControl: true, GlobalReassign: true, LoadBindsGlobally: true}

// NewSession begins a session in a lab, which remains the caller's, and writes what it prints to out. Modules are loaded from the
// current directory, or its scenario root.
func NewSession(ctx context.Context, in lab.Lab, o Options, out io.Writer) (*Session, error) {
	l, err := newLoader(ctx, o)
	if err != nil {
		return nil, err
	}
	const beside = "input.star" // any file of the current directory
	t, key, err := l.locate(beside)
	if err != nil {
		return nil, errors.Join(err, l.close())
	}
	s := &Session{
		loader: l, run: newRun(ctx, l, in), out: out,
		globals: maps.Clone(predeclared),
		input:   &script{name: inputName, key: key, tree: t},
	}
	s.input.syntax = func() *syntax.File {
		f, err := typed.Parse(inputName, bytes.Clone(s.input.source), 0)
		if err != nil {
			return nil
		}
		return f
	}
	l.scripts[inputName] = s.input
	s.globals["lab"] = &labValue{run: s.run}
	s.globals[helpName] = starlark.NewBuiltin(helpName, s.help)
	return s, nil
}

// Close lets go of what the session has loaded.
func (s *Session) Close() error { return s.loader.close() }

// Load defines what a script defines.
func (s *Session) Load(path string) error {
	loaded := s.loader.file(filepath.Clean(path))
	if loaded.err != nil {
		return &ScriptError{Problems: Problems(loaded.name, loaded.err)}
	}
	maps.Copy(s.globals, loaded.globals)
	return nil
}

// Statement runs one statement, of as many lines as it has: further ones are read when they are needed, with their line breaks. A
// blank line ends a block. The value of an expression is printed, unless it is None. Once all lines are there, around is called with
// what runs the statement. The only errors that it does not print but return are those of read.
func (s *Session) Statement(ctx context.Context, read func() ([]byte, error), around func(run func(context.Context))) error {
	var (
		text   []byte
		failed error
	)
	_, err := typed.ParseCompoundStmt(inputName, func() ([]byte, error) {
		line, err := read()
		failed = err
		text = append(text, line...)
		return line, err
	})
	if failed != nil {
		return failed
	}
	if topic, ok := questionIn(string(text)); ok && err != nil { // in a comment it asks nothing
		fmt.Fprint(s.out, s.about(ctx, topic))
		return nil
	}
	around(func(ctx context.Context) {
		if err := s.Run(ctx, text); err != nil {
			fmt.Fprintln(s.out, err)
		}
	})
	return nil
}

// Run runs statements, and prints the values of those that are expressions, unless they are None. The error is the first one, in the
// words of reports; what follows it is not run.
func (s *Session) Run(ctx context.Context, text []byte) error {
	lines := bytes.Count(s.input.source, []byte("\n"))
	padded := append(bytes.Repeat([]byte("\n"), lines), text...) // for the numbers of lines
	f, err := typed.Parse(inputName, padded, 0)
	if err != nil {
		return &ScriptError{Problems: Problems(inputName, err)}
	}
	s.input.source = append(s.input.source, text...)
	guard(f)
	for _, statement := range f.Stmts {
		if err := s.execute(ctx, &syntax.File{Options: typed, Path: inputName, Stmts: []syntax.Stmt{statement}}); err != nil {
			return err
		}
	}
	return nil
}

// execute runs a file of one statement.
func (s *Session) execute(ctx context.Context, f *syntax.File) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("internal error: %v\nThis is a fault of mptcp-lab: please report it with what was typed and these lines.\n%s", p, debug.Stack())
		}
	}()
	s.run.ctx = ctx
	thread, done := newThread(ctx, "input", s.loader.options, s.run)
	defer done()
	thread.Print = func(_ *starlark.Thread, text string) { fmt.Fprintln(s.out, text) }
	thread.Load = func(_ *starlark.Thread, module string) (starlark.StringDict, error) {
		t, key, err := s.loader.resolve(s.input, module)
		if err != nil {
			return nil, err
		}
		maps.DeleteFunc(s.loader.scripts, func(_ string, of *script) bool { return of != s.input && of.tree != s.loader.std })
		loaded := s.loader.exec(t, key, nil) // anew, for it may have been changed
		return loaded.globals, placed(loaded)
	}
	err = s.evaluate(thread, f)
	if err == nil {
		err = s.run.ruleFailure()
	}
	return s.told(err)
}

func (s *Session) evaluate(thread *starlark.Thread, f *syntax.File) error {
	expr, ok := f.Stmts[0].(*syntax.ExprStmt)
	if !ok {
		return starlark.ExecREPLChunk(f, thread, s.globals)
	}
	v, err := starlark.EvalExprOptions(typed, thread, expr.X, s.globals)
	if err != nil || v == starlark.None {
		return err
	}
	s.globals[lastName] = v
	fmt.Fprintln(s.out, result(v))
	return nil
}

// longResult is how wide a list may be to be shown in one line.
const longResult = 100

// result is a value as the session shows it: of a long list, each item in a line of its own.
func result(v starlark.Value) string {
	text := v.String()
	l, ok := v.(*starlark.List)
	if !ok || len(text) <= longResult {
		return text
	}
	var w strings.Builder
	w.WriteString("[\n")
	for item := range starlark.Elements(l) {
		fmt.Fprintf(&w, "    %s,\n", item)
	}
	w.WriteString("]")
	return w.String()
}

// told is an error as reports tell it.
func (s *Session) told(err error) error {
	var (
		f    *failure
		sk   *skip
		eval *starlark.EvalError
	)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errAlone):
		return errors.New("a case can have the machine to itself only under mptcp-lab run")
	case errors.As(err, &sk):
		return fmt.Errorf("skipped: %s", sk.reason)
	case errors.As(err, &f):
		return errors.New(s.run.explain(err, f.details))
	case errors.As(err, &eval):
		return errors.New(s.run.explain(err, nil))
	}
	return &ScriptError{Problems: s.undefined(Problems(inputName, err))}
}

// undefined adds the nearest name to problems with names, of those that the session has.
func (s *Session) undefined(all []Problem) []Problem {
	for i, p := range all {
		name, ok := strings.CutPrefix(p.Message, "undefined: ")
		if ok {
			name, _, _ = strings.Cut(name, " ")
			all[i].Message = "undefined: " + name + DidYouMean(name, s.names())
		}
	}
	return all
}

// questionIn tells whether a line asks for help, as IPython has it: "lab.connect?" or "?lab.connect".
func questionIn(line string) (topic string, ok bool) {
	line = strings.TrimSpace(line)
	after, before := strings.CutSuffix(line, "?")
	if !before {
		after, before = strings.CutPrefix(line, "?")
	}
	return strings.TrimSpace(after), before
}
