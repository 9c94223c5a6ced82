package compare

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

func at(s string) netip.AddrPort { return netip.MustParseAddrPort(s) }

const attrs = pm.AttrToken | pm.AttrLocalAddr4 | pm.AttrRemoteAddr4 | pm.AttrLocalPort | pm.AttrRemotePort | pm.AttrLocalID | pm.AttrRemoteID

// snapshotOf is a connection with one join, as it looks with the tokens, ports and sequence numbers of one run.
func snapshotOf(token uint32, client uint16, seq uint32) *snapshot.Snapshot {
	local := netip.AddrPortFrom(netip.MustParseAddr("10.0.1.1"), client)
	second := netip.AddrPortFrom(netip.MustParseAddr("10.0.2.1"), client+1)
	remote := at("10.0.1.2:8001")
	packet := func(from string, p wire.Packet) lab.Packet {
		return lab.Packet{Time: time.Millisecond, Link: "l", From: from, Packet: p}
	}
	return &snapshot.Snapshot{
		Nodes: []snapshot.Node{{
			Name: "client",
			Events: []lab.Event{
				{Event: pm.Event{Kind: pm.EventCreated, Has: attrs, Token: token, Local: local, Remote: remote}},
				{Event: pm.Event{Kind: pm.EventSubEstablished, Has: attrs, Token: token, Local: second, Remote: remote, LocalID: 1}},
			},
			Conns: []lab.Conn{{
				Token: token, Local: local, Remote: remote, State: "ESTAB",
				Subflows: []lab.Subflow{{Local: local, Remote: remote, State: "ESTAB", Flags: 0x1c3}},
			}},
			Counters: lab.Counters{"MPJoinSynTx": 1},
		}},
		Links: []snapshot.Link{{Name: "l", Packets: []lab.Packet{
			packet("client", wire.Packet{Src: local, Dst: remote, Flags: wire.FlagSYN, Seq: seq, Options: []wire.Option{&wire.MPCapable{Version: 1}}}),
			packet("client", wire.Packet{Src: second, Dst: remote, Flags: wire.FlagSYN, Seq: seq + 9, Options: []wire.Option{&wire.MPJoin{ID: 1, Token: token, Nonce: seq}}}),
			packet("client", wire.Packet{Src: second, Dst: remote, Flags: wire.FlagSYN, Seq: seq + 9, Options: []wire.Option{&wire.MPJoin{ID: 1, Token: token, Nonce: seq}}}),
		}}},
	}
}

func view(s *snapshot.Snapshot) *View {
	return newView(report.Result{Verdict: report.Passed, Snapshot: s}, nil)
}

// What chance chooses is in no text and in no name.
func TestViewsOfTwoRunsAreTheSame(t *testing.T) {
	one, other := view(snapshotOf(7, 40000, 1)), view(snapshotOf(0xdeadbeef, 50000, 99))
	require.Empty(t, differences(one, other))
	require.Equal(t, []Seen{
		{Witness: Options, Of: "l from client: 10.0.2.1:* > 10.0.1.2:8001", Text: "SYN MP_JOIN id 1", Time: time.Millisecond, from: "client"},
		{Witness: Options, Of: "l from client: 10.0.2.1:* > 10.0.1.2:8001", Text: "SYN MP_JOIN id 1", Time: time.Millisecond, from: "client", again: true},
	}, one.seen[subject{Options, "l from client: 10.0.2.1:* > 10.0.1.2:8001"}])
	require.Equal(t, "[  SF_ESTABLISHED] remid=0 locid=1 saddr4=10.0.2.1 daddr4=10.0.1.2 sport=* dport=8001",
		one.seen[subject{Events, "client 10.0.1.1:* > 10.0.1.2:8001 subflow 10.0.2.1:* > 10.0.1.2:8001"}][0].Text)
	require.Equal(t, "ESTAB local_id=0 remote_id=0 flags=Mmec",
		one.seen[subject{Subflows, "client 10.0.1.1:* > 10.0.1.2:8001 subflow 10.0.1.1:* > 10.0.1.2:8001"}][0].Text)
}

