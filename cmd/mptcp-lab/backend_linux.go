package main

import (
	"context"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// reexecuted is set in the environment of the second run, the one in a user namespace.
const reexecuted = "MPTCP_LAB_USERNS"

// withBackend opens the backend for f, which closes it. Without the privileges for network namespaces the whole program
// runs again in a user namespace instead, and the exit code is that program's.
func withBackend(ctx context.Context, f func(lab.Backend) error) error {
	if !netns.Privileged() {
		// The second run hears of signals by itself, and must not hear of the first one twice: that would end it at once.
		code, err := netns.Reexec(context.WithoutCancel(ctx), reexecuted)
		if err != nil {
			return &exit{code: exitMachine, err: err}
		}
		return &exit{code: code}
	}
	b, err := kernel.Open(ctx)
	if err != nil {
		return &exit{code: exitMachine, err: err}
	}
	b.GuardWith("guard")
	return f(b)
}

func guard() error { return kernel.Guard() }
