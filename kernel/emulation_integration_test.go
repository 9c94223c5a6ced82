package kernel_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// drop is a rule that drops what the selector means.
func drop(t *testing.T, selector string) *lab.Rule {
	t.Helper()
	s, err := match.Parse(selector)
	require.NoError(t, err)
	return &lab.Rule{Name: "drop " + selector, Select: s, Judge: func(lab.Packet, []byte, func(lab.Verdict) error) lab.Verdict {
		return lab.Verdict{Action: lab.ActionDrop, Note: "dropped"}
	}}
}

func TestImpairedLinkDelays(t *testing.T) {
	l := newLab(t)
	client, server := addHost(t, l, "client"), addHost(t, l, "server")
	late := impair.Impairment{Delay: 20 * time.Millisecond}
	k, err := l.Link(t.Context(), lab.End{Node: client, Addresses: prefixes("10.0.1.1/24", "fd00:1::1/64")},
		lab.End{Node: server, Addresses: prefixes("10.0.1.2/24", "fd00:1::2/64")}, lab.LinkOptions{Impair: [2]impair.Impairment{late, late}})
	require.NoError(t, err)
	for _, address := range []string{"10.0.1.2", "fd00:1::2"} {
		began := time.Now()
		c, s := connect(t, client, server, address)
		require.GreaterOrEqual(t, time.Since(began), 40*time.Millisecond)
		exchange(t, c, s)
	}
	packets, err := k.Packets()
	require.NoError(t, err)
	require.Equal(t, "client", packets[0].From)
	require.Contains(t, packets[0].String(), "capable")
	traffic := k.Traffic()
	require.NotZero(t, traffic[0].Delivered)
	require.NotZero(t, traffic[1].Delivered)
}

// TestPlainLinkBecomesImpaired changes a link under a connection, which goes on.
func TestPlainLinkBecomesImpaired(t *testing.T) {
	l := newLab(t)
	client, server, k := onePath(t, l)
	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)
	before, err := k.Packets()
	require.NoError(t, err)
	require.NotEmpty(t, before)
	require.Zero(t, k.Traffic())

	require.NoError(t, k.Impair(t.Context(), 0, impair.Impairment{Delay: 30 * time.Millisecond}))
	began := time.Now()
	exchange(t, c, s)
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
	require.NoError(t, k.Impair(t.Context(), 0, impair.Impairment{}))
	exchange(t, c, s)

	require.NoError(t, k.SetUp(t.Context(), false))
	require.NoError(t, k.SetUp(t.Context(), true))
	exchange(t, c, s)
	require.NoError(t, k.SetMTU(t.Context(), 1400))
	exchange(t, c, s)
	connect(t, client, server, "10.0.1.2")
	after, err := k.Packets()
	require.NoError(t, err)
	require.Greater(t, len(after), len(before))

	require.ErrorContains(t, k.Impair(t.Context(), 1, impair.Impairment{Loss: 2}), "loss 2: want a fraction from 0 to 1")
	require.ErrorContains(t, k.Impair(t.Context(), 2, impair.Impairment{}), "a link has the ends 0 and 1")
}

// TestRuleDropsTheFirstAnnouncement sees the retransmission of an ADD_ADDR, and what the link did on the timeline.
func TestRuleDropsTheFirstAnnouncement(t *testing.T) {
	l := newLab(t)
	client, server, k := onePath(t, l)
	addLink(t, l, client, "10.0.2.1/24", server, "10.0.2.2/24")
	rule := drop(t, "ADD_ADDR echo=false nth=1")
	require.NoError(t, k.AddRule(t.Context(), rule))
	one := uint32(1)
	require.NoError(t, client.PathManager().SetLimits(pm.LimitsUpdate{AddAddrAccepted: &one}))
	require.NoError(t, server.PathManager().AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.2"), Flags: pm.FlagSignal}))
	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)
	eventually(t, l, func() (bool, error) {
		conn, err := c.Conn()
		return len(conn.Subflows) == 2, err
	})
	matched, selected := k.Seen(rule)
	require.EqualValues(t, 2, matched)
	require.EqualValues(t, 1, selected)

	packets, err := k.Packets()
	require.NoError(t, err)
	var fates []string
	for _, p := range packets {
		if p.Fate != "" {
			fates = append(fates, p.Fate)
		}
	}
	require.Equal(t, []string{"dropped by drop ADD_ADDR echo=false nth=1"}, fates)
	var noted []lab.Entry
	for _, e := range l.Timeline() {
		if e.Kind == lab.KindLink {
			noted = append(noted, e)
		}
	}
	require.Len(t, noted, 1)
	require.Equal(t, "server > client", noted[0].Host)
	require.Contains(t, noted[0].Text, "dropped by drop ADD_ADDR echo=false nth=1: ")
	require.EqualValues(t, 1, k.Traffic()[1].Dropped["filter"])

	require.NoError(t, k.RemoveRule(rule))
	require.ErrorContains(t, k.RemoveRule(rule), "is no rule of the link")
	require.ErrorContains(t, k.AddRule(t.Context(), &lab.Rule{Select: match.Selector{Match: match.Match{Option: "NO"}}}), "NO")
}

// TestRuleDecidesLater holds a packet until it is released, and ends a wait when a rule fails.
func TestRuleDecidesLater(t *testing.T) {
	l := newLab(t)
	client, server, k := onePath(t, l)
	decide := make(chan func(lab.Verdict) error, 1)
	rule := &lab.Rule{Name: "hold", Judge: func(_ lab.Packet, _ []byte, d func(lab.Verdict) error) lab.Verdict {
		decide <- d
		return lab.Verdict{Action: lab.ActionHold}
	}}
	rule.Select.Match.Flags, rule.Select.Times.Nth = match.SYN, 1
	require.NoError(t, k.AddRule(t.Context(), rule))
	go func() {
		d := <-decide
		time.Sleep(30 * time.Millisecond)
		_ = d(lab.Verdict{Note: "released"})
	}()
	began := time.Now()
	c, s := connect(t, client, server, "10.0.1.2")
	require.GreaterOrEqual(t, time.Since(began), 30*time.Millisecond)
	exchange(t, c, s)

	cannot := errors.New("cannot be done")
	require.NoError(t, k.AddRule(t.Context(), &lab.Rule{Name: "fails", Judge: func(lab.Packet, []byte, func(lab.Verdict) error) lab.Verdict {
		return lab.Verdict{Err: cannot}
	}}))
	exchange(t, c, s)
	_, err := l.Wait(t.Context(), patience, func() (bool, error) { return false, nil })
	require.ErrorIs(t, err, cannot)
	require.ErrorContains(t, err, "link client:eth1-server:eth1: fails: cannot be done")
}
