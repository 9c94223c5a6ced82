package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/mptcp-lab/mptcp-lab/format"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

type fmtCmd struct {
	Paths []string `arg:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, or folders of them; - for standard input, which is formatted to standard output."`
	Check bool     `help:"Write nothing: list the scripts that are not formatted, and exit with 1 if there are any."`
	Diff  bool     `short:"d" help:"Write nothing: show what would change, and exit with 1 if anything would."`
}

// Help is the longer help of the command.
func (*fmtCmd) Help() string {
	return "Writes scripts in the one style of Starlark, that of buildifier, and lists those that changed. " +
		"Exit codes: 0 done; 1 with --check or --diff, a script is not formatted; 2 a script cannot be read or parsed, and stays as it is."
}

// Run implements the command.
func (c *fmtCmd) Run(s streams) error {
	if len(c.Paths) == 1 && c.Paths[0] == "-" {
		return fail(c.stdin(s))
	}
	names, err := starlark.Files(c.Paths)
	if err != nil {
		return fail(err)
	}
	changed := false
	var wrong []error
	for _, name := range names {
		f, err := format.Open(name)
		switch {
		case err != nil:
			wrong = append(wrong, err)
		case f.Differs():
			changed = true
			wrong = append(wrong, c.settle(s.out, f))
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return fail(err)
	}
	if changed && (c.Check || c.Diff) {
		return &exit{code: exitFailed}
	}
	return nil
}

// settle does what was asked with a script that is not formatted.
func (c *fmtCmd) settle(out io.Writer, f *format.File) error {
	if c.Diff {
		_, err := out.Write(diff.Diff(f.Name+".orig", f.Source, f.Name, f.Formatted))
		return err
	}
	if !c.Check {
		if err := f.Write(); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(out, f.Name)
	return err
}

func (c *fmtCmd) stdin(s streams) error {
	if c.Check || c.Diff {
		return errors.New("--check and --diff take files, not standard input")
	}
	source, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	formatted, err := format.Source("<stdin>", source)
	if err != nil {
		return err
	}
	_, err = s.out.Write(formatted)
	return err
}

// fail ends the program for a script or command line that is wrong.
func fail(err error) error {
	if err == nil {
		return nil
	}
	return &exit{code: exitUsage, err: err}
}
