//go:build linux

package watch_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/traffic"
	"github.com/mptcp-lab/mptcp-lab/watch"
)

// bed is two hosts with two links, and a connection over the first.
type bed struct {
	client, server *netns.Host
	listener       *traffic.Listener
}

func newBed(t *testing.T) *bed {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs the privileges for network namespaces")
	}
	b := &bed{}
	for _, h := range []**netns.Host{&b.client, &b.server} {
		made, err := netns.NewHost(netns.Options{})
		require.NoError(t, err)
		*h = made
		t.Cleanup(func() { require.NoError(t, made.Close()) })
	}
	for _, x := range []struct{ name, near, far string }{{"eth1", "10.0.1.1/24", "10.0.1.2/24"}, {"eth2", "10.0.2.1/24", "10.0.2.2/24"}} {
		require.NoError(t, netns.Link(netns.Endpoint{Host: b.client, Name: x.name}, netns.Endpoint{Host: b.server, Name: x.name}, 0))
		require.NoError(t, b.client.AddAddress(x.name, netip.MustParsePrefix(x.near)))
		require.NoError(t, b.server.AddAddress(x.name, netip.MustParsePrefix(x.far)))
	}
	l, err := traffic.Listen(t.Context(), b.server.Do, lab.ListenOptions{Protocol: lab.MPTCP, Address: netip.MustParseAddrPort("[::]:80")})
	require.NoError(t, err)
	b.listener = l
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return b
}

// connect connects and exchanges a byte each way.
func (b *bed) connect(t *testing.T) (near, far *traffic.Socket) {
	t.Helper()
	near, err := traffic.Dial(t.Context(), b.client.Do, lab.DialOptions{Protocol: lab.MPTCP, Remote: netip.MustParseAddrPort("10.0.1.2:80")})
	require.NoError(t, err)
	far, err = b.listener.Accept(t.Context())
	require.NoError(t, err)
	require.NoError(t, traffic.PingPong(t.Context(), near, far, 1, 1))
	return near, far
}

// open watches a host until the test ends.
func open(t *testing.T, h *netns.Host) watch.Local {
	t.Helper()
	w, note, err := watch.Open(h.Do)
	require.NoError(t, err)
	require.Empty(t, note)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

// manage drives the path manager of a host.
func manage(t *testing.T, h *netns.Host, do func(*pm.Client) error) {
	t.Helper()
	c, err := pm.Dial(pm.Config{NetNS: h.FD()})
	require.NoError(t, err)
	require.NoError(t, do(c))
	require.NoError(t, c.Close())
}

// TestRun sees a connection come, its second path explained and then opened, and the connection go.
func TestRun(t *testing.T) {
	b := newBed(t)
	w := open(t, b.client)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	changes, done := make(chan watch.Change, 100), make(chan error, 1)
	go func() { done <- watch.Run(ctx, w, func(c watch.Change) error { changes <- c; return nil }) }()
	wanted := func(kind watch.Kind) watch.Change {
		t.Helper()
		for {
			select {
			case c := <-changes:
				if c.Kind == kind {
					return c
				}
			case <-ctx.Done():
				require.Fail(t, "no change", kind)
			}
		}
	}

	near, far := b.connect(t)
	c := wanted(watch.ConnectionOpened)
	require.Equal(t, watch.Client, c.Connection.Role)
	require.Equal(t, "10.0.1.2:80", c.Connection.Remote.String())
	require.Equal(t, "10.0.1.1", wanted(watch.SubflowOpened).Subflow.Local.Addr().String())

	f := wanted(watch.NoSubflow).Finding
	require.Equal(t, "endpoint", f.Rule)
	require.Equal(t, "10.0.2.1 > 10.0.1.2", f.Pair.String())
	require.Equal(t, "ip mptcp endpoint add 10.0.2.1 subflow", f.Command)

	manage(t, b.client, func(c *pm.Client) error { // as the remedy says
		return c.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow})
	})
	require.Equal(t, "10.0.2.1", wanted(watch.SubflowOpened).Subflow.Local.Addr().String())
	require.Equal(t, f.Pair, wanted(watch.Resolved).Finding.Pair)

	manage(t, b.client, (*pm.Client).FlushEndpoints)
	require.Equal(t, "10.0.2.1", wanted(watch.SubflowClosed).Subflow.Local.Addr().String())
	require.NoError(t, near.Abort())
	require.NoError(t, far.Abort())
	wanted(watch.ConnectionClosed)
	cancel()
	require.NoError(t, <-done)
}

