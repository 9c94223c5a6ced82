package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/lesson"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

type learnCmd struct {
	Lesson string `arg:"" optional:"" predictor:"scripts" help:"Number or name of a lesson, or a script of your own; a list of the lessons when left out."`
	Script bool   `help:"Print the script of the lesson, to change it and learn from that."`

	backendFlags `embed:""`

	Timeout time.Duration `default:"30s" help:"Time for each case."`
	Seed    uint64        `default:"1" help:"Seed of all random choices."`
	Width   int           `default:"100" help:"Columns, about."`
}

// Help is the longer help of the command.
func (*learnCmd) Help() string {
	return "Tells a lesson on what path managers do, and asks you to predict what comes. Then it shows what came, and why. " +
		"Your answers are read from standard input, a line each. Nothing is kept of them. " + exitCodes
}

// Validate checks what the types of the flags do not.
func (c *learnCmd) Validate() error {
	switch {
	case c.Timeout <= 0:
		return fmt.Errorf("--timeout=%v: must be more than 0", c.Timeout)
	case c.Width < 40:
		return fmt.Errorf("--width=%d: must be 40 or more", c.Width)
	case c.Script && c.Lesson == "":
		return errors.New("--script: name the lesson")
	}
	return nil
}

// Run implements the command.
func (c *learnCmd) Run(ctx context.Context, s streams) error {
	switch {
	case c.Lesson == "":
		return c.list(ctx, s.out)
	case c.Script:
		return c.print(ctx, s.out)
	}
	return c.with(ctx, s, func(b lab.Backend) error {
		l, cases, err := lesson.Load(ctx, c.Lesson, b.Features())
		if err != nil {
			return &exit{code: exitUsage, err: errors.Join(err, b.Close())}
		}
		cfg := runner.Config{Timeout: c.Timeout, Seed: c.Seed, Flags: c.again()}
		name, machine := b.Name(), b.Describe()
		results, summary := lesson.Run(ctx, b, cases, cfg)
		if summary.Interrupted {
			return exitOf(summary)
		}
		model := results
		if name != "emulator" {
			if model, err = c.reasons(ctx, cases, cfg); err != nil {
				return err
			}
		}
		teacher := lesson.Teacher{
			Out: s.out, Width: c.Width, Again: term.IsTerminal(int(os.Stdin.Fd())),
			Hosts: fmt.Sprintf("(backend %s: %s)", name, machine),
		}
		if err := teacher.Teach(ctx, os.Stdin, l, lesson.Together(results, model)); err != nil {
			return &exit{code: exitInterrupted}
		}
		return exitOf(summary)
	})
}

// reasons runs the cases on the emulator, which knows why.
func (c *learnCmd) reasons(ctx context.Context, cases []runner.Case, cfg runner.Config) (results []report.Result, err error) {
	err = c.emulated(func(b lab.Backend) error {
		results, _ = lesson.Run(ctx, b, cases, cfg)
		return nil
	})
	return results, err
}

// list prints the lessons.
func (*learnCmd) list(ctx context.Context, w io.Writer) error {
	course, err := lesson.All(ctx)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	for _, l := range course {
		fmt.Fprintf(w, "%2d  %s\n", l.Number, l.Title)
	}
	return nil
}

// print prints a script.
func (c *learnCmd) print(ctx context.Context, w io.Writer) error {
	course, err := lesson.All(ctx)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	l, err := course.Find(c.Lesson)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	script, err := l.Script()
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, script)
	return err
}
