package pathmanager

import (
	"testing"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// receiving are rules of what a connection does with the addresses that its peer announces.
var receiving = []rule{
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
		release: "6.12.0",
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
}

func TestReceivingRules(t *testing.T) {
	for _, r := range receiving {
		t.Run(r.name, r.check)
	}
}
