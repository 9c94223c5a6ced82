package story_test

import (
	"bytes"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/internal/sample"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/report/story"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(path, got, 0o644))
	}
	want, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, string(want), string(got))
}

func TestFlows(t *testing.T) {
	s := story.New(sample.Joined())
	require.Equal(t, []string{"client", "server"}, s.Lanes)
	require.Len(t, s.Flows, 2)
	require.Equal(t, "subflow 1", s.Flows[0].Name())
	require.Equal(t, story.FlowInitial, s.Flows[0].Kind)
	require.Equal(t, "client", s.Flows[0].From)
	require.Equal(t, "server", s.Flows[0].To)
	require.Equal(t, story.FlowJoin, s.Flows[1].Kind)
}

// message is the one with that label.
func message(t *testing.T, s *story.Story, label string) story.Item {
	t.Helper()
	for _, i := range s.Items {
		if i.Message != nil && i.Message.Label == label && i.Message.Fate == "" {
			return i
		}
	}
	require.Fail(t, "no such message", label)
	return story.Item{}
}

// Events and counters are given to the messages that they came with, and to no other.
func TestRelations(t *testing.T) {
	s := story.New(sample.Joined())
	tests := map[string]struct {
		counters []string
		with     []string
	}{
		"SYN MP_CAPABLE":              {[]string{"client MPCapableSYNTX", "server MPCapableSYNRX"}, []string{"counter", "counter"}},
		"ADD_ADDR id 1 10.0.2.2":      {[]string{"client AddAddr", "server AddAddrTx"}, []string{"event", "counter", "counter"}},
		"ADD_ADDR echo id 1 10.0.2.2": {[]string{"client EchoAddTx", "server EchoAdd"}, []string{"counter", "counter"}},
		"SYN MP_JOIN id 2 backup":     {[]string{"client MPJoinSynTx", "server MPJoinSynRx"}, []string{"counter", "counter"}},
		"MP_PRIO no backup":           {nil, nil},
		"RM_ADDR id 1":                {nil, []string{"event"}},
	}
	for label, want := range tests {
		m := message(t, s, label)
		require.Equal(t, want.counters, m.Message.Counters, label)
		var with []string
		for _, w := range m.With {
			with = append(with, string(s.Items[w].Kind))
		}
		require.ElementsMatch(t, want.with, with, label)
	}
}

// A message that a rule dropped moved nothing at the host that it did not reach.
func TestLostMessageMovesNoCounterOfItsReceiver(t *testing.T) {
	for _, i := range story.New(sample.Joined()).Items {
		if i.Message != nil && i.Message.Fate != "" {
			require.Equal(t, []string{"server AddAddrTx"}, i.Message.Counters)
			return
		}
	}
	require.Fail(t, "no message was dropped")
}

func TestTell(t *testing.T) {
	for name, r := range map[string]report.Result{"tell": sample.Joined(), "tell-failed": sample.Failed()} {
		var out bytes.Buffer
		for _, sentence := range story.New(r).Tell() {
			fmt.Fprintln(&out, sentence.Text)
		}
		golden(t, name, out.Bytes())
	}
}

func TestDiagram(t *testing.T) {
	for _, width := range []int{80, 120} {
		var out bytes.Buffer
		require.NoError(t, story.New(sample.Failed()).Diagram(&out, width))
		golden(t, fmt.Sprintf("diagram-%d", width), out.Bytes())
	}
}

// Without a snapshot there is still what the timeline says.
func TestStoryOfATimeline(t *testing.T) {
	r := report.Result{Timeline: []lab.Entry{{Kind: lab.KindStep, Text: "x"}, {Kind: lab.KindPacket, Host: "a > b", Text: "y"}}}
	s := story.New(r)
	require.Len(t, s.Items, 2)
	var out bytes.Buffer
	require.NoError(t, s.Diagram(&out, 80))
	require.Equal(t, "no message was seen\n", out.String())
}

