//go:build !linux

package certify

import "errors"

func kernelWork() error { return errors.ErrUnsupported }
