package starlark_test

import (
	"bytes"
	"context"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/starlark"
)

func newSession(t *testing.T) (*starlark.Session, *bytes.Buffer) {
	var out bytes.Buffer
	s, err := starlark.NewSession(t.Context(), &fakeLab{}, starlark.Options{}, &out)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s, &out
}

// say types lines into the session, until all are read.
func say(t *testing.T, s *starlark.Session, text string) {
	lines := strings.SplitAfter(text, "\n")
	for {
		err := s.Statement(t.Context(), func() ([]byte, error) {
			if len(lines) == 0 || lines[0] == "" {
				return nil, io.EOF
			}
			line := lines[0]
			lines = lines[1:]
			return []byte(line), nil
		}, func(run func(context.Context)) { run(t.Context()) })
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			return
		}
	}
}

func TestSessionStatement(t *testing.T) {
	long := strings.Repeat("a", 60)
	tests := []struct{ name, typed, shown string }{
		{"expression", "1 + 1\n", "2\n"},
		{"None", "None\n", ""},
		{"name", "x = 1\nx\n", "1\n"},
		{"changed", "x = [1]\nx.append(2)\nx\nx = 'new'\nx\n", "[1, 2]\n\"new\"\n"},
		{"last value", "20 + 1\n_ * 2\n", "21\n42\n"},
		{"two in a line", "x = 1; x\n", "1\n"},
		{"several lines", "x = (1,\n2)\nx\n", "(1, 2)\n"},
		{"function", "def f(n):\n  return n + 1\n\nf(2)\n", "3\n"},
		{"loop", "for n in [1, 2]:\n  print(n)\n\n", "1\n2\n"},
		{"condition", "if True:\n  print('so')\n\n", "so\n"},
		{"long list", "['" + long + "', '" + long + "']\n", "[\n    \"" + long + "\",\n    \"" + long + "\",\n]\n"},
		{"comment", "# why?\n1 # why?\n", "1\n"},
		{"error", "x = 1\nx + 'a'\nx\n", "<input>:2: unknown binary op: int + string\n    > x + 'a'\n1\n"},
		{"wrong syntax", "x = 1\nx +\nx\n", "<input>:2:4: got newline, want primary expression\n1\n"},
		{"misspelt", "count = 1\ncuont\ncount\n", "<input>:2:1: undefined: cuont (did you mean count?)\n1\n"},
		{"in a function of before", "def f(n):\n  return n + 1\n\nf('')\n", "<input>:2: unknown binary op: string + int\n    > return n + 1\n    called at <input>:4 in <expr>\n"},
		{"failed check", "check.equal(1, 2)\n", "<input>:1: check.equal: not equal\n    > check.equal(1, 2)\n    expected: 2\n    seen:     1\n"},
		{"much memory", "'a' * (1 << 40)\n1\n", "<input>:1: too large: at most 1048576 items or 16777216 bytes of text can be made at once\n    > 'a' * (1 << 40)\n1\n"},
		{"no such module", "load('no.star', 'x')\n", "<input>:1: cannot load no.star: there is no file no.star\n    > load('no.star', 'x')\n"},
		{"question", "check.equal?\n", "check.equal(actual, expected"},
		{"question about nothing", "chek?\n", "the language has no chek (did you mean check?)\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, out := newSession(t)
			say(t, s, test.typed)
			if test.name == "question" {
				require.Contains(t, out.String(), test.shown)
				return
			}
			require.Equal(t, test.shown, out.String())
		})
	}
}

// A module that was changed is read again.
func TestSessionLoadsAgain(t *testing.T) {
	t.Chdir(t.TempDir())
	s, out := newSession(t)
	for _, text := range []string{"x = 1", "x = ", "x = 2"} {
		require.NoError(t, os.WriteFile("m.star", []byte(text), 0o600))
		say(t, s, "load('m.star', 'x')\nx\n")
	}
	require.Equal(t, "1\n<input>:3: cannot load m.star: m.star:1:5: got end of file, want primary expression\n"+
		"    > load('m.star', 'x')\n1\n2\n", out.String())
}

func TestComplete(t *testing.T) {
	s, _ := newSession(t)
	require.NoError(t, s.Run(t.Context(), []byte("counted = 1\ndef made(name, colour = 1):\n    return name\n")))
	tests := []struct {
		line, head string
		words      []string
	}{
		{"cou", "", []string{"counted"}},
		{"x = cou", "x = ", []string{"counted"}},
		{"lab.conn", "lab.", []string{"connect"}},
		{"lab.nothing.x", "lab.nothing.", nil},
		{"check.counters", "check.", []string{"counters"}},
		{"made(col", "made(", []string{"colour = "}},
		{"made(lab.host(rou", "made(lab.host(", []string{"router = "}},
		{"made(lab.host('a)'), col", "made(lab.host('a)'), ", []string{"colour = "}},
		{"made([col", "made([", nil},
		{"made('(', na", "made('(', ", []string{"name = "}},
		{"'a'.upp", "'a'.", nil},
		{`made("\"(", col`, `made("\"(", `, []string{"colour = "}},
		{"made({'a': 1}, col", "made({'a': 1}, ", []string{"colour = "}},
		{") made(col", ") made(", []string{"colour = "}},
		{"made(1) + cou", "made(1) + ", []string{"counted"}},
	}
	for _, test := range tests {
		t.Run(test.line, func(t *testing.T) {
			head, words := s.Complete(t.Context(), test.line)
			require.Equal(t, test.head, head)
			require.ElementsMatch(t, test.words, words)
		})
	}
	_, all := s.Complete(t.Context(), "")
	require.Subset(t, all, []string{"lab", "help", "check", "sorted", "counted"})
	for _, name := range all {
		require.NotContains(t, name, " ", "a guard")
	}
}

func FuzzComplete(f *testing.F) {
	s, err := starlark.NewSession(f.Context(), &fakeLab{}, starlark.Options{}, io.Discard)
	require.NoError(f, err)
	f.Cleanup(func() { require.NoError(f, s.Close()) })
	for _, line := range []string{"lab.", "check.equal(lab.host('", "f((([", "é.ü(", "..", "lab..x"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		head, _ := s.Complete(t.Context(), line)
		require.True(t, strings.HasPrefix(line, head))
	})
}