// Behind a router each link shows the packet again: it is one flow, and the router stands in the middle.
func TestRouter(t *testing.T) {
	hop := func(from, to string) lab.Packet {
		return lab.Packet{Link: from + "-" + to, From: from, To: to, Packet: wire.Packet{
			Src: netip.MustParseAddrPort("10.0.1.1:5"), Dst: netip.MustParseAddrPort("10.0.2.1:80"), Flags: wire.FlagSYN, Seq: 7,
			Options: []wire.Option{&wire.MPCapable{Version: 1}},
		}}
	}
	s := story.New(report.Result{Snapshot: &snapshot.Snapshot{
		Nodes: []snapshot.Node{{Name: "server"}, {Name: "idle"}, {Name: "router", Router: true}, {Name: "client"}},
		Links: []snapshot.Link{{Packets: []lab.Packet{hop("client", "router")}}, {Packets: []lab.Packet{hop("router", "server")}}},
	}})
	require.Len(t, s.Flows, 1)
	require.Equal(t, "server", s.Flows[0].To)
	require.Equal(t, []string{"client", "router", "server", "idle"}, s.Lanes)
	told := s.Tell()
	require.Len(t, told, 1)
	require.Equal(t, "client asks server for an MPTCP connection, from 10.0.1.1:5 to 10.0.2.1:80.", told[0].Text)
}

func TestTeller(t *testing.T) {
	var out bytes.Buffer
	teller := story.NewTeller(&out, 100)
	teller.Start(1)
	r := sample.Failed()
	teller.CaseStarted(r.Case)
	teller.CaseDone(r)
	teller.Finish(report.Summary{Audit: []string{"1 open file left"}})
	require.NoError(t, teller.Err())
	golden(t, "teller", out.Bytes())
}

// What a script says is not trusted with the terminal.
func TestTellerPassesNoControlCharactersOn(t *testing.T) {
	var out bytes.Buffer
	story.NewTeller(&out, 80).CaseDone(report.Result{
		Case: report.Case{Title: "\x1b[2J"}, Message: "\x1b[1m", Timeline: []lab.Entry{{Kind: lab.KindStep, Text: "\x1b]0;x\a"}, {Kind: lab.KindAction, Host: "a", Text: "\r"}},
	})
	require.NotContains(t, out.String(), "\x1b")
	require.NotContains(t, out.String(), "\r")
}

// A join belongs to the connection whose token it names.
func TestJoinsOfSeveralConnections(t *testing.T) {
	packet := func(port uint16, flags wire.TCPFlags, back bool, o wire.Option) lab.Packet {
		p := lab.Packet{Link: "l", From: "client", To: "server", Packet: wire.Packet{
			Src: netip.AddrPortFrom(netip.MustParseAddr("10.0.1.1"), port), Dst: netip.MustParseAddrPort("10.0.1.2:80"),
			Flags: flags, Options: []wire.Option{o},
		}}
		if back {
			p.From, p.To, p.Src, p.Dst = p.To, p.From, p.Dst, p.Src
		}
		return p
	}
	answer := func(port uint16, key wire.Key) lab.Packet {
		return packet(port, wire.FlagSYN|wire.FlagACK, true, &wire.MPCapable{Version: 1, HasSenderKey: true, SenderKey: key})
	}
	join := func(port uint16, key wire.Key) lab.Packet {
		return packet(port, wire.FlagSYN, false, &wire.MPJoin{Token: key.Token()})
	}
	s := story.New(report.Result{Snapshot: &snapshot.Snapshot{
		Nodes: []snapshot.Node{{Name: "client"}, {Name: "server"}},
		Links: []snapshot.Link{{Packets: []lab.Packet{
			packet(1, wire.FlagSYN, false, &wire.MPCapable{Version: 1}), answer(1, 11),
			packet(2, wire.FlagSYN, false, &wire.MPCapable{Version: 1}), answer(2, 22),
			join(3, 22), join(4, 11), join(5, 22), join(6, 33),
		}}},
	}})
	var names []string
	for _, f := range s.Flows {
		names = append(names, f.Name())
	}
	require.Equal(t, []string{
		"subflow 1", "connection 2, subflow 1", "connection 2, subflow 2", "subflow 2", "connection 2, subflow 3", "subflow",
	}, names)
}
