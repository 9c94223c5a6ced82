package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/vm"
	"github.com/mptcp-lab/mptcp-lab/vm/matrix"
)

// judgeFlags are the flags of run that matter where verdicts are all that is wanted.
type judgeFlags struct {
	caseFlags
	Jobs    int           `short:"j" default:"4" help:"Cases to run at a time; most of them wait most of the time."`
	Timeout time.Duration `default:"2m" help:"Time for each case, which takes longer without KVM."`
	Seed    uint64        `default:"1" help:"Seed of all random choices."`
}

// Validate checks what the types of the flags do not.
func (f *judgeFlags) Validate() error {
	switch {
	case f.Jobs < 1:
		return fmt.Errorf("--jobs=%d: must be 1 or more", f.Jobs)
	case f.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: must be more than 0", f.Timeout)
	}
	return nil
}

// args are the arguments of run for the paths.
func (f *judgeFlags) args(paths []string) []string {
	args := []string{
		"run", "--backend=kernel", "--json=-", fmt.Sprintf("--jobs=%d", f.Jobs), fmt.Sprintf("--timeout=%v", f.Timeout),
		fmt.Sprintf("--seed=%d", f.Seed), "--filter=" + f.Filter,
	}
	for _, t := range f.Tag {
		args = append(args, "--tag="+t)
	}
	if f.Shard.Of > 0 {
		args = append(args, fmt.Sprintf("--shard=%d/%d", f.Shard.Number, f.Shard.Of))
	}
	return append(append(args, "--"), paths...)
}

type matrixCmd struct {
	Kernels []string `required:"" placeholder:"K" help:"Kernels, as in vm run, in their order, with commas between them."`
	JSON    string   `name:"json" type:"path" placeholder:"FILE" help:"Write the table to a file, as JSON; with - in place of the table for people."`
	JUnit   string   `name:"junit" type:"path" placeholder:"FILE" help:"Write the results as JUnit XML, each case once a kernel."`
	Page    string   `name:"markdown" type:"path" placeholder:"FILE" help:"Write the table as a page of Markdown."`
	All     bool     `help:"Show every case, not only those whose verdicts differ."`
	machineFlags
	judgeFlags
	Paths []string `arg:"" name:"path" sep:"none" predictor:"scripts" help:"Scripts, folders of them, or single cases as FILE::CASE."`
}

// Help is the longer help of the command.
func (*matrixCmd) Help() string {
	return "Runs the cases on each kernel, one after the other, in a virtual machine. Cases whose verdicts differ are shown in a table; a * " +
		"marks the first kernel on which a verdict is another than on the one before, apart from kernels that skip the case.\n\n" + exitCodes
}

// Validate checks what the types of the flags do not.
func (c *matrixCmd) Validate() error {
	return errors.Join(c.machineFlags.Validate(), c.judgeFlags.Validate())
}

// Run implements the command.
func (c *matrixCmd) Run(ctx context.Context, s streams) error {
	kernels, err := openKernels(c.Kernels)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	files, err := scripts(c.Paths)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	var table matrix.Table
	for _, kernel := range kernels {
		column, cases := c.column(ctx, kernel, files, c.args(c.Paths), s)
		if ctx.Err() != nil {
			return &exit{code: exitInterrupted}
		}
		table.Add(column, cases)
	}
	summary := table.Summary()
	if err := c.write(table, summary, s); err != nil {
		return &exit{code: exitMachine, err: err}
	}
	for _, column := range table.Columns {
		if column.Error != "" {
			return &exit{code: exitMachine}
		}
	}
	return exitOf(summary)
}

