//go:build !linux

package live

import (
	"context"
	"errors"
	"io"
)

var errLinux = errors.New("labs that can be entered need Linux")

// Labs says why there are none.
func Labs() ([]Lab, error) { return nil, errLinux }

// Cleanings says why there are none.
func Cleanings() ([]Cleaning, error) { return nil, errLinux }

// Keep does nothing: nobody could look.
func Keep() (io.Closer, error) { return io.NopCloser(nil), nil }

// Wait says that there is nothing to wait for.
func (Cleaning) Wait(context.Context) error { return errLinux }

// End says that there is nothing to end.
func (Lab) End(context.Context) error { return errLinux }

// Enter says why it cannot be entered.
func (Lab) Enter(string, []string, ...string) error { return errLinux }

// Become says why there is no host.
func Become([]string) error { return errLinux }
