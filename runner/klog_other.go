//go:build !linux

package runner

import "errors"

func openKernelLog() (logSource, error) { return nil, errors.ErrUnsupported }