// write writes the table, for people, programs, or both.
func (c *matrixCmd) write(t matrix.Table, summary report.Summary, s streams) error {
	if c.JSON != "-" {
		if err := t.WriteText(s.out, c.All); err != nil {
			return err
		}
		fmt.Fprintln(s.out, summary)
	}
	if c.JSON == "-" {
		return t.WriteJSON(s.out)
	}
	for _, f := range []struct {
		flag, name string
		write      func(io.Writer) error
	}{{"--json", c.JSON, t.WriteJSON}, {"--junit", c.JUnit, t.WriteJUnit}, {"--markdown", c.Page, t.WriteMarkdown}} {
		if f.name == "" {
			continue
		}
		var b bytes.Buffer
		if err := f.write(&b); err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
		if err := os.WriteFile(f.name, b.Bytes(), 0o644); err != nil {
			return fmt.Errorf("%s: %w", f.flag, err)
		}
	}
	return nil
}

// column runs cases on a kernel; whatever goes wrong is in it.
func (f *machineFlags) column(ctx context.Context, k vm.Kernel, files, args []string, s streams) (matrix.Column, []string) {
	column := matrix.Column{Kernel: k.Name, Release: k.Release}
	cfg, err := f.machine(k, args, s)
	if err != nil {
		column.Error = err.Error()
		return column, nil
	}
	var results, complaints bytes.Buffer
	cfg.Files, cfg.Stdout, cfg.Stderr = files, &results, &complaints
	cfg.Started = func(m vm.Machine) { column.Release = m.Release }
	code, err := vm.Run(ctx, cfg)
	if err != nil {
		column.Error = err.Error()
	}
	var cases []string
	var incomplete error
	if column.Results, cases, incomplete = matrix.Read(&results); incomplete != nil && err == nil {
		column.Error = fmt.Sprintf("exit code %d: %v\n%s", code, incomplete, strings.TrimSpace(complaints.String()))
	}
	return column, cases
}

type bisectCmd struct {
	Good    string   `required:"" placeholder:"K" help:"Kernel on which the case passes."`
	Bad     string   `required:"" placeholder:"K" help:"Later kernel on which it does not."`
	Kernels []string `placeholder:"K" help:"Kernels between them, in their order, with commas between them."`
	machineFlags
	judgeFlags
	Case string `arg:"" name:"case" help:"The case, as FILE::CASE."`
}

// Help is the longer help of the command.
func (*bisectCmd) Help() string {
	return "Tries as few of the kernels as needed. To bisect a kernel's history instead, build each version and let git bisect run " +
		"\"mptcp-lab vm run --kernel arch/x86/boot/bzImage CASE\": its exit codes 0 and 1 are good and bad."
}

// Validate checks what the types of the flags do not.
func (c *bisectCmd) Validate() error {
	return errors.Join(c.machineFlags.Validate(), c.judgeFlags.Validate())
}

// Run implements the command.
func (c *bisectCmd) Run(ctx context.Context, s streams) error {
	// A list of all kernels may hold both ends.
	names := slices.Compact(append(append([]string{c.Good}, c.Kernels...), c.Bad))
	kernels, err := openKernels(names)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	files, err := scripts([]string{c.Case})
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	args := c.args([]string{c.Case})
	first, skipped, err := matrix.Bisect(ctx, len(kernels), func(ctx context.Context, i int) (report.Verdict, error) {
		column, cases := c.column(ctx, kernels[i], files, args, s)
		if ctx.Err() != nil {
			return "", ctx.Err()
		}
		if column.Error != "" {
			return "", fmt.Errorf("kernel %s: %s", kernels[i].Name, column.Error)
		}
		if len(cases) != 1 {
			return "", fmt.Errorf("%s: name one case, not %d", c.Case, len(cases))
		}
		verdict := column.Results[cases[0]].Verdict
		fmt.Fprintf(s.out, "%s\t%s\n", column.Release, verdict)
		return verdict, nil
	})
	switch {
	case ctx.Err() != nil:
		return &exit{code: exitInterrupted}
	case err != nil:
		return &exit{code: exitMachine, err: err}
	}
	fmt.Fprintf(s.out, "first bad: %s\n", kernels[first].Release)
	if skipped > 0 {
		fmt.Fprintf(s.out, "the %d before it skip the case\n", skipped)
	}
	return nil
}
