package lesson

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/story"
)

// Teacher tells a lesson to somebody who answers its questions, line by line.
type Teacher struct {
	Out   io.Writer
	Width int    // columns, about
	Hosts string // what the hosts are, for the reader to know
	Again bool   // ask again what was not understood, as at a terminal; else the lines that are read are shown

	lines    <-chan string
	topology string  // that was drawn last
	pending  []guess // for the questions that wait for their answers; nil: none was given
	given    int     // guesses
	right    int     // of them
}

// Taught is a case as it is told: what became of it in the reader's lab, and in one of the model, which gives reasons. They may be
// the same.
type Taught struct{ Result, Model report.Result }

// ended says how a case ended that did not pass.
var ended = map[report.Verdict]string{
	report.Failed:  "Here the case ends, for this is not what the script says:",
	report.Error:   "Here the case ends in an error:",
	report.Skipped: "Here the case is skipped:",
}

// Together pairs the results of the same cases.
func Together(results, model []report.Result) []Taught {
	pairs := make([]Taught, len(results))
	for i, r := range results {
		pairs[i] = Taught{Result: r, Model: r}
		if i < len(model) {
			pairs[i].Model = model[i]
		}
	}
	return pairs
}

// Teach tells a lesson, and asks in for the answers. It ends early with ctx; where in ends, the rest is told without waiting.
func (t *Teacher) Teach(ctx context.Context, in io.Reader, l Lesson, cases []Taught) error {
	t.listen(ctx, in)
	t.para(l.Heading())
	t.para(t.Hosts)
	t.text(l.Text)
	for i, c := range cases {
		head := c.Result.Case.Title
		if len(cases) > 1 {
			head = fmt.Sprintf("Part %d of %d: %s", i+1, len(cases), head)
		}
		fmt.Fprintln(t.Out, strings.Repeat("─", min(t.Width, 72)))
		t.para(head)
		t.text(c.Result.Case.Doc)
		if err := t.teach(ctx, c); err != nil {
			return err
		}
	}
	if t.given > 0 {
		t.para(fmt.Sprintf("Right: %d of your %d predictions.", t.right, t.given))
	}
	if len(l.Exercises) > 0 {
		script := "the script"
		if l.Number > 0 {
			script = "the script, which mptcp-lab learn --script " + l.Name + " prints"
		}
		t.para("Exercises. Change " + script + ", and predict what comes before you run it again:")
		for _, e := range l.Exercises {
			t.item(e)
		}
	}
	return nil
}

