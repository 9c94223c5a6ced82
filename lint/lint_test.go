package lint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	"github.com/mptcp-lab/mptcp-lab/lint"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// TestRules checks the scripts of testdata/rules: what is found must be what their lines expect, and nothing else.
func TestRules(t *testing.T) {
	files, err := starlark.Files([]string{"testdata/rules"})
	require.NoError(t, err)
	for _, file := range files {
		name := strings.TrimPrefix(filepath.ToSlash(file), "testdata/rules/")
		if name == "lib/broken.star" || name == "lib/circle.star" || name == "ignored-rule.star" {
			continue // which others load, or TestIgnore has
		}
		t.Run(name, func(t *testing.T) {
			found, err := lint.Files([]string{file})
			require.NoError(t, err)
			byLine := map[int][]lint.Finding{}
			for _, f := range found {
				require.Equal(t, filepath.ToSlash(file), f.File)
				require.NotEmpty(t, f.Help)
				byLine[f.Line] = append(byLine[f.Line], f)
			}
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			for i, line := range strings.Split(string(source), "\n") {
				rest := byLine[i+1]
				for _, pattern := range strings.Split(line, `### `)[1:] {
					pattern, err := strconv.Unquote("`" + strings.Trim(pattern, ` "`) + "`")
					require.NoError(t, err)
					require.NotEmpty(t, rest, "line %d: expected %s", i+1, pattern)
					require.Regexp(t, pattern, rest[0].Message)
					rest = rest[1:]
				}
				require.Empty(t, rest, "line %d", i+1)
			}
		})
	}
}

// TestEveryRuleIsTested sees to it that each rule finds something in the script that has its name.
func TestEveryRuleIsTested(t *testing.T) {
	for _, r := range lint.Rules() {
		require.NotEmpty(t, r.Doc, r.Name)
		found, err := lint.Files([]string{"testdata/rules/" + r.Name + ".star"})
		require.NoError(t, err)
		rules := map[string]bool{}
		for _, f := range found {
			rules[f.Rule] = true
		}
		require.Contains(t, rules, r.Name)
	}
}

func TestIgnore(t *testing.T) {
	found, err := lint.Files([]string{"testdata/rules/ignored-rule.star"})
	require.NoError(t, err)
	var said []string
	for _, f := range found {
		said = append(said, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Message))
	}
	require.Equal(t, []string{
		"6:20 there is no rule unknown-attribut (did you mean unknown-attribute?)",
		"7:20 nothing is found here by wrong-value",
		"8:22 the comment names no rule",
	}, said)
}

// TestNoFalseAlarm checks scripts that are known to run: the library, those of the documentation, and every example of the language.
func TestNoFalseAlarm(t *testing.T) {
	files, err := starlark.Files([]string{"../scenarios", "../docs", "../starlark/stdlib"})
	require.NoError(t, err)
	require.Greater(t, len(files), 60)
	found, err := lint.Files(files)
	require.NoError(t, err)
	require.Empty(t, found)

	dir := t.TempDir()
	for _, b := range starlark.Reference() {
		if b.Example == "" {
			continue
		}
		script := b.Example
		if !strings.Contains(script, "def test_") {
			script = "def test_example(lab):\n    client, server = two_paths(lab)\n    " + strings.ReplaceAll(script, "\n", "\n    ")
		}
		file := filepath.Join(dir, strings.ReplaceAll(b.Name, "*", "")+".star")
		require.NoError(t, os.WriteFile(file, []byte("load(\"@std//topology.star\", \"two_paths\")\n"+script+"\n"), 0o600))
		found, err := lint.Files([]string{file})
		require.NoError(t, err)
		for _, f := range found {
			require.Contains(t, []string{"unused-variable", "no-check"}, f.Rule, f)
		}
	}
}

func ExampleFiles() {
	found, err := lint.Files([]string{"testdata/rules/unused-load.star"})
	if err != nil {
		fmt.Println(err)
	}
	for _, f := range found {
		fmt.Println(f)
	}
	// Output:
	// testdata/rules/unused-load.star:1:28: unused-load: cabled is loaded and not used; take it out of the load statement
	// testdata/rules/unused-load.star:1:37: unused-load: more is loaded and not used; take it out of the load statement
}

// TestRulesAreDocumented holds the table of docs/editor.md against the rules.
func TestRulesAreDocumented(t *testing.T) {
	page, err := os.ReadFile("../docs/editor.md")
	require.NoError(t, err)
	var table strings.Builder
	for _, r := range lint.Rules() {
		fmt.Fprintf(&table, "| `%s` | %s |\n", r.Name, r.Doc)
	}
	require.Contains(t, string(page), table.String())
}

// FuzzModule checks any text: it must end, and each finding lie within the text.
func FuzzModule(f *testing.F) {
	f.Add("def test_x(lab, a = each(1)):\n  c, *d = lab.host(\"x\"), 2\n  [e.f for e in c.events if e](**{})\n")
	f.Add("load(\"@std//topology.star\", \"two_paths\")\nx = lambda a, *b, **c: (a.b[1:2], -a, {1: 2}, [3] + 4 * b)\n")
	f.Add("def f(): return f(), g()\ndef g(): return f(), g()\n_x = f().y\n")
	dir := f.TempDir()
	file := filepath.Join(dir, "x.star")
	f.Fuzz(func(t *testing.T, source string) {
		project, err := analysis.Open("", func(path string) ([]byte, bool) { return []byte(source), path == file })
		require.NoError(t, err)
		defer project.Close()
		lines := strings.Count(source, "\n") + 1
		for _, found := range lint.Module(project.Module(file)) {
			require.LessOrEqual(t, found.Line, lines, found)
			require.LessOrEqual(t, found.EndLine, lines, found)
		}
	})
}
