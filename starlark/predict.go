package starlark

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// prediction is a question of a lesson that was asked, and waits for its answer.
type prediction struct {
	run *run
	n   int // index into run.questions
}

// question is one that the case has asked.
type question struct {
	report.Question
	pos syntax.Position // of the call that asked it
}

func (p *prediction) String() string        { return fmt.Sprintf("<prediction %d>", p.n+1) }
func (p *prediction) Type() string          { return "prediction" }
func (p *prediction) Freeze()               {}
func (p *prediction) Truth() starlark.Bool  { return true }
func (p *prediction) Hash() (uint32, error) { return 0, errors.New("unhashable: prediction") }

func (p *prediction) Attr(name string) (starlark.Value, error) { return predictionNoun.attr(p, name) }
func (p *prediction) AttrNames() []string                      { return predictionNoun.attrNames() }

var predictSignature = signature{
	name: "predict",
	params: []param{
		{"question", textKind, nil, "what the reader is to predict"},
		{"choices", listKind, starlark.None, "strings, one of which is the answer; None: the reader writes it"},
	},
	returns: "prediction",
	doc: "Asks the reader of a lesson what will come of what the script does next. `mptcp-lab learn` waits for the reader's answer there; " +
		"everywhere else nobody is asked. The prediction must be given its answer, which is a check.",
	example: `prediction = lab.predict("Which subflows will the connection have, seen from the client?")
conn = lab.connect(client, server)
prediction.subflows(conn.client, ["10.0.1.1 > 10.0.1.2"], why = "Nobody has told the client to use its second address.")`,
}

var whyParam = param{"why", textKind, nil, "why it is so: the reader sees it with the answer"}

var predictionNoun = &noun[*prediction]{
	name: "prediction",
	doc: "A question of a lesson, which lab.predict asked. Each of these functions gives it its answer, and is a check that this is what comes, " +
		"so that a lesson cannot be wrong. Questions are answered in the order in which they were asked.",
	methods: []method[*prediction]{
		{signature{
			name: "equal",
			params: []param{
				{"observe", callableKind, nil, "a function without parameters that returns what is asked for, as it is now"},
				{"answer", anyKind, nil, "what it will be: a number, a string, True or False, or a list of these, which the reader may give in any order"},
				whyParam, timeoutParam,
			},
			returns: "None", doc: "Answers with a value: waits until the function returns it.",
			example: `prediction = lab.predict("How many SYNs with MP_JOIN will the client send?")
client.mptcp.endpoint.add(client.address(1), subflow = True)
conn = lab.connect(client, server)
prediction.equal(lambda: client.counters.MPJoinSynTx, 1, why = "It has one endpoint to send one from.")`,
		}, answerEqual},
		{signature{
			name: "subflows",
			params: []param{
				{"socket", is[*socket]("a socket, such as conn.client"), nil, "one end of a connection"},
				{"answer", listKind, nil, `its subflows in any order, the initial one included: ["10.0.1.1 > 10.0.1.2"]`},
				whyParam, timeoutParam,
			},
			returns: "None", doc: "Answers with the subflows of a connection: waits until it has exactly these.",
			example: `client.mptcp.endpoint.add(client.address(1), subflow = True)
prediction = lab.predict("Which subflows will the connection have, seen from the server?")
conn = lab.connect(client, server)
prediction.subflows(conn.server, ["10.0.1.2 > 10.0.1.1", "10.0.1.2 > 10.0.2.1"], why = "The client joins from its second address.")`,
		}, answerSubflows},
	},
}

func predict(c *call, l *labValue) (starlark.Value, error) {
	q := question{
		Question: report.Question{Text: oneLine(get[string](c, "question")), Topology: newDrawing(l.run).text()},
		pos:      c.thread.CallFrame(1).Pos,
	}
	if c.has("choices") {
		for v := range starlark.Elements(get[starlark.Iterable](c, "choices")) {
			choice, ok := starlark.AsString(v)
			if !ok {
				return nil, fmt.Errorf("choices: expected strings, got %s", shown(v))
			}
			q.Choices = append(q.Choices, choice)
		}
	}
	l.run.questions = append(l.run.questions, q)
	l.run.lab.Note(lab.KindPredict, "", q.Text)
	return &prediction{run: l.run, n: len(l.run.questions) - 1}, nil
}

