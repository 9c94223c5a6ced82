package lab_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

func TestFeaturesFind(t *testing.T) {
	features := lab.Features{List: []lab.Feature{{Name: "netem", Reason: "no such module"}, {Name: "mptcp", OK: true}}}
	for _, wanted := range features.List {
		f, known := features.Find(wanted.Name)
		require.True(t, known)
		require.Equal(t, wanted, f)
	}
	for _, unknown := range []string{"", "mptcp_pm", "MPTCP"} {
		f, known := features.Find(unknown)
		require.False(t, known, unknown)
		require.Zero(t, f)
	}
	require.Equal(t, []string{"netem", "mptcp"}, features.Names())
	require.Empty(t, lab.Features{}.Names())
}
