package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/mptcp-lab/mptcp-lab/lint"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

type lintCmd struct {
	Paths []string `arg:"" optional:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, or folders of them: modules and drafts too."`
	JSON  bool     `name:"json" help:"Write the findings as a JSON list."`
	Rules bool     `help:"List the rules."`
}

// Help is the longer help of the command.
func (*lintCmd) Help() string {
	return "Finds mistakes in scripts before anything runs. A comment '# lint: ignore RULE' at the end of a line, or alone on the line before, silences a rule there. " +
		"Exit codes: 0 nothing was found; 1 something was; 2 the command line is wrong."
}

// Validate checks what the types of the flags do not.
func (c *lintCmd) Validate() error {
	if len(c.Paths) == 0 && !c.Rules {
		return fmt.Errorf("expected scripts, or folders of them")
	}
	return nil
}

// Run implements the command.
func (c *lintCmd) Run(s streams) error {
	if c.Rules {
		return listRules(s.out)
	}
	names, err := starlark.Files(c.Paths)
	if err != nil {
		return fail(err)
	}
	found, err := lint.Files(names)
	if err != nil {
		return fail(err)
	}
	if err := c.write(s.out, found); err != nil {
		return err
	}
	if len(found) > 0 {
		return &exit{code: exitFailed}
	}
	return nil
}

func (c *lintCmd) write(w io.Writer, found []lint.Finding) error {
	if c.JSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		e.SetEscapeHTML(false)
		return e.Encode(found)
	}
	for _, f := range found {
		if _, err := fmt.Fprintln(w, f); err != nil {
			return err
		}
	}
	return nil
}

func listRules(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range lint.Rules() {
		fmt.Fprintf(table, "%s\t%s\n", r.Name, r.Doc)
	}
	return table.Flush()
}
