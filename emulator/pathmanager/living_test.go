package pathmanager

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// living are rules of changes of endpoints on a living connection, and what its peer withdraws and joins.
var living = []rule{
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
			said: map[string]string{
				"no_more_work": "client leaves 1 endpoint(s) unused, signal ones too: it has all the 1 extra subflows that it may have",
			},
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
		name:   "with signal too it is announced as ID 0, and counts as used",
		setUp:  func(w *world) { w.endpoint("10.0.2.2", "subflow") },
		happen: func(l *link) { l.endpoint("10.0.1.2", "signal subflow") },
		want: outcome{
			sent:   []string{"add 0 10.0.1.2"},
			opened: []string{"10.0.2.2/1 > 10.0.1.1:5000/0", "10.0.1.2/0 > 10.0.1.1:5000/0"},
			info:   lab.Info{ExtraSubflows: 2, LocalAddrUsed: 2, AddAddrSignaled: 1},
			counts: map[string]int{"AddAddrTx": 1},
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
		release: "6.12.0",
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

func TestLivingRules(t *testing.T) {
	for _, r := range living {
		t.Run(r.name, r.check)
	}
}
