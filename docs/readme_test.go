package docs_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestReadmeShowsAScenario sees that the script of the README is one of the library.
func TestReadmeShowsAScenario(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	require.NoError(t, err)
	script, err := os.ReadFile("../scenarios/lessons/00_first.star")
	require.NoError(t, err)
	_, after, found := strings.Cut(string(readme), "```python\n")
	require.True(t, found)
	shown, _, _ := strings.Cut(after, "```")
	require.Equal(t, string(script), shown)
}
