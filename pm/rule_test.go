package pm

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRule(t *testing.T) {
	tests := []struct {
		name string
		err  Error
		want string
	}{
		{
			"by command, number and text",
			Error{Op: "add endpoint 10.0.2.1 port 1", Errno: syscall.EINVAL, Message: "flags must have signal and not subflow when using port"},
			"a port needs the flag signal, without subflow: add signal, or leave out the port",
		},
		{
			"text of a kernel before 6.15",
			Error{Op: "set limits subflows 9", Errno: syscall.EINVAL, Message: "limit greater than maximum"},
			"each limit is 0 to 8",
		},
		{
			"no text, of a kernel without the command",
			Error{Op: "announce 10.0.2.1 id 3 signal on token 00000001", Errno: syscall.EOPNOTSUPP},
			textUserspace,
		},
		{
			"privilege, whatever the command",
			Error{Op: "listen to mptcp_pm_events", Errno: syscall.EPERM},
			"this needs CAP_NET_ADMIN in the user namespace that owns the network namespace: run as root, or in a user namespace of your own",
		},
		{"another number", Error{Op: "set limits subflows 9", Errno: syscall.ERANGE, Message: "limit greater than maximum (8)"}, ""},
		{"another command", Error{Op: "get limits", Errno: syscall.EINVAL, Message: "limit greater than maximum (8)"}, ""},
		{"another text", Error{Op: "set limits subflows 9", Errno: syscall.EINVAL, Message: "no more of that"}, ""},
		{"nothing", Error{}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) { require.Equal(t, tt.want, tt.err.Rule()) })
	}
}

// A row below one that covers it would never be found.
func TestNoRuleHidesAnother(t *testing.T) {
	for _, r := range rules {
		e := &Error{Op: r.op, Errno: r.errno, Message: r.message}
		require.Equal(t, r.String(), RuleRow(e))
		require.Equal(t, r.text, e.Rule())
	}
}
