package pathmanager

import (
	"encoding/binary"
	"encoding/hex"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// The events that a kernel sent, read and written again, are the same bytes.
func TestEncodeEvent(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		t.Skip("the events were recorded on a little-endian machine")
	}
	recorded, err := os.ReadFile("../../pm/testdata/events.txt")
	require.NoError(t, err)
	n := 0
	for paragraph := range strings.SplitSeq(string(recorded), "\n\n") {
		cmd, attrs, _ := strings.Cut(strings.Split(paragraph, "\n")[0], " ")
		kind, err := strconv.ParseUint(cmd, 10, 8)
		if err != nil {
			continue // a comment
		}
		raw, err := hex.DecodeString(attrs)
		require.NoError(t, err)
		e, err := pm.ParseEvent(uint8(kind), raw)
		require.NoError(t, err)
		m := EncodeEvent(e)
		require.Equal(t, uint8(kind), m.Cmd)
		require.Equal(t, attrs, hex.EncodeToString(m.Attrs), e)
		n++
	}
	require.NotZero(t, n)
}

// TestEvents runs a short life of a connection; the events are those that "ip mptcp monitor" prints.
func TestEvents(t *testing.T) {
	tests := []struct {
		name    string
		release string
		side    Side
		happen  func(*link)
		want    []string
	}{
		{
			name: "client", happen: func(l *link) {
				l.c.SubflowJoined(l.subflows[1])
				l.announce(3, "10.0.4.1")
				l.announce(4, "10.0.5.1:99")
				l.withdraw(3, 5)
				l.subflows[1].info.Backup = true
				l.c.PrioReceived(l.subflows[1])
				l.subflows[1].info.Error = 111
				l.drop(1)
				l.c.Closed()
			},
			want: []string{
				"[         CREATED] token=12345678 remid=0 locid=0 saddr4=10.0.1.2 daddr4=10.0.1.1 sport=40000 dport=5000 deny_join_id0",
				"[     ESTABLISHED] token=12345678 remid=0 locid=0 saddr4=10.0.1.2 daddr4=10.0.1.1 sport=40000 dport=5000 deny_join_id0",
				"[  SF_ESTABLISHED] token=12345678 remid=7 locid=1 saddr4=10.0.2.2 daddr4=10.0.1.1 sport=1 dport=5000 backup=0 ifindex=3",
				"[       ANNOUNCED] token=12345678 remid=3 daddr4=10.0.4.1 dport=5000",
				"[       ANNOUNCED] token=12345678 remid=4 daddr4=10.0.5.1 dport=99",
				"[         REMOVED] token=12345678 remid=3",
				"[         REMOVED] token=12345678 remid=5",
				"[         SF_PRIO] token=12345678 remid=7 locid=1 saddr4=10.0.2.2 daddr4=10.0.1.1 sport=1 dport=5000 backup=1 ifindex=3",
				"[       SF_CLOSED] token=12345678 remid=7 locid=1 saddr4=10.0.2.2 daddr4=10.0.1.1 sport=1 dport=5000 backup=1 error=111 ifindex=3",
				"[          CLOSED] token=12345678",
			},
		},
		{
			name: "server before 6.17", release: "6.12.0", side: Accepted, happen: func(l *link) {
				l.subflows[1].info.Reset, l.subflows[1].info.ResetReason = true, 3
				l.drop(1)
				l.info.State = FinWait1
				l.c.SubflowClosed(l.subflows[0])
			},
			want: []string{
				"[         CREATED] token=12345678 remid=0 locid=0 saddr4=10.0.1.1 daddr4=10.0.1.2 sport=5000 dport=40000 server_side",
				"[     ESTABLISHED] token=12345678 remid=0 locid=0 saddr4=10.0.1.1 daddr4=10.0.1.2 sport=5000 dport=40000 server_side",
				"[       SF_CLOSED] token=12345678 remid=7 locid=1 saddr4=10.0.2.2 daddr4=10.0.1.1 sport=1 dport=5000 backup=0 ifindex=3 reset_reason=3 reset_flags=0",
			},
		},
		{
			name: "nobody listens", happen: func(l *link) { l.deaf = true; l.announce(3, "10.0.4.1") },
			want: []string{
				"[         CREATED] token=12345678 remid=0 locid=0 saddr4=10.0.1.2 daddr4=10.0.1.1 sport=40000 dport=5000 deny_join_id0",
				"[     ESTABLISHED] token=12345678 remid=0 locid=0 saddr4=10.0.1.2 daddr4=10.0.1.1 sport=40000 dport=5000 deny_join_id0",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(tt.release)
			l := connecting(w, tt.side, true)
			l.add(SubflowInfo{
				Local: ipPort("10.0.2.2:1"), Remote: ipPort("10.0.1.1:5000"), LocalID: 1, RemoteID: 7,
				Join: true, Opened: true, FullyEstablished: true, IfIndex: 3,
			})
			l.establish()
			tt.happen(l)
			var got []string
			for _, e := range w.events {
				got = append(got, e.String())
				back, err := pm.ParseEvent(uint8(e.Kind), EncodeEvent(e).Attrs)
				require.NoError(t, err)
				require.Equal(t, e, back, "the attributes that the event has are those that it is written with")
			}
			require.Equal(t, tt.want, got)
		})
	}
}

func TestListenerEvents(t *testing.T) {
	w := newWorld("")
	w.endpoint("127.0.0.1:7777", "signal")
	require.Error(t, w.m.AddEndpoint(pm.Endpoint{Address: ip("127.0.0.2"), Port: 7777, ID: 1, Flags: pm.FlagSignal}))
	require.NoError(t, w.m.FlushEndpoints())
	w.m.ListenerCreated(ipPort("[::]:5000"))
	var got []string
	for _, e := range w.events {
		got = append(got, e.String())
	}
	require.Equal(t, []string{
		"[LISTENER_CREATED] saddr4=127.0.0.1 sport=7777",
		"[LISTENER_CREATED] saddr4=127.0.0.2 sport=7777",
		"[ LISTENER_CLOSED] saddr4=127.0.0.2 sport=7777",
		"[ LISTENER_CLOSED] saddr4=127.0.0.1 sport=7777",
		"[LISTENER_CREATED] saddr6=:: sport=5000",
	}, got)
}
