package lesson

import (
	"fmt"
	"io"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// pageWidth is that of diagrams on pages, in columns.
const pageWidth = 96

// WritePage writes a lesson as a page in Markdown, of what became of its cases. The answers are folded.
func WritePage(w io.Writer, l Lesson, script string, results []report.Result) error {
	p := &page{}
	p.printf("# %s\n\n", l.Heading())
	p.printf("<!-- Generated from %s by `go test ./docs -update`: edit that, not this page. -->\n\n", l.Name+".star")
	p.text(l.Text)
	p.printf("To be asked these questions, and to see the answers come on your own machine: `mptcp-lab learn %d`. The script is [%s](%s).\n\n", l.Number, l.Name+".star", script)
	for _, r := range results {
		p.printf("## %s\n\n", strings.TrimSuffix(r.Case.Title, "."))
		p.text(r.Case.Doc)
		p.tell(r)
	}
	p.printf("## Exercises\n\n")
	for _, e := range l.Exercises {
		p.printf("- %s\n", e)
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

// WriteIndex writes the table of contents of the course's pages.
func WriteIndex(w io.Writer, c Course) error {
	p := &page{}
	for _, l := range c {
		p.printf("%d. [%s](%s.md)\n", l.Number, l.Title, l.Name)
	}
	_, err := io.WriteString(w, p.out.String())
	return err
}

type page struct {
	out      strings.Builder
	topology string
}

func (p *page) printf(format string, args ...any) { fmt.Fprintf(&p.out, format, args...) }

func (p *page) text(prose string) {
	if prose != "" {
		p.printf("%s\n\n", prose)
	}
}

// code is a block of text as it is.
func (p *page) code(text string) { p.printf("```text\n%s\n```\n\n", strings.TrimRight(text, "\n")) }

func (p *page) tell(r report.Result) {
	p.topology = ""
	for _, part := range passagesOf(r) {
		if part.answers == nil {
			p.happened(part)
		} else {
			p.printf("<details><summary>What came, and why</summary>\n\n")
			p.happened(part)
			for _, q := range part.answers {
				if len(part.answers) > 1 {
					p.printf("%s ", q.Text)
				}
				p.printf("**%s.** %s\n\n", report.Words(q.Seen), q.Why)
			}
			p.printf("</details>\n\n")
		}
		if part.asks != nil {
			p.ask(*part.asks)
		}
	}
}

func (p *page) happened(part passage) {
	for _, b := range part.blocks() {
		switch {
		case b.step != "":
			p.printf("%s\n\n", b.step)
		case b.quiet():
			for _, i := range b.items {
				p.printf("- `%s`\n", did(i))
			}
			p.printf("\n")
		default:
			var text strings.Builder
			_ = drawn(part.story, b.items).Diagram(&text, pageWidth) // a builder takes everything
			p.code(text.String())
		}
	}
	if reasons := part.reasons(); len(reasons) > 0 {
		p.printf("How the path managers decided:\n\n")
		for _, r := range reasons {
			p.printf("- %s\n", r)
		}
		p.printf("\n")
	}
}

func (p *page) ask(q report.Question) {
	if q.Topology != p.topology {
		p.topology = q.Topology
		p.code(q.Topology)
	}
	p.printf("**Predict:** %s\n\n", q.Text)
	for i, c := range q.Choices {
		p.printf("- %s) %s\n", letter(i), c)
	}
	if q.Choices != nil {
		p.printf("\n")
	}
}
