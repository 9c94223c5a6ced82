//go:build !linux

package ipmptcp

import (
	"context"
	"errors"
)

var errNotLinux = errors.New("MPTCP path managers are those of Linux")

// Open fails, as the kernel is not Linux.
func (Kernel) Open(context.Context, int) (Manager, error) { return nil, errNotLinux }

// Named fails, as the kernel is not Linux.
func (Kernel) Named(_ context.Context, name string) (Namespace, error) {
	return nil, usageError("Cannot open network namespace %s: %v", quote(name), errNotLinux)
}
