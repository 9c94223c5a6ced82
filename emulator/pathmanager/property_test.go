package pathmanager

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// releases are some in which the path manager does things in another way.
var releases = []string{"5.12", "5.15", "5.19", "6.1", "6.6", "6.12", "6.17", "6.18.0", "6.18", "6.19", "7.1"}

// Whatever happens to a connection, in whatever order, what the path manager counts is what there is.
func TestCountsStayTrue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.SampledFrom(releases).Draw(t, "release"))
		w.own = nil
		if w.m.has(Userspace) && rapid.IntRange(0, 4).Draw(t, "userspace") == 0 {
			require.NoError(t, w.m.SetSysctl("net.mptcp.pm_type", "1"))
		}
		randomLimits(t, w)
		l := connecting(w, Side(rapid.Bool().Draw(t, "accepted")), rapid.IntRange(0, 3).Draw(t, "C flag") == 0)
		l.establish()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			l.random(t)
			l.requireTrue(t)
		}
		l.c.Destroyed()
		l.pass(time.Hour)
		require.Empty(t, w.m.live(l.c.userspace))
	})
}

// requireTrue holds after every step.
func (l *link) requireTrue(t *rapid.T) {
	joins := 0
	for _, s := range l.subflows {
		if s.info.Join {
			joins++
		}
	}
	require.Equal(t, joins, l.c.extraSubflows, "extra subflows are the joins on the list")
	if !l.c.userspace {
		require.Equal(t, len(l.c.anno), l.c.addAddrSignaled, "signaled are the announcements")
	}
	require.GreaterOrEqual(t, l.c.localAddrUsed, 0)
	require.GreaterOrEqual(t, l.c.addAddrAccepted, 0)
	require.LessOrEqual(t, len(l.m.table), maxEndpoints)
	ids := map[uint8]bool{}
	for _, e := range l.m.table {
		require.NotZero(t, e.ID)
		require.False(t, ids[e.ID], "IDs are unique")
		require.True(t, l.m.ids[e.ID])
		ids[e.ID] = true
	}
}

func randomLimits(t *rapid.T, w *world) {
	w.limits(rapid.Uint32Range(0, 8).Draw(t, "accepted"), rapid.Uint32Range(0, 8).Draw(t, "subflows"))
}

// random lets something happen.
func (l *link) random(t *rapid.T) {
	n := byte(rapid.IntRange(1, 9).Draw(t, "n"))
	local := netip.AddrFrom4([4]byte{10, 0, n, 2})
	remote := netip.AddrFrom4([4]byte{10, 0, n, 1}).String()
	id := uint8(rapid.IntRange(0, 9).Draw(t, "id"))
	flags := rapid.SampledFrom(usable).Draw(t, "flags")
	end := rapid.IntRange(0, len(l.subflows)-1).Draw(t, "subflow")
	steps := []func(){
		func() { _ = l.m.AddEndpoint(pm.Endpoint{Address: local, Flags: flags}) },
		func() { _ = l.m.DeleteEndpoint(pm.Endpoint{ID: id}) },
		func() { _ = l.m.DeleteEndpoint(pm.Endpoint{Address: l.info.Local.Addr()}) },
		func() { _ = l.m.ChangeEndpoint(pm.Endpoint{ID: id, Flags: flags}) },
		func() { _ = l.m.FlushEndpoints() },
		func() { randomLimits(t, l.world) },
		func() { l.c.AddAddrReceived(addAddr(id, remote)) },
		func() { l.c.AddAddrReceived(addAddr(id, fmt.Sprintf("[fd00::%d]:99", n))) },
		func() { l.c.AddAddrEchoed(addAddr(id, local.String())) },
		func() { l.c.RmAddrReceived([]uint8{id, id + 1}) },
		func() { l.accept(local.String()+":5000", remote+":1", id) },
		func() {
			if l.subflows[end].info.State != Close {
				l.subflows[end].Close()
			}
		},
		func() { l.subflows[end].info.Stale = !l.subflows[end].info.Stale },
		func() { l.refuse[local] = 101 },
		func() { delete(l.refuse, local) },
		func() { l.c.SubflowEstablished() },
		func() { l.pass(time.Duration(rapid.IntRange(0, 1000).Draw(t, "ms")) * time.Millisecond) },
		func() { l.settle() },
		func() {
			_ = l.m.Announce(token, pm.Endpoint{ID: id, Address: local, Flags: pm.FlagSignal})
		},
		func() { _ = l.m.Remove(token, id) },
		func() { _ = l.m.SubflowCreate(token, pm.Endpoint{ID: id, Address: local}, ipPort(remote+":5000")) },
		func() {
			_ = l.m.SubflowDestroy(token, l.subflows[end].info.Local, l.subflows[end].info.Remote)
		},
	}
	steps[rapid.IntRange(0, len(steps)-1).Draw(t, "step")]()
}

var usable = []pm.Flags{
	0, pm.FlagSignal, pm.FlagSubflow, pm.FlagSignal | pm.FlagSubflow, pm.FlagSubflow | pm.FlagBackup, pm.FlagSubflow | pm.FlagFullmesh,
	pm.FlagFullmesh, pm.FlagLaminar, pm.FlagLaminar | pm.FlagSubflow,
}

// With limits that stay, a connection has at most one subflow more than the limit: an announcement is not checked against it.
func TestLimitIsExceededByOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.SampledFrom(releases).Draw(t, "release"))
		randomLimits(t, w)
		limit := int(w.m.limits.Subflows)
		l := connecting(w, Side(rapid.Bool().Draw(t, "accepted")), false)
		l.establish()
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			l.random(t)
			if int(w.m.limits.Subflows) != limit {
				l.limits(w.m.limits.AddAddrAccepted, uint32(limit))
			}
			require.LessOrEqual(t, l.c.extraSubflows, limit+1)
		}
	})
}
