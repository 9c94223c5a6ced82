package emulator

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// world is a lab of chance: a client and a server with some paths, limits and endpoints.
type world struct {
	t              *rapid.T
	lab            *modelLab
	client, server *host
	limits         map[*host]pm.Limits
}

func newWorld(t *rapid.T) *world {
	b, err := New(Options{Kernel: rapid.SampledFrom([]string{"5.15", "6.1", "6.6", "6.12", "6.18", "7.1"}).Draw(t, "kernel")})
	require.NoError(t, err)
	l, err := b.Open(context.Background(), lab.Options{Seed: rapid.Uint64().Draw(t, "seed")})
	require.NoError(t, err)
	w := &world{t: t, lab: l.(*modelLab), limits: map[*host]pm.Limits{}}
	w.client, w.server = w.host("client"), w.host("server")
	for path := range rapid.IntRange(1, 4).Draw(t, "paths") {
		w.link(path + 1)
	}
	for _, h := range []*host{w.client, w.server} {
		w.configure(h)
	}
	return w
}

func (w *world) host(name string) *host {
	h, err := w.lab.Host(context.Background(), name, lab.HostOptions{Sysctl: map[string]string{
		"net.mptcp.checksum_enabled": rapid.SampledFrom([]string{"0", "1"}).Draw(w.t, name+" checksums"),
		"net.ipv4.tcp_sack":          rapid.SampledFrom([]string{"0", "1"}).Draw(w.t, name+" SACK"),
		"net.ipv4.tcp_timestamps":    rapid.SampledFrom([]string{"0", "1"}).Draw(w.t, name+" timestamps"),
	}})
	require.NoError(w.t, err)
	return h.(*host)
}

func (w *world) link(path int) {
	end := func(h *host, n int) lab.End {
		return lab.End{Node: h, Addresses: []netip.Prefix{netip.PrefixFrom(address(path, n), 24)}}
	}
	bad := impair.Impairment{
		Delay:     time.Duration(rapid.IntRange(1, 30).Draw(w.t, "delay")) * time.Millisecond,
		Loss:      rapid.Float64Range(0, 0.1).Draw(w.t, "loss"),
		Duplicate: rapid.Float64Range(0, 0.1).Draw(w.t, "duplicate"),
		Corrupt:   rapid.Float64Range(0, 0.05).Draw(w.t, "corrupt"),
		Reorder:   rapid.Float64Range(0, 0.2).Draw(w.t, "reorder"),
	}
	_, err := w.lab.Link(context.Background(), end(w.client, 1), end(w.server, 2), lab.LinkOptions{Impair: [2]impair.Impairment{bad, bad}})
	require.NoError(w.t, err)
}

func address(path, n int) netip.Addr { return netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", path, n)) }

// configure gives a host limits and endpoints.
func (w *world) configure(h *host) {
	limits := pm.Limits{
		Subflows:        uint32(rapid.IntRange(0, 8).Draw(w.t, h.Name()+" subflows")),
		AddAddrAccepted: uint32(rapid.IntRange(0, 8).Draw(w.t, h.Name()+" add_addr_accepted")),
	}
	w.limits[h] = limits
	require.NoError(w.t, h.PathManager().SetLimits(pm.LimitsUpdate{Subflows: &limits.Subflows, AddAddrAccepted: &limits.AddAddrAccepted}))
	for _, a := range h.Addresses() {
		flags := rapid.SampledFrom([]pm.Flags{
			0, pm.FlagSignal, pm.FlagSubflow, pm.FlagSignal | pm.FlagSubflow, pm.FlagSubflow | pm.FlagBackup, pm.FlagSubflow | pm.FlagFullmesh, pm.FlagBackup,
		}).Draw(w.t, h.Name()+" endpoint")
		if rapid.Bool().Draw(w.t, "add it") {
			_ = h.PathManager().AddEndpoint(pm.Endpoint{Address: a.Prefix.Addr(), Flags: flags}) // older releases know fewer flags
		}
	}
}

// TestInvariants holds what must be true of every connection, whatever the topology, the endpoints, the limits and the losses.
func TestInvariants(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		defer func() { require.NoError(t, w.lab.Close()) }()
		ctx := context.Background()
		ln, err := w.server.Listen(ctx, lab.ListenOptions{Address: netip.MustParseAddrPort("[::]:80")})
		require.NoError(t, err)
		near, err := w.client.Dial(ctx, lab.DialOptions{Remote: netip.AddrPortFrom(address(1, 2), 80)})
		require.NoError(t, err)
		far, err := ln.Accept(ctx)
		require.NoError(t, err)

		up, down := int64(rapid.IntRange(1, 300_000).Draw(t, "up")), int64(rapid.IntRange(1, 300_000).Draw(t, "down"))
		within, cancel := w.lab.Timeout(ctx, 10*time.Minute, context.DeadlineExceeded)
		defer cancel()
		// Receive checks that every byte comes once, and in order.
		require.NoError(t, w.lab.Together(within,
			func(ctx context.Context) error { return near.Send(ctx, up) },
			func(ctx context.Context) error { return far.Receive(ctx, up) },
			func(ctx context.Context) error { return far.Send(ctx, down) },
			func(ctx context.Context) error { return near.Receive(ctx, down) },
		))
		w.checkConns()
		w.end(near, far)
		w.checkCounters()
	})
}

