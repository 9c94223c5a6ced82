package pathmanager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// opening are rules of what a connection announces and opens by itself.
var opening = []rule{
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
		release: "6.12.0",
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
		release: "6.12.0",
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
		release: "6.6.0",
		setUp:   func(w *world) { w.endpoint("10.0.2.2", "signal subflow") },
		want:    outcome{sent: []string{"add 1 10.0.2.2"}, info: lab.Info{AddAddrSignaled: 1}, counts: map[string]int{"AddAddrTx": 1}},
	},
}

func TestOpeningRules(t *testing.T) {
	for _, r := range opening {
		t.Run(r.name, r.check)
	}
}