func answerEqual(c *call, p *prediction) (starlark.Value, error) {
	observe, answer := get[starlark.Callable](c, "observe"), get[starlark.Value](c, "answer")
	form := report.FormText
	switch answer.(type) {
	case starlark.Int:
		form = report.FormNumber
	case starlark.Bool:
		form = report.FormTruth
	case *starlark.List, starlark.Tuple:
		form = report.FormList
	case starlark.String:
	default:
		return nil, fmt.Errorf("answer: expected a number, a string, True or False, or a list, got %s", shown(answer))
	}
	return nil, p.answer(c, form, answer, func() (starlark.Value, bool, error) {
		seen, err := starlark.Call(c.thread, observe, nil, nil)
		if err != nil {
			return nil, false, err
		}
		equal, err := starlark.Equal(seen, answer)
		return seen, equal, err
	})
}

func answerSubflows(c *call, p *prediction) (starlark.Value, error) {
	s, answer := get[*socket](c, "socket"), get[starlark.Iterable](c, "answer")
	return nil, p.answer(c, report.FormSubflows, answer, func() (starlark.Value, bool, error) {
		seen, err := s.paths()
		if err != nil {
			return nil, false, err
		}
		missing, unexpected, err := apart(answer, seen)
		return seen, len(missing)+len(unexpected) == 0 && len(seen) == starlark.Len(answer), err
	})
}

// answer waits until what is observed is the answer.
func (p *prediction) answer(c *call, form report.Form, answer starlark.Value, observe func() (seen starlark.Value, same bool, err error)) error {
	if err := p.due(); err != nil {
		return err
	}
	q := &p.run.questions[p.n]
	answers := items(answer)
	if q.Choices != nil && (form != report.FormText || !slices.Contains(q.Choices, answers[0])) {
		return fmt.Errorf("answer: expected one of the choices, %s, got %s", strings.Join(quoted(q.Choices), " or "), shown(answer))
	}
	timeout := get[time.Duration](c, "timeout")
	var seen starlark.Value = starlark.None
	done, err := p.run.await(c.ctx(), timeout, func() (bool, error) {
		now, same, err := observe()
		if err == nil {
			seen = now
		}
		return same, err
	})
	if err != nil {
		return err
	}
	q.Form, q.Answer, q.Seen, q.Why = form, answers, items(seen), oneLine(get[string](c, "why"))
	p.run.answered++
	if !done {
		return c.fail(fmt.Sprintf("the answer is another after %s", timeout), q.difference(answer, seen)...)
	}
	p.run.checks++
	p.run.lab.Note(lab.KindAnswer, "", report.Words(q.Answer)+". "+q.Why)
	return nil
}

// difference says how what was seen differs from the answer of the script.
func (q *question) difference(answer, seen starlark.Value) []string {
	lines := []string{"asked: " + q.Text}
	if q.Form == report.FormSubflows {
		if want, ok := answer.(starlark.Iterable); ok {
			if paths, ok := seen.(starlark.Iterable); ok {
				if missing, unexpected, err := apart(want, paths); err == nil {
					return append(lines, setDifference(missing, unexpected, paths)...)
				}
			}
		}
	}
	return append(lines, difference(answer, seen)...)
}

// oneLine is a text that a script may have broken into lines.
func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }

// due is an error unless the prediction is the next to be answered.
func (p *prediction) due() error {
	switch next := p.run.answered; {
	case p.n < next:
		return errors.New("it has its answer already")
	case p.n > next:
		return fmt.Errorf("%q was asked before it, and is to be answered first", p.run.questions[next].Text)
	}
	return nil
}

// unanswered is an error when a question was left without an answer.
func (r *run) unanswered() error {
	if r.answered == len(r.questions) {
		return nil
	}
	q := r.questions[r.answered]
	return fmt.Errorf("%s:%d: lab.predict: the question %q was never answered: give the prediction its answer with prediction.equal or prediction.subflows",
		q.pos.Filename(), q.pos.Line, q.Text)
}

// items are a value as a reader would write it: one, or those of a list.
func items(v starlark.Value) []string {
	switch v := v.(type) {
	case starlark.String:
		return []string{string(v)}
	case starlark.Bool:
		if v {
			return []string{"yes"}
		}
		return []string{"no"}
	case starlark.Iterable:
		all := []string{}
		for e := range starlark.Elements(v) {
			all = append(all, items(e)...)
		}
		return all
	}
	return []string{v.String()}
}
