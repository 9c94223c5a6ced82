package starlark_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// TestFailureInALibrary holds the whole text of a failure that happens deep in a library, over several lines of source.
func TestFailureInALibrary(t *testing.T) {
	cases, err := starlark.Load(t.Context(), []string{"testdata/failure/deep.star"}, starlark.Options{})
	require.NoError(t, err)
	require.Len(t, cases, 1)
	out := cases[0].Run(t.Context(), &fakeLab{})
	require.Equal(t, report.Failed, out.Verdict)
	require.Equal(t, 2, out.Checks)
	require.Equal(t, `testdata/failure/lib/expect.star:3: check.set_equal: the addresses of a: the sets differ
    > check.set_equal(
    >     host.addresses,
    >     addresses,
    >     "the addresses of " + host.name,
    > )
    missing:    "10.0.1.9"
    unexpected: "fd00:1::1"
    seen:
      "10.0.1.1"
      "fd00:1::1"
    called at testdata/failure/lib/expect.star:10 in expect_addresses
    called at testdata/failure/deep.star:8 in test_deep`, out.Message)
}
