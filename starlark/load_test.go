package starlark_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/runner"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

var problemPattern = regexp.MustCompile(`### ("(?:[^"\\]|\\.)*")`)

// TestLoadErrors loads each script of testdata/errors: its problems must be those that it expects, at their lines.
func TestLoadErrors(t *testing.T) {
	files, err := filepath.Glob("testdata/errors/*.star")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			_, err := starlark.Load(t.Context(), []string{file}, starlark.Options{MaxSteps: 1_000_000})
			var wrong *starlark.ScriptError
			require.ErrorAs(t, err, &wrong)
			if file == "testdata/errors/cycle_a.star" {
				file = "testdata/errors/cycle_b.star" // which closes the circle
			}
			source, err := os.ReadFile(file)
			require.NoError(t, err)
			found := 0
			for i, line := range strings.Split(string(source), "\n") {
				m := problemPattern.FindStringSubmatch(line)
				if m == nil {
					continue
				}
				pattern, err := strconv.Unquote(m[1])
				require.NoError(t, err)
				require.Greater(t, len(wrong.Problems), found, wrong)
				p := wrong.Problems[found]
				require.Equal(t, i+1, p.Line, wrong)
				require.Regexp(t, pattern, p.Message)
				found++
			}
			if file != "testdata/errors/cycle_b.star" {
				require.Len(t, wrong.Problems, found, wrong)
			}
		})
	}
}

func ids(cases []runner.Case) []string {
	var all []string
	for _, c := range cases {
		all = append(all, c.ID)
	}
	return all
}

func TestDiscovery(t *testing.T) {
	const file = "testdata/discover/scenarios/regression/limits.star"
	all := []string{
		file + "::test_second[family=ipv4,n=1]", file + "::test_second[family=ipv4,n=2]",
		file + "::test_second[family=ipv6,n=1]", file + "::test_second[family=ipv6,n=2]",
		file + "::test_first",
	}
	for _, tt := range []struct {
		name  string
		paths []string
		want  []string
	}{
		{"a directory", []string{"testdata/discover"}, all},
		{"a file", []string{"./" + file}, all},
		{"a function", []string{file + "::test_second"}, all[:4]},
		{"a case", []string{file + "::test_second[family=ipv6,n=1]"}, all[2:3]},
		{"the same twice", []string{file, "testdata/discover/scenarios"}, all},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cases, err := starlark.Load(t.Context(), tt.paths, starlark.Options{})
			require.NoError(t, err)
			require.Equal(t, tt.want, ids(cases))
			require.Equal(t, file, cases[0].File)
		})
	}
	cases, err := starlark.Load(t.Context(), []string{file}, starlark.Options{})
	require.NoError(t, err)
	require.Equal(t, "Both limits hold.", cases[0].Title)
	require.Equal(t, 5, cases[0].Line)
}

func TestTags(t *testing.T) {
	cases, err := starlark.Load(t.Context(), []string{"testdata/discover/scenarios/regression/limits.star"}, starlark.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"limits", "mptcp_join.sh", "quick", "regression"}, cases[0].Tags)
	require.Equal(t, []string{"last word", "limits", "quick", "regression", "slow"}, cases[len(cases)-1].Tags)
}

func TestNamesAreThoseOfTheCommandLine(t *testing.T) {
	t.Chdir("testdata/discover/scenarios/regression")
	cases, err := starlark.Load(t.Context(), []string{"limits.star::test_first"}, starlark.Options{})
	require.NoError(t, err)
	require.Equal(t, []string{"limits.star::test_first"}, ids(cases))
}

func TestDiscoveryErrors(t *testing.T) {
	const dir = "testdata/discover/scenarios"
	for _, tt := range []struct{ path, want string }{
		{dir + "/regression/limit.star", "testdata/discover/scenarios/regression/limit.star: there is no file limit.star (did you mean limits.star?)"},
		{dir + "/regression/limits.star::test_frist", "there is no case test_frist (did you mean test_first?)"},
		{dir + "/regression/limits.star::test_second[family=ipv4]", "did you mean test_second[family=ipv4,n=1]?"},
		{"testdata/discover/scenarios/lib/none", "there is no file none"},
		{"stdlib/topology.star", "there are no cases"},
	} {
		_, err := starlark.Load(t.Context(), []string{tt.path}, starlark.Options{})
		require.ErrorContains(t, err, tt.want)
	}
}

func TestFileOutsideOfTheRoot(t *testing.T) {
	_, err := starlark.Load(t.Context(), []string{"testdata/language/values.star"}, starlark.Options{Root: "testdata/errors"})
	require.ErrorContains(t, err, "testdata/language/values.star is outside of the scenario root testdata/errors")
}

func TestEndOfContextEndsACase(t *testing.T) {
	for name, source := range map[string]string{
		"a loop":      "for i in range(1000000):\n        for j in range(1000000):\n            pass",
		"a built-in":  "a, b = lab.host(\"a\"), lab.host(\"b\")\n    lab.link(a, b)\n    lab.connect(a, b).client.receive_bytes(1, timeout = \"1h\")",
		"a condition": "lab.wait(lambda: False, timeout = \"1h\")",
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			file := filepath.Join(t.TempDir(), "x.star")
			require.NoError(t, os.WriteFile(file, []byte("def test_x(lab):\n    "+source+"\n"), 0o600))
			cases, err := starlark.Load(t.Context(), []string{file}, starlark.Options{})
			require.NoError(t, err)
			out := cases[0].Run(ctx, &fakeLab{})
			require.Equal(t, report.Error, out.Verdict)
			require.Contains(t, out.Message, "context canceled")
		})
	}
}

// A script that waits is not watched meanwhile, and again while it does something, be it in a condition.
func TestMemoryIsBounded(t *testing.T) {
	const grow = "    for i in range(1000000):\n        x.append([i, i, i, i])\n"
	for name, source := range map[string]string{
		"at once":        "def test_x(lab):\n    x = []\n" + grow,
		"after waiting":  "def test_x(lab):\n    x = []\n    check.never(lambda: False, during = \"1ms\")\n" + grow,
		"in a condition": "def test_x(lab):\n    lab.wait(grow)\n\ndef grow():\n    x = []\n" + grow + "    return True\n",
	} {
		t.Run(name, func(t *testing.T) { requireMemoryBound(t, source) })
	}
}

func requireMemoryBound(t *testing.T, source string) {
	file := filepath.Join(t.TempDir(), "x.star")
	require.NoError(t, os.WriteFile(file, []byte(source), 0o600))
	cases, err := starlark.Load(t.Context(), []string{file}, starlark.Options{MaxMemory: 64 << 20})
	require.NoError(t, err)
	out := cases[0].Run(t.Context(), &fakeLab{})
	require.Equal(t, report.Error, out.Verdict)
	require.Contains(t, out.Message, "more than 64 MiB of memory")
}
