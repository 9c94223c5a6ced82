package pathmanager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// outcome is what is seen of a connection in the end.
type outcome struct {
	sent   []string
	opened []string
	info   lab.Info // but for the limits and maxima, which follow from the set-up
	counts map[string]int
	said   map[string]string // rule to a text of it
}

// rule is one rule of the path manager: a host that is set up, what happens to a connection of it, and what is seen.
type rule struct {
	name    string
	release string // "": 6.18
	side    Side
	denied  bool // the peer set the C flag
	setUp   func(*world)
	happen  func(*link)
	want    outcome
}

var rules = []rule{
	{
		name:  "all subflow endpoints open at once, in the order of the table",
		setUp: func(w *world) { w.endpoint("10.0.2.2", "subflow"); w.endpoint("10.0.3.2", "subflow backup") },
		want: outcome{
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.3.2/2 > 10.0.1.1:5000/0 backup"},
			info:   lab.Info{ExtraSubflows: 2, LocalAddrUsed: 2},
		},
	},
	{
		name: "no more subflows than the limit",
		setUp: func(w *world) {
			w.limits(0, 1)
			w.endpoint("10.0.2.2", "subflow")
			w.endpoint("10.0.3.2", "subflow")
		},
		want: outcome{
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0"},
			info:   lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1},
			said:   map[string]string{"subflow_limit": "client opens no more subflows: it has 1 of at most 1 beside the initial one"},
		},
	},
	{
		name:  "one endpoint in a run before 5.17",
		setUp: func(w *world) { w.limits(0, 2); w.endpoint("10.0.2.2", "subflow"); w.endpoint("10.0.3.2", "subflow") },
		happen: func(l *link) {
			require.Len(l, l.opened, 1)
			l.c.SubflowEstablished()
			l.settle()
		},
		release: "5.15",
		want: outcome{
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.3.2/2 > 10.0.1.1:5000/0"},
			info:   lab.Info{ExtraSubflows: 2, LocalAddrUsed: 2},
		},
	},
	{
		name: "the next endpoint takes the place of a closed subflow, whose own is used up",
		setUp: func(w *world) {
			w.limits(0, 1)
			w.endpoint("10.0.2.2", "subflow")
			w.endpoint("10.0.3.2", "subflow")
		},
		happen: func(l *link) { l.drop(1); l.drop(1) },
		want: outcome{
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.3.2/2 > 10.0.1.1:5000/0"},
			info:   lab.Info{LocalAddrUsed: 2},
		},
	},
	{
		name:  "an endpoint whose subflow cannot be opened is used up",
		setUp: func(w *world) { w.endpoint("fd00::2", "subflow"); w.endpoint("10.0.3.2", "subflow") },
		want: outcome{
			opened: []string{"10.0.3.2/2 > 10.0.1.1:5000/0"},
			info:   lab.Info{ExtraSubflows: 1, LocalAddrUsed: 2},
			said:   map[string]string{"families": "client opened no subflow from fd00::2 to 10.0.1.1: the connection cannot mix their families"},
		},
	},
	{
		name:  "the endpoint of the initial address counts as used, and its backup flag is sent",
		setUp: func(w *world) { w.endpoint("10.0.1.2", "subflow backup") },
		want:  outcome{sent: []string{"prio true on 10.0.1.2"}},
	},
	{
		name:    "before 6.0 it does not",
		release: "5.19",
		setUp:   func(w *world) { w.endpoint("10.0.1.2", "signal backup") },
		want:    outcome{sent: []string{"add 1 10.0.1.2"}, info: lab.Info{AddAddrSignaled: 1}, counts: map[string]int{"AddAddrTx": 1}},
	},
	{
		name:  "one announcement at a time: the next after the echo",
		side:  Accepted,
		setUp: func(w *world) { w.endpoint("10.0.2.1", "signal"); w.endpoint("10.0.3.1", "signal") },
		happen: func(l *link) {
			require.Equal(l, []string{"add 1 10.0.2.1"}, l.sent)
			l.echo(addAddr(1, "10.0.2.1"))
		},
		want: outcome{
			sent:   []string{"add 1 10.0.2.1", "add 2 10.0.3.1"},
			info:   lab.Info{AddAddrSignaled: 2},
			counts: map[string]int{"AddAddrTx": 2, "EchoAdd": 1},
		},
	},
	{
		name: "an endpoint with a port is at the head, and announced first",
		side: Accepted,
		setUp: func(w *world) {
			w.own = append(w.own, ip("10.0.3.1"))
			w.endpoint("10.0.2.1", "signal")
			w.endpoint("10.0.3.1:7777", "signal")
		},
		want: outcome{
			sent:   []string{"add 2 10.0.3.1:7777"},
			info:   lab.Info{AddAddrSignaled: 1},
			counts: map[string]int{"AddAddrTx": 1},
		},
	},
	{
		name:   "an ADD_ADDR without an echo is sent again three times, then the next is announced",
		side:   Accepted,
		setUp:  func(w *world) { w.endpoint("10.0.2.1", "signal"); w.endpoint("10.0.3.1", "signal") },
		happen: func(l *link) { l.pass(1500 * time.Millisecond) },
		want: outcome{
			sent:   []string{"add 1 10.0.2.1", "add 1 10.0.2.1", "add 1 10.0.2.1", "add 1 10.0.2.1", "add 2 10.0.3.1"},
			info:   lab.Info{AddAddrSignaled: 2},
			counts: map[string]int{"AddAddrTx": 5},
		},
	},
	{
		name:    "before 6.18 after two minutes each",
		release: "6.12",
		side:    Accepted,
		setUp:   func(w *world) { w.endpoint("10.0.2.1", "signal") },
		happen: func(l *link) {
			l.pass(119 * time.Second)
			require.Len(l, l.sent, 1)
			l.pass(242 * time.Second)
		},
		want: outcome{
			sent:   []string{"add 1 10.0.2.1", "add 1 10.0.2.1", "add 1 10.0.2.1", "add 1 10.0.2.1"},
			info:   lab.Info{AddAddrSignaled: 1},
			counts: map[string]int{"AddAddrTx": 4},
		},
	},
	{
		name: "without a time-out it is sent once, and the others wait",
		side: Accepted,
		setUp: func(w *world) {
			require.NoError(w, w.m.SetSysctl("net.mptcp.add_addr_timeout", "0"))
			w.endpoint("10.0.2.1", "signal")
			w.endpoint("10.0.3.1", "signal")
		},
		happen: func(l *link) { l.pass(time.Hour) },
		want:   outcome{sent: []string{"add 1 10.0.2.1"}, info: lab.Info{AddAddrSignaled: 1}, counts: map[string]int{"AddAddrTx": 1}},
	},
	{
		name:    "before 6.17 it was sent again at once",
		release: "6.12",
		side:    Accepted,
		setUp: func(w *world) {
			require.NoError(w, w.m.SetSysctl("net.mptcp.add_addr_timeout", "0"))
			w.endpoint("10.0.2.1", "signal")
		},
		happen: func(l *link) { l.pass(20 * time.Millisecond) },
		want: outcome{
			sent:   []string{"add 1 10.0.2.1", "add 1 10.0.2.1", "add 1 10.0.2.1", "add 1 10.0.2.1"},
			info:   lab.Info{AddAddrSignaled: 1},
			counts: map[string]int{"AddAddrTx": 4},
		},
	},
	{
		name: "an ADD_ADDR that does not fit gives way to the next",
		side: Accepted,
		setUp: func(w *world) {
			w.own = append(w.own, ip("fd00::1"))
			w.endpoint("[fd00::1]:7777", "signal")
			w.endpoint("10.0.3.1", "signal")
		},
		want: outcome{
			sent:   []string{"add 2 10.0.3.1"},
			info:   lab.Info{AddAddrSignaled: 2},
			counts: map[string]int{"AddAddrTx": 1, "AddAddrTxDrop": 1},
			said: map[string]string{
				"add_addr_too_large": "client cannot send ADD_ADDR id 1 ([fd00::1]:7777): the option needs 32 bytes, and a segment has 28 left",
			},
		},
	},
	{
		name:   "an announced address is answered, and gets a subflow from where routing says",
		setUp:  func(w *world) { w.limits(1, 2) },
		happen: func(l *link) { l.announce(2, "10.0.3.1") },
		want: outcome{
			sent:   []string{"echo 2 10.0.3.1"},
			opened: []string{"10.0.9.2/1 > 10.0.3.1:5000/2"},
			info:   lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1},
			counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1},
			said:   map[string]string{"implicit": "client made the implicit endpoint id 1 for 10.0.9.2, which needed an ID"},
		},
	},
	{
		name:   "no more announced addresses than the limit",
		setUp:  func(w *world) { w.limits(1, 8) },
		happen: func(l *link) { l.announce(1, "10.0.2.1"); l.announce(2, "10.0.3.1") },
		want: outcome{
			sent:   []string{"echo 1 10.0.2.1", "echo 2 10.0.3.1"},
			opened: []string{"10.0.9.2/1 > 10.0.2.1:5000/1"},
			info:   lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1},
			counts: map[string]int{"AddAddr": 2, "EchoAddTx": 2},
			said:   map[string]string{"add_addr_limit": "client ignored ADD_ADDR id 2 (10.0.3.1): accepted 1 of at most 1 announced addresses"},
		},
	},
	{
		name:   "limits are taken with the socket: raised later, announcements stay ignored",
		happen: func(l *link) { l.limits(8, 8); l.announce(1, "10.0.2.1") },
		want: outcome{
			sent: []string{"echo 1 10.0.2.1"}, counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1},
			said: map[string]string{
				"add_addr_limit": "client ignored ADD_ADDR id 1 (10.0.2.1): its limit of accepted addresses was 0 when the connection was made",
			},
		},
	},
	{
		name:  "limits lowered later: one more announcement is heeded",
		setUp: func(w *world) { w.limits(8, 8) },
		happen: func(l *link) {
			l.limits(0, 8)
			l.announce(1, "10.0.2.1")
			l.announce(2, "10.0.3.1")
		},
		want: outcome{
			sent: []string{"echo 1 10.0.2.1", "echo 2 10.0.3.1"}, opened: []string{"10.0.9.2/1 > 10.0.2.1:5000/1"},
			info: lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1}, counts: map[string]int{"AddAddr": 2, "EchoAddTx": 2},
		},
	},
	{
		name:   "an announcement may exceed the limit of subflows by one",
		setUp:  func(w *world) { w.limits(1, 1); w.endpoint("10.0.2.2", "subflow") },
		happen: func(l *link) { l.announce(1, "10.0.3.1") },
		want: outcome{
			sent:   []string{"echo 1 10.0.3.1"},
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.9.2/2 > 10.0.3.1:5000/1"},
			info:   lab.Info{ExtraSubflows: 2, LocalAddrUsed: 1, AddAddrAccepted: 1},
			counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1},
		},
	},
	{
		name:  "two announcements before the worker runs: the second is dropped, without an echo",
		setUp: func(w *world) { w.limits(8, 8) },
		happen: func(l *link) {
			l.c.AddAddrReceived(addAddr(1, "10.0.2.1"))
			l.c.AddAddrReceived(addAddr(2, "10.0.3.1:9"))
			l.settle()
		},
		want: outcome{
			sent: []string{"echo 1 10.0.2.1"}, opened: []string{"10.0.9.2/1 > 10.0.2.1:5000/1"},
			info:   lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1},
			counts: map[string]int{"AddAddr": 2, "PortAdd": 1, "EchoAddTx": 1, "AddAddrDrop": 1},
		},
	},
	{
		name:   "an address with a living subflow gets no second one",
		setUp:  func(w *world) { w.limits(8, 8) },
		happen: func(l *link) { l.announce(1, "10.0.2.1"); l.announce(1, "10.0.2.1") },
		want: outcome{
			sent: []string{"echo 1 10.0.2.1", "echo 1 10.0.2.1"}, opened: []string{"10.0.9.2/1 > 10.0.2.1:5000/1"},
			info: lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1}, counts: map[string]int{"AddAddr": 2, "EchoAddTx": 2},
		},
	},
	{
		name:   "ID 0 with another address than the initial one is only answered",
		setUp:  func(w *world) { w.limits(8, 8) },
		happen: func(l *link) { l.announce(0, "10.0.2.1") },
		want:   outcome{sent: []string{"echo 0 10.0.2.1"}, counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1}},
	},
	{
		name:  "an address that no subflow can be opened to takes nothing of the limit",
		setUp: func(w *world) { w.limits(1, 8) },
		happen: func(l *link) {
			l.refuse[l.routed] = 101
			l.announce(1, "10.0.2.1")
			delete(l.refuse, l.routed)
			l.announce(2, "10.0.3.1")
		},
		want: outcome{
			sent: []string{"echo 1 10.0.2.1", "echo 2 10.0.3.1"}, opened: []string{"10.0.9.2/1 > 10.0.3.1:5000/2"},
			info: lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1}, counts: map[string]int{"AddAddr": 2, "EchoAddTx": 2},
		},
	},
	{
		name: "fullmesh endpoints go to each announced address, and to each known one",
		setUp: func(w *world) {
			w.limits(8, 8)
			w.endpoint("10.0.2.2", "subflow fullmesh")
			w.endpoint("10.0.3.2", "fullmesh")
		},
		happen: func(l *link) {
			l.announce(1, "10.0.2.1")
			l.endpoint("10.0.4.2", "subflow fullmesh")
		},
		want: outcome{
			sent: []string{"echo 1 10.0.2.1"},
			opened: []string{
				"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.2.2/1 > 10.0.2.1:5000/1", "10.0.3.2/2 > 10.0.2.1:5000/1",
				"10.0.4.2/3 > 10.0.1.1:5000/0", "10.0.4.2/3 > 10.0.2.1:5000/1",
			},
			info:   lab.Info{ExtraSubflows: 5, AddAddrAccepted: 1, LocalAddrUsed: 2},
			counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1},
		},
	},
	{
		name:   "fullmesh from the initial address has ID 0",
		setUp:  func(w *world) { w.limits(8, 8); w.endpoint("10.0.1.2", "subflow fullmesh") },
		happen: func(l *link) { l.announce(1, "10.0.2.1") },
		want: outcome{
			sent: []string{"echo 1 10.0.2.1"}, opened: []string{"10.0.1.2/0 > 10.0.2.1:5000/1"},
			info: lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1}, counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1},
		},
	},
	{
		name:   "fullmesh stops behind the limit",
		setUp:  func(w *world) { w.limits(8, 1); w.endpoint("10.0.2.2", "fullmesh"); w.endpoint("10.0.3.2", "fullmesh") },
		happen: func(l *link) { l.announce(1, "10.0.2.1") },
		want: outcome{
			sent: []string{"echo 1 10.0.2.1"}, opened: []string{"10.0.2.2/1 > 10.0.2.1:5000/1"},
			info: lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1}, counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1},
		},
	},
	{
		name:   "one laminar endpoint for each announced address",
		setUp:  func(w *world) { w.limits(8, 8); w.endpoint("10.0.2.2", "laminar"); w.endpoint("10.0.3.2", "laminar") },
		happen: func(l *link) { l.announce(1, "10.0.2.1"); l.announce(2, "10.0.3.1"); l.announce(3, "10.0.4.1") },
		want: outcome{
			sent:   []string{"echo 1 10.0.2.1", "echo 2 10.0.3.1", "echo 3 10.0.4.1"},
			opened: []string{"10.0.2.2/1 > 10.0.2.1:5000/1", "10.0.3.2/2 > 10.0.3.1:5000/2"},
			info:   lab.Info{ExtraSubflows: 2, AddAddrAccepted: 2},
			counts: map[string]int{"AddAddr": 3, "EchoAddTx": 3},
		},
	},
	{
		name:    "before 6.18 laminar is no flag",
		release: "6.12",
		setUp:   func(w *world) { w.limits(8, 8); w.endpoint("10.0.2.2", "laminar") },
		happen:  func(l *link) { l.announce(1, "10.0.2.1") },
		want: outcome{
			sent: []string{"echo 1 10.0.2.1"}, opened: []string{"10.0.9.2/2 > 10.0.2.1:5000/1"},
			info: lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1}, counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1},
		},
	},
	{
		name:   "with the peer's C flag the first announcement takes the subflow endpoints",
		denied: true,
		setUp:  func(w *world) { w.endpoint("10.0.2.2", "subflow"); w.endpoint("10.0.3.2", "subflow") },
		happen: func(l *link) { l.announce(1, "10.0.4.1"); l.announce(2, "10.0.5.1") },
		want: outcome{
			sent:   []string{"echo 1 10.0.4.1", "echo 2 10.0.5.1"},
			opened: []string{"10.0.2.2/1 > 10.0.4.1:5000/1", "10.0.3.2/2 > 10.0.4.1:5000/1"},
			info:   lab.Info{ExtraSubflows: 2, LocalAddrUsed: 2, AddAddrAccepted: 1},
			counts: map[string]int{"AddAddr": 2, "EchoAddTx": 2},
		},
	},
	{
		name:    "before 6.18 it takes none",
		denied:  true,
		release: "6.17",
		setUp:   func(w *world) { w.endpoint("10.0.2.2", "subflow") },
		happen:  func(l *link) { l.announce(1, "10.0.4.1") },
		want: outcome{
			sent: []string{"echo 1 10.0.4.1"}, info: lab.Info{LocalAddrUsed: 1},
			counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1},
			said:   map[string]string{"c_flag": "client opened no subflow from 10.0.2.2 id 1 subflow: the peer denies joins to its initial address (C flag)"},
		},
	},
	{
		name:  "two endpoints with signal and subflow: the second is not announced",
		setUp: func(w *world) { w.endpoint("10.0.2.2", "signal subflow"); w.endpoint("10.0.3.2", "signal subflow") },
		happen: func(l *link) {
			l.echo(addAddr(1, "10.0.2.2"))
		},
		want: outcome{
			sent:   []string{"add 1 10.0.2.2"},
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.3.2/2 > 10.0.1.1:5000/0"},
			info:   lab.Info{AddAddrSignaled: 1, ExtraSubflows: 2, LocalAddrUsed: 2},
			counts: map[string]int{"AddAddrTx": 1, "EchoAdd": 1},
		},
	},
	{
		name: "without room for subflows they are announced one by one, and count as used",
		setUp: func(w *world) {
			w.limits(0, 0)
			w.endpoint("10.0.2.2", "signal subflow")
			w.endpoint("10.0.3.2", "signal subflow")
		},
		happen: func(l *link) { l.echo(addAddr(1, "10.0.2.2")) },
		want: outcome{
			sent: []string{"add 1 10.0.2.2"}, info: lab.Info{AddAddrSignaled: 1, LocalAddrUsed: 1},
			counts: map[string]int{"AddAddrTx": 1, "EchoAdd": 1},
		},
	},
	{
		name:    "before 6.11 the subflow is left out",
		release: "6.6",
		setUp:   func(w *world) { w.endpoint("10.0.2.2", "signal subflow") },
		want:    outcome{sent: []string{"add 1 10.0.2.2"}, info: lab.Info{AddAddrSignaled: 1}, counts: map[string]int{"AddAddrTx": 1}},
	},
	{
		name:   "deleting an endpoint withdraws it, closes its subflow and lets the next have its place",
		setUp:  func(w *world) { w.limits(0, 1); w.endpoint("10.0.2.2", "subflow"); w.endpoint("10.0.3.2", "subflow") },
		happen: func(l *link) { require.NoError(l, l.m.DeleteEndpoint(pm.Endpoint{ID: 1})); l.settle() },
		want: outcome{
			sent: []string{"rm [1] over 10.0.1.2"}, opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.3.2/2 > 10.0.1.1:5000/0"},
			info: lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1}, counts: map[string]int{"RmAddrTx": 1, "RmSubflow": 1},
		},
	},
	{
		name:  "deleting the endpoint of the initial address withdraws ID 0; added again it is announced as ID 0",
		setUp: func(w *world) { w.endpoint("10.0.1.2", "signal") },
		happen: func(l *link) {
			l.add(SubflowInfo{Local: ipPort("10.0.5.2:1"), Remote: ipPort("10.0.1.1:5000"), LocalID: 7, Join: true, Opened: true, FullyEstablished: true})
			require.NoError(l, l.m.DeleteEndpoint(pm.Endpoint{ID: 1}))
			l.endpoint("10.0.1.2", "signal")
		},
		want: outcome{
			sent: []string{"rm [0] over 10.0.5.2", "add 0 10.0.1.2"}, info: lab.Info{AddAddrSignaled: 1},
			counts: map[string]int{"RmAddrTx": 1, "RmSubflow": 1, "AddAddrTx": 1},
		},
	},
	{
		name:  "deleting the address of ID 0",
		setUp: func(w *world) { w.endpoint("10.0.2.2", "subflow") },
		happen: func(l *link) {
			require.NoError(l, l.m.DeleteEndpoint(pm.Endpoint{Address: ip("10.0.7.7")}))
			require.NoError(l, l.m.DeleteEndpoint(pm.Endpoint{Address: ip("10.0.1.2")}))
		},
		want: outcome{
			sent: []string{"rm [0] over 10.0.2.2"}, opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0"},
			info: lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1}, counts: map[string]int{"RmAddrTx": 1, "RmSubflow": 1},
		},
	},
	{
		name:    "before 6.18.17 the RM_ADDR may go over the subflow that is closed",
		release: "6.18.16",
		setUp:   func(w *world) { w.endpoint("10.0.2.2", "subflow") },
		happen:  func(l *link) { require.NoError(l, l.m.DeleteEndpoint(pm.Endpoint{Address: ip("10.0.1.2")})) },
		want: outcome{
			sent: []string{"rm [0] over 10.0.1.2"}, opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0"},
			info: lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1}, counts: map[string]int{"RmAddrTx": 1, "RmSubflow": 1},
		},
	},
	{
		name: "announcements stop when the subflows are as many as the limit",
		setUp: func(w *world) {
			w.limits(0, 1)
			w.endpoint("10.0.2.2", "subflow")
			w.endpoint("10.0.3.2", "signal")
			w.endpoint("10.0.4.2", "signal")
		},
		happen: func(l *link) { l.echo(addAddr(2, "10.0.3.2")) },
		want: outcome{
			sent: []string{"add 2 10.0.3.2"}, opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0"},
			info:   lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1, AddAddrSignaled: 1},
			counts: map[string]int{"AddAddrTx": 1, "EchoAdd": 1},
		},
	},
	{
		name: "and go on when they are more",
		setUp: func(w *world) {
			w.limits(0, 3)
			for _, a := range []string{"10.0.2.2", "10.0.3.2"} {
				w.endpoint(a, "subflow")
			}
			for _, a := range []string{"10.0.4.2", "10.0.5.2", "10.0.6.2"} {
				w.endpoint(a, "signal")
			}
		},
		happen: func(l *link) {
			l.limits(0, 1)
			l.echo(addAddr(3, "10.0.4.2"))
			l.echo(addAddr(4, "10.0.5.2"))
		},
		want: outcome{
			sent:   []string{"add 3 10.0.4.2", "add 4 10.0.5.2", "add 5 10.0.6.2"},
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.3.2/2 > 10.0.1.1:5000/0"},
			info:   lab.Info{ExtraSubflows: 2, LocalAddrUsed: 2, AddAddrSignaled: 3},
			counts: map[string]int{"AddAddrTx": 3, "EchoAdd": 2},
		},
	},
	{
		name:   "an implicit endpoint is deleted without a RM_ADDR",
		setUp:  func(w *world) { w.limits(8, 8) },
		happen: func(l *link) { l.announce(1, "10.0.2.1"); require.NoError(l, l.m.DeleteEndpoint(pm.Endpoint{ID: 1})) },
		want: outcome{
			sent: []string{"echo 1 10.0.2.1"}, opened: []string{"10.0.9.2/1 > 10.0.2.1:5000/1"},
			info: lab.Info{AddAddrAccepted: 1}, counts: map[string]int{"AddAddr": 1, "EchoAddTx": 1, "RmSubflow": 1},
		},
	},
	{
		name: "flush withdraws what was announced, and closes the other subflows without a word",
		setUp: func(w *world) {
			w.endpoint("10.0.2.2", "subflow")
			w.endpoint("10.0.3.2", "signal")
			w.endpoint("10.0.4.2", "signal")
		},
		happen: func(l *link) {
			l.echo(addAddr(2, "10.0.3.2"))
			require.NoError(l, l.m.FlushEndpoints())
		},
		want: outcome{
			sent: []string{"add 2 10.0.3.2", "add 3 10.0.4.2", "rm [2 3] over 10.0.1.2"}, opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0"},
			counts: map[string]int{"AddAddrTx": 2, "EchoAdd": 1, "RmAddrTx": 2, "RmSubflow": 1},
		},
	},
	{
		name:   "an endpoint added to a living connection is used",
		happen: func(l *link) { l.endpoint("10.0.2.2", "subflow"); l.endpoint("10.0.3.2", "signal") },
		want: outcome{
			sent: []string{"add 2 10.0.3.2"}, opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0"},
			info: lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1, AddAddrSignaled: 1}, counts: map[string]int{"AddAddrTx": 1},
		},
	},
	{
		name:   "the endpoint of the initial address, added when that was looked for, opens another subflow of ID 0",
		setUp:  func(w *world) { w.endpoint("10.0.2.2", "subflow") },
		happen: func(l *link) { l.endpoint("10.0.1.2", "subflow") },
		want: outcome{
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.1.2/0 > 10.0.1.1:5000/0"},
			info:   lab.Info{ExtraSubflows: 2, LocalAddrUsed: 1},
		},
	},
	{
		name:  "a changed backup flag is told with MP_PRIO, on one subflow",
		setUp: func(w *world) { w.endpoint("10.0.2.2", "subflow") },
		happen: func(l *link) {
			require.NoError(l, l.m.ChangeEndpoint(pm.Endpoint{ID: 1, Flags: pm.FlagBackup}))
			require.NoError(l, l.m.ChangeEndpoint(pm.Endpoint{ID: 1, Flags: pm.FlagBackup}))
			require.NoError(l, l.m.ChangeEndpoint(pm.Endpoint{ID: 1}))
		},
		want: outcome{
			sent:   []string{"prio true on 10.0.2.2", "prio false on 10.0.2.2"},
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0"}, info: lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1},
		},
	},
	{
		name:   "a changed fullmesh flag closes the subflows and opens them anew",
		setUp:  func(w *world) { w.limits(0, 4); w.endpoint("10.0.2.2", "subflow") },
		happen: func(l *link) { require.NoError(l, l.m.ChangeEndpoint(pm.Endpoint{ID: 1, Flags: pm.FlagFullmesh})) },
		want: outcome{
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.2.2/1 > 10.0.1.1:5000/0"},
			info:   lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1}, counts: map[string]int{"RmSubflow": 1},
		},
	},
	{
		name:   "RM_ADDR closes the subflows to the ID, and makes room for another announcement",
		setUp:  func(w *world) { w.limits(1, 8) },
		happen: func(l *link) { l.announce(1, "10.0.2.1"); l.withdraw(1, 9); l.announce(2, "10.0.3.1") },
		want: outcome{
			sent:   []string{"echo 1 10.0.2.1", "echo 2 10.0.3.1"},
			opened: []string{"10.0.9.2/1 > 10.0.2.1:5000/1", "10.0.9.2/1 > 10.0.3.1:5000/2"},
			info:   lab.Info{ExtraSubflows: 1, AddAddrAccepted: 1},
			counts: map[string]int{"AddAddr": 2, "EchoAddTx": 2, "RmAddr": 2},
		},
	},
	{
		name:   "RM_ADDR of a subflow that the peer opened frees no announcement",
		setUp:  func(w *world) { w.limits(1, 8) },
		happen: func(l *link) { l.accept("10.0.1.2:40000", "10.0.2.1:1", 4); l.withdraw(4) },
		want:   outcome{counts: map[string]int{"RmAddr": 1}},
	},
	{
		name:   "two RM_ADDRs before the worker runs: the second is lost",
		happen: func(l *link) { l.c.RmAddrReceived([]uint8{1, 2}); l.withdraw(3) },
		want:   outcome{counts: map[string]int{"RmAddr": 2, "RmAddrDrop": 1}},
	},
	{
		name: "joins up to the limit, and a place that a closed one leaves",
		side: Accepted,
		happen: func(l *link) {
			for i := range 3 {
				require.Equal(l, i < 2, l.accept("10.0.1.1:5000", "10.0.2.2:1", uint8(i+1)))
			}
			l.drop(1)
			require.True(l, l.accept("10.0.1.1:5000", "10.0.2.2:1", 3))
		},
		want: outcome{
			info: lab.Info{ExtraSubflows: 2}, counts: map[string]int{"MPJoinRejected": 1},
			said: map[string]string{"join_refused": "client refused a join: it has 2 of at most 2 extra subflows"},
		},
	},
	{
		name:  "a limit raised from 0 is not seen by a living connection",
		side:  Accepted,
		setUp: func(w *world) { w.limits(0, 0) },
		happen: func(l *link) {
			l.limits(0, 8)
			require.False(l, l.accept("10.0.1.1:5000", "10.0.2.2:1", 1))
		},
		want: outcome{counts: map[string]int{"MPJoinRejected": 1}},
	},
	{
		name:    "before 6.16 a refused join counts otherwise",
		release: "6.12",
		side:    Accepted,
		setUp:   func(w *world) { w.limits(0, 0) },
		happen:  func(l *link) { require.False(l, l.accept("10.0.1.1:5000", "10.0.2.2:1", 1)) },
		want:    outcome{counts: map[string]int{"MPJoinAckHMacFailure": 1}},
	},
	{
		name:   "a connection that is being closed takes no joins",
		side:   Accepted,
		happen: func(l *link) { l.info.State = FinWait1; require.False(l, l.accept("10.0.1.1:5000", "10.0.2.2:1", 1)) },
		want:   outcome{counts: map[string]int{"MPJoinRejected": 1}},
	},
	{
		name: "a RM_ADDR while another signal waits is lost",
		side: Accepted,
		setUp: func(w *world) {
			w.endpoint("10.0.2.1", "signal")
			w.endpoint("10.0.3.1", "signal")
		},
		happen: func(l *link) {
			l.subflows[0].info.State = Close // nothing can be sent
			l.echo(addAddr(1, "10.0.2.1"))
			require.NoError(l, l.m.DeleteEndpoint(pm.Endpoint{ID: 1}))
		},
		want: outcome{
			sent: []string{"add 1 10.0.2.1"}, info: lab.Info{AddAddrSignaled: 1},
			counts: map[string]int{"AddAddrTx": 1, "EchoAdd": 1, "RmAddrTxDrop": 1},
		},
	},
	{
		name:   "the worker does nothing on a closed connection",
		setUp:  func(w *world) { w.limits(8, 8) },
		happen: func(l *link) { l.c.AddAddrReceived(addAddr(1, "10.0.2.1")); l.info.State = Close; l.settle() },
		want:   outcome{counts: map[string]int{"AddAddr": 1}},
	},
}

