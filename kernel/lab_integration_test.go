package kernel_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

func TestAnnouncedAddressIsSeenByAllFourWitnesses(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	second := addLink(t, l, client, "10.0.2.1/24", server, "10.0.2.2/24")
	one := uint32(1)
	require.NoError(t, client.PathManager().SetLimits(pm.LimitsUpdate{AddAddrAccepted: &one}))
	announced := netip.MustParseAddr("10.0.2.2")
	require.NoError(t, server.PathManager().AddEndpoint(pm.Endpoint{Address: announced, Flags: pm.FlagSignal}))

	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)
	eventually(t, l, func() (bool, error) {
		conn, err := c.Conn()
		return len(conn.Subflows) == 2 && conn.Subflows[1].State == "ESTAB", err
	})

	conn, err := c.Conn()
	require.NoError(t, err)
	require.Equal(t, announced, conn.Subflows[1].Remote.Addr())
	require.EqualValues(t, 1, conn.Subflows[1].RemoteID)

	counters, err := server.Counters()
	require.NoError(t, err)
	require.EqualValues(t, 1, counters["MPJoinAckRx"])

	events, err := client.Events()
	require.NoError(t, err)
	var kinds []pm.EventKind
	for _, e := range events {
		kinds = append(kinds, e.Kind)
	}
	require.Equal(t, []pm.EventKind{pm.EventCreated, pm.EventEstablished, pm.EventAnnounced, pm.EventSubEstablished}, kinds)

	packets, err := second.Packets()
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(packets), 3, "SYN, SYN-ACK and ACK of the join")
	require.Equal(t, "client", packets[0].From)
	require.Equal(t, "server", packets[0].To)
	require.Contains(t, packets[0].String(), "join")
}

func TestNames(t *testing.T) {
	l := openLab(t, open(t), lab.Options{MaxHosts: 3})
	addHost(t, l, "a")
	sw, err := l.Switch(t.Context(), "sw")
	require.NoError(t, err)
	require.Equal(t, "sw", sw.Name())

	for _, test := range []struct{ name, err string }{
		{"", "a host or switch needs a name"},
		{"a", "the lab already has a host or switch named a"},
		{"sw", "the lab already has a host or switch named sw"},
	} {
		_, err := l.Host(t.Context(), test.name, lab.HostOptions{})
		require.EqualError(t, err, test.err)
		_, err = l.Switch(t.Context(), test.name)
		require.EqualError(t, err, test.err)
	}

	addHost(t, l, "b")
	_, err = l.Host(t.Context(), "c", lab.HostOptions{})
	require.EqualError(t, err, "no room for c: a lab has at most 3 hosts and switches")
	_, err = l.Switch(t.Context(), "c")
	require.EqualError(t, err, "no room for c: a lab has at most 3 hosts and switches")

	hosts := l.Hosts()
	require.Len(t, hosts, 2)
	require.Equal(t, "a", hosts[0].Name())
	require.Equal(t, "b", hosts[1].Name())
}

func TestWaitInLab(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)

	ok, err := l.Wait(t.Context(), 0, func() (bool, error) { return false, nil })
	require.NoError(t, err)
	require.False(t, ok)

	broken := errors.New("broken")
	_, err = l.Wait(t.Context(), time.Hour, func() (bool, error) { return false, broken })
	require.ErrorIs(t, err, broken)

	ctx, cancel := context.WithCancelCause(t.Context())
	_, err = l.Wait(ctx, time.Hour, func() (bool, error) { cancel(broken); return false, nil })
	require.ErrorIs(t, err, broken)

	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)
	eventually(t, l, func() (bool, error) {
		events, err := client.Events()
		return len(events) == 2, err
	})
}

func TestTimeline(t *testing.T) {
	l := newLab(t)
	client, server, _ := onePath(t, l)
	l.Note(lab.KindStep, "", "before")
	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)
	l.Note(lab.KindCheck, "", "after")

	first := map[lab.EntryKind]int{}
	last := map[lab.EntryKind]int{}
	timeline := l.Timeline()
	for i, e := range timeline {
		if i > 0 {
			require.GreaterOrEqual(t, e.Time, timeline[i-1].Time)
		}
		if e.Host == "server" {
			continue // its listener's events come first
		}
		if _, seen := first[e.Kind]; !seen {
			first[e.Kind] = i
		}
		last[e.Kind] = i
	}
	for _, kind := range []lab.EntryKind{lab.KindStep, lab.KindPacket, lab.KindEvent, lab.KindCheck, lab.KindCounter} {
		require.Contains(t, first, kind, "%v", timeline)
	}
	require.Equal(t, 0, first[lab.KindStep])
	require.Less(t, first[lab.KindPacket], first[lab.KindEvent], "the handshake causes the event: %v", timeline)
	require.Less(t, last[lab.KindPacket], first[lab.KindCheck])
	require.Less(t, last[lab.KindEvent], first[lab.KindCheck])
	require.Less(t, last[lab.KindCounter], first[lab.KindCheck], "what moved stands before the check that saw it: %v", timeline)
	require.Equal(t, "client > server", timeline[first[lab.KindPacket]].Host)

	require.NoError(t, l.Close())
	require.Subset(t, l.Timeline(), timeline, "it can be read in a closed lab")
}

