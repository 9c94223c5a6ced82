package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/live"
)

type cleanCmd struct {
	Labs []string `arg:"" optional:"" name:"lab" predictor:"labs" help:"Kept labs, as ps names them; all of them when left out."`
}

// Help is the longer help of the command.
func (*cleanCmd) Help() string {
	return "Ends kept labs (run --keep), and what people run in their hosts: by SIGHUP, and SIGKILL after two seconds. Then it waits until " +
		"what cleans up behind killed runs has done so. Labs of runs that go on, and of repl, are left alone."
}

// Run implements the command.
func (c *cleanCmd) Run(ctx context.Context, s streams) error {
	labs, err := c.labs()
	if err != nil {
		return err
	}
	var wrong error
	for _, l := range labs {
		if err := l.End(ctx); err != nil {
			wrong = errors.Join(wrong, err)
			continue
		}
		fmt.Fprintf(s.out, "ended the lab %s of %s\n", l.Name, l.Case)
	}
	cleaning, err := live.Cleanings()
	wrong = errors.Join(wrong, err)
	for _, g := range cleaning {
		if err := g.Wait(ctx); err != nil {
			wrong = errors.Join(wrong, err)
			continue
		}
		fmt.Fprintf(s.out, "what a killed run left is gone (process %d)\n", g.PID)
	}
	switch {
	case ctx.Err() != nil:
		return &exit{code: exitInterrupted, err: wrong}
	case wrong != nil:
		return &exit{code: exitMachine, err: wrong}
	}
	return nil
}

// labs are those to be ended.
func (c *cleanCmd) labs() (kept []live.Lab, err error) {
	all, err := live.Labs()
	if err != nil {
		return nil, &exit{code: exitMachine, err: err}
	}
	if len(c.Labs) == 0 {
		for _, l := range all {
			if l.Kept {
				kept = append(kept, l)
			}
		}
		return kept, nil
	}
	for _, name := range c.Labs {
		l, err := live.Find(all, name)
		if err != nil {
			return nil, &exit{code: exitUsage, err: err}
		}
		if !l.Kept {
			return nil, &exit{code: exitUsage, err: fmt.Errorf("lab %s (%s) is not kept: its process %d still works in it; end that", l.Name, l.Case, l.PID)}
		}
		kept = append(kept, l)
	}
	return kept, nil
}
