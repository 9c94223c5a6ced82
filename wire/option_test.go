package wire

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseOptionErrors(t *testing.T) {
	for _, c := range []struct{ hex, want string }{
		{"", "MPTCP option: 0 bytes, want at least 3"},
		{"1e", "MPTCP option: 1 bytes, want at least 3"},
		{"1e02", "MPTCP option: length 2 leaves no room for a subtype"},
		{"0204ffff", "MPTCP option: kind 2, want 30"},
		{"1e0501ff", "MPTCP option: length byte 5, but 4 bytes"},
		{"1e0301", "MP_CAPABLE: length 3, want 4, 12, 20, 22 or 24"},
		{"1e0311", "MP_JOIN: length 3, want 12 (SYN), 16 (SYN-ACK) or 24 (ACK)"},
		{"1e0320", "DSS: length 3, want at least 4"},
		{"1e06200a0000", "DSS: length 6, want 4 by its flags 0x0a"},
		{"1e042003", "DSS: length 4, want 12 by its flags 0x03"},
		{"1e0420ff", "DSS: length 4, want 26, or 28 with a checksum, by its flags 0xff"},
		{"1e0330", "ADD_ADDR: length 3, want 16, 18, 28 or 30"},
		{"1e0830010a000201", "ADD_ADDR: length 8, want 16, 18, 28 or 30"},
		{"1e0931010a00020100", "ADD_ADDR: length 9, want 8, 10, 20 or 22 for an echo"},
		{"1e0a31010a0002010000", "ADD_ADDR: port 0, which is said by leaving the port out"},
		{"1e0340", "REMOVE_ADDR: length 3, want at least 4"},
		{"1e045001", "MP_PRIO: length 4, want 3"},
		{"1e046000", "MP_FAIL: length 4, want 12"},
		{"1e047000", "MP_FASTCLOSE: length 4, want 12"},
		{"1e0380", "MP_TCPRST: length 3, want 4"},
	} {
		t.Run(c.hex, func(t *testing.T) {
			_, err := ParseOption(unhex(t, c.hex))
			require.EqualError(t, err, c.want)
		})
	}
}

func TestAppendOptionErrors(t *testing.T) {
	address := netip.MustParseAddr("10.0.2.1")
	for _, c := range []struct {
		name   string
		option Option
		want   string
	}{
		{"nil", nil, "MPTCP option: nil"},
		{"version", &MPCapable{Version: 16}, "MP_CAPABLE: version 16 does not fit in 4 bits"},
		{"crypto", &MPCapable{Crypto: 0x20}, "MP_CAPABLE: crypto flags 0x20 do not fit in 5 bits"},
		{"second key", &MPCapable{HasReceiverKey: true}, "MP_CAPABLE: a receiver's key needs a sender's key"},
		{"data", &MPCapable{HasSenderKey: true, HasData: true}, "MP_CAPABLE: a data length needs both keys"},
		{"checksum", &MPCapable{HasChecksum: true}, "MP_CAPABLE: a checksum needs a data length"},
		{"phase", &MPJoin{Phase: 3}, "MP_JOIN: unknown phase JoinPhase(3)"},
		{"64-bit ack", &DSS{Ack64: true}, "DSS: a 64-bit acknowledgement, but no acknowledgement"},
		{"64-bit DSN", &DSS{DSN64: true}, "DSS: a 64-bit DSN, but no mapping"},
		{"DSS checksum", &DSS{HasChecksum: true}, "DSS: a checksum needs a mapping"},
		{"large ack", &DSS{HasAck: true, Ack: 1 << 32}, "DSS: acknowledgement 4294967296 does not fit in 32 bits"},
		{"large DSN", &DSS{HasMapping: true, DSN: 1 << 32}, "DSS: DSN 4294967296 does not fit in 32 bits"},
		{"no address", &AddAddr{ID: 1}, "ADD_ADDR: no address"},
		{"zone", &AddAddr{Address: netip.MustParseAddr("fe80::1%eth1")}, "ADD_ADDR: address fe80::1%eth1 has a zone"},
		{"echo", &AddAddr{Echo: true, Address: address, HMAC: 1}, "ADD_ADDR: an echo carries no HMAC"},
		{"no ids", &RemoveAddr{}, "REMOVE_ADDR: no address id"},
		{
			"many ids", &RemoveAddr{IDs: make([]uint8, 38)},
			"REMOVE_ADDR: length 41, more than the 40 bytes that a TCP header has for options",
		},
		{"reset flags", &TCPRst{Flags: 0x10}, "MP_TCPRST: flags 0x10 do not fit in 4 bits"},
		{"bytes", &Unknown{Bytes: []byte{30, 4, 0x90}}, "UNKNOWN: MPTCP option: length byte 4, but 3 bytes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dst := []byte{0xaa}
			out, err := AppendOption(dst, c.option)
			require.EqualError(t, err, c.want)
			require.Equal(t, dst, out)
		})
	}
}

func TestReservedBitsAreIgnored(t *testing.T) {
	for _, c := range []struct{ in, out string }{
		{"1e0c1e010000000100000002", "1e0c10010000000100000002"}, // MP_JOIN SYN
		{"1e0420fa", "1e042010"},                                 // DSS, with size flags of what is not there
		{"1e035e", "1e0350"},                                     // MP_PRIO
		{"1e0c6fff0000000000000007", "1e0c60000000000000000007"}, // MP_FAIL
		{"1e0c7fff0000000000000007", "1e0c70000000000000000007"}, // MP_FASTCLOSE
	} {
		t.Run(c.in, func(t *testing.T) {
			o, err := ParseOption(unhex(t, c.in))
			require.NoError(t, err)
			b, err := AppendOption(nil, o)
			require.NoError(t, err)
			require.Equal(t, c.out, hex.EncodeToString(b))
		})
	}
}

func TestNames(t *testing.T) {
	want := []string{
		"MP_CAPABLE", "MP_JOIN", "DSS", "ADD_ADDR", "REMOVE_ADDR", "MP_PRIO", "MP_FAIL", "MP_FASTCLOSE", "MP_TCPRST", "UNKNOWN",
	}
	seen := map[string]bool{}
	for _, v := range vectors {
		seen[v.option.Name()] = true
		require.Contains(t, want, v.option.Name())
	}
	require.Len(t, seen, len(want))
}

func FuzzParseOption(f *testing.F) {
	for _, v := range vectors {
		f.Add(unhex(f, v.hex))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := ParseOption(b)
		if err != nil {
			return
		}
		_ = o.String()
		out, err := AppendOption(nil, o)
		if len(b) > maxOption {
			require.Error(t, err)
			return
		}
		require.NoError(t, err)
		require.Len(t, out, len(b))
		again, err := ParseOption(out)
		require.NoError(t, err)
		require.Equal(t, o, again)
	})
}
