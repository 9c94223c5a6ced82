package pathmanager

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// managed are the rules for connections that are left to userspace. Endpoints and limits do not apply to them.
var managed = []rule{
	{
		name: "announce sends an ADD_ADDR, again when it is asked again",
		happen: func(l *link) {
			e := pm.Endpoint{ID: 5, Address: ip("10.0.2.2"), Port: 99, Flags: pm.FlagSignal}
			require.NoError(l, l.m.Announce(token, e))
			require.NoError(l, l.m.Announce(token, e))
		},
		want: outcome{
			sent: []string{"add 5 10.0.2.2:99", "add 5 10.0.2.2:99"}, info: lab.Info{AddAddrSignaled: 2, LocalAddrUsed: 1},
			counts: map[string]int{"AddAddrTx": 2},
		},
	},
	{
		name: "announce while another one waits: success, and the timer sends it",
		happen: func(l *link) {
			l.subflows[0].info.Stale, l.subflows[0].info.State = true, SynSent
			require.NoError(l, l.m.Announce(token, pm.Endpoint{ID: 5, Address: ip("10.0.2.2"), Flags: pm.FlagSignal}))
			require.NoError(l, l.m.Announce(token, pm.Endpoint{ID: 6, Address: ip("10.0.3.2"), Flags: pm.FlagSignal}))
		},
		want: outcome{info: lab.Info{AddAddrSignaled: 2, LocalAddrUsed: 2}, counts: map[string]int{"AddAddrTxDrop": 1}},
	},
	{
		name: "remove sends a RM_ADDR and closes nothing here",
		happen: func(l *link) {
			require.NoError(l, l.m.SubflowCreate(token, pm.Endpoint{ID: 5, Address: ip("10.0.2.2")}, ipPort("10.0.1.1:5000")))
			require.NoError(l, l.m.Remove(token, 5))
			require.Len(l, l.subflows, 2)
		},
		want: outcome{
			sent: []string{"rm [5] over 10.0.1.2"}, opened: []string{"10.0.2.2/5 > 10.0.1.1:5000/0"}, info: lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1},
			counts: map[string]int{"RmAddrTx": 1},
		},
	},
	{
		name: "remove of an address that nothing uses sends nothing",
		happen: func(l *link) {
			require.NoError(l, l.m.Announce(token, pm.Endpoint{ID: 5, Address: ip("10.0.2.2"), Flags: pm.FlagSignal}))
			l.c.withdraw(ipPort("10.0.2.2:0"))
			require.NoError(l, l.m.Remove(token, 5))
			require.Error(l, l.m.Remove(token, 5))
		},
		want: outcome{
			sent: []string{"add 5 10.0.2.2"}, info: lab.Info{AddAddrSignaled: 1, LocalAddrUsed: 1}, counts: map[string]int{"AddAddrTx": 1},
		},
	},
	{
		name:   "remove of ID 0",
		happen: func(l *link) { require.NoError(l, l.m.Remove(token, 0)) },
		want:   outcome{sent: []string{"rm [0] over 10.0.1.2"}, counts: map[string]int{"RmAddrTx": 1}},
	},
	{
		name: "create has no limit and needs no ID",
		happen: func(l *link) {
			l.limits(0, 0)
			require.NoError(l, l.m.SubflowCreate(token, pm.Endpoint{Address: ip("10.0.2.2"), Flags: pm.FlagBackup, IfIndex: 3}, ipPort("10.0.1.1:0")))
			all, err := l.m.Addresses(token)
			require.NoError(l, err)
			require.Equal(l, []pm.Endpoint{{Address: ip("10.0.2.2"), Flags: pm.FlagBackup | pm.FlagSubflow, IfIndex: 3}}, all)
		},
		want: outcome{opened: []string{"10.0.2.2/0 > 10.0.1.1:0/0 backup"}, info: lab.Info{ExtraSubflows: 1, LocalAddrUsed: 1}},
	},
	{
		name: "a failed create takes its address off the list",
		happen: func(l *link) {
			l.refuse[ip("10.0.2.2")] = 101
			err := l.m.SubflowCreate(token, pm.Endpoint{ID: 5, Address: ip("10.0.2.2")}, ipPort("10.0.1.1:5000"))
			require.ErrorContains(l, err, "connect error: -101")
			_, err = l.m.Address(token, 5)
			require.ErrorContains(l, err, "address not found")
		},
	},
	{
		name: "destroy closes the subflow without a RM_ADDR, and takes its address off the list",
		happen: func(l *link) {
			require.NoError(l, l.m.SubflowCreate(token, pm.Endpoint{ID: 5, Address: ip("10.0.2.2")}, ipPort("10.0.1.1:5000")))
			require.NoError(l, l.m.SubflowDestroy(token, ipPort("10.0.2.2:41001"), ipPort("10.0.1.1:5000")))
			all, err := l.m.Addresses(token)
			require.NoError(l, err)
			require.Empty(l, all)
		},
		want: outcome{
			opened: []string{"10.0.2.2/5 > 10.0.1.1:5000/0"}, counts: map[string]int{"RmSubflow": 1},
		},
	},
	{
		name: "set flags is kept, also without a subflow",
		happen: func(l *link) {
			require.NoError(l, l.m.Announce(token, pm.Endpoint{ID: 5, Address: ip("10.0.2.2"), Flags: pm.FlagSignal}))
			require.Error(l, l.m.SetFlags(token, ipPort("10.0.2.2:0"), ipPort("10.0.1.1:0"), pm.FlagBackup))
			require.True(l, l.c.BackupOfAnswer(ipPort("10.0.2.2:1")))
			require.NoError(l, l.m.SetFlags(token, ipPort("10.0.1.2:0"), ipPort("10.0.1.1:5000"), pm.FlagBackup))
		},
		want: outcome{
			sent: []string{"add 5 10.0.2.2", "prio true on 10.0.1.2"}, info: lab.Info{AddAddrSignaled: 1, LocalAddrUsed: 1},
			counts: map[string]int{"AddAddrTx": 1},
		},
	},
	{
		name: "joins of the peer get an ID, and are taken while somebody listens to events",
		side: Accepted,
		happen: func(l *link) {
			require.True(l, l.accept("10.0.2.1:5000", "10.0.2.2:1", 4))
			require.True(l, l.accept("10.0.3.1:5000", "10.0.2.2:2", 5))
			require.Equal(l, uint8(2), l.subflows[2].info.LocalID)
			l.deaf = true
			require.False(l, l.accept("10.0.1.1:5000", "10.0.2.2:3", 6))
		},
		want: outcome{
			info: lab.Info{ExtraSubflows: 2, LocalAddrUsed: 2}, counts: map[string]int{"MPJoinRejected": 1},
			said: map[string]string{
				"join_refused": "client refused a join: the connection is left to userspace, and nobody listens to events",
			},
		},
	},
	{
		name: "announcements are answered while somebody listens, and never followed",
		happen: func(l *link) {
			l.announce(3, "10.0.3.1")
			l.deaf = true
			l.announce(4, "10.0.4.1")
		},
		want: outcome{sent: []string{"echo 3 10.0.3.1"}, counts: map[string]int{"AddAddr": 2, "EchoAddTx": 1, "AddAddrDrop": 1}},
	},
	{
		name: "RM_ADDR closes the subflows to the ID",
		side: Accepted,
		happen: func(l *link) {
			l.accept("10.0.1.1:5000", "10.0.2.2:1", 4)
			l.withdraw(4)
		},
		want: outcome{counts: map[string]int{"RmAddr": 1}},
	},
	{
		name:   "endpoints do not matter",
		setUp:  func(w *world) { w.endpoint("10.0.2.2", "subflow"); w.endpoint("10.0.3.2", "signal") },
		happen: func(l *link) { l.endpoint("10.0.4.2", "subflow"); require.NoError(l, l.m.FlushEndpoints()) },
	},
}

