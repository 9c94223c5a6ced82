package main

import (
	"context"
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

type doctorCmd struct{}

// Help is the longer help of the command.
func (doctorCmd) Help() string {
	return "Asks the kernel for each feature that a script can require, in a namespace of its own. Exit code 3: no lab can be built here."
}

// Run implements the command.
func (doctorCmd) Run(ctx context.Context, s streams) error {
	return withBackend(ctx, func(b lab.Backend) error {
		features := b.Features()
		fmt.Fprintf(s.out, "backend %s: %s\n", b.Name(), b.Describe())
		if err := report.WriteFeatures(s.out, features); err != nil {
			return err
		}
		if err := b.Close(); err != nil {
			return &exit{code: exitMachine, err: err}
		}
		return nil
	})
}
