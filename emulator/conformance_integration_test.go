//go:build linux

package emulator_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// TestKernelConforms runs the same table on the other backend.
func TestKernelConforms(t *testing.T) {
	if !netns.Privileged() {
		t.Skip("needs the privileges for network namespaces")
	}
	b, err := kernel.Open(t.Context())
	if err != nil {
		t.Skipf("the kernel cannot be used: %v", err)
	}
	require.NotNil(t, b)
	conform(t, b)
}
