package main

import (
	"cmp"
	"os"
	"os/exec"

	"github.com/mptcp-lab/mptcp-lab/live"
)

type shellCmd struct {
	Lab     string   `arg:"" predictor:"labs" help:"A lab, as ps names it, or a text that only its case has."`
	Host    string   `arg:"" help:"A host of the lab."`
	Command []string `arg:"" optional:"" passthrough:"" help:"What to run there; else $$SHELL."`
}

// Help is the longer help of the command.
func (*shellCmd) Help() string {
	return "Runs a program in a host of an open lab, as ip-netns(8) exec does: with the network of the host, and a /sys that shows it. " +
		"It sees the same files as here. The exit code is that of the program. MPTCP_LAB_HOST has the name of the host."
}

// Run implements the command.
func (c *shellCmd) Run() error {
	labs, err := live.Labs()
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	l, err := live.Find(labs, c.Lab)
	if err != nil {
		return &exit{code: exitUsage, err: err}
	}
	if _, err := l.Host(c.Host); err != nil {
		return &exit{code: exitUsage, err: err}
	}
	argv := c.Command
	if len(argv) == 0 {
		argv = []string{cmp.Or(os.Getenv("SHELL"), "/bin/sh")}
	}
	if _, err := exec.LookPath(argv[0]); err != nil {
		return &exit{code: exitUsage, err: err}
	}
	if err := os.Setenv("MPTCP_LAB_HOST", c.Host); err != nil {
		return err
	}
	return &exit{code: exitMachine, err: l.Enter(c.Host, argv, "become")}
}

type becomeCmd struct {
	Command []string `arg:"" passthrough:""`
}

// Run implements the command.
func (c *becomeCmd) Run() error { return &exit{code: exitMachine, err: live.Become(c.Command)} }
