package pm

import (
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// recording is one paragraph of testdata/events.txt.
type recording struct {
	cmd       uint8
	attrs     []byte
	text, has string
}

func recordings(t testing.TB) []recording {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the events were recorded on a little-endian machine")
	}
	data, err := os.ReadFile("testdata/events.txt")
	require.NoError(t, err)
	var all []recording
	for paragraph := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		if strings.HasPrefix(paragraph, "#") {
			continue
		}
		lines := strings.Split(paragraph, "\n")
		require.Len(t, lines, 3, paragraph)
		cmd, attrs, _ := strings.Cut(lines[0], " ")
		number, err := strconv.ParseUint(cmd, 10, 8)
		require.NoError(t, err)
		raw, err := hex.DecodeString(attrs)
		require.NoError(t, err)
		all = append(all, recording{uint8(number), raw, lines[1], lines[2]})
	}
	return all
}

func TestParseRecordedEvents(t *testing.T) {
	kinds := map[EventKind]bool{}
	for _, r := range recordings(t) {
		t.Run(r.text, func(t *testing.T) {
			e, err := ParseEvent(r.cmd, r.attrs)
			require.NoError(t, err)
			require.Equal(t, r.text, e.String())
			require.Equal(t, r.has, e.Has.String())
			kinds[e.Kind] = true
		})
	}
	require.Len(t, kinds, len(eventKinds), "each kind is recorded")
}

func TestParseEvent(t *testing.T) {
	const subflow = AttrToken | AttrFamily | AttrLocalAddr4 | AttrRemoteAddr4 | AttrLocalPort | AttrRemotePort |
		AttrLocalID | AttrRemoteID
	addrPort := netip.MustParseAddrPort
	tests := map[string]Event{
		"[       SF_CLOSED] token=9e98fed7 ": {
			Kind: EventSubClosed, Has: subflow | AttrBackup | AttrError | AttrIfIndex,
			Token: 0x9e98fed7, Local: addrPort("127.0.0.2:37727"), Remote: addrPort("127.0.0.1:37463"),
			LocalID: 5, Error: syscall.Errno(103), IfIndex: 1,
		},
		"[         CREATED] token=07be4cb9 ": {
			Kind: EventCreated, Has: subflow | AttrFlags | AttrServerSide,
			Token: 0x07be4cb9, Local: addrPort("127.0.0.1:37623"), Remote: addrPort("127.0.0.1:43588"),
			Flags: EventFlagDenyJoinID0 | EventFlagServerSide, ServerSide: true,
		},
		"[       ANNOUNCED] token=44f8c7ed ": {
			Kind: EventAnnounced, Has: AttrToken | AttrRemoteID | AttrRemotePort | AttrRemoteAddr4,
			Token: 0x44f8c7ed, Remote: addrPort("127.0.0.4:38275"), RemoteID: 9,
		},
		"[LISTENER_CREATED] saddr6=2001:db8::2 ": {
			Kind: EventListenerCreated, Has: AttrFamily | AttrLocalAddr6 | AttrLocalPort,
			Local: addrPort("[2001:db8::2]:10100"),
		},
		"[LISTENER_CREATED] saddr6=:: ": {
			Kind: EventListenerCreated, Has: AttrFamily | AttrLocalAddr6 | AttrLocalPort,
			Local: addrPort("[::]:37463"),
		},
	}
	all := recordings(t)
	for prefix, want := range tests {
		t.Run(prefix, func(t *testing.T) {
			for _, r := range all {
				if strings.HasPrefix(r.text+" ", prefix) {
					got, err := ParseEvent(r.cmd, r.attrs)
					require.NoError(t, err)
					require.Equal(t, want, got)
					return
				}
			}
			t.Fatal("not among the recordings")
		})
	}
}

func TestMappedAddressesStay(t *testing.T) {
	for _, r := range recordings(t) {
		if strings.Contains(r.text, "::ffff:") {
			e, err := ParseEvent(r.cmd, r.attrs)
			require.NoError(t, err)
			require.True(t, e.Local.Addr().Is4In6(), e)
			return
		}
	}
	t.Fatal("no mapped address among the recordings")
}

