package ipmptcp

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// recorded are the events that package pm has recorded, with the lines for them.
func recorded(t testing.TB) (events []Message, lines []string) {
	t.Helper()
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the events were recorded on a little-endian machine")
	}
	data, err := os.ReadFile("../testdata/events.txt")
	require.NoError(t, err)
	for paragraph := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n\n") {
		if strings.HasPrefix(paragraph, "#") {
			continue
		}
		line := strings.Split(paragraph, "\n")
		cmd, attrs, _ := strings.Cut(line[0], " ")
		n, err := strconv.ParseUint(cmd, 10, 8)
		require.NoError(t, err)
		events = append(events, Message{Cmd: uint8(n), Attrs: unhex(t, attrs)})
		lines = append(lines, line[1])
	}
	return events, lines
}

// monitorFor runs a monitor until the events are printed and what is behind them.
func monitorFor(t *testing.T, f *fake, line string, c Command) outcome {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	f.errors = append(f.errors, nil)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	c.Namespace = stopping{f, stop}
	status := c.Run(ctx, strings.Fields(line)).Status
	return outcome{stdout.String(), stderr.String(), status}
}

// stopping ends the context when all events were received.
type stopping struct {
	*fake
	stop context.CancelFunc
}

func (s stopping) Open(context.Context, int) (Manager, error) { return s, nil }

func (s stopping) Listen(context.Context) (Listener, error) { return s, nil }

func (s stopping) Receive(ctx context.Context) ([]Message, error) {
	if len(s.events) == 0 && len(s.errors) == 1 {
		s.stop()
		return nil, ctx.Err()
	}
	return s.fake.Receive(ctx)
}

func TestMonitorPrintsRecordedEvents(t *testing.T) {
	events, lines := recorded(t)
	f := &fake{events: [][]Message{events}, links: []Link{}}
	want := strings.Join(lines, "\n") + "\n"
	got := monitorFor(t, f, "mptcp monitor", Command{})
	// What was recorded names no interface.
	require.Equal(t, outcome{want, "", 0}, outcome{strings.ReplaceAll(got.stdout, " dev=if1", ""), got.stderr, got.status})
	require.Contains(t, got.stdout, " ifindex=1 dev=if1")
}

func event(t testing.TB, kind pm.EventKind, encode func(*netlink.AttributeEncoder)) Message {
	t.Helper()
	e := netlink.NewAttributeEncoder()
	encode(e)
	attrs, err := e.Encode()
	require.NoError(t, err)
	return Message{Cmd: uint8(kind), Attrs: attrs}
}

// everything is an event with all attributes, in an order of its own.
func everything(t testing.TB) Message {
	return event(t, pm.EventSubClosed, func(e *netlink.AttributeEncoder) {
		e.Uint8(eventServerSide, 1)
		e.Uint32(eventResetFlags, 1)
		e.Uint32(eventResetReason, 4)
		e.Uint32(eventIfIdx, 10)
		e.Uint32(eventTimeout, 7)
		e.Uint16(eventFlags, 5)
		e.Uint8(eventError, 104)
		e.Uint8(eventBackup, 1)
		e.Bytes(eventDPort, []byte{0x1f, 0x40})
		e.Bytes(eventSPort, []byte{0, 80})
		e.Bytes(eventDAddr6, append(make([]byte, 15), 2))
		e.Bytes(eventSAddr6, append(make([]byte, 15), 1))
		e.Bytes(eventDAddr4, []byte{10, 0, 1, 2})
		e.Bytes(eventSAddr4, []byte{10, 0, 1, 1})
		e.Uint8(eventRemID, 3)
		e.Uint8(eventLocID, 2)
		e.Uint16(2, familyIPv6)
		e.Uint32(eventToken, 0x1f)
		e.Uint32(eventToken, 0xffff) // the first counts
		e.Uint32(99, 1)
	})
}

