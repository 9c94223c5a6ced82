//go:build linux

package prove_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/prove"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// proveScript proves the cases of a script on the kernel.
func proveScript(t *testing.T, script string, cfg prove.Config) *prove.Report {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	b, err := kernel.Open(t.Context())
	require.NoError(t, err)
	var cases []runner.Case
	cases, err = starlark.Load(t.Context(), []string{script}, starlark.Options{Features: b.Features()})
	require.NoError(t, err)
	r := prove.Run(t.Context(), b, cases, cfg, &recorder{})
	require.Empty(t, r.Summary.Audit)
	require.Zero(t, r.Summary.KernelWarnings)
	return r
}

// Each fault takes effect in a case that notices it, and no case is without one that it fails under.
func TestEachFaultIsNoticed(t *testing.T) {
	if testing.Short() {
		t.Skip("runs many cases under every fault")
	}
	r := proveScript(t, "testdata/each.star", prove.Config{Jobs: 8, All: true})
	skipped := len(r.With(prove.Skipped)) > 0 // by a kernel that lacks something
	for _, p := range r.Proofs {
		if p.Standing != prove.Skipped {
			require.Equal(t, prove.Proven, p.Standing, "%s: %s", p.Case.ID, p.Message)
			require.NotEmpty(t, p.Under(report.Failed), p.Case.ID)
		}
	}
	for _, x := range r.Reach() {
		if x.Failed+x.Erred == 0 && !skipped {
			t.Errorf("%q concerned %d cases, and none noticed it", x.Fault.Name, x.Concerned)
		}
	}
}

// Cases that look away are found.
func TestWeakCases(t *testing.T) {
	r := proveScript(t, "testdata/weak.star", prove.Config{Jobs: 4})
	standings := map[string]prove.Standing{}
	for _, p := range r.Proofs {
		standings[p.Case.ID] = p.Standing
	}
	require.Equal(t, map[string]prove.Standing{
		"testdata/weak.star::test_limit_is_not_looked_at":     prove.Survivor,
		"testdata/weak.star::test_subflow_is_not_looked_at":   prove.Survivor,
		"testdata/weak.star::test_nothing_is_asked_for":       prove.Unconcerned,
		"testdata/weak.star::test_subflow_is_looked_at":       prove.Proven,
		"testdata/weak.star::test_wrong":                      prove.Unfit,
		"testdata/weak.star::test_too_new":                    prove.Skipped,
		"testdata/weak.star::test_rule_goes_before_the_fault": prove.Proven,
	}, standings)
}
