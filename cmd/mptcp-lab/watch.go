package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/mptcp-lab/mptcp-lab/watch"
)

type watchCmd struct {
	JSON bool `name:"json" help:"Write JSON, a line for each change."`
	Once bool `help:"Show what there is, and end."`
}

// Help is the longer help of the command.
func (*watchCmd) Help() string {
	return "Shows the MPTCP connections of the network namespace that it is started in, and their subflows, as they come and go; and for addresses " +
		"without a subflow why that is so, with a remedy, as far as one end can know. It changes nothing, and ends with Ctrl-C. Hosts of a kept " +
		"lab are watched with mptcp-lab shell. Exit codes: 0 ended; 3 this machine has no MPTCP, or something cannot be read."
}

// Run implements the command.
func (c *watchCmd) Run(ctx context.Context, s streams) error {
	host, note, err := watch.Open(nil)
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	if note != "" {
		fmt.Fprintf(s.err, "mptcp-lab: %s\n", note)
	}
	tell := watch.Text(s.out)
	if c.JSON {
		tell = watch.JSON(s.out)
	}
	if c.Once {
		err = c.once(ctx, s, host, tell)
	} else {
		err = watch.Run(ctx, host, tell)
	}
	if err = errors.Join(err, host.Close()); err != nil {
		return &exit{code: exitMachine, err: err}
	}
	return nil
}

// once tells what there is now.
func (c *watchCmd) once(ctx context.Context, s streams, host watch.Host, tell func(watch.Change) error) error {
	now, err := watch.Look(ctx, host)
	if err != nil {
		return err
	}
	if len(now) == 0 && !c.JSON {
		fmt.Fprintln(s.out, "no MPTCP connections")
	}
	for _, change := range watch.Changes(nil, now, time.Now()) {
		if err := tell(change); err != nil {
			return err
		}
	}
	return nil
}