// listen makes the lines of in come one by one.
func (t *Teacher) listen(ctx context.Context, in io.Reader) {
	lines := make(chan string)
	t.lines = lines
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(in); s.Scan(); {
			select {
			case lines <- s.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
}

func (t *Teacher) teach(ctx context.Context, c Taught) error {
	t.pending, t.topology = nil, ""
	model := passagesOf(c.Model)
	for i, p := range passagesOf(c.Result) {
		if p.came && len(p.shown()) > 0 {
			t.para("What came:")
		}
		for _, b := range p.blocks() {
			t.block(p.story, b)
		}
		if reasons := p.reasons(); len(reasons) > 0 {
			t.reasons(reasons)
		} else if i < len(model) {
			t.reasons(model[i].reasons())
		}
		for _, q := range p.answers {
			if len(p.answers) > 1 {
				t.para(q.Text)
			}
			t.answer(q)
		}
		if p.asks != nil {
			if err := t.ask(ctx, *p.asks); err != nil {
				return err
			}
		}
	}
	if c.Result.Verdict != report.Passed {
		t.para(ended[c.Result.Verdict])
		for line := range strings.Lines(c.Result.Message) {
			fmt.Fprintf(t.Out, "  %s\n", printable(line))
		}
		fmt.Fprintln(t.Out)
	}
	return nil
}

// block tells what happened: a headline, what the script did, or messages.
func (t *Teacher) block(s *story.Story, b block) {
	switch {
	case b.step != "":
		t.para(b.step)
	case b.quiet():
		for _, i := range b.items {
			fmt.Fprintf(t.Out, "  * %s\n", printable(did(i)))
		}
		fmt.Fprintln(t.Out)
	default:
		_ = drawn(s, b.items).Diagram(t.Out, t.Width) // the writer of a terminal that is gone ends the program
		fmt.Fprintln(t.Out)
	}
}

func (t *Teacher) reasons(all []string) {
	if len(all) == 0 {
		return
	}
	t.para("How the path managers decided:")
	for _, r := range all {
		t.item(r)
	}
	fmt.Fprintln(t.Out)
}

// ask shows a question, and keeps what is answered for later.
func (t *Teacher) ask(ctx context.Context, q report.Question) error {
	if q.Topology != t.topology {
		t.topology = q.Topology
		for line := range strings.Lines(q.Topology) {
			fmt.Fprintf(t.Out, "    %s\n", printable(line))
		}
		fmt.Fprintln(t.Out)
	}
	for _, line := range wrapped("Predict: "+printable(q.Text), t.Width) {
		fmt.Fprintln(t.Out, line)
	}
	for i, c := range q.Choices {
		fmt.Fprintf(t.Out, "  %s) %s\n", letter(i), printable(c))
	}
	g, err := t.hear(ctx, q)
	t.pending = append(t.pending, g)
	return err
}

// hear waits for a guess; nil is none.
func (t *Teacher) hear(ctx context.Context, q report.Question) (guess, error) {
	for {
		fmt.Fprintf(t.Out, "(%s; an empty line passes) > ", hint(q))
		var line string
		select {
		case said, open := <-t.lines:
			if !open {
				fmt.Fprint(t.Out, "\n\n")
				return nil, ctx.Err()
			}
			line = said
		case <-ctx.Done():
			fmt.Fprintln(t.Out)
			return nil, ctx.Err()
		}
		if !t.Again {
			fmt.Fprintln(t.Out, printable(line))
		}
		if strings.TrimSpace(line) == "" {
			fmt.Fprintln(t.Out)
			return nil, nil
		}
		g, err := parse(q, line)
		if err == nil {
			fmt.Fprintln(t.Out)
			return g, nil
		}
		fmt.Fprintf(t.Out, "Not understood: %v.\n", err)
		if !t.Again {
			fmt.Fprintln(t.Out)
			return nil, nil
		}
	}
}

// answer tells what came, and what of the guess was right.
func (t *Teacher) answer(q report.Question) {
	var g guess
	if len(t.pending) > 0 {
		g, t.pending = t.pending[0], t.pending[1:]
	}
	seen := report.Words(q.Seen)
	said := "The answer: " + seen + "."
	if g != nil {
		t.given++
		wrong, missing := g.against(q.Seen)
		if len(wrong)+len(missing) == 0 {
			t.right++
			said = "Right: " + seen + "."
		} else {
			said = "Not so: " + seen + "."
			if len(q.Seen)+len(g) > 2 {
				said = "Not so." + differs("Missing", missing) + differs("Not there", wrong)
			}
		}
	}
	if want := report.Words(q.Answer); want != seen {
		t.para(said + " The script says otherwise: " + want + ".")
		return
	}
	t.para(said + " " + q.Why)
}

func differs(what string, items []string) string {
	if len(items) == 0 {
		return ""
	}
	return " " + what + ": " + report.Words(items) + "."
}

// text tells prose in Markdown: paragraphs, lists, and indented lines as they are.
func (t *Teacher) text(prose string) {
	for _, p := range paragraphs(prose) {
		if p.verbatim {
			for _, line := range p.lines {
				fmt.Fprintln(t.Out, printable(line))
			}
			fmt.Fprintln(t.Out)
			continue
		}
		t.para(strings.Join(p.lines, " "))
	}
}

// para writes a paragraph.
func (t *Teacher) para(text string) {
	if text == "" {
		return
	}
	for _, line := range wrapped(printable(text), t.Width) {
		fmt.Fprintln(t.Out, line)
	}
	fmt.Fprintln(t.Out)
}

// item writes an item of a list.
func (t *Teacher) item(text string) {
	for i, line := range wrapped(printable(text), t.Width-4) {
		indent := "    "
		if i == 0 {
			indent = "  - "
		}
		fmt.Fprintln(t.Out, indent+line)
	}
}
