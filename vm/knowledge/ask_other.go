//go:build !linux

package knowledge

import (
	"context"
	"errors"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Ask asks this machine's kernel, in labs of the backend.
func Ask(context.Context, lab.Backend) (Kernel, error) {
	return Kernel{}, errors.New("only Linux can be asked what it knows of MPTCP")
}
