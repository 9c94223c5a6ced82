package emulator_test

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/traffic"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// What every backend must do is in this table, which also runs on the kernel: see TestKernelConforms.
func TestEmulatorConforms(t *testing.T) {
	b, err := emulator.New(emulator.Options{})
	require.NoError(t, err)
	conform(t, b)
}

func conform(t *testing.T, b lab.Backend) {
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	for name, test := range conformance {
		t.Run(name, func(t *testing.T) {
			l, err := b.Open(t.Context(), lab.Options{Name: t.Name(), Seed: 7})
			require.NoError(t, err)
			defer func() { require.NoError(t, l.Close()) }()
			test(t, l)
		})
	}
}

// pair is a client and a server with two links.
type pair struct {
	client, server lab.Host
	links          []lab.Link
}

func newPair(t *testing.T, l lab.Lab) (p pair) {
	var err error
	p.client, err = l.Host(t.Context(), "client", lab.HostOptions{})
	require.NoError(t, err)
	p.server, err = l.Host(t.Context(), "server", lab.HostOptions{})
	require.NoError(t, err)
	for _, x := range [][2]string{{"10.0.1.1/24", "10.0.1.2/24"}, {"10.0.2.1/24", "10.0.2.2/24"}} {
		end := func(h lab.Host, address string) lab.End {
			return lab.End{Node: h, Addresses: []netip.Prefix{netip.MustParsePrefix(address)}}
		}
		k, err := l.Link(t.Context(), end(p.client, x[0]), end(p.server, x[1]), lab.LinkOptions{})
		require.NoError(t, err)
		p.links = append(p.links, k)
	}
	return p
}

var port80 = netip.MustParseAddrPort("10.0.1.2:80")

func (p pair) listen(t *testing.T, protocol lab.Protocol) lab.Listener {
	ln, err := p.server.Listen(t.Context(), lab.ListenOptions{Protocol: protocol, Address: netip.MustParseAddrPort("[::]:80")})
	require.NoError(t, err)
	return ln
}

// connect connects, and exchanges a byte each way.
func (p pair) connect(t *testing.T, protocol lab.Protocol) (near, far lab.Socket) {
	ln := p.listen(t, protocol)
	near, err := p.client.Dial(t.Context(), lab.DialOptions{Protocol: protocol, Remote: port80})
	require.NoError(t, err)
	far, err = ln.Accept(t.Context())
	require.NoError(t, err)
	for _, way := range [][2]lab.Socket{{near, far}, {far, near}} {
		require.NoError(t, way[0].SendBytes(t.Context(), []byte{'.'}))
		_, err := way[1].ReceiveBytes(t.Context(), 1)
		require.NoError(t, err)
	}
	return near, far
}

// eventually waits until something holds.
func eventually(t *testing.T, l lab.Lab, cond func() (bool, error)) {
	t.Helper()
	ok, err := l.Wait(t.Context(), 10*time.Second, cond)
	require.NoError(t, err)
	require.True(t, ok)
}

func (p pair) twoSubflows(t *testing.T, l lab.Lab, near lab.Socket) {
	one := uint32(1)
	for _, h := range []lab.Host{p.client, p.server} {
		require.NoError(t, h.PathManager().SetLimits(pm.LimitsUpdate{Subflows: &one}))
	}
	require.NoError(t, p.client.PathManager().AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow}))
	eventually(t, l, func() (bool, error) {
		c, err := near.Conn()
		return len(c.Subflows) == 2 && c.Subflows[1].Established, err
	})
}

