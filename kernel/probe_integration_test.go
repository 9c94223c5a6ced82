package kernel_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFeatures(t *testing.T) {
	b := open(t)
	features := b.Features()
	require.Equal(t, features, b.Features(), "found once")
	require.Regexp(t, `^\d+\.\d+`, features.Kernel)
	names := map[string]bool{}
	for _, f := range features.List {
		require.NotEmpty(t, f.Meaning, f.Name)
		require.Equal(t, f.OK, f.Reason == "", f.Name)
		require.Equal(t, f.OK, f.Remedy == "", f.Name)
		require.False(t, names[f.Name], "%s is listed twice", f.Name)
		names[f.Name] = true
	}
	for _, name := range []string{"netem", "tbf", "user_namespaces", "endpoint.laminar", "sysctl.scheduler", "counter.MPJoinRejected"} {
		require.Contains(t, names, name)
	}

	// Without these the backend does not open, or no test passes.
	for _, name := range []string{"mptcp", "mptcp_pm", "inet_diag", "subflow_diag", "capture", "endpoint.signal", "sysctl.enabled", "counter.MPJoinSynRx"} {
		f, known := features.Find(name)
		require.True(t, known, name)
		require.True(t, f.OK, "%s: %s", name, f.Reason)
	}
	_, known := features.Find("telepathy")
	require.False(t, known)
}
