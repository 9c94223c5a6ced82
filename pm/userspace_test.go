package pm

import (
	"encoding/hex"
	"io"
	"net/netip"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"github.com/stretchr/testify/require"
)

func TestUserspaceRequests(t *testing.T) {
	const (
		token  = "08000400" + "01efcdab"
		second = "0600010002000000" + "080003000a000202"
	)
	local := netip.MustParseAddrPort("10.0.2.2:4000")
	remote := netip.MustParseAddrPort("[2001:db8::1]:8000")
	tests := []struct {
		name string
		do   func(*Client) error
		cmd  command
		want string
	}{
		{
			"announce",
			func(c *Client) error {
				return c.Announce(0xabcdef01, Endpoint{ID: 3, Address: local.Addr(), Port: 8001, Flags: FlagSignal})
			},
			cmdAnnounce, token + "2c000180" + second + "0500020003000000" + "06000500411f0000" + "0800060001000000",
		},
		{
			"remove",
			func(c *Client) error { return c.Remove(0xabcdef01, 3) },
			cmdRemove, token + "0500050003000000",
		},
		{
			"remove ID 0",
			func(c *Client) error { return c.Remove(0xabcdef01, 0) },
			cmdRemove, token + "0500050000000000",
		},
		{
			"create subflow",
			func(c *Client) error {
				return c.SubflowCreate(0xabcdef01, Endpoint{ID: 3, Address: local.Addr(), Flags: FlagBackup, IfIndex: 2}, remote)
			},
			cmdSubflowCreate, token +
				"2c000180" + second + "0500020003000000" + "0800060004000000" + "0800070002000000" +
				"28000680" + "060001000a000000" + "1400040020010db8000000000000000000000001" + "06000500401f0000",
		},
		{
			"destroy subflow",
			func(c *Client) error { return c.SubflowDestroy(0xabcdef01, local, local) },
			cmdSubflowDestroy, token + "1c000180" + second + "06000500a00f0000" + "1c000680" + second + "06000500a00f0000",
		},
		{
			"set flags",
			func(c *Client) error {
				return c.SetFlags(0xabcdef01, netip.AddrPortFrom(local.Addr(), 0), local, FlagBackup)
			},
			cmdSetFlags, token + "1c000180" + second + "0800060004000000" + "1c000680" + second + "06000500a00f0000",
		},
		{
			"get address",
			func(c *Client) error { _, err := c.Address(0xabcdef01, 3); return err },
			cmdGetAddr, token + "0c000180" + "0500020003000000",
		},
		{
			"list addresses",
			func(c *Client) error { _, err := c.Addresses(0xabcdef01); return err },
			cmdGetAddr, token,
		},
	}
	recordings(t) // skips on a big-endian machine, as the bytes here are little-endian too
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var sent genetlink.Message
			c := answering(func(request netlink.Message) ([]netlink.Message, error) {
				require.NoError(t, sent.UnmarshalBinary(request.Data))
				return []netlink.Message{reply(t, request, 0, Endpoint{ID: 3})}, nil
			})
			require.NoError(t, tt.do(c))
			require.Equal(t, tt.cmd, command(sent.Header.Command))
			require.Equal(t, tt.want, hex.EncodeToString(sent.Data))
		})
	}
}

// answering is a client of a kernel that gives these answers.
func answering(answer func(netlink.Message) ([]netlink.Message, error)) *Client {
	conn := nltest.Dial(func(requests []netlink.Message) ([]netlink.Message, error) {
		if len(requests) == 0 {
			return nil, io.EOF
		}
		return answer(requests[0])
	})
	return &Client{family: Family{ID: 42}, conn: genetlink.NewConn(conn)}
}

func TestUserspaceAddressWithZone(t *testing.T) {
	zoned := netip.MustParseAddrPort("[fe80::1%eth1]:8000")
	plain := netip.MustParseAddrPort("[fe80::1]:8000")
	tests := map[string]func(*Client) error{
		"announce fe80::1%eth1 id 3 on token 00000001": func(c *Client) error {
			return c.Announce(1, Endpoint{ID: 3, Address: zoned.Addr()})
		},
		"create subflow fe80::1 to [fe80::1%eth1]:8000 on token 00000001": func(c *Client) error {
			return c.SubflowCreate(1, Endpoint{Address: plain.Addr()}, zoned)
		},
		"destroy subflow [fe80::1%eth1]:8000 to [fe80::1]:8000 on token 00000001": func(c *Client) error {
			return c.SubflowDestroy(1, zoned, plain)
		},
		"set flags nobackup on subflow [fe80::1]:8000 to [fe80::1%eth1]:8000 on token 00000001": func(c *Client) error {
			return c.SetFlags(1, plain, zoned, 0)
		},
	}
	c := answering(func(netlink.Message) ([]netlink.Message, error) { panic("nothing is to be sent") })
	for op, do := range tests {
		err := do(c)
		require.ErrorContains(t, err, op+": ")
		require.ErrorContains(t, err, `cannot carry the zone "eth1"; give the interface index`)
	}
}

// FuzzAnswers feeds any answer to the two commands that read one.
func FuzzAnswers(f *testing.F) {
	attrs, err := Endpoint{ID: 1, Address: netip.MustParseAddr("10.0.0.1"), Flags: FlagSignal}.request()
	require.NoError(f, err)
	f.Add(uint16(42), uint16(netlink.Multi), append([]byte{byte(cmdGetAddr), 1, 0, 0}, attrs...))
	f.Add(uint16(netlink.Error), uint16(netlink.AcknowledgeTLVs), []byte{0xea, 0xff, 0xff, 0xff})
	f.Add(uint16(netlink.Done), uint16(netlink.Multi), []byte{0xea, 0xff, 0xff, 0xff})
	f.Fuzz(func(t *testing.T, kind, flags uint16, data []byte) {
		c := answering(func(request netlink.Message) ([]netlink.Message, error) {
			header := netlink.Header{
				Type: netlink.HeaderType(kind), Flags: netlink.HeaderFlags(flags),
				Sequence: request.Header.Sequence, PID: request.Header.PID,
			}
			// The kernel ends each answer of several parts; a client waits for that.
			end := header
			end.Type, end.Flags = netlink.Done, netlink.Multi
			return []netlink.Message{{Header: header, Data: data}, {Header: end, Data: make([]byte, 4)}}, nil
		})
		if e, err := c.Address(1, 1); err == nil {
			again, err := e.request()
			require.NoError(t, err)
			got, err := parseEndpoint(again)
			require.NoError(t, err)
			require.Equal(t, e, got)
		}
		_, _ = c.Addresses(1)
	})
}
