package docs_test

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/compare"
)

// TestRaces holds the table of compare.md against the races that are tolerated.
func TestRaces(t *testing.T) {
	const begin, end = "<!-- races -->\n", "<!-- end of races -->\n"
	page := read(t, "compare.md")
	before, rest, found := strings.Cut(page, begin)
	require.True(t, found)
	_, after, found := strings.Cut(rest, end)
	require.True(t, found)
	table := "\n| race | what it is | where that is left open |\n| --- | --- | --- |\n"
	for _, r := range compare.Races() {
		table += fmt.Sprintf("| %s | %s | %s |\n", r.Name, r.Why, r.Clause)
	}
	want := before + begin + table + "\n" + end + after
	if *update {
		require.NoError(t, os.WriteFile("compare.md", []byte(want), 0o644))
	}
	require.Equal(t, want, page, "compare.md is stale: go test ./docs -update")
}
