package starlark

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"

	"go.starlark.net/resolve"
	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// ScriptError tells what is wrong with the scripts that were to be loaded: every problem found, with its position.
type ScriptError struct {
	Problems []Problem
}

// Problem is one thing wrong with a script. A line of 0 concerns the file as a whole.
type Problem struct {
	File    string
	Line    int
	Column  int
	Message string
}

func (e *ScriptError) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

// String is the problem as compilers print it: "x.star:3:7: undefined: clint".
func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Message
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Message)
}

func problemAt(pos syntax.Position, message string) Problem {
	return Problem{File: pos.Filename(), Line: int(pos.Line), Column: int(pos.Col), Message: message}
}

// Problems finds the positions in an error of loading a file.
func Problems(file string, err error) []Problem {
	var (
		nested *ScriptError
		parse  syntax.Error
		names  resolve.ErrorList
		eval   *starlark.EvalError
	)
	switch {
	case errors.As(err, &nested):
		return nested.Problems
	case errors.As(err, &parse):
		return []Problem{problemAt(parse.Pos, parse.Msg)}
	case errors.As(err, &names):
		var all []Problem
		for _, n := range names {
			all = append(all, problemAt(n.Pos, hinted(n.Msg)))
		}
		return all
	case errors.As(err, &eval):
		if frames := scriptFrames(eval.CallStack); len(frames) > 0 {
			return []Problem{problemAt(frames[0].Pos, plain(eval))}
		}
	}
	return []Problem{{File: file, Message: err.Error()}}
}

// plain is the message of an error, which says why a script was stopped rather than that it was.
func plain(err *starlark.EvalError) string {
	return strings.TrimPrefix(err.Msg, "Starlark computation cancelled: ")
}

// hinted adds the nearest name of the language to the resolver's message, which knows only those of the script.
func hinted(message string) string {
	name, undefined := strings.CutPrefix(message, "undefined: ")
	if !undefined || strings.Contains(name, " ") {
		return message
	}
	known := append(sortedKeys(predeclared), sortedKeys(starlark.Universe)...)
	return message + DidYouMean(name, known)
}

// scriptFrames are the calls of script functions, the innermost first; those of built-ins have no position.
func scriptFrames(stack starlark.CallStack) []starlark.CallFrame {
	var frames []starlark.CallFrame
	for _, f := range slices.Backward(stack) {
		if f.Pos.Line > 0 {
			frames = append(frames, f)
		}
	}
	return frames
}

// failure is a check that did not hold.
type failure struct {
	summary string
	details []string // lines: what was expected, what was seen
}

func (f *failure) Error() string { return f.summary }

// skip is a requirement that is not met.
type skip struct{ reason string }

func (s *skip) Error() string { return s.reason }

// errAlone ends a case that needs the machine to itself, and has not got it.
var errAlone = errors.New("the case needs the machine to itself")

// failed says which built-in an error comes from. Verdicts, and errors of script functions that it called, stay as they are.
func (c *call) failed(err error) error {
	var (
		f    *failure
		s    *skip
		eval *starlark.EvalError
	)
	switch {
	case errors.As(err, &eval):
		return eval
	case errors.As(err, &f), errors.As(err, &s), errors.Is(err, errAlone):
		return err
	}
	err = fmt.Errorf("%s: %w", c.name, err)
	if name := errnoName(err); name != "" && !strings.Contains(err.Error(), name) {
		err = fmt.Errorf("%w (%s)", err, name)
	}
	if rule := ruleOf(err); rule != "" {
		err = fmt.Errorf("%w\n    %s", err, rule)
	}
	return err
}

// ruleOf is the rule of the path manager that a refused command broke; empty when there is none that is known.
func ruleOf(err error) string {
	var refused *pm.Error
	if !errors.As(err, &refused) {
		return ""
	}
	return refused.Rule()
}

// errnoName is the name of the kernel's error in err, such as "EEXIST"; empty when there is none.
func errnoName(err error) string {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return ""
	}
	return pm.Errno(errno).Name()
}