func TestParseEventRefuses(t *testing.T) {
	tests := []struct {
		name, attrs, want string
	}{
		{"a cut header", "0800", "decode event CLOSED: "},
		{"a length beyond the end", "0c00010001000000", "decode event CLOSED: "},
		{"a short token", "0600010001000000", "attribute 1 is not a uint32"},
		{"a short address", "0600050001000000", "attribute 5: an address of 2 bytes, not 4"},
		{"an IPv4 address as IPv6", "080006007f000001", "attribute 6: an address of 4 bytes, not 16"},
		{"a long port", "0800090000000001", "attribute 9: a port of 4 bytes, not 2"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			attrs, err := hex.DecodeString(tt.attrs)
			require.NoError(t, err)
			_, err = ParseEvent(uint8(EventClosed), attrs)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

func TestParseEventOfTheFuture(t *testing.T) {
	attrs := []byte{
		5, 0, 19, 0, 1, 0, 0, 0, // one more than known
		5, 0, 40, 0, 1, 0, 0, 0, // one that no bit of Attrs stands for
	}
	e, err := ParseEvent(99, attrs)
	require.NoError(t, err)
	require.Equal(t, Event{Kind: 99}, e)
	require.Equal(t, "[UNKNOWN 99]", e.String())
}

func TestEventFormat(t *testing.T) {
	eth := func(int32) string { return "eth1" }
	tests := []struct {
		event Event
		want  string
	}{
		{Event{Kind: EventClosed, Has: AttrToken, Token: 0x1f}, "[          CLOSED] token=0000001f"},
		{Event{Kind: EventSubPriority, Has: AttrIfIndex, IfIndex: 11}, "[         SF_PRIO] ifindex=11 dev=eth1"},
		{Event{Kind: EventSubPriority, Has: AttrIfIndex}, "[         SF_PRIO] ifindex=0"},
		{Event{Kind: EventSubPriority, Has: AttrTimeout, Timeout: 3}, "[         SF_PRIO] timeout=3"},
		{
			Event{Kind: EventSubClosed, Has: AttrResetReason | AttrResetFlags, ResetReason: 4, ResetFlags: 1},
			"[       SF_CLOSED] reset_reason=4 reset_flags=0x1",
		},
		{Event{Kind: EventCreated, Has: AttrServerSide, ServerSide: true}, "[         CREATED] server_side"},
		{Event{Kind: EventCreated, Has: AttrFlags, Flags: 7}, "[         CREATED] server_side deny_join_id0 flags=0x4"},
	}
	for _, tt := range tests {
		require.Equal(t, tt.want, tt.event.Format(eth))
	}
}

func TestEventKinds(t *testing.T) {
	for _, known := range eventKinds {
		for _, name := range []string{known.kind.String(), known.word} {
			kind, err := ParseEventKind(name)
			require.NoError(t, err)
			require.Equal(t, known.kind, kind)
		}
	}
	require.Equal(t, "SUB_ESTABLISHED", EventSubEstablished.String())
	require.Equal(t, "UNKNOWN 4", EventKind(4).String())
	_, err := ParseEventKind("SUB_OPENED")
	require.ErrorContains(t, err, `unknown event "SUB_OPENED"; known: CREATED, ESTABLISHED, `)
}

func TestAttrs(t *testing.T) {
	has := AttrToken | AttrServerSide | 1<<20
	require.Equal(t, "TOKEN SERVER_SIDE 20", has.String())
	require.True(t, has.Contains(AttrToken|AttrServerSide))
	require.False(t, has.Contains(AttrToken|AttrError))
}

func FuzzParseEvent(f *testing.F) {
	for _, r := range recordings(f) {
		f.Add(r.cmd, r.attrs)
	}
	f.Fuzz(func(t *testing.T, cmd uint8, attrs []byte) {
		e, err := ParseEvent(cmd, attrs)
		if err != nil {
			require.Zero(t, e)
			return
		}
		require.Equal(t, EventKind(cmd), e.Kind)
		require.True(t, strings.HasPrefix(e.String(), "["))
	})
}
