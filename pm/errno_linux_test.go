package pm_test

import (
	"fmt"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// The table is that of the system whose errors it is of.
func TestErrnosAreThoseOfLinux(t *testing.T) {
	for n := syscall.Errno(1); n < 200; n++ {
		require.Equal(t, unix.ErrnoName(n), pm.Errno(n).Name(), n)
		if n.Error() != fmt.Sprintf("errno %d", n) { // Go lacks the newest
			require.Equal(t, n.Error(), pm.Errno(n).Error(), n)
		}
	}
}
