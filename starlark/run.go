package starlark

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// maxFrames bounds the calls that an error message lists.
const maxFrames = 10

// run is one case being run: what the built-ins share.
type run struct {
	ctx     context.Context
	lab     lab.Lab
	options Options
	scripts map[string]*script

	hosts     []*host
	made      topology
	links     int                        // links made, which numbers the planned addresses
	segments  map[string]*segment        // planned addresses of switches, by name
	listeners map[listening]lab.Listener // of lab.connect, open until the case ends
	conns     []*conn                    // that lab.connect has made
	ports     int64                      // ports given out by lab.connect

	served  []served // the script's functions that are called when something happens
	serving bool     // one of them is being called
	rules   int      // of links, made so far

	memory    *memoryWatch
	checks    int
	output    printed
	questions []question // asked by lab.predict
	answered  int        // how many of them
}

func newRun(ctx context.Context, l *loader, in lab.Lab) *run {
	return &run{
		ctx: ctx, lab: in, options: l.options, scripts: l.scripts,
		made:      newTopology(),
		segments:  map[string]*segment{},
		listeners: map[listening]lab.Listener{},
	}
}

const runLocal = "run"

// running is the run that a built-in belongs to.
func running(thread *starlark.Thread, name string) (*run, error) {
	r, ok := thread.Local(runLocal).(*run)
	if !ok {
		return nil, fmt.Errorf("%s can be used only within a case: move the call into a test_ function", name)
	}
	return r, nil
}

// newThread makes a thread that ends with ctx, with its steps and with the memory that scripts may take.
func newThread(ctx context.Context, name string, o Options, r *run) (*starlark.Thread, func()) {
	thread := &starlark.Thread{Name: name, Print: func(*starlark.Thread, string) {}}
	thread.SetLocal(budgetLocal, &budget{left: maxMade})
	if r != nil {
		thread.SetLocal(runLocal, r)
		thread.Print = func(_ *starlark.Thread, text string) { r.output.add(text) }
	}
	thread.SetMaxExecutionSteps(o.maxSteps())
	thread.OnMaxSteps = func(t *starlark.Thread) {
		t.Cancel(fmt.Sprintf("more than %d steps: is there a loop that does not end?", o.maxSteps()))
	}
	stopContext := context.AfterFunc(ctx, func() { thread.Cancel(context.Cause(ctx).Error()) })
	memory := watchMemory(o.maxMemory(), func(reason string) { thread.Cancel(reason) })
	if r != nil {
		r.memory = memory
	}
	return thread, func() { stopContext(); memory.close() }
}

// runCase calls the function of a case in an empty lab, and judges it.
func (l *loader) runCase(ctx context.Context, in lab.Lab, name string, fn *starlark.Function, kwargs []starlark.Tuple) (out runner.Outcome) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := newRun(ctx, l, in)
	defer func() {
		if p := recover(); p != nil {
			out = r.outcome(report.Error, fmt.Sprintf("internal error: %v\nThis is a fault of mptcp-lab: please report it with the script and these lines.\n%s", p, debug.Stack()))
		}
	}()
	thread, done := newThread(ctx, name, l.options, r)
	defer done()
	_, err := starlark.Call(thread, fn, starlark.Tuple{&labValue{run: r}}, kwargs)
	if err == nil {
		err = r.ruleFailure()
	}
	if err == nil {
		err = r.unanswered()
	}
	return r.judge(err)
}

func (r *run) outcome(v report.Verdict, message string) runner.Outcome {
	o := runner.Outcome{Verdict: v, Message: message, Checks: r.checks, Output: r.output.lines}
	for _, q := range r.questions {
		o.Questions = append(o.Questions, q.Question)
	}
	return o
}

// judge makes the verdict of how the function ended.
func (r *run) judge(err error) runner.Outcome {
	var (
		s *skip
		f *failure
	)
	switch {
	case err == nil:
		return r.outcome(report.Passed, "")
	case errors.Is(err, errAlone):
		return runner.Outcome{Alone: true}
	case errors.As(err, &s):
		return r.outcome(report.Skipped, s.reason)
	case errors.As(err, &f):
		return r.outcome(report.Failed, r.explain(err, f.details))
	default:
		return r.outcome(report.Error, r.explain(err, nil))
	}
}

// explain says where an error happened: position, message, source, details, and the calls that led there.
func (r *run) explain(err error, details []string) string {
	var eval *starlark.EvalError
	if !errors.As(err, &eval) {
		return err.Error()
	}
	frames := scriptFrames(eval.CallStack)
	message := plain(eval)
	if len(frames) == 0 {
		return message
	}
	lines := []string{fmt.Sprintf("%s:%d: %s", frames[0].Pos.Filename(), frames[0].Pos.Line, message)}
	for _, l := range r.sourceAt(frames[0].Pos) {
		lines = append(lines, "    > "+l)
	}
	for _, d := range details {
		lines = append(lines, "    "+d)
	}
	for i, f := range frames[1:] {
		if i == maxFrames {
			lines = append(lines, fmt.Sprintf("    … and %d more calls", len(frames)-1-maxFrames))
			break
		}
		lines = append(lines, fmt.Sprintf("    called at %s:%d in %s", f.Pos.Filename(), f.Pos.Line, f.Name))
	}
	return strings.Join(lines, "\n")
}

// printed is what a script printed, bounded.
type printed struct {
	lines []string
	bytes int
}

// maxPrinted bounds the output of a case, in bytes.
const maxPrinted = 1 << 20

// addOnce adds a line, unless it is there.
func (p *printed) addOnce(line string) {
	if !slices.Contains(p.lines, line) {
		p.add(line)
	}
}

func (p *printed) add(text string) {
	if p.bytes > maxPrinted {
		return
	}
	p.bytes += len(text) + 1
	if p.bytes > maxPrinted {
		p.lines = append(p.lines, "… (more than 1MiB printed, the rest is left out)")
		return
	}
	p.lines = append(p.lines, strings.Split(text, "\n")...)
}
