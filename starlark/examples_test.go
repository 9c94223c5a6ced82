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

// exampleScript makes a script of an example of the reference.
func exampleScript(example string) string {
	head := "load(\"@std//topology.star\", \"two_paths\")\n"
	if strings.HasPrefix(example, "def test_") {
		return head + example + "\n"
	}
	body := "    client, server = two_paths(lab)\n    " + strings.ReplaceAll(example, "\n", "\n    ")
	return head + "def test_example(lab):\n" + body + "\n"
}

func TestEveryFunctionHasAnExampleThatRuns(t *testing.T) {
	b := openKernel(t)
	for _, builtin := range starlark.Reference() {
		if builtin.Signature == "" {
			continue
		}
		t.Run(builtin.Name, func(t *testing.T) {
			require.NotEmpty(t, builtin.Example)
			file := filepath.Join(t.TempDir(), "example.star")
			require.NoError(t, os.WriteFile(file, []byte(exampleScript(builtin.Example)), 0o600))
			cases, err := starlark.Load(t.Context(), []string{file}, starlark.Options{Features: b.Features()})
			require.NoError(t, err)
			for _, c := range cases {
				out := runOn(t, b, c)
				require.Equal(t, report.Passed, out.Verdict, out.Message)
				require.Positive(t, out.Checks)
			}
		})
	}
}
