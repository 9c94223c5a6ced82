package starlark

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestErrnoNames(t *testing.T) {
	for n := syscall.Errno(0); n < 200; n++ {
		require.Equal(t, unix.ErrnoName(n), errnoNames[n], n)
	}
}
