package ipmptcp

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

var shown = []pm.Endpoint{
	{ID: 9, Address: netip.MustParseAddr("10.0.1.1"), Port: 8000, Flags: pm.FlagSignal, IfIndex: 10},
	{ID: 4, Address: netip.MustParseAddr("2001:db8:1::1"), Flags: pm.FlagSubflow | pm.FlagBackup | pm.FlagFullmesh | pm.FlagLaminar},
	{ID: 1, Address: netip.MustParseAddr("::10.0.1.1"), Flags: pm.FlagImplicit | 0x340, IfIndex: 99},
}

func TestShow(t *testing.T) {
	const inet, inet6, dev, end = "\x1b[1;35m", "\x1b[1;94m", "\x1b[1;36m", "\x1b[0m"
	plain := []string{
		"10.0.1.1 port 8000 id 9 signal dev e0 ",
		"2001:db8:1::1 id 4 subflow backup fullmesh laminar ",
		"::10.0.1.1 id 1 implicit rawflags 340 dev if99 ",
	}
	colored := inet + "10.0.1.1 " + end + "port 8000 id 9 signal dev " + dev + "e0 " + end + "\n" +
		inet6 + "2001:db8:1::1 " + end + "id 4 subflow backup fullmesh laminar \n" +
		inet6 + "::10.0.1.1 " + end + "id 1 implicit rawflags 340 dev " + dev + "if99 " + end + "\n"
	const json = `[{"address":"10.0.1.1","port":8000,"id":9,"signal":true,"dev":"e0"},` +
		`{"address":"2001:db8:1::1","id":4,"subflow":true,"backup":true,"fullmesh":true,"laminar":true},` +
		`{"address":"::10.0.1.1","id":1,"implicit":true,"rawflags":"340","dev":"if99"}]` + "\n"
	text := strings.Join(plain, "\n") + "\n"
	tests := []struct{ options, want string }{
		{"", text},
		{"-p", text},
		{"-t -s -d -h -iec -br -N -4 -6 -0 -M -B -f inet -l 3 -a -echo -rc 9", text},
		{"-o", strings.Join(plain, `\`) + `\`},
		{"-c", colored},
		{"-c=always", colored},
		{"-c=", colored},
		{"-c=never", text},
		{"-c -color=never", text},
		{"-c=auto", text},
		{"-j", json},
		{"-j -j -o", json},
		{"-c -j", json},
		{"-j -c", json},
	}
	var messages []Message
	for _, e := range shown {
		messages = append(messages, endpoint(t, e))
	}
	for _, tt := range tests {
		t.Run(tt.options, func(t *testing.T) {
			f := &fake{replies: []Reply{{Messages: messages}}}
			got, result := f.runWords(t, strings.Fields(tt.options+" mptcp endpoint"), Command{})
			require.Equal(t, outcome{tt.want, "", 0}, got)
			require.Equal(t, shown, result.Endpoints)
		})
	}
	f := &fake{replies: []Reply{{Messages: messages}}}
	require.Equal(t, colored, f.run(t, "-c=auto mptcp endpoint", Command{Terminal: true}).stdout)
}

func TestShowPretty(t *testing.T) {
	const want = `[ {
        "address": "10.0.1.1",
        "port": 8000,
        "id": 9,
        "signal": true,
        "dev": "e0"
    },{} ]
`
	empty := nest(t, func(*netlink.AttributeEncoder) error { return nil })
	f := &fake{replies: []Reply{{Messages: []Message{endpoint(t, shown[0]), empty}}}}
	require.Equal(t, outcome{want, "", 0}, f.run(t, "-p -j mptcp endpoint", Command{}))
}

func TestShowOne(t *testing.T) {
	f := &fake{replies: []Reply{{Messages: []Message{endpoint(t, shown[0])}}}}
	got, result := f.runWords(t, strings.Fields("mptcp endpoint show id 9"), Command{})
	require.Equal(t, outcome{"10.0.1.1 port 8000 id 9 signal dev e0 \n", "", 0}, got)
	require.Equal(t, shown[:1], result.Endpoints)
}

func TestShowEmpty(t *testing.T) {
	for options, want := range map[string]string{"": "", "-o": "", "-j": "[]\n", "-p -j": "[ ]\n"} {
		require.Equal(t, outcome{want, "", 0}, (&fake{}).run(t, options+" mptcp endpoint", Command{}))
	}
}

// A reply may lack anything.
func TestShowLess(t *testing.T) {
	tests := []struct {
		name        string
		message     Message
		text, json  string
		listed, one int
		complaint   string
	}{
		{name: "nothing", message: Message{}, json: "[]\n", listed: 2, one: 1, complaint: "Dump terminated\n"},
		{
			name: "an empty nest", message: nest(t, func(*netlink.AttributeEncoder) error { return nil }),
			text: "\n", json: "[{}]\n",
		},
		{
			name: "an address of no family", message: nest(t, func(e *netlink.AttributeEncoder) error {
				e.Bytes(addrAddr6, make([]byte, 16))
				return nil
			}),
			text: "??? \n", json: "[{\"address\":\"???\"}]\n",
		},
		{
			name: "a short address", message: nest(t, func(e *netlink.AttributeEncoder) error {
				e.Uint16(addrFamily, familyIPv4)
				e.Bytes(addrAddr4, make([]byte, 3))
				return nil
			}),
			text: "\n", json: "[{}]\n",
		},
		{
			name: "an ID, and one more", message: nest(t, func(e *netlink.AttributeEncoder) error {
				e.Uint8(addrID, 3)
				e.Uint8(addrID, 4)
				return nil
			}),
			text: "id 3 \n", json: "[{\"id\":3}]\n",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			f := &fake{replies: []Reply{{Messages: []Message{tt.message}}}}
			require.Equal(t, outcome{tt.text, tt.complaint, tt.listed}, f.run(t, "mptcp endpoint", Command{}))
			require.Equal(t, outcome{tt.text, "", tt.one}, f.run(t, "mptcp endpoint show id 1", Command{}))
			require.Equal(t, outcome{tt.json, "", tt.one}, f.run(t, "-j mptcp endpoint show id 1", Command{}))
		})
	}
}

func TestResolve(t *testing.T) {
	c := Command{LookupAddr: func(_ context.Context, a netip.Addr) string {
		return map[string]string{"10.0.1.1": "localhost"}[a.String()]
	}}
	mapped := pm.Endpoint{ID: 2, Address: netip.MustParseAddr("::ffff:10.0.1.1")}
	messages := []Message{endpoint(t, pm.Endpoint{ID: 1, Address: netip.MustParseAddr("10.0.1.1")}), endpoint(t, mapped), endpoint(t, shown[1])}
	f := &fake{replies: []Reply{{Messages: messages}}}
	require.Equal(t, "localhost id 1 \nlocalhost id 2 \n2001:db8:1::1 id 4 subflow backup fullmesh laminar \n",
		f.run(t, "-r mptcp endpoint", c).stdout)
	require.Contains(t, f.run(t, "-r -j mptcp endpoint", c).stdout, `"address":"localhost"`)
	require.NotContains(t, f.run(t, "mptcp endpoint", c).stdout, "localhost")
}

func TestLimits(t *testing.T) {
	e := netlink.NewAttributeEncoder()
	e.Uint32(attrRcvAddAddrs, 1)
	e.Uint32(attrSubflows, 1<<32-1)
	attrs, err := e.Encode()
	require.NoError(t, err)
	for options, want := range map[string]string{
		"":      "add_addr_accepted 1 subflows -1 \n",
		"-j -p": "add_addr_accepted 1 subflows -1 \n",
		"-c":    "add_addr_accepted 1 subflows -1 \n",
		"-o":    `add_addr_accepted 1 subflows -1 \`,
	} {
		f := &fake{replies: []Reply{{Messages: []Message{{Attrs: attrs}}}}}
		got, result := f.runWords(t, strings.Fields(options+" mptcp limits"), Command{})
		require.Equal(t, outcome{want, "", 0}, got)
		require.Equal(t, &pm.Limits{AddAddrAccepted: 1, Subflows: 1<<32 - 1}, result.Limits)
	}
	f := &fake{replies: []Reply{{Messages: []Message{{}}}}}
	require.Equal(t, outcome{"\n", "", 0}, f.run(t, "mptcp limits", Command{}))
}

func TestPalette(t *testing.T) {
	for _, dark := range []string{"", "15", "15;0", "15;default;6", "0;8"} {
		require.Equal(t, darkPalette, paletteFor(dark), dark)
	}
	for _, light := range []string{"0;7", "0;15", "0;", "0;default", "15;0;9"} {
		require.Equal(t, lightPalette, paletteFor(light), light)
	}
	c := Command{Getenv: func(name string) string { return map[string]string{"COLORFGBG": "0;15"}[name] }}
	f := &fake{replies: []Reply{{Messages: []Message{endpoint(t, pm.Endpoint{Address: netip.MustParseAddr("10.0.1.1")})}}}}
	require.Equal(t, "\x1b[35m10.0.1.1 \x1b[0mid 0 \n", f.run(t, "-c mptcp endpoint", c).stdout)
}

func TestJSONString(t *testing.T) {
	require.Equal(t, `"a\t\n\r\f\b\\\"\u0001\u001f\u007f'é"`+"", jsonString("a\t\n\r\f\b\\\"\x01\x1f\x7f'é"))
	require.Equal(t, "\"\xff\"", jsonString("\xff"))
}
