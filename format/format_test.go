package format_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/format"
	"github.com/mptcp-lab/mptcp-lab/starlark"
)

func TestSource(t *testing.T) {
	for _, tt := range []struct {
		name, source, want string
	}{
		{"spaces", "def f( a,b=1 ):\n  return a+b\n", "def f(a, b = 1):\n    return a + b\n"},
		{"quotes", "x = 'a'\n", "x = \"a\"\n"},
		{"one argument a line", "f(\n    1, 2)\n", "f(\n    1,\n    2,\n)\n"},
		{
			"loads come first, sorted", "\"\"\"Doc.\"\"\"\nload(\"b.star\", \"y\", \"x\")\nx()\nload(\"a.star\", \"z\")\n",
			"\"\"\"Doc.\"\"\"\n\nload(\"a.star\", \"z\")\nload(\"b.star\", \"x\", \"y\")\n\nx()\n",
		},
		{"loads of one module are one", "load(\"a.star\", \"x\")\nload(\"a.star\", \"y\")\n", "load(\"a.star\", \"x\", \"y\")\n"},
		{"comments stay", "x = 1 # one\n# two\ny = 2\n", "x = 1  # one\n\n# two\ny = 2\n"},
		{"bytes", `x = [b'\xff',rb"\d",b"",b'"',"é"+b"""a""" ]` + "\n", `x = [b"\xff", rb"\d", b"", b'"', "é" + b"""a"""]` + "\n"},
		{"escapes", `x = '\u00e9\t'+"\""+"\U0001F600"` + "\n", `x = "\u00e9\t" + "\"" + "\U0001F600"` + "\n"},
		{"bytes behind other literals of the line", `x = ("é", b'a', "\x7f", b'b')` + "\n", `x = ("é", b"a", "\x7f", b"b")` + "\n"},
		{"numbers", "x = [0x0F, 0o17, 1e3, .5]\n", "x = [0x0F, 0o17, 1e3, .5]\n"},
		{"empty", "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := format.Source("x.star", []byte(tt.source))
			require.NoError(t, err)
			require.Equal(t, tt.want, string(got))
		})
	}
}

func TestSourceErrors(t *testing.T) {
	_, err := format.Source("x.star", []byte("def f(:\n"))
	var wrong *starlark.ScriptError
	require.ErrorAs(t, err, &wrong)
	require.EqualError(t, err, "x.star:1:8: got ':', want ')'")

	_, err = format.Source("x.star", []byte("x = '\xc0'"))
	require.EqualError(t, err, "x.star: cannot be formatted: it is not UTF-8")

	var every []rune
	for r := '\uE000'; r <= '\uF8FF'; r++ {
		every = append(every, r)
	}
	_, err = format.Source("x.star", []byte(`x = "`+string(every)+`"`))
	require.ErrorContains(t, err, "x.star: cannot be formatted: it has every rune for private use")
}

func TestWrite(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.star")
	require.NoError(t, os.WriteFile(name, []byte("x=1\n"), 0o600))
	f, err := format.Open(name)
	require.NoError(t, err)
	require.True(t, f.Differs())
	require.NoError(t, f.Write())
	f, err = format.Open(name)
	require.NoError(t, err)
	require.Equal(t, "x = 1\n", string(f.Source))
	require.False(t, f.Differs())
	info, err := os.Stat(name)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode().Perm())
}

// FuzzSource formats whatever can be parsed: the result can be parsed too, has the same literals and names, and stays as it is when it
// is formatted again.
func FuzzSource(f *testing.F) {
	f.Add("\"\"\"Doc.\"\"\"\nload(\"b.star\", \"y\", x = \"z\")\n\n# Said\ndef f(a, b = 1, *c, **d):  # here\n  for e in [g for g in c if g]: pass\n")
	f.Add("x = lambda a: (a if not -a else {1: 2, \"k\": [3,],})[1:2]\nx.y += f(\n  1, a=2, *c)\n")
	f.Add(`x = [b'\xff', rb"\d", "\u00e9"]`)
	f.Fuzz(func(t *testing.T, source string) {
		before, err := starlark.Parse("x.star", []byte(source))
		if err != nil {
			t.Skip("no script")
		}
		formatted, err := format.Source("x.star", []byte(source))
		if err != nil {
			t.Skip("the formatter says that it cannot")
		}
		after, err := starlark.Parse("x.star", formatted)
		require.NoError(t, err, "%s", formatted)
		require.Equal(t, words(before), words(after))
		again, err := format.Source("x.star", formatted)
		require.NoError(t, err)
		require.Equal(t, string(formatted), string(again))
	})
}

// words are the literals and names of a script, without the modules of its loads, which may be moved and merged.
func words(f *syntax.File) []string {
	var all []string
	syntax.Walk(f, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.LoadStmt:
			return false
		case *syntax.Literal:
			all = append(all, fmt.Sprintf("%v %v", n.Token, n.Value))
		case *syntax.Ident:
			all = append(all, n.Name)
		}
		return true
	})
	slices.Sort(all)
	return all
}

func ExampleSource() {
	formatted, err := format.Source("x.star", []byte("def test_x( lab ):\n  check.equal( 1,1 )\n"))
	if err != nil {
		fmt.Println(err)
	}
	fmt.Print(string(formatted))
	// Output:
	// def test_x(lab):
	//     check.equal(1, 1)
}
