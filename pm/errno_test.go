package pm_test

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

func TestErrno(t *testing.T) {
	err := fmt.Errorf("connect: %w", pm.Errno(111))
	require.Equal(t, "connect: connection refused", err.Error())
	require.Equal(t, "ECONNREFUSED", pm.Errno(111).Name())
	var number syscall.Errno
	require.True(t, errors.As(err, &number))
	require.Equal(t, syscall.Errno(111), number)
	require.ErrorIs(t, pm.Errno(17), fs.ErrExist)
	require.ErrorIs(t, pm.Errno(2), fs.ErrNotExist)
	require.ErrorIs(t, pm.Errno(13), fs.ErrPermission)
	require.NotErrorIs(t, pm.Errno(22), fs.ErrExist)
	require.Equal(t, "errno 4000", pm.Errno(4000).Error())
	require.Empty(t, pm.Errno(4000).Name())
}

// A refusal reads the same on every system.
func TestErrorsHaveTheTextsOfLinux(t *testing.T) {
	tests := map[syscall.Errno]string{16: "device or resource busy", 34: "numerical result out of range", 95: "operation not supported", 107: "transport endpoint is not connected"}
	for errno, text := range tests {
		require.Equal(t, "announce: "+text, (&pm.Error{Op: "announce", Errno: errno}).Error())
	}
	require.NotEmpty(t, (&pm.Error{Op: "announce", Errno: 95}).Rule())
}
