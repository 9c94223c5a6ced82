package ipmptcp

import (
	"encoding/binary"
	"encoding/hex"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRequests(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the bytes here are those of a little-endian machine")
	}
	const addr = "06000100 02000000 08000300 0a000101" // 10.0.1.1
	tests := []struct {
		line string
		cmd  Cmd
		want string
	}{
		{
			"mptcp endpoint add 10.0.1.1 dev e0 id 3 port 8000 signal", CmdAddAddr,
			"34000180 05000200 03000000 08000600 01000000 08000700 0a000000 06000500 401f0000" + addr,
		},
		{"mptcp e a 10.0.1.1 d e0 i 3 p 8000 signal", CmdAddAddr, "34000180 05000200 03000000 08000600 01000000 08000700 0a000000 06000500 401f0000" + addr},
		{"mptcp endpoint add 10.0.1.1", CmdAddAddr, "14000180" + addr},
		{"mptcp endpoint add 10.0.9.9 10.0.1.1", CmdAddAddr, "14000180" + addr},
		{"mptcp endpoint add 10.0.1.1 nobackup nofullmesh port 0", CmdAddAddr, "14000180" + addr},
		{"mptcp endpoint add 10.0.1.1 backup nobackup", CmdAddAddr, "1c000180 08000600 04000000" + addr},
		{"mptcp endpoint add 10.0.1.1 dev if4294967295", CmdAddAddr, "1c000180 08000700 ffffffff" + addr},
		{
			"mptcp endpoint add ::ffff:10.0.1.1", CmdAddAddr,
			"20000180 06000100 0a000000 14000400 00000000000000000000ffff0a000101",
		},
		{"mptcp endpoint add any", CmdAddAddr, "10000180 06000100 00000000 04000400"},
		{"mptcp endpoint change", CmdSetFlags, "04000180"},
		{"mptcp endpoint change id 1 backup fullmesh", CmdSetFlags, "14000180 05000200 01000000 08000600 0c000000"},
		{"mptcp endpoint change 10.0.1.1 port 9 nobackup", CmdSetFlags, "1c000180 06000500 09000000" + addr},
		{"mptcp endpoint delete id 0 10.0.1.1", CmdDelAddr, "1c000180 05000200 00000000" + addr},
		{"mptcp endpoint delete id 3 signal", CmdDelAddr, "14000180 05000200 03000000 08000600 01000000"},
		{"mptcp endpoint show id 3", CmdGetAddr, "0c000180 05000200 03000000"},
		{"mptcp endpoint show 10.0.1.1", CmdGetAddr, "14000180" + addr},
		{"mptcp endpoint flush whatever", CmdFlushAddrs, ""},
		{"mptcp limits", CmdGetLimits, ""},
		{"mptcp limits s", CmdSetLimits, ""},
		{"mptcp limits sh", CmdGetLimits, ""},
		{"mptcp limits show subflows 1", CmdGetLimits, "08000300 01000000"},
		{"mptcp limits set s 8 a 0x2 s 1", CmdSetLimits, "08000200 02000000 08000300 01000000"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			f := &fake{}
			require.Zero(t, f.run(t, tt.line, Command{}).status)
			require.Len(t, f.requests, 1)
			got := f.requests[0]
			require.Equal(t, tt.cmd, got.Cmd)
			require.False(t, got.Dump)
			require.Equal(t, hex.EncodeToString(unhex(t, tt.want)), hex.EncodeToString(got.Attrs))
		})
	}
	for _, line := range []string{"mptcp endpoint", "mptcp endpoint show", "mptcp e s"} {
		f := &fake{}
		require.Zero(t, f.run(t, line, Command{}).status)
		require.Equal(t, []Request{{Cmd: CmdGetAddr, Dump: true}}, f.requests)
	}
}

// TestRequestNames reads back what a line asks for.
func TestRequestNames(t *testing.T) {
	tests := []struct{ line, endpoint, limits string }{
		{"mptcp endpoint add 10.0.1.1 id 3 port 8000 signal", "10.0.1.1 port 8000 id 3 signal", ""},
		{"mptcp endpoint delete id 7", "id 7", ""},
		{"mptcp endpoint flush", "", ""},
		{"mptcp limits set s 8", "", "subflows 8"},
		{"mptcp limits set s 8 a 0x2", "", "add_addr_accepted 2 subflows 8"},
	}
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			f := &fake{}
			require.Zero(t, f.run(t, tt.line, Command{}).status)
			got := f.requests[0]
			e, named := got.Endpoint()
			require.Equal(t, tt.endpoint != "", named)
			if named {
				require.Equal(t, tt.endpoint, e.String())
			}
			require.Equal(t, tt.limits, got.Limits().String())
		})
	}
}
