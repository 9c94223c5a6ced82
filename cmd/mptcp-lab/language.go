package main

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/mptcp-lab/mptcp-lab/starlark"
)

type docCmd struct {
	Name     string `arg:"" optional:"" predictor:"names" help:"Name of a built-in, such as lab.connect; a list of all when left out."`
	Markdown bool   `help:"Write the whole language reference as Markdown."`
}

// Run implements the command.
func (c *docCmd) Run(s streams) error {
	switch {
	case c.Markdown:
		return starlark.WriteReference(s.out)
	case c.Name == "":
		return c.index(s.out)
	}
	text, err := starlark.Doc(c.Name)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	_, err = io.WriteString(s.out, text)
	return err
}

// index prints the names, each with the first line of its documentation.
func (*docCmd) index(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, b := range starlark.Reference() {
		first, _, _ := strings.Cut(b.Doc, "\n")
		fmt.Fprintf(table, "%s\t%s\n", b.Name, first)
	}
	return table.Flush()
}
