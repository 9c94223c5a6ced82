package ipmptcp

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// What is typed wrong never reaches the path manager.
func TestWrongWords(t *testing.T) {
	const incomplete = "Command line is not complete. Try option \"help\"\n"
	argument := func(word, text string) string { return "Error: argument \"" + word + "\" is wrong: " + text + "\n" }
	unknown := func(word string) string { return "Command \"" + word + "\" is unknown, try \"ip mptcp help\".\n" }
	notAddress := func(word string) string {
		return "Error: any valid address is expected rather than \"" + word + "\".\n"
	}
	tests := []struct {
		line   string
		stderr string
		status int
	}{
		{"mptcp", mptcpUsage, 255},
		{"mptcp h", mptcpUsage, 255},
		{"mptcp help me", mptcpUsage, 255},
		{"mptcp x", unknown("x"), 255},
		{"mptcp endpoints", unknown("endpoints"), 255},
		{"mptcp endpoint x", unknown("x"), 255},
		{"mptcp limits x", unknown("x"), 255},
		{"mptcp monitor x", unknown("x"), 255},
		{"mptcp limits monitor x", unknown("x"), 255},

		{"mptcp endpoint add 10.0.1.1 id", incomplete, 255},
		{"mptcp endpoint add 10.0.1.1 dev", incomplete, 255},
		{"mptcp endpoint add 10.0.1.1 port", incomplete, 255},
		{"mptcp limits set subflows", incomplete, 255},
		{"mptcp limits set add_addr_accepted", incomplete, 255},

		{"mptcp endpoint add", "Error: argument \"ADDRESS\" is required\n", 255},
		{"mptcp endpoint add id 3 signal", "Error: argument \"ADDRESS\" is required\n", 255},
		{"mptcp endpoint delete", "Error: argument \"ID\" is required\n", 255},
		{"mptcp endpoint delete 10.0.1.1", "Error: argument \"ID\" is required\n", 255},
		{"mptcp endpoint add 10.0.1.1 id 256", argument("256", "invalid ID\n"), 255},
		{"mptcp endpoint add 10.0.1.1 id 0", argument("ID", "cannot be 0\n"), 255},
		{"mptcp endpoint change id 0 backup", argument("ID", "cannot be 0\n"), 255},
		{"mptcp endpoint show id 0", argument("ID", "cannot be 0\n"), 255},
		{"mptcp endpoint delete id 0", argument("ID", "address is needed for deleting id 0 address\n"), 255},
		{"mptcp endpoint delete id 1 10.0.1.1", argument("ADDRESS", "invalid for non-zero id address\n"), 255},
		{"mptcp endpoint add 10.0.1.1 dev .", argument(".", "invalid interface name\n"), 255},
		{"mptcp endpoint add 10.0.1.1 dev e7", argument("e7", "device does not exist\n"), 255},
		{"mptcp endpoint add 10.0.1.1 port 65536", argument("65536", "expected port"), 255},
		{"mptcp endpoint add 10.0.1.1 port 1", argument("port", "flags must have signal when using port"), 255},
		{"mptcp endpoint change id 1 port 1", argument("port", "port can't be used with id"), 255},
		{
			"mptcp endpoint add signal fullmesh",
			argument("fullmesh", "flags mustn't have both signal and fullmesh"), 255,
		},
		{"mptcp endpoint change signal", argument("signal", "invalid flags, backup and fullmesh only"), 255},
		{"mptcp endpoint change id 1 backup laminar", argument("laminar", "invalid flags, backup and fullmesh only"), 255},
		{"mptcp endpoint add sig", notAddress("sig"), 1},
		{"mptcp endpoint add address 10.0.1.1", notAddress("address"), 1},
		{"mptcp endpoint add ids 3", notAddress("ids"), 1},

		{"mptcp limits set subflows -1", argument("-1", "invalid subflows\n"), 255},
		{"mptcp limits set add_addr_accepted 4294967296", argument("4294967296", "invalid add_addr_accepted\n"), 255},
		{"mptcp limits set subflow5 1", argument("subflow5", "unknown limit"), 255},

		// The first fault counts: words from left to right, and what they say together at the end.
		{"mptcp endpoint add id 0 id x", argument("x", "invalid ID\n"), 255},
		{"mptcp endpoint add id 0", "Error: argument \"ADDRESS\" is required\n", 255},
		{"mptcp endpoint add 10.0.1.1 id 0 port 1", argument("ID", "cannot be 0\n"), 255},

		{"", usage, 255},
		{"help", usage, 255},
		{"m", "Object \"m\" is unknown, try \"ip help\".\n", 1},
		{"link", "Object \"link\" is unknown, try \"ip help\".\n", 1},
		{"mptcpx", "Object \"mptcpx\" is unknown, try \"ip help\".\n", 1},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			f := &fake{}
			require.Equal(t, outcome{"", tt.stderr, tt.status}, f.run(t, tt.line, Command{}))
			require.Empty(t, f.requests)
		})
	}
}

