//go:build linux

package why_test

import (
	"testing"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// TestKernelRules does the same on real hosts.
func TestKernelRules(t *testing.T) {
	if !netns.Privileged() {
		t.Skip("needs the privileges for network namespaces")
	}
	b, err := kernel.Open(t.Context())
	if err != nil {
		t.Skipf("the kernel cannot be used: %v", err)
	}
	findRules(t, b)
}
