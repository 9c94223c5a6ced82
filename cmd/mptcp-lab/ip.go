package main

import (
	"context"

	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

type ipCmd struct {
	Args []string `arg:"" optional:"" passthrough:""`
}

// Help is the longer help of the command.
func (ipCmd) Help() string {
	return `Takes the options of ip(8) and the words of ip-mptcp(8): "mptcp-lab ip -j mptcp endpoint show". Other objects of ip are unknown to it.`
}

// Run implements the command.
func (c ipCmd) Run(ctx context.Context) error {
	return &exit{code: ipmptcp.Program(ctx, c.Args)}
}