// A flag word is a whole word.
func TestWordsWithBlanks(t *testing.T) {
	for _, word := range []string{"", " ", "signal backup", "signal ", "signal\u00a0"} {
		got, _ := (&fake{}).runWords(t, []string{"mptcp", "endpoint", "add", word}, Command{})
		require.Equal(t, outcome{"", "Error: any valid address is expected rather than \"" + word + "\".\n", 1}, got)
	}
}

func TestNoPathManager(t *testing.T) {
	const absent = "RTNETLINK answers: No such file or directory\nError talking to the kernel\n"
	for _, line := range []string{"mptcp endpoint", "mptcp x", "mptcp endpoint add nonsense", "mptcp monitor"} {
		require.Equal(t, outcome{"", absent, 1}, (&fake{absent: true}).run(t, line, Command{}))
	}
	require.Equal(t, outcome{"", mptcpUsage, 255}, (&fake{absent: true}).run(t, "mptcp help", Command{}))
}

func TestRefusals(t *testing.T) {
	tests := []struct {
		err    error
		stderr string
	}{
		{&Refusal{Errno: syscall.EINVAL, Message: "address not found"}, "Error: address not found.\n"},
		{&Refusal{Errno: syscall.EINVAL, Message: "Sorry."}, "Error: Sorry.\n"},
		{&Refusal{Errno: syscall.EPERM}, "RTNETLINK answers: Operation not permitted\n"},
		{&Refusal{Errno: syscall.EINVAL, Missing: 4}, "Missing required attribute type 4\nRTNETLINK answers: Invalid argument\n"},
		{os.NewSyscallError("sendmsg", syscall.ENOBUFS), "Cannot talk to rtnetlink: No buffer space available\n"},
		{errors.New("the peer is a model"), "Cannot talk to rtnetlink: the peer is a model\n"},
	}
	for _, tt := range tests {
		for _, line := range []string{
			"mptcp endpoint add 10.0.1.1", "mptcp endpoint delete id 1", "mptcp endpoint change id 1", "mptcp endpoint show id 1",
			"-j mptcp endpoint show id 1", "mptcp endpoint flush", "mptcp limits", "mptcp limits set",
		} {
			f := &fake{err: tt.err}
			require.Equal(t, outcome{"", tt.stderr, 2}, f.run(t, line, Command{}), line)
		}
		f := &fake{err: tt.err}
		require.Equal(t, outcome{"", tt.stderr + "Dump terminated\n", 2}, f.run(t, "mptcp endpoint", Command{}))
		require.Equal(t, outcome{"[]\n", tt.stderr + "Dump terminated\n", 2}, f.run(t, "-j mptcp endpoint", Command{}))
	}
}

func TestWarning(t *testing.T) {
	f := &fake{replies: []Reply{{Warning: "deprecated"}}}
	require.Equal(t, outcome{"", "Warning: deprecated.\n", 0}, f.run(t, "mptcp endpoint flush", Command{}))
}

func TestInterruptedDump(t *testing.T) {
	f := &fake{replies: []Reply{{Interrupted: true}}}
	require.Equal(t, outcome{"", "Dump was interrupted and may be inconsistent.\n", 0}, f.run(t, "mptcp endpoint", Command{}))
}

// The links are listed for names only, and once.
func TestLinksAreListedWhenNeeded(t *testing.T) {
	e := endpoint(t, pm.Endpoint{ID: 1, IfIndex: 10})
	for line, want := range map[string]int{
		"mptcp endpoint":                     1,
		"mptcp endpoint show id 1":           1,
		"mptcp limits":                       0,
		"mptcp endpoint flush":               0,
		"mptcp endpoint add 10.0.1.1 dev e0": 1,
	} {
		f := &fake{replies: []Reply{{Messages: []Message{e}}}}
		f.run(t, line, Command{})
		require.Equal(t, want, f.lists, line)
	}
	f := &fake{}
	f.run(t, "mptcp endpoint", Command{})
	require.Zero(t, f.lists, "nothing to show")
}

type fullDevice struct{}

func (fullDevice) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

func TestFullDeviceIsIgnored(t *testing.T) {
	f := &fake{replies: []Reply{{Messages: []Message{endpoint(t, pm.Endpoint{ID: 1})}}}}
	c := f.with(Command{Stdout: fullDevice{}})
	require.Zero(t, c.Run(context.Background(), []string{"mptcp", "endpoint"}).Status)
}

func TestNothingIsNeededButANamespace(t *testing.T) {
	f := &fake{}
	require.Zero(t, f.with(Command{}).Run(t.Context(), []string{"-t", "-r", "-c=auto", "mptcp", "limits"}).Status)
	require.Zero(t, f.with(Command{}).Run(t.Context(), []string{"-b", "-"}).Status)
	require.Equal(t,
		outcome{"", "Cannot open file \"f\" for reading: there are no files here\n", 1}, f.run(t, "-b f", Command{}))
}
