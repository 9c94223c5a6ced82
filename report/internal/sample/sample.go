// Package sample makes results for the tests of reports: a connection with a second subflow, and one that fails.
package sample

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

var (
	client1 = netip.MustParseAddrPort("10.0.1.1:50008")
	client2 = netip.MustParseAddrPort("10.0.2.1:34627")
	server1 = netip.MustParseAddrPort("10.0.1.2:8001")
	server2 = netip.MustParseAddrPort("10.0.2.2:8001")
)

// The keys of both ends, of which their tokens are made.
const (
	clientKey wire.Key = 8
	serverKey wire.Key = 7
)

const (
	link1 = "client:eth1-server:eth1"
	link2 = "client:eth2-server:eth2"
)

// packet is one that client or server sends on a link at some millisecond.
func packet(ms float64, link, from, to string, src, dst netip.AddrPort, flags wire.TCPFlags, n int, fate string, options ...wire.Option) lab.Packet {
	p := wire.Packet{Src: src, Dst: dst, Flags: flags, Seq: 100, Ack: 200, Window: 2048, PayloadLen: n, Options: options}
	encoded, err := wire.Encode(p, make([]byte, n))
	if err != nil {
		panic(fmt.Sprintf("sample: %v", err))
	}
	frame := append([]byte{2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0}, encoded...)
	return lab.Packet{Time: at(ms), Link: link, From: from, To: to, Fate: fate, Head: lab.HeadOf(frame), Packet: p}
}