// Whatever a witness sees makes a difference.
func TestDifferences(t *testing.T) {
	tests := []struct {
		witness Witness
		change  func(*snapshot.Snapshot)
		of      string
	}{
		{Events, func(s *snapshot.Snapshot) { s.Nodes[0].Events[1].LocalID = 2 }, "client 10.0.1.1:* > 10.0.1.2:8001 subflow 10.0.2.1:* > 10.0.1.2:8001"},
		{Events, func(s *snapshot.Snapshot) { s.Nodes[0].Events = s.Nodes[0].Events[:1] }, "client 10.0.1.1:* > 10.0.1.2:8001 subflow 10.0.2.1:* > 10.0.1.2:8001"},
		{Events, func(s *snapshot.Snapshot) { s.Nodes[0].Events[0].Has |= pm.AttrServerSide }, ""},
		{Options, func(s *snapshot.Snapshot) { s.Links[0].Packets[0].Options[0].(*wire.MPCapable).DenyJoinInitial = true }, "l from client: 10.0.1.1:* > 10.0.1.2:8001"},
		{Options, func(s *snapshot.Snapshot) { s.Links[0].Packets[1].Fate = "dropped by drop()" }, "l from client: 10.0.2.1:* > 10.0.1.2:8001"},
		{Subflows, func(s *snapshot.Snapshot) { s.Nodes[0].Conns[0].Subflows[0].Flags |= 0x10 }, "client 10.0.1.1:* > 10.0.1.2:8001 subflow 10.0.1.1:* > 10.0.1.2:8001"},
		{Subflows, func(s *snapshot.Snapshot) { s.Nodes[0].Conns[0].Info.ExtraSubflows = 1 }, "client 10.0.1.1:* > 10.0.1.2:8001 info"},
		{Subflows, func(s *snapshot.Snapshot) { s.Nodes[0].Conns[0].Fallback = true }, "client 10.0.1.1:* > 10.0.1.2:8001"},
		{Settings, func(s *snapshot.Snapshot) { s.Nodes[0].Limits.Subflows = 3 }, "client limits"},
		{Settings, func(s *snapshot.Snapshot) { s.Nodes[0].Endpoints = []pm.Endpoint{{ID: 1}} }, "client endpoints"},
		{Counters, func(s *snapshot.Snapshot) { s.Nodes[0].Counters["MPJoinSynTx"] = 2 }, "client MPJoinSynTx"},
	}
	for n, test := range tests {
		t.Run(fmt.Sprint(n, test.witness), func(t *testing.T) {
			changed := snapshotOf(7, 40000, 1)
			test.change(changed)
			found := differences(view(snapshotOf(7, 40000, 1)), view(changed))
			if test.of == "" { // a monitor does not print it
				require.Empty(t, found)
				return
			}
			require.Len(t, found, 1)
			require.Equal(t, test.witness, found[0].Witness)
			require.Equal(t, test.of, found[0].Of)
			require.Empty(t, found[0].Race)
		})
	}
}

func TestVerdictsThatDiffer(t *testing.T) {
	passed, skipped := view(snapshotOf(7, 40000, 1)), view(snapshotOf(7, 40000, 1))
	failed := newView(report.Result{Verdict: report.Failed, Message: "x.star:3: no, on port 40001", Snapshot: &snapshot.Snapshot{}}, nil)
	found := differences(passed, failed)
	require.Len(t, found, 1, "nothing more is asked")
	require.Equal(t, "failed: x.star:3: no, on port *", found[0].Emulator[0].Text)
	require.Len(t, differences(failed, failed), 1, "what fails on both is not the same on both: it shows nothing")
	skipped.Result.Verdict = report.Skipped
	require.Empty(t, differences(skipped, failed))
}

func TestHunks(t *testing.T) {
	list := func(texts string) (all []Seen) {
		for _, c := range texts {
			all = append(all, Seen{Text: string(c)})
		}
		return all
	}
	tests := []struct{ kernel, emulator, want string }{
		{"", "", ""},
		{"abc", "abc", ""},
		{"abc", "ac", "b/"},
		{"ac", "abc", "/b"},
		{"axc", "ayc", "x/y"},
		{"ab", "ba", "a/ /a"},
		{"abcd", "", "abcd/"},
	}
	for _, test := range tests {
		got := ""
		for _, h := range hunks(list(test.kernel), list(test.emulator)) {
			if got != "" {
				got += " "
			}
			for _, s := range h.Kernel {
				got += s.Text
			}
			got += "/"
			for _, s := range h.Emulator {
				got += s.Text
			}
		}
		require.Equal(t, test.want, got, "%s against %s", test.kernel, test.emulator)
	}
}

func TestRefusalText(t *testing.T) {
	tests := []struct {
		op   string
		err  error
		want string
	}{
		{"", &pm.Error{Op: "remove id 3 on token 0123abcd", Errno: 22, Message: "address with id 3 not found", Attr: "LOC_ID"}, "remove id 3 on token …: errno 22: address with id 3 not found (LOC_ID)"},
		{"", &pm.Error{Op: "destroy subflow [fd00::1]:40000 to 10.0.1.2:8001 on token 0123abcd", Errno: 3}, "destroy subflow [fd00::1]:* to 10.0.1.2:8001 on token …: errno 3"},
		{"connect", fmt.Errorf("on client: connect to 10.0.1.2:40000: %w", syscall.Errno(111)), "connect: errno 111"},
		{"send", fmt.Errorf("on client: send: after 17 bytes: %w", errors.New("not done within 100ms")), "send: not done within 100ms"},
	}
	for _, test := range tests {
		require.Equal(t, test.want, refusal{op: test.op, err: test.err}.text())
	}
}

func TestConstant(t *testing.T) {
	tests := map[string]string{
		"held for 5ms":                      "held for 5ms",
		"released after 12.5ms by hold()":   "released by hold()",
		"10.0.1.1:32768 and 10.0.1.1:32767": "10.0.1.1:* and 10.0.1.1:32767",
		"[fd00::1]:60999":                   "[fd00::1]:*",
		"10.0.1.1 port 45000":               "10.0.1.1 port *",
	}
	for text, want := range tests {
		require.Equal(t, want, constant(text))
	}
}
