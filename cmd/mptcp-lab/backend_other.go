//go:build !linux

package main

import (
	"context"
	"errors"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// withBackend says why there is no backend.
func withBackend(context.Context, func(lab.Backend) error) error {
	return &exit{code: exitMachine, err: errors.New("the kernel backend needs Linux; cases can only be listed here (--list)")}
}

func guard() error { return errors.New("guard: needs Linux") }
