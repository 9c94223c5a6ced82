package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"

	"golang.org/x/term"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/repl"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

type replCmd struct {
	Script string `arg:"" optional:"" predictor:"scripts" help:"A script, whose functions can be used from the start."`

	backendFlags `embed:""`

	Seed      uint64 `default:"1" help:"Seed of all random choices."`
	AllowExec bool   `help:"Let programs of this machine run in hosts."`
	History   string `type:"path" placeholder:"FILE" help:"Remember lines in this file, too."`
}

// Help is the longer help of the command.
func (*replCmd) Help() string {
	return "An empty lab is there as lab. help() tells more. When standard input is no terminal, its statements are run one after the other, and the " +
		"first error ends it with exit code 1."
}

// Run implements the command.
func (c *replCmd) Run(ctx context.Context, s streams) error {
	return c.with(ctx, s, func(b lab.Backend) error {
		err := c.in(ctx, s, b)
		if err := b.Close(); err != nil {
			return &exit{code: exitMachine, err: err}
		}
		return err
	})
}

// in opens the lab, and closes it at the end.
func (c *replCmd) in(ctx context.Context, s streams, b lab.Backend) (err error) {
	l, err := b.Open(ctx, lab.Options{Name: "repl", Seed: c.Seed, AllowExec: c.AllowExec})
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	defer func() {
		if e := l.Close(); e != nil {
			err = errors.Join(err, &exit{code: exitMachine, err: e})
		}
	}()
	session, err := starlark.NewSession(ctx, l, starlark.Options{Features: b.Features()}, s.out)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if c.Script != "" {
		if err := session.Load(c.Script); err != nil {
			return &exit{code: exitUsage, err: err}
		}
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return c.read(ctx, session)
	}
	signal.Reset(os.Interrupt) // it is to end statements, not the program
	fmt.Fprintf(s.out, "mptcp-lab: a lab on the %s (%s). help() tells what can be done; Ctrl-D ends.\n", b.Name(), b.Describe())
	return repl.Talk(ctx, session, repl.Options{Out: s.out, History: c.History})
}

// read runs what comes from standard input.
func (c *replCmd) read(ctx context.Context, session *starlark.Session) error {
	text, err := io.ReadAll(os.Stdin)
	if err != nil {
		return fmt.Errorf("read standard input: %w", err)
	}
	err = session.Run(ctx, text)
	if ctx.Err() != nil {
		return &exit{code: exitInterrupted, err: err}
	}
	return err
}
