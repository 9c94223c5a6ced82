package starlark_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// TestTopology holds the drawings and routes that each script of testdata/topology prints against a golden file.
func TestTopology(t *testing.T) {
	scripts, err := filepath.Glob("testdata/topology/*.star")
	require.NoError(t, err)
	require.NotEmpty(t, scripts)
	for _, file := range scripts {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".star"), func(t *testing.T) {
			cases, err := starlark.Load(t.Context(), []string{file}, starlark.Options{})
			require.NoError(t, err)
			require.Len(t, cases, 1)
			out := cases[0].Run(t.Context(), &fakeLab{})
			require.Equal(t, report.Passed, out.Verdict, out.Message)
			printed := strings.Join(out.Output, "\n") + "\n"
			golden := strings.TrimSuffix(file, ".star") + ".golden"
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(printed), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), printed)
		})
	}
}
