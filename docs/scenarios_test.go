package docs_test

import (
	"cmp"
	"flag"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

var update = flag.Bool("update", false, "write the tables of scenarios.md, and mistakes.md, anew")

// generated is the line of scenarios.md from which on it is made of the scripts.
const generated = "<!-- Generated from the scripts by `go test ./docs -update`: edit those, not these tables. -->\n"

// TestScenarioTables holds the tables of scenarios.md against the library.
func TestScenarioTables(t *testing.T) {
	cases, err := starlark.Load(t.Context(), []string{"../scenarios"}, starlark.Options{})
	require.NoError(t, err)
	page := read(t, "scenarios.md")
	prose, _, found := strings.Cut(page, generated)
	require.True(t, found, "scenarios.md has lost the line from which on it is generated")
	want := prose + generated + tables(t, cases)
	if *update {
		require.NoError(t, os.WriteFile("scenarios.md", []byte(want), 0o644))
		return
	}
	require.Equal(t, want, page, "scenarios.md is stale: go test ./docs -update")
}

// tables has one table for each script, and in it one line for each function.
func tables(t *testing.T, cases []runner.Case) string {
	t.Helper()
	cases = slices.Clone(cases)
	slices.SortStableFunc(cases, func(a, b runner.Case) int { return cmp.Compare(path.Dir(a.File), path.Dir(b.File)) })
	var b strings.Builder
	var folder, file string
	for len(cases) > 0 {
		first := cases[0]
		function, _, _ := strings.Cut(first.ID, "[")
		rest := slices.IndexFunc(cases, func(c runner.Case) bool { return c.File != first.File || c.Line != first.Line })
		if rest < 0 {
			rest = len(cases)
		}
		if dir := path.Dir(first.File); dir != folder {
			folder = dir
			fmt.Fprintf(&b, "\n## scenarios/%s\n", strings.TrimPrefix(folder, "../scenarios/"))
		}
		if first.File != file {
			file = first.File
			fmt.Fprintf(&b, "\n### [%s](%s)\n\n%s\n\n| case | | what it shows |\n| --- | --- | --- |\n",
				path.Base(file), file, subject(t, file))
		}
		_, name, _ := strings.Cut(function, "::")
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", name, variants(rest), strings.ReplaceAll(first.Title, "|", `\|`))
		cases = cases[rest:]
	}
	return b.String()
}

// variants says how many cases a function makes, if more than one.
func variants(n int) string {
	if n == 1 {
		return ""
	}
	return fmt.Sprintf("×%d", n)
}

// subject is the first line of a script's docstring.
func subject(t *testing.T, file string) string {
	t.Helper()
	line, _, _ := strings.Cut(read(t, file), "\n")
	text, found := strings.CutPrefix(line, `"""`)
	require.True(t, found, "%s does not begin with a docstring", file)
	return strings.TrimSuffix(text, `"""`)
}
