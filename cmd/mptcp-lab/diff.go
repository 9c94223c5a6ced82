package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/mptcp-lab/mptcp-lab/report/diff"
)

type diffCmd struct {
	A   string `arg:"" type:"existingfile" help:"Recording of a run, as run --json FILE --timelines writes it."`
	B   string `arg:"" type:"existingfile" help:"Recording of the run to compare with."`
	All bool   `help:"Show what is the same, too."`
}

// Help is the longer help of the command.
func (*diffCmd) Help() string {
	return "Lays two recorded runs side by side, such as those of two kernels or seeds: each line is marked A or B if only that run has it. " +
		"What chance decides (tokens, keys, sequence numbers, ephemeral ports, times) makes no difference. Exit code 1: the runs differ."
}

// Run implements the command.
func (c *diffCmd) Run(s streams) error {
	a, err := recording(c.A)
	if err != nil {
		return err
	}
	b, err := recording(c.B)
	if err != nil {
		return err
	}
	differ, err := diff.Write(s.out, a, b, diff.Options{Names: [2]string{c.A, c.B}, All: c.All})
	if err == nil && differ > 0 {
		err = &exit{code: exitFailed}
	}
	return err
}

func recording(path string) (*diff.Run, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, &exit{code: exitUsage, err: err}
	}
	r, err := diff.Read(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, &exit{code: exitUsage, err: fmt.Errorf("%s: %w", path, err)}
	}
	return r, nil
}
