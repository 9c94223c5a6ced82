package coverage

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// WriteText writes the report for people: a table of each kind, with the number of cases that have exercised each item, and below
// it what was never exercised.
func (r Report) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "coverage of %d cases\n", len(r.Cases))
	if n := len(r.Partial); n > 0 {
		fmt.Fprintf(&b, "  of %d of them not everything is known: more was seen than their labs keep, or it could not be read\n", n)
	}
	for _, g := range r.Groups {
		g.write(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (g Group) write(b *strings.Builder) {
	fmt.Fprintf(b, "\n%ss: %d of %d\n", g.Kind, g.Exercised(), len(g.Items))
	width := 0
	for _, item := range g.Items {
		if len(item.Cases) > 0 {
			width = max(width, len(item.Name))
		}
	}
	for _, item := range g.Items {
		if n := len(item.Cases); n > 0 {
			fmt.Fprintf(b, "  %-*s  %d\n", width, item.Name, n)
		}
	}
	if never := g.Never(); len(never) > 0 {
		fmt.Fprintf(b, "  never: %s\n", wrap(strings.Join(never, ", "), "    "))
	}
}

// wrap breaks a text after commas into lines of at most 100 characters or so, and indents all but the first.
func wrap(text, indent string) string {
	var lines []string
	line := ""
	for _, piece := range strings.SplitAfter(text, ", ") {
		if line != "" && len(indent)+len(line)+len(piece) > 100 {
			lines, line = append(lines, strings.TrimSpace(line)), ""
		}
		line += piece
	}
	return strings.Join(append(lines, line), "\n"+indent)
}

// WriteJSON writes the report as one JSON object, with the names of the cases.
func (r Report) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", " ")
	return e.Encode(r)
}