func TestRecordLimitIsAnError(t *testing.T) {
	l := openLab(t, open(t), lab.Options{MaxEvents: 1})
	client, server, k := onePath(t, l)
	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)

	packets, err := k.Packets()
	require.ErrorContains(t, err, "link client:eth1-server:eth1: ")
	require.ErrorContains(t, err, "were not kept: a lab keeps at most 1 packets and events")
	events, err := client.Events()
	require.ErrorContains(t, err, "on client: ")
	require.ErrorContains(t, err, "were not kept")
	require.LessOrEqual(t, len(packets)+len(events), 1)
}

// Timeline and Note may be called while the lab is built and used.
func TestTimelineWhileBuilding(t *testing.T) {
	l := newLab(t)
	done := make(chan struct{})
	var watchers sync.WaitGroup
	for range 2 {
		watchers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
					l.Note(lab.KindStep, "", "watching")
					l.Timeline()
				}
			}
		})
	}
	client, server := twoPaths(t, l)
	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)
	close(done)
	watchers.Wait()
}

func TestHundredHosts(t *testing.T) {
	l := newLab(t)
	sw, err := l.Switch(t.Context(), "sw")
	require.NoError(t, err)
	var hosts []lab.Host
	for i := range 100 {
		h := addHost(t, l, fmt.Sprintf("h%d", i))
		addLink(t, l, h, fmt.Sprintf("10.0.0.%d/24", i+1), sw, "")
		hosts = append(hosts, h)
	}
	c, s := connect(t, hosts[0], hosts[99], "10.0.0.100")
	exchange(t, c, s)
	l.Note(lab.KindStep, "", "done")
}

func TestClosedLab(t *testing.T) {
	b := open(t)
	l, err := b.Open(t.Context(), lab.Options{AllowExec: true})
	require.NoError(t, err)
	client, server, k := onePath(t, l)
	c, s := connect(t, client, server, "10.0.1.2")
	exchange(t, c, s)
	seen, err := c.Conn()
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, l.Close())

	ctx := t.Context()
	to := netip.MustParseAddrPort("127.0.0.1:80")
	for name, use := range map[string]func() error{
		"host":   func() error { _, err := l.Host(ctx, "h", lab.HostOptions{}); return err },
		"switch": func() error { _, err := l.Switch(ctx, "s"); return err },
		"link": func() error {
			_, err := l.Link(ctx, lab.End{Node: client}, lab.End{Node: server}, lab.LinkOptions{})
			return err
		},
		"wait":     func() error { _, err := l.Wait(ctx, patience, func() (bool, error) { return false, nil }); return err },
		"dial":     func() error { _, err := client.Dial(ctx, lab.DialOptions{Remote: to}); return err },
		"listen":   func() error { _, err := client.Listen(ctx, lab.ListenOptions{Address: to}); return err },
		"exec":     func() error { _, err := client.Exec(ctx, []string{"true"}, ""); return err },
		"counters": func() error { _, err := client.Counters(); return err },
		"conns":    func() error { _, err := client.Conns(); return err },
		"limits":   func() error { _, err := client.PathManager().Limits(); return err },
	} {
		require.ErrorContains(t, use(), "the lab is closed", name)
	}
	require.Error(t, client.AddAddress(ctx, "eth1", prefixes("10.9.9.9/24")[0]))
	require.Error(t, c.Send(ctx, 1))
	require.Empty(t, client.Enter())

	conn, err := c.Conn()
	require.NoError(t, err)
	require.Equal(t, seen, conn)
	events, err := client.Events()
	require.NoError(t, err)
	require.NotEmpty(t, events)
	packets, err := k.Packets()
	require.NoError(t, err)
	require.NotEmpty(t, packets)
}

// What waits in a lab ends with it.
func TestCloseEndsWaiting(t *testing.T) {
	l := newLab(t)
	client, server, k := onePath(t, l)
	c, _ := connect(t, client, server, "10.0.1.2")
	ln, err := server.Listen(t.Context(), lab.ListenOptions{})
	require.NoError(t, err)
	require.NoError(t, k.SetUp(t.Context(), false))

	waiting := make(chan struct{})
	errs := make(chan error)
	for _, wait := range []func() error{
		func() error {
			_, err := l.Wait(t.Context(), time.Hour, func() (bool, error) {
				select {
				case waiting <- struct{}{}:
				default:
				}
				return false, nil
			})
			return err
		},
		func() error { _, err := ln.Accept(t.Context()); return err },
		func() error { return c.Receive(t.Context(), 1) },
		func() error {
			_, err := client.Dial(t.Context(), lab.DialOptions{Remote: netip.MustParseAddrPort("10.0.1.2:9")})
			return err
		},
	} {
		go func() { errs <- wait() }()
	}
	<-waiting
	require.NoError(t, l.Close())
	for range 4 {
		require.Error(t, <-errs)
	}
}

// A socket that was closed with unsent data, which can go nowhere, does not keep the lab alive.
func TestCloseWithUnsentData(t *testing.T) {
	for _, protocol := range []lab.Protocol{lab.MPTCP, lab.TCP} {
		t.Run(fmt.Sprint(protocol), func(t *testing.T) {
			b := open(t)
			l, err := b.Open(t.Context(), lab.Options{})
			require.NoError(t, err)
			client, server, k := onePath(t, l)
			c, s := connectAs(t, client, protocol, server, protocol, "10.0.1.2")
			exchange(t, c, s)
			require.NoError(t, k.SetUp(t.Context(), false))
			require.NoError(t, c.Send(t.Context(), 10_000))
			require.NoError(t, s.Send(t.Context(), 10_000))
			require.NoError(t, c.Close())
			require.NoError(t, l.Close())
			require.NoError(t, b.Close())
		})
	}
}