func TestRules(t *testing.T) {
	for _, r := range rules {
		t.Run(r.name, r.check)
	}
}

// check runs a row.
func (r rule) check(t *testing.T) {
	w := newWorld(r.release)
	w.T = t
	if r.setUp != nil {
		r.setUp(w)
	}
	l := connecting(w, r.side, r.denied)
	l.establish()
	if r.happen != nil {
		r.happen(l)
	}
	require.Equal(t, r.want.sent, l.sent)
	require.Equal(t, r.want.opened, l.opened)
	require.Equal(t, r.want.info, variable(l.counters()))
	counts := r.want.counts
	if counts == nil {
		counts = map[string]int{}
	}
	require.Equal(t, counts, w.counts)
	for rule, text := range r.want.said {
		require.Contains(t, w.told(rule), text)
	}
	for _, reason := range w.reasons {
		require.NotEmpty(t, reason.Source, reason.Rule)
	}
}

// What is added between the handshake and full establishment is not looked at, unless there was something to do before.
func TestTooEarly(t *testing.T) {
	tests := []struct {
		name  string
		setUp func(*world)
		early func(*world)
		want  []string
	}{
		{"an endpoint", func(*world) {}, func(w *world) { w.endpoint("10.0.2.2", "subflow") }, nil},
		{
			"an endpoint beside another",
			func(w *world) { w.endpoint("10.0.3.2", "subflow") }, func(w *world) { w.endpoint("10.0.2.2", "subflow") },
			[]string{"10.0.3.2/1 > 10.0.1.1:5000/0", "10.0.2.2/2 > 10.0.1.1:5000/0"},
		},
		{
			"a limit",
			func(w *world) { w.limits(0, 0); w.endpoint("10.0.2.2", "subflow") }, func(w *world) { w.limits(0, 8) }, nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld("")
			tt.setUp(w)
			l := connecting(w, Opened, false)
			tt.early(w)
			require.Empty(t, l.opened)
			l.establish()
			require.Equal(t, tt.want, l.opened)
		})
	}
}

// variable is what of a connection's counters is its own.
func variable(i lab.Info) lab.Info {
	return lab.Info{
		ExtraSubflows: i.ExtraSubflows, AddAddrSignaled: i.AddAddrSignaled, AddAddrAccepted: i.AddAddrAccepted, LocalAddrUsed: i.LocalAddrUsed,
	}
}