// TestOneEnd sees what one end can know, and what it says that only the other one does.
func TestOneEnd(t *testing.T) {
	tests := []struct {
		name   string
		set    func(t *testing.T, b *bed)
		server bool // the server is watched
		rule   string
		pair   string
		says   string
		remedy string
	}{
		{"no endpoint", func(*testing.T, *bed) {}, false, "endpoint", "10.0.2.1 > 10.0.1.2", "this host has no endpoint for 10.0.2.1", "ip mptcp endpoint add 10.0.2.1 subflow"},
		{"no endpoint of the server", func(*testing.T, *bed) {}, true, "endpoint", "10.0.1.1 > 10.0.2.2", "this host has no endpoint for 10.0.2.2", "ip mptcp endpoint add 10.0.2.2 signal"},
		{"limit", func(t *testing.T, b *bed) {
			manage(t, b.client, func(c *pm.Client) error { return c.SetLimits(pm.LimitsUpdate{Subflows: new(uint32)}) })
			manage(t, b.client, func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow})
			})
		}, false, "limits", "10.0.2.1 > 10.0.1.2", "its limit of those beside the initial one is 0", "ip mptcp limits set subflows 1"},
		{"limit of the server", func(t *testing.T, b *bed) {
			manage(t, b.server, func(c *pm.Client) error { return c.SetLimits(pm.LimitsUpdate{Subflows: new(uint32)}) })
			manage(t, b.server, func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.2"), Flags: pm.FlagSignal})
			})
		}, true, "peer_limits", "10.0.1.1 > 10.0.2.2", "its limit of those beside the initial one is 0", "ip mptcp limits set subflows 1"},
		{"announced", func(t *testing.T, b *bed) {
			manage(t, b.server, func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.2"), Flags: pm.FlagSignal})
			})
		}, false, "add_addr_accepted", "10.0.2.1 > 10.0.2.2", "its limit of accepted addresses is 0", "ip mptcp limits set add_addr_accepted 1"},
		{"what the client knows", func(t *testing.T, b *bed) {
			manage(t, b.server, func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.2"), Flags: pm.FlagSignal})
			})
		}, true, "peer", "10.0.1.1 > 10.0.2.2", "Only the peer knows whether it accepts announced addresses", ""},
		{"limit of the peer", func(t *testing.T, b *bed) {
			manage(t, b.server, func(c *pm.Client) error { return c.SetLimits(pm.LimitsUpdate{Subflows: new(uint32)}) })
			manage(t, b.client, func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow})
			})
		}, false, "closed", "10.0.2.1 > 10.0.1.2", "so it does where the limit subflows of the peer leaves no room", ""},
		{"no answer", func(t *testing.T, b *bed) {
			require.NoError(t, b.server.SetSysctl("net.ipv4.conf.all.rp_filter", "1"))
			manage(t, b.client, func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow})
			})
		}, false, "peer", "10.0.2.1 > 10.0.1.2", "this host has sent its MP_JOIN and waits for the answer", ""},
		{"C flag", func(t *testing.T, b *bed) {
			require.NoError(t, b.server.SetSysctl("net.mptcp.allow_join_initial_addr_port", "0"))
			manage(t, b.client, func(c *pm.Client) error {
				return c.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("10.0.2.1"), Flags: pm.FlagSubflow})
			})
		}, false, "c_flag", "10.0.2.1 > 10.0.1.2", "the peer has set the C flag", "sysctl net.mptcp.allow_join_initial_addr_port=1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := newBed(t)
			test.set(t, b)
			at := b.client
			if test.server {
				at = b.server
			}
			w := open(t, at)
			near, far := b.connect(t)
			defer near.Abort()
			defer far.Abort()
			var last string
			require.Eventually(t, func() bool {
				select {
				case events := <-w.Received():
					w.Remember(events)
				default:
				}
				conns, err := watch.Look(t.Context(), w)
				require.NoError(t, err)
				require.Len(t, conns, 1)
				last = ""
				for _, f := range conns[0].Findings {
					last += f.String() + "\n"
					if f.Rule == test.rule && f.Pair.String() == test.pair && strings.Contains(f.Sentence, test.says) && f.Command == test.remedy {
						return true
					}
				}
				return false
			}, 5*time.Second, 5*time.Millisecond, "%s", &lastText{&last})
		})
	}
}

// lastText is a text that is read when it is printed.
type lastText struct{ text *string }

func (l *lastText) String() string { return *l.text }

// TestWrite shows a connection in both forms.
func TestWrite(t *testing.T) {
	b := newBed(t)
	w := open(t, b.client)
	near, far := b.connect(t)
	defer near.Abort()
	defer far.Abort()
	now, err := watch.Look(t.Context(), w)
	require.NoError(t, err)
	var text, lines bytes.Buffer
	for _, c := range watch.Changes(nil, now, time.Now()) {
		require.NoError(t, watch.Text(&text)(c))
		require.NoError(t, watch.JSON(&lines)(c))
	}
	require.Regexp(t, `(?m)^\S+ connection [0-9a-f]{8} is there, ESTAB, this host is the client: 10\.0\.1\.1:\d+ > 10\.0\.1\.2:80$`, text.String())
	require.Regexp(t, `(?m)^\S+ connection [0-9a-f]{8} has subflow 10\.0\.1\.1:\d+ > 10\.0\.1\.2:80, id 0 > 0$`, text.String())
	require.Contains(t, text.String(), "    remedy: ip mptcp endpoint add 10.0.2.1 subflow (this host)\n")
	var kinds []string
	for line := range bytes.Lines(lines.Bytes()) {
		var said struct{ Event, Role string }
		require.NoError(t, json.Unmarshal(line, &said))
		require.Equal(t, "client", said.Role)
		kinds = append(kinds, said.Event)
	}
	require.Equal(t, []string{"connection_opened", "subflow_opened", "no_subflow"}, kinds)
}
