//go:build !linux

package vm

import (
	"context"
	"errors"
)

// Run boots a machine, runs the program in it, and returns its exit code.
func Run(context.Context, Config) (int, error) {
	return 0, errors.New("virtual machines are only started on Linux: the program inside must be this one")
}