func at(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

func entry(ms float64, host string, kind lab.EntryKind, text string) lab.Entry {
	return lab.Entry{Time: at(ms), Host: host, Kind: kind, Text: text}
}

func event(ms float64, e pm.Event) lab.Event { return lab.Event{Time: at(ms), Event: e} }

// firstLink are the packets of the initial subflow: the first ADD_ADDR is lost.
func firstLink() []lab.Packet {
	announced, echo := wire.AddAddr{ID: 1, Address: server2.Addr(), HMAC: 4}, wire.AddAddr{ID: 1, Address: server2.Addr(), Echo: true}
	return []lab.Packet{
		packet(2, link1, "client", "server", client1, server1, wire.FlagSYN, 0, "", &wire.MPCapable{Version: 1, Crypto: 1}),
		packet(2.1, link1, "server", "client", server1, client1, wire.FlagSYN|wire.FlagACK, 0, "", &wire.MPCapable{Version: 1, Crypto: 1, HasSenderKey: true, SenderKey: serverKey}),
		packet(2.2, link1, "client", "server", client1, server1, wire.FlagACK, 0, "", &wire.MPCapable{Version: 1, Crypto: 1, HasSenderKey: true, HasReceiverKey: true, SenderKey: clientKey, ReceiverKey: serverKey}),
		packet(2.4, link1, "client", "server", client1, server1, wire.FlagACK|wire.FlagPSH, 1, "", &wire.MPCapable{Version: 1, Crypto: 1, HasSenderKey: true, HasReceiverKey: true, HasData: true, SenderKey: clientKey, ReceiverKey: serverKey, DataLen: 1}),
		packet(3, link1, "server", "client", server1, client1, wire.FlagACK, 0, `dropped by drop(option = "ADD_ADDR", nth = 1)`, &announced),
		packet(203, link1, "server", "client", server1, client1, wire.FlagACK, 0, "", &announced),
		packet(203.1, link1, "client", "server", client1, server1, wire.FlagACK, 0, "", &echo),
	}
}

// secondLink are the packets of the second subflow.
func secondLink() []lab.Packet {
	return []lab.Packet{
		packet(204, link2, "client", "server", client2, server2, wire.FlagSYN, 0, "", &wire.MPJoin{ID: 2, Backup: true, Token: serverKey.Token(), Nonce: 3}),
		packet(204.1, link2, "server", "client", server2, client2, wire.FlagSYN|wire.FlagACK, 0, "", &wire.MPJoin{Phase: wire.JoinSYNACK, ID: 1, TruncatedHMAC: 2, Nonce: 3}),
		packet(204.2, link2, "client", "server", client2, server2, wire.FlagACK, 0, "", &wire.MPJoin{Phase: wire.JoinACK, HMAC: [20]byte{1}}),
		packet(250, link2, "client", "server", client2, server2, wire.FlagACK, 0, "", &wire.MPPrio{}),
		packet(260, link2, "server", "client", server2, client2, wire.FlagACK, 0, "", &wire.RemoveAddr{IDs: []uint8{1}}),
		packet(261, link2, "client", "server", client2, server2, wire.FlagRST|wire.FlagACK, 0, "", &wire.TCPRst{Reason: wire.ResetProhibited}),
	}
}

// clientEvents are what the client's path manager tells.
func clientEvents() []lab.Event {
	return []lab.Event{
		event(2.3, pm.Event{Kind: pm.EventCreated, Token: clientKey.Token(), Local: client1, Remote: server1, Has: pm.AttrToken | pm.AttrLocalAddr4 | pm.AttrRemoteAddr4}),
		event(203.2, pm.Event{Kind: pm.EventAnnounced, Token: clientKey.Token(), Remote: netip.AddrPortFrom(server2.Addr(), 0), RemoteID: 1, Has: pm.AttrToken | pm.AttrRemoteID | pm.AttrRemoteAddr4}),
		event(204.3, pm.Event{Kind: pm.EventSubEstablished, Token: clientKey.Token(), Local: client2, Remote: server2, LocalID: 2, RemoteID: 1, Has: pm.AttrToken | pm.AttrLocalID | pm.AttrRemoteID | pm.AttrLocalAddr4 | pm.AttrRemoteAddr4}),
		event(260.2, pm.Event{Kind: pm.EventRemoved, Token: clientKey.Token(), RemoteID: 1, Has: pm.AttrToken | pm.AttrRemoteID}),
	}
}

// said is the timeline without packets and events.
func said() []lab.Entry {
	return []lab.Entry{
		entry(0, "", lab.KindStep, "the server announces its second address"),
		entry(0.5, "server", lab.KindAction, "endpoint add 10.0.2.2 signal"),
		entry(1, "client", lab.KindAction, "connect to server 10.0.1.2:8001"),
		entry(3, "server > client", lab.KindLink, firstLink()[4].Fate+": "+firstLink()[4].String()),
		entry(205, "client", lab.KindCounter, "AddAddr +1, EchoAddTx +1, MPCapableSYNTX +1, MPJoinSynTx +1"),
		entry(205.1, "server", lab.KindCounter, "AddAddrTx +2, EchoAdd +1, MPCapableSYNRX +1, MPJoinAckRx +1, MPJoinSynRx +1"),
		entry(206, "", lab.KindCheck, "holds: check.subflows(conn.client, 2)"),
		entry(240, "", lab.KindStep, "the server takes it away"),
		entry(270, "", lab.KindCheck, "holds: check.subflows(conn.client, 1)"),
	}
}

func nodes() []snapshot.Node {
	address := func(iface, prefix string) lab.Address {
		return lab.Address{Interface: iface, Prefix: netip.MustParsePrefix(prefix)}
	}
	return []snapshot.Node{
		{
			Name:      "client",
			Addresses: []lab.Address{address("eth1", "10.0.1.1/24"), address("eth2", "10.0.2.1/24")},
			Limits:    pm.Limits{AddAddrAccepted: 1, Subflows: 2},
			Events:    clientEvents(),
			Counters:  lab.Counters{"AddAddr": 1, "EchoAddTx": 1, "MPCapableSYNTX": 1, "MPJoinSynTx": 1},
		},
		{
			Name:      "server",
			Addresses: []lab.Address{address("eth1", "10.0.1.2/24"), address("eth2", "10.0.2.2/24")},
			Limits:    pm.Limits{Subflows: 2},
			Endpoints: []pm.Endpoint{{ID: 1, Address: server2.Addr(), Flags: pm.FlagSignal}},
			Counters:  lab.Counters{"AddAddrTx": 2, "EchoAdd": 1, "MPCapableSYNRX": 1, "MPJoinAckRx": 1, "MPJoinSynRx": 1},
		},
	}
}

// Joined is a case that passes: the server announces an address, the client joins it, and the server takes it away.
func Joined() report.Result {
	end := func(node, iface, prefix string) lab.LinkEnd {
		return lab.LinkEnd{Node: node, Interface: iface, Addresses: []netip.Prefix{netip.MustParsePrefix(prefix)}}
	}
	s := &snapshot.Snapshot{
		Nodes: nodes(),
		Links: []snapshot.Link{
			{Name: link1, Ends: [2]lab.LinkEnd{end("client", "eth1", "10.0.1.1/24"), end("server", "eth1", "10.0.1.2/24")}, Packets: firstLink()},
			{Name: link2, Ends: [2]lab.LinkEnd{end("client", "eth2", "10.0.2.1/24"), end("server", "eth2", "10.0.2.2/24")}, Packets: secondLink()},
		},
	}
	return report.Result{
		Case:    report.Case{ID: "join.star::test_announced[family=ipv4]", File: "join.star", Line: 3, Title: "The client joins an announced address."},
		Verdict: report.Passed, Duration: 270 * time.Millisecond, Checks: 2, Seed: 1, Output: []string{"joined"},
		Timeline: timeline(s), Snapshot: s,
	}
}

// timeline is what was said with what the snapshot has, in order of time, as a lab would give it.
func timeline(s *snapshot.Snapshot) []lab.Entry {
	all := said()
	for _, l := range s.Links {
		for _, p := range l.Packets {
			all = append(all, lab.Entry{Time: p.Time, Host: p.From + " > " + p.To, Kind: lab.KindPacket, Text: p.String()})
		}
	}
	for _, n := range s.Nodes {
		for _, e := range n.Events {
			all = append(all, lab.Entry{Time: e.Time, Host: n.Name, Kind: lab.KindEvent, Text: e.String()})
		}
	}
	slices.SortStableFunc(all, func(a, b lab.Entry) int { return cmp.Compare(a.Time, b.Time) })
	return all
}

// Failed is Joined with a check that does not hold, at its end.
func Failed() report.Result {
	r := Joined()
	r.Case = report.Case{ID: "join.star::test_stays[family=ipv4]", File: "join.star", Line: 20, Title: "The second subflow stays."}
	r.Verdict = report.Failed
	r.Message = "join.star:28: check.subflows: 1 subflow, expected 2\n    > check.subflows(conn.client, 2)"
	r.Timeline[len(r.Timeline)-1] = entry(270, "", lab.KindCheck, "fails: check.subflows: 1 subflow, expected 2")
	return r
}
