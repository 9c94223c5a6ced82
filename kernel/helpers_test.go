package kernel_test

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/kernel"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// patience is how long something may take that is sure to come.
const patience = 10 * time.Second

// open returns a backend, which must leave nothing behind.
func open(t testing.TB) *kernel.Backend {
	t.Helper()
	if !netns.Privileged() {
		t.Skip("needs CAP_SYS_ADMIN and CAP_NET_ADMIN, to make network namespaces")
	}
	b, err := kernel.Open(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Close()) })
	return b
}

func openLab(t testing.TB, b lab.Backend, o lab.Options) lab.Lab {
	t.Helper()
	l, err := b.Open(t.Context(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// newLab is a lab on a backend of its own.
func newLab(t testing.TB) lab.Lab {
	t.Helper()
	return openLab(t, open(t), lab.Options{Name: t.Name(), Seed: 1})
}

func addHost(t testing.TB, l lab.Lab, name string) lab.Host {
	t.Helper()
	h, err := l.Host(t.Context(), name, lab.HostOptions{})
	require.NoError(t, err)
	return h
}

func prefixes(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

func addLink(t testing.TB, l lab.Lab, a lab.Node, addressA string, b lab.Node, addressB string) lab.Link {
	t.Helper()
	ends := [2]lab.End{{Node: a}, {Node: b}}
	for i, address := range []string{addressA, addressB} {
		if address != "" {
			ends[i].Addresses = prefixes(address)
		}
	}
	k, err := l.Link(t.Context(), ends[0], ends[1], lab.LinkOptions{})
	require.NoError(t, err)
	return k
}

// onePath joins a client and a server, 10.0.1.1 and 10.0.1.2.
func onePath(t testing.TB, l lab.Lab) (client, server lab.Host, k lab.Link) {
	t.Helper()
	client, server = addHost(t, l, "client"), addHost(t, l, "server")
	return client, server, addLink(t, l, client, "10.0.1.1/24", server, "10.0.1.2/24")
}

// twoPaths joins them by a second link, 10.0.2.1 and 10.0.2.2.
func twoPaths(t testing.TB, l lab.Lab) (client, server lab.Host) {
	t.Helper()
	client, server, _ = onePath(t, l)
	addLink(t, l, client, "10.0.2.1/24", server, "10.0.2.2/24")
	return client, server
}

// connectAs makes a connection of these protocols at either end. The listener stays open: the kernel takes joins only there.
func connectAs(t testing.TB, client lab.Host, c lab.Protocol, server lab.Host, s lab.Protocol, to string) (near, far lab.Socket) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ln, err := server.Listen(ctx, lab.ListenOptions{Protocol: s, Address: netip.AddrPortFrom(netip.IPv6Unspecified(), 0)})
	require.NoError(t, err)
	near, err = client.Dial(ctx, lab.DialOptions{Protocol: c, Remote: netip.AddrPortFrom(netip.MustParseAddr(to), ln.Address().Port())})
	require.NoError(t, err)
	far, err = ln.Accept(ctx)
	require.NoError(t, err)
	return near, far
}

// connect makes an MPTCP connection.
func connect(t testing.TB, client, server lab.Host, to string) (near, far lab.Socket) {
	t.Helper()
	return connectAs(t, client, lab.MPTCP, server, lab.MPTCP, to)
}

// exchange moves a byte each way, which makes both ends fully established.
func exchange(t testing.TB, a, b lab.Socket) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, way := range [][2]lab.Socket{{a, b}, {b, a}} {
		require.NoError(t, way[0].Send(ctx, 1))
		require.NoError(t, way[1].Receive(ctx, 1))
	}
}

// eventually waits in the lab for something that is sure to come.
func eventually(t testing.TB, l lab.Lab, cond func() (bool, error)) {
	t.Helper()
	ok, err := l.Wait(t.Context(), patience, cond)
	require.NoError(t, err)
	require.True(t, ok, "not within %v; seen: %v", patience, lines(l.Timeline()))
}

func lines(timeline []lab.Entry) string {
	var b strings.Builder
	for _, e := range timeline {
		fmt.Fprintf(&b, "\n%v", e)
	}
	return b.String()
}
