package ipmptcp

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOptions(t *testing.T) {
	unknown := func(word string) outcome {
		return outcome{"", "Option \"" + word + "\" is unknown, try \"ip -help\".\n", 255}
	}
	required := func(what string) outcome { return outcome{"", "Error: argument \"" + what + "\" is required\n", 255} }
	fine := outcome{"", "", 0}
	tests := []struct {
		line string
		want outcome
	}{
		{"-z mptcp endpoint", unknown("-z")},
		{"--zzz mptcp endpoint", unknown("-zzz")},
		{"---j mptcp endpoint", unknown("--j")},
		{"-jsonx mptcp endpoint", unknown("-jsonx")},
		{"-c=foo mptcp endpoint", unknown("-c=foo")},
		{"-j=always mptcp endpoint", unknown("-j=always")},
		{"-ec mptcp endpoint", unknown("-ec")},
		{"-v mptcp endpoint", unknown("-v")},
		{"-44 mptcp endpoint", unknown("-44")},
		{"--json mptcp endpoint", outcome{"[]\n", "", 0}},
		{"-js mptcp endpoint", outcome{"[]\n", "", 0}},
		{"-j -- mptcp endpoint", outcome{"[]\n", "", 0}},
		{"-- -j", outcome{"", "Object \"-j\" is unknown, try \"ip help\".\n", 1}},
		{"-", required("loop count")},
		{"- 3 mptcp endpoint", fine},
		{"-l x mptcp endpoint", fine},
		{"-lo", required("loop count")},
		{"-f", required("family type")},
		{"-b", required("batch file")},
		{"-rc", required("rcvbuf size")},
		{"-f inet6 mptcp endpoint", fine},
		{"-f help", outcome{"", usage, 255}},
		{"-f ip mptcp endpoint", outcome{"", "Error: argument \"ip\" is wrong: invalid protocol family\n", 255}},
		{"-rc x mptcp endpoint", outcome{"", "Invalid rcvbuf size 'x'\n", 255}},
		{"-h mptcp endpoint", fine},
		{"-human-readable mptcp endpoint", fine},
		{"-he", outcome{"", usage, 255}},
		{"-help mptcp", outcome{"", usage, 255}},
		{"-V", outcome{versionText, "", 0}},
		{"-Vers -z", outcome{versionText, "", 0}},
		{"-z -V", unknown("-z")},
		{"-n", outcome{"", "Cannot open network namespace \"(null)\": No such file or directory\n", 255}},
		{"-n red -z", outcome{"", "Cannot open network namespace \"red\": No such file or directory\n", 255}},
		{"-net blue mptcp endpoint", fine},
		{"-echo mptcp endpoint", fine},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			require.Equal(t, tt.want, (&fake{}).run(t, tt.line, Command{}))
		})
	}
}

func TestReceiveBuffer(t *testing.T) {
	for line, want := range map[string]int{
		"mptcp endpoint":            1 << 20,
		"-rc 0x1000 mptcp endpoint": 4096,
		"-rc 1 -r -rcv 2 mptcp e":   2,
	} {
		f := &fake{}
		f.run(t, line, Command{})
		require.Equal(t, []int{want}, f.buffers)
	}
}