func TestMonitorForms(t *testing.T) {
	const text = "[       SF_CLOSED] token=0000001f remid=3 locid=2 saddr4=10.0.1.1 daddr4=10.0.1.2 saddr6=::1 daddr6=::2 sport=80 dport=8000" +
		" backup=1 error=104 timeout=7 ifindex=10 dev=e0 reset_reason=4 reset_flags=0x1 server_side deny_join_id0 flags=0x4"
	const json = `{"event":"SF_CLOSED","token":"0x1f","remid":3,"locid":2,"saddr4":"10.0.1.1","daddr4":"10.0.1.2","saddr6":"::1","daddr6":"::2",` +
		`"sport":80,"dport":8000,"backup":1,"error":104,"timeout":7,"ifindex":10,"dev":"e0","reset_reason":4,"reset_flags":"0x1",` +
		`"server_side":true,"deny_join_id0":true,"flags":"0x4"}`
	const long, short = "Timestamp: Tue Nov  3 00:02:07 2026 532 usec\n", "[2026-11-03T00:02:07.000532] "
	zeros := event(t, pm.EventSubPriority, func(e *netlink.AttributeEncoder) {
		e.Uint32(eventToken, 0)
		e.Uint32(eventIfIdx, 0)
		e.Uint32(eventResetFlags, 0)
		e.Uint8(eventServerSide, 0)
	})
	const zeroText = "[         SF_PRIO] token=00000000 ifindex=0 reset_flags=0"
	unknown := event(t, 4, func(e *netlink.AttributeEncoder) { e.Uint32(eventToken, 1) })
	tests := []struct {
		line   string
		events []Message
		want   string
	}{
		{"mptcp monitor", []Message{everything(t), zeros}, text + "\n" + zeroText + "\n"},
		{"mptcp limits m", []Message{zeros}, zeroText + "\n"},
		{"-o mptcp monitor", []Message{zeros, zeros}, zeroText + `\` + zeroText + `\`},
		{"-t mptcp monitor", []Message{zeros}, long + zeroText + "\n"},
		{"-t -o mptcp monitor", []Message{zeros}, long + zeroText + `\`},
		{"-ts mptcp monitor", []Message{zeros}, short + zeroText + "\n"},
		{"mptcp monitor", []Message{unknown}, "[UNKNOWN 4]\n"},
		{"-j mptcp monitor", []Message{unknown}, `[{"event":"UNKNOWN 4"}]` + "\n"},
		{"-j mptcp monitor", nil, "[]\n"},
		{"-p -j mptcp monitor", nil, "[ ]\n"},
		{
			"-j mptcp monitor",
			[]Message{everything(t), zeros},
			"[" + json + `,{"event":"SF_PRIO","token":"0","ifindex":0,"reset_flags":"0"}]` + "\n",
		},
		{
			"-j -t mptcp monitor",
			[]Message{unknown},
			`[{"timestamp":"Tue Nov  3 00:02:07 2026 532 usec","event":"UNKNOWN 4"}]` + "\n",
		},
		{"-j -ts mptcp monitor", []Message{unknown}, `[{"timestamp_short":"2026-11-03T00:02:07.000532","event":"UNKNOWN 4"}]` + "\n"},
		{
			"-p -j -ts mptcp monitor",
			[]Message{unknown},
			"[ {\n        \"timestamp_short\": \"2026-11-03T00:02:07.000532\",\n        \"event\": \"UNKNOWN 4\"\n    } ]\n",
		},
		{
			"-c mptcp monitor",
			[]Message{event(t, pm.EventSubPriority, func(e *netlink.AttributeEncoder) {
				e.Bytes(eventSAddr4, []byte{10, 0, 1, 1})
				e.Bytes(eventDAddr6, make([]byte, 16))
				e.Uint32(eventIfIdx, 10)
			})},
			"[         SF_PRIO] saddr4=\x1b[1;35m10.0.1.1\x1b[0m daddr6=\x1b[1;94m::\x1b[0m ifindex=10 dev=\x1b[1;36me0\x1b[0m\n",
		},
	}
	now := func() time.Time { return time.Date(2026, 11, 3, 0, 2, 7, 532_999, time.UTC) }
	for _, tt := range tests {
		t.Run(tt.line, func(t *testing.T) {
			f := &fake{events: [][]Message{tt.events}}
			require.Equal(t, outcome{tt.want, "", 0}, monitorFor(t, f, tt.line, Command{Now: now}))
		})
	}
}

func TestMonitorOfShortAttributes(t *testing.T) {
	f := &fake{events: [][]Message{{event(t, pm.EventCreated, func(e *netlink.AttributeEncoder) {
		e.Bytes(eventToken, []byte{1})
		e.Bytes(eventSAddr4, []byte{10, 0, 1})
		e.Bytes(eventSPort, nil)
	})}}}
	require.Equal(t, "[         CREATED] token=00000001 sport=0\n", monitorFor(t, f, "mptcp monitor", Command{}).stdout)
}

func TestMonitorErrors(t *testing.T) {
	require.Equal(t, outcome{"", "can't subscribe to mptcp events: Operation not permitted\n", 255},
		(&fake{listen: syscall.EPERM}).run(t, "mptcp monitor", Command{}))
	require.Equal(t, outcome{"", "can't subscribe to mptcp events: Operation not permitted\n", 255},
		(&fake{listen: syscall.EPERM}).run(t, "-j mptcp monitor", Command{}))

	f := &fake{errors: []error{syscall.ENOBUFS, syscall.ENOMEM}}
	require.Equal(t, outcome{
		"[]\n",
		"netlink receive error No buffer space available (105)\nnetlink receive error Cannot allocate memory (12)\n", 254,
	}, f.run(t, "-j mptcp monitor", Command{}))
}

// flushes records how often there was a write.
type flushes struct {
	mu     sync.Mutex
	writes []string
}

func (f *flushes) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.writes = append(f.writes, string(p))
	return len(p), nil
}

func TestMonitorIsWatchedAndFlushed(t *testing.T) {
	unknown := Message{Cmd: 4}
	f := &fake{events: [][]Message{{unknown}, {unknown, unknown}}}
	var out flushes
	watched := 0
	c := f.with(Command{Stdout: &out, Watch: func(ctx context.Context) (context.Context, context.CancelFunc) {
		watched++
		return context.WithTimeout(ctx, 50*time.Millisecond)
	}})
	require.Zero(t, c.Run(t.Context(), []string{"-j", "mptcp", "monitor"}).Status)
	require.Equal(t, 1, watched)
	const object = `{"event":"UNKNOWN 4"}`
	require.Equal(t, []string{"[" + object, "," + object, "," + object, "]\n"}, out.writes)
}