var conformance = map[string]func(t *testing.T, l lab.Lab){
	"nodes have one name each": func(t *testing.T, l lab.Lab) {
		newPair(t, l)
		_, err := l.Host(t.Context(), "client", lab.HostOptions{})
		require.EqualError(t, err, "the lab already has a host or switch named client")
		_, err = l.Switch(t.Context(), "")
		require.EqualError(t, err, "a host or switch needs a name")
		require.Len(t, l.Hosts(), 2)
	},
	"links and their ends": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		require.Equal(t, "client:eth1-server:eth1", p.links[0].Name())
		_, err := l.Link(t.Context(), lab.End{Node: p.client}, lab.End{Node: p.client}, lab.LinkOptions{})
		require.ErrorContains(t, err, "both ends are on the same node")
		_, err = l.Link(t.Context(), lab.End{Node: p.client, Interface: "eth1"}, lab.End{Node: p.server}, lab.LinkOptions{})
		require.ErrorContains(t, err, "client already has an interface eth1")
		_, err = l.Link(t.Context(), lab.End{Node: p.client}, lab.End{Node: p.server}, lab.LinkOptions{MTU: 1})
		require.ErrorContains(t, err, "want 68 to 65535")
		require.Equal(t, []lab.Address{
			{Interface: "eth1", Prefix: netip.MustParsePrefix("10.0.1.1/24")}, {Interface: "eth2", Prefix: netip.MustParsePrefix("10.0.2.1/24")},
		}, p.client.Addresses())
	},
	"what cannot be connected": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		for _, protocol := range []lab.Protocol{lab.MPTCP, lab.TCP} {
			dial := func(local, remote string) error {
				o := lab.DialOptions{Protocol: protocol, Remote: netip.MustParseAddrPort(remote)}
				if local != "" {
					o.Local = netip.MustParseAddrPort(local)
				}
				_, err := p.client.Dial(t.Context(), o)
				return err
			}
			require.EqualError(t, dial("", "10.0.1.2:9"), "on client: connect to 10.0.1.2:9: connection refused")
			require.ErrorIs(t, dial("", "192.0.2.1:9"), syscall.ENETUNREACH)
			require.EqualError(t, dial("10.9.9.9:0", "10.0.1.2:9"),
				"on client: connect from 10.9.9.9:0 to 10.0.1.2:9: bind: cannot assign requested address")
			require.ErrorContains(t, dial("[::1]:0", "10.0.1.2:9"), "different families")
		}
	},
	"no MPTCP where it is off": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		require.NoError(t, p.client.SetSysctl("net.mptcp.enabled", "0"))
		_, err := p.client.Dial(t.Context(), lab.DialOptions{Remote: port80})
		require.ErrorContains(t, err, "MPTCP is disabled on this host (net.mptcp.enabled = 0)")
		_, err = p.client.Sysctl("net.mptcp.nothing")
		require.ErrorContains(t, err, "sysctl net.mptcp.nothing")
		require.ErrorContains(t, p.client.SetSysctl("net.mptcp.enabled", "x"), `value "x" refused by the kernel`)
	},
	"a wait that ends": func(t *testing.T, l lab.Lab) {
		before := l.Now()
		ok, err := l.Wait(t.Context(), 20*time.Millisecond, func() (bool, error) { return false, nil })
		require.NoError(t, err)
		require.False(t, ok)
		require.GreaterOrEqual(t, l.Now()-before, 20*time.Millisecond)
		wrong := errors.New("wrong")
		_, err = l.Wait(t.Context(), time.Minute, func() (bool, error) { return false, wrong })
		require.ErrorIs(t, err, wrong)
	},
	"a time-out": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		ln := p.listen(t, lab.MPTCP)
		enough := errors.New("enough")
		ctx, cancel := l.Timeout(t.Context(), 20*time.Millisecond, enough)
		defer cancel()
		_, err := ln.Accept(ctx)
		require.ErrorIs(t, err, enough)
		require.NoError(t, ln.Close())
		_, err = ln.Accept(t.Context())
		require.ErrorIs(t, err, traffic.ErrClosed)
	},
	"side by side": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		near, far := p.connect(t, lab.MPTCP)
		const size = 5_000_000 // more than either end could hold
		require.NoError(t, l.Together(t.Context(),
			func(ctx context.Context) error { return near.Send(ctx, size) },
			func(ctx context.Context) error { return far.Receive(ctx, size) },
		))
		wrong := errors.New("wrong")
		var other error
		require.ErrorIs(t, l.Together(t.Context(),
			func(ctx context.Context) error { other = far.Receive(ctx, 1); return other },
			func(context.Context) error { return wrong },
		), wrong)
		require.ErrorIs(t, other, wrong)
	},
	"the end of a stream": func(t *testing.T, l lab.Lab) {
		for _, protocol := range []lab.Protocol{lab.MPTCP, lab.TCP} {
			p := newPairNamed(t, l, protocol)
			near, far := p.connect(t, protocol)
			require.NoError(t, near.SendBytes(t.Context(), []byte("abc")))
			require.NoError(t, near.CloseWrite())
			require.ErrorContains(t, far.ReceiveEOF(t.Context()), "expected the end of the stream, got 3 bytes")
			require.NoError(t, far.ReceiveEOF(t.Context()))
			require.ErrorIs(t, far.Receive(t.Context(), 1), io.ErrUnexpectedEOF)
			require.NoError(t, far.Send(t.Context(), 10))
			require.NoError(t, near.Receive(t.Context(), 10))
			require.NoError(t, far.Close())
			require.NoError(t, near.ReceiveEOF(t.Context()))
			require.ErrorIs(t, near.SendBytes(t.Context(), []byte("x")), syscall.EPIPE)
			require.NoError(t, near.Close())
			require.ErrorIs(t, near.Send(t.Context(), 1), traffic.ErrClosed)
		}
	},
	"wrong data": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		near, far := p.connect(t, lab.MPTCP)
		require.NoError(t, near.SendBytes(t.Context(), []byte("this is not the pattern")))
		var wrong *traffic.MismatchError
		require.ErrorAs(t, far.Receive(t.Context(), 23), &wrong)
	},
	"an abort": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		near, far := p.connect(t, lab.MPTCP)
		require.NoError(t, near.Abort())
		require.ErrorIs(t, far.Receive(t.Context(), 1), syscall.ECONNRESET)
		eventually(t, l, func() (bool, error) {
			c, err := far.Conn()
			return c.State == "CLOSE" && len(c.Subflows) == 0, err
		})
		c, err := near.Conn()
		require.NoError(t, err)
		require.Equal(t, "ESTAB", c.State, "as it was seen last")
	},
	"the four witnesses of a join": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		near, far := p.connect(t, lab.MPTCP)
		p.twoSubflows(t, l, near)
		c, err := near.Conn()
		require.NoError(t, err)
		require.Equal(t, []string{"10.0.1.1 > 10.0.1.2", "10.0.2.1 > 10.0.1.2"}, pathsOf(c))
		require.Equal(t, []uint8{0, 1}, []uint8{c.Subflows[0].LocalID, c.Subflows[1].LocalID})
		require.EqualValues(t, 1, c.Info.ExtraSubflows)
		require.EqualValues(t, 2, c.Info.SubflowsTotal)
		s, err := far.Conn()
		require.NoError(t, err)
		require.Equal(t, []string{"10.0.1.2 > 10.0.1.1", "10.0.1.2 > 10.0.2.1"}, pathsOf(s))
		require.True(t, s.Subflows[1].Local.Addr().Is4In6(), "the listener is of IPv6")

		eventually(t, l, func() (bool, error) {
			e, err := p.server.Events()
			return slices.Contains(kindsOf(e), "SUB_ESTABLISHED"), err
		})
		events, err := p.client.Events()
		require.NoError(t, err)
		require.Equal(t, []string{"CREATED", "ESTABLISHED", "SUB_ESTABLISHED"}, kindsOf(events))
		require.Equal(t, c.Token, events[0].Token)
		counters, err := p.client.Counters()
		require.NoError(t, err)
		for name, want := range map[string]uint64{"MPCapableSYNTX": 1, "MPCapableSYNACKRX": 1, "MPJoinSynTx": 1, "MPJoinSynAckRx": 1, "MPCurrEstab": 1} {
			require.Equal(t, want, counters[name], name)
		}
		packets, err := p.links[1].Packets()
		require.NoError(t, err)
		require.Equal(t, []string{"client", "client"}, []string{packets[0].From, packets[1].From}, "packets leave by the link of their source")
	},
	"a rule that drops": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		r := &lab.Rule{
			Name: "drop the SYN", Select: match.Selector{Match: match.Match{Flags: match.SYN}, Times: match.Times{Nth: 1}},
			Judge: func(lab.Packet, []byte, func(lab.Verdict) error) lab.Verdict {
				return lab.Verdict{Action: lab.ActionDrop, Note: "dropped"}
			},
		}
		require.NoError(t, p.links[0].AddRule(t.Context(), r))
		before := l.Now()
		p.connect(t, lab.MPTCP)
		require.GreaterOrEqual(t, l.Now()-before, time.Second, "TCP sends it again after a second")
		matched, selected := p.links[0].Seen(r)
		require.Equal(t, []uint{2, 1}, []uint{matched, selected})
		packets, err := p.links[0].Packets()
		require.NoError(t, err)
		require.Equal(t, []string{"dropped by drop the SYN", "", ""}, []string{packets[0].Fate, packets[1].Fate, packets[2].Fate})
		traffic := p.links[0].Traffic()
		require.EqualValues(t, 1, traffic[0].Dropped["filter"])
		require.Equal(t, traffic[0].Received, traffic[0].Delivered+traffic[0].InFlight+1)
		require.NoError(t, p.links[0].RemoveRule(r))
		require.ErrorContains(t, p.links[0].RemoveRule(r), "is no rule of the link")
	},
	"a rule that holds": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		decisions := make(chan func(lab.Verdict) error, 1)
		require.NoError(t, p.links[0].AddRule(t.Context(), &lab.Rule{
			Name: "hold data", Select: match.Selector{Match: match.Match{Option: wire.NameMPCapable, Payload: new(true)}, Times: match.Times{Nth: 1}},
			Judge: func(_ lab.Packet, _ []byte, decide func(lab.Verdict) error) lab.Verdict {
				decisions <- decide
				l.Wake()
				return lab.Verdict{Action: lab.ActionHold, Note: "held"}
			},
		}))
		ln := p.listen(t, lab.MPTCP)
		near, err := p.client.Dial(t.Context(), lab.DialOptions{Remote: port80})
		require.NoError(t, err)
		far, err := ln.Accept(t.Context())
		require.NoError(t, err)
		require.NoError(t, near.SendBytes(t.Context(), []byte("hello")))
		eventually(t, l, func() (bool, error) { return len(decisions) == 1, nil })
		require.EqualValues(t, 1, p.links[0].Traffic()[0].Held)
		decide := <-decisions
		require.NoError(t, decide(lab.Verdict{Action: lab.ActionPass, Note: "released"}))
		require.Error(t, decide(lab.Verdict{}))
		got, err := far.ReceiveBytes(t.Context(), 5)
		require.NoError(t, err)
		require.Equal(t, "hello", string(got))
	},
	"a link that is down": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		p.listen(t, lab.MPTCP)
		require.NoError(t, p.links[0].SetUp(t.Context(), false))
		_, err := p.client.Dial(t.Context(), lab.DialOptions{Local: netip.MustParseAddrPort("10.0.1.1:0"), Remote: port80})
		require.ErrorIs(t, err, syscall.EHOSTUNREACH)
		require.NoError(t, p.links[0].SetUp(t.Context(), true))
		_, err = p.client.Dial(t.Context(), lab.DialOptions{Remote: port80})
		require.NoError(t, err)
	},
	"the way to an address": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		near, far := netip.MustParseAddr("10.0.2.1"), netip.MustParseAddr("10.0.1.2")
		for _, x := range []struct {
			from, to netip.Addr
			way      lab.Way
		}{
			{netip.Addr{}, far, lab.Way{Source: netip.MustParseAddr("10.0.1.1"), Interface: "eth1"}},
			{near, far, lab.Way{Source: near, Interface: "eth2"}},
			{netip.Addr{}, near, lab.Way{Source: near, Interface: "lo"}},
		} {
			way, err := p.client.RouteTo(t.Context(), x.from, x.to)
			require.NoError(t, err)
			require.Equal(t, x.way, way)
		}
		_, err := p.client.RouteTo(t.Context(), netip.Addr{}, netip.MustParseAddr("192.0.2.1"))
		require.ErrorIs(t, err, syscall.ENETUNREACH)
		require.ErrorContains(t, err, "on client: route to 192.0.2.1: network is unreachable")
		require.NoError(t, p.client.SetInterfaceUp(t.Context(), "eth2", false))
		_, err = p.client.RouteTo(t.Context(), near, far)
		require.ErrorIs(t, err, syscall.EHOSTUNREACH)
		require.ErrorContains(t, err, "route to 10.0.1.2 from 10.0.2.1")
	},
	"a packet by the wrong interface": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		p.listen(t, lab.MPTCP)
		dial := func() error {
			ctx, cancel := l.Timeout(t.Context(), 100*time.Millisecond, errors.New("nobody answers"))
			defer cancel()
			_, err := p.client.Dial(ctx, lab.DialOptions{Local: netip.MustParseAddrPort("10.0.2.1:0"), Remote: port80})
			return err
		}
		for _, x := range []struct {
			name, value string
			refused     bool
		}{
			{"net.ipv4.conf.eth2.rp_filter", "1", true}, // 10.0.1.2 answers 10.0.2.1 by eth1
			{"net.ipv4.conf.eth2.rp_filter", "2", false},
			{"net.ipv4.conf.eth2.rp_filter", "0", false},
			{"net.ipv4.conf.all.rp_filter", "1", true},
		} {
			require.NoError(t, p.server.SetSysctl(x.name, x.value))
			got, err := p.server.Sysctl(x.name)
			require.NoError(t, err)
			require.Equal(t, x.value, got)
			require.Equal(t, x.refused, dial() != nil, "%s = %s", x.name, x.value)
		}
	},
	"refusals of the path manager": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		e := pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow}
		require.NoError(t, p.client.PathManager().AddEndpoint(e))
		var refused *pm.Error
		require.ErrorAs(t, p.client.PathManager().AddEndpoint(e), &refused)
		require.Equal(t, syscall.EEXIST, refused.Errno)
		require.ErrorContains(t, p.client.PathManager().AddEndpoint(e),
			"on client: add endpoint 10.0.2.1 subflow: file exists: too many addresses or duplicate one: -17")
		nine := uint32(9)
		require.ErrorContains(t, p.client.PathManager().SetLimits(pm.LimitsUpdate{Subflows: &nine}), "limit greater than maximum (8)")
		require.ErrorContains(t, p.client.PathManager().Announce(1, pm.Endpoint{}), "invalid token")
	},
	"a firewall": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		e, err := p.server.Firewall().Add(lab.FirewallRule{Chain: "input", Protocol: "tcp", Target: "reject", RejectWith: lab.TCPReset})
		require.NoError(t, err)
		require.Equal(t, "meta l4proto tcp reject with tcp reset", e.Text)
		p.listen(t, lab.MPTCP)
		_, err = p.client.Dial(t.Context(), lab.DialOptions{Remote: port80})
		require.ErrorIs(t, err, syscall.ECONNREFUSED)
		rules, err := p.server.Firewall().Rules()
		require.NoError(t, err)
		require.EqualValues(t, 1, rules[0].Packets)
		require.NoError(t, p.server.Firewall().Delete(e))
		require.ErrorContains(t, p.server.Firewall().Delete(e), "not there any more")
		_, err = p.client.Dial(t.Context(), lab.DialOptions{Remote: port80})
		require.NoError(t, err)
	},
	"a closed lab": func(t *testing.T, l lab.Lab) {
		p := newPair(t, l)
		require.NoError(t, l.Close())
		require.NoError(t, l.Close())
		_, err := l.Host(t.Context(), "late", lab.HostOptions{})
		require.ErrorContains(t, err, "the lab is closed")
		_, err = p.client.Dial(t.Context(), lab.DialOptions{Remote: port80})
		require.ErrorContains(t, err, "the lab is closed")
		_, err = l.Wait(t.Context(), time.Second, func() (bool, error) { return true, nil })
		require.ErrorContains(t, err, "the lab is closed")
	},
}

func newPairNamed(t *testing.T, l lab.Lab, protocol lab.Protocol) (p pair) {
	prefix := map[lab.Protocol]string{lab.MPTCP: "m", lab.TCP: "t"}[protocol]
	var err error
	p.client, err = l.Host(t.Context(), prefix+"client", lab.HostOptions{})
	require.NoError(t, err)
	p.server, err = l.Host(t.Context(), prefix+"server", lab.HostOptions{})
	require.NoError(t, err)
	_, err = l.Link(t.Context(),
		lab.End{Node: p.client, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.1/24")}},
		lab.End{Node: p.server, Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.1.2/24")}}, lab.LinkOptions{})
	require.NoError(t, err)
	return p
}

func pathsOf(c lab.Conn) (paths []string) {
	for _, f := range c.Subflows {
		paths = append(paths, f.Local.Addr().Unmap().String()+" > "+f.Remote.Addr().Unmap().String())
	}
	return paths
}

func kindsOf(events []lab.Event) (kinds []string) {
	for _, e := range events {
		if k := e.Kind.String(); !strings.HasPrefix(k, "LISTENER") {
			kinds = append(kinds, k)
		}
	}
	return kinds
}
