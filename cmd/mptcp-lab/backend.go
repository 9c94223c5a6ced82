package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// backendFlags say what labs are built of.
type backendFlags struct {
	Backend     string `enum:"auto,kernel,emulator" default:"auto" help:"What to build labs of: ${enum}. auto takes the kernel where it can be used, and else the emulator."`
	ModelKernel string `default:"${release}" placeholder:"RELEASE" help:"The release of Linux that the emulator's hosts are like, such as 6.1 or 6.18.44."`
}

// again are the flags that another run needs to have the same backend.
func (b backendFlags) again() (flags string) {
	if b.Backend != "auto" {
		flags = " --backend " + b.Backend
	}
	if b.ModelKernel != emulator.DefaultKernel {
		flags += " --model-kernel " + b.ModelKernel
	}
	return flags
}

// with opens the backend for f, which closes it.
func (b backendFlags) with(ctx context.Context, s streams, f func(lab.Backend) error) error {
	switch b.Backend {
	case "emulator":
		return b.emulated(f)
	case "kernel":
		return withBackend(ctx, f)
	}
	opened := false
	err := withBackend(ctx, func(k lab.Backend) error {
		opened = true
		return f(k)
	})
	var end *exit
	if opened || err == nil || errors.As(err, &end) && end.err == nil || ctx.Err() != nil {
		return err
	}
	fmt.Fprintf(s.err, "mptcp-lab: the hosts are emulated, since the kernel cannot be used: %v\n", end.err)
	return b.emulated(f)
}

func (b backendFlags) emulated(f func(lab.Backend) error) error {
	e, err := emulator.New(emulator.Options{Kernel: b.ModelKernel})
	if err != nil {
		return &exit{code: exitUsage, err: fmt.Errorf("--model-kernel: %w", err)}
	}
	return f(e)
}