// checkConns checks the limits, with the one more that an announcement may bring, and the identifiers.
func (w *world) checkConns() {
	for h, limits := range w.limits {
		endpoints, err := h.PathManager().Endpoints()
		require.NoError(w.t, err)
		ids := map[uint8]bool{}
		for _, e := range endpoints {
			require.False(w.t, ids[e.ID], "two endpoints have the ID %d", e.ID)
			ids[e.ID] = true
		}
		conns, err := h.Conns()
		require.NoError(w.t, err)
		for _, c := range conns {
			const overshoot = 1 // of an announcement that is taken when there are enough: it is the last one
			require.LessOrEqual(w.t, int(c.Info.ExtraSubflows), int(limits.Subflows)+overshoot)
			if limits.Subflows == 0 && limits.AddAddrAccepted == 0 {
				require.Zero(w.t, c.Info.ExtraSubflows)
			}
			require.LessOrEqual(w.t, int(c.Info.AddAddrAccepted), int(limits.AddAddrAccepted))
			seen := map[string]bool{}
			for _, f := range c.Subflows {
				tuple := f.Local.String() + f.Remote.String()
				require.False(w.t, seen[tuple], "two subflows are %s", tuple)
				seen[tuple] = true
				if f.LocalID != 0 && f.Join {
					require.True(w.t, ids[f.LocalID], "no endpoint has the local ID %d of %s", f.LocalID, tuple)
				}
			}
		}
	}
}

// end closes both ends, and checks that nothing is left, and that nothing is sent afterwards.
func (w *world) end(near, far lab.Socket) {
	ctx := context.Background()
	require.NoError(w.t, near.Close())
	require.NoError(w.t, far.Close())
	within, cancel := w.lab.Timeout(ctx, 24*time.Hour, context.DeadlineExceeded)
	defer cancel()
	gone := func() bool {
		return len(w.client.mptcp.Conns())+len(w.server.mptcp.Conns())+len(w.client.stack.Conns())+len(w.server.stack.Conns()) == 0
	}
	require.NoError(w.t, w.lab.world.Until(within, gone), "connections that do not end: %s", w.left())
	before := w.sent()
	_, err := w.lab.Wait(ctx, time.Hour, func() (bool, error) { return false, nil })
	require.NoError(w.t, err)
	require.Equal(w.t, before, w.sent(), "packets after the end")
}

// left tells which connections there still are.
func (w *world) left() string {
	var text []string
	for _, h := range []*host{w.client, w.server} {
		conns, _ := h.Conns()
		for _, c := range conns {
			text = append(text, fmt.Sprintf("%s %s %v", h.Name(), c.State, c.Subflows))
		}
		for _, c := range h.stack.Conns() {
			text = append(text, fmt.Sprintf("%s TCP %v > %v %s", h.Name(), c.Local, c.Remote, c.State()))
		}
	}
	for _, e := range w.lab.Timeline() {
		text = append(text, e.String())
	}
	return strings.Join(text, "\n")
}

func (w *world) sent() (n uint64) {
	for _, k := range w.lab.links {
		t := k.Traffic()
		n += t[0].Received + t[1].Received
	}
	return n
}

// checkCounters compares counters with each other and with the packets that were seen.
func (w *world) checkCounters() {
	onWire := map[string]uint64{}
	for _, k := range w.lab.links {
		packets, err := k.Packets()
		require.NoError(w.t, err)
		for _, p := range packets {
			for _, o := range p.Options {
				switch o := o.(type) {
				case *wire.AddAddr:
					if o.Echo {
						onWire[p.From+" EchoAddTx"]++
					} else {
						onWire[p.From+" AddAddrTx"]++
					}
				case *wire.MPPrio:
					onWire[p.From+" MPPrioTx"]++
				case *wire.RemoveAddr:
					onWire[p.From+" RmAddrTx"] += uint64(len(o.IDs))
				}
			}
		}
	}
	for h := range w.limits {
		c, err := h.Counters()
		require.NoError(w.t, err)
		for _, name := range []string{"AddAddrTx", "EchoAddTx", "MPPrioTx", "RmAddrTx"} {
			if n, known := c[name]; known {
				require.Equal(w.t, onWire[h.Name()+" "+name], n, "%s of %s", name, h.Name())
			}
		}
		require.Zero(w.t, c["MPCurrEstab"])
		if _, known := c["MPJoinRejected"]; known { // before, refusals counted as failures
			require.Zero(w.t, c["MPJoinAckHMacFailure"])
		}
		for _, name := range []string{"MPJoinSynAckHMacFailure", "DataCsumErr", "DSSCorruptionReset", "DSSNotMatching", "DSSNoMatchTCP"} {
			require.Zero(w.t, c[name], name)
		}
		require.GreaterOrEqual(w.t, c["MPJoinSynRx"], c["MPJoinAckRx"]+c["MPJoinRejected"])
		if tx, known := c["MPJoinSynTx"]; known {
			require.GreaterOrEqual(w.t, tx, c["MPJoinSynAckRx"])
		}
	}
}