func TestUserspaceRules(t *testing.T) {
	for _, r := range managed {
		t.Run(r.name, func(t *testing.T) {
			set := r.setUp
			r.setUp = func(w *world) {
				require.NoError(w, w.m.SetSysctl("net.mptcp.pm_type", "1"))
				if set != nil {
					set(w)
				}
			}
			r.check(t)
		})
	}
}

// The kernel's path manager of a connection is that which was chosen when it was made.
func TestManagerIsTakenWithTheConnection(t *testing.T) {
	w := newWorld("")
	w.endpoint("10.0.2.2", "subflow")
	l := connecting(w, Opened, false)
	require.NoError(t, w.m.SetSysctl("net.mptcp.path_manager", "userspace"))
	l.establish()
	require.Len(t, l.opened, 1)
	require.ErrorContains(t, w.m.Remove(token, 1), "userspace PM not selected")
	require.Equal(t, "1", must(w.m.Sysctl("net.mptcp.pm_type")))
	l.c.Reset()
	require.True(t, l.c.Userspace())
	l.c.Destroyed()
	require.ErrorContains(t, w.m.Remove(token, 1), "invalid token")
}

func must(s string, err error) string {
	if err != nil {
		panic(err)
	}
	return s
}

// Mapped addresses are found as they are.
func TestDestroyMapped(t *testing.T) {
	w := newWorld("")
	require.NoError(t, w.m.SetSysctl("net.mptcp.pm_type", "1"))
	l := connecting(w, Opened, false)
	l.establish()
	mapped := func(a string) netip.AddrPort {
		at := ipPort(a)
		return netip.AddrPortFrom(netip.AddrFrom16(at.Addr().As16()), at.Port())
	}
	l.add(SubflowInfo{Local: mapped("10.0.2.2:1"), Remote: mapped("10.0.1.1:5000"), LocalID: 3, Join: true})
	require.ErrorContains(t, w.m.SubflowDestroy(token, ipPort("10.0.2.2:1"), ipPort("10.0.1.1:5000")), "subflow not found")
	require.NoError(t, w.m.SubflowDestroy(token, mapped("10.0.2.2:1"), ipPort("10.0.1.1:5000")))
}
