package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestFailure classifies the consoles of testdata, all but lockup.txt from machines that ended so.
func TestFailure(t *testing.T) {
	for _, tt := range []struct{ console, what, hint string }{
		{"oops", "the kernel panicked: Fatal exception in interrupt", ""},
		{"panic", "the kernel panicked: sysrq triggered crash", ""},
		{"memory", "the machine ran out of memory", "give it more: --memory"},
		{"init", "the kernel did not start the program", "it needs CONFIG_BLK_DEV_INITRD and CONFIG_BINFMT_ELF"},
		{"lockup", "the kernel hung: soft lockup - CPU#0 stuck for 26s! [mptcp-lab:68]", ""},
		{"quiet", "as seen", "as known"},
	} {
		t.Run(tt.console, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", "console", tt.console+".txt"))
			require.NoError(t, err)
			f := failure(consoleText(text), "as seen", "as known")
			require.Contains(t, f.What, tt.what)
			require.Equal(t, tt.hint, f.Hint)
			require.LessOrEqual(t, len(f.Console), consoleLines+1)
			golden := filepath.Join("testdata", "console", tt.console+".golden")
			if os.Getenv("UPDATE_GOLDEN") != "" {
				require.NoError(t, os.WriteFile(golden, []byte(f.Error()+"\n"), 0o644))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), f.Error()+"\n")
		})
	}
}

func TestFailureWithoutConsole(t *testing.T) {
	require.EqualError(t, failure(nil, "silent", "wait longer"), "silent\nwait longer\nits console showed nothing")
}

func TestConsoleKeepsTheEnd(t *testing.T) {
	var c console
	_, _ = c.Write([]byte(strings.Repeat("x", consoleBytes) + "\n"))
	_, _ = c.Write([]byte("\x1b[2J\x1b[01;01Hlast\r\n"))
	lines := c.lines()
	require.Equal(t, "last", lines[len(lines)-1])
	require.LessOrEqual(t, len(c.text), consoleBytes)
}

func FuzzConsoleText(f *testing.F) {
	f.Add([]byte("[    0.0] a\r\n\x1b[31mb\xff\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		lines := consoleText(text)
		for _, l := range lines {
			require.NotContains(t, l, "\x1b")
			require.NotContains(t, l, "\n")
		}
		_ = failure(lines, "", "").Error()
	})
}
