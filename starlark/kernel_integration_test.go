package starlark_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// openKernel opens the real backend, or skips the test where there is none.
func openKernel(t *testing.T) lab.Backend {
	t.Helper()
	b, err := kernel.Open(t.Context())
	if err != nil {
		t.Skipf("no kernel backend: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

// runOn runs a case in a lab of its own.
func runOn(t *testing.T, b lab.Backend, c runner.Case) runner.Outcome {
	t.Helper()
	l, err := b.Open(t.Context(), lab.Options{Name: c.ID, Seed: 1})
	require.NoError(t, err)
	start := time.Now()
	out := c.Run(t.Context(), l)
	t.Logf("%s: %s in %s", c.ID, out.Verdict, time.Since(start))
	if out.Verdict != report.Passed {
		for _, e := range l.Timeline() {
			t.Log(e)
		}
	}
	require.NoError(t, l.Close())
	return out
}

func TestKernelScripts(t *testing.T) {
	b := openKernel(t)
	cases, err := starlark.Load(t.Context(), []string{"testdata/kernel"}, starlark.Options{Features: b.Features()})
	require.NoError(t, err)
	for _, c := range cases {
		t.Run(strings.TrimPrefix(c.ID, "testdata/kernel/"), func(t *testing.T) {
			out := runOn(t, b, c)
			require.Equal(t, report.Passed, out.Verdict, out.Message)
			require.Positive(t, out.Checks)
		})
	}
}
