package netns_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/netns"
)

func prefixes(list string) []netip.Prefix {
	var all []netip.Prefix
	for _, p := range strings.Fields(list) {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
}

// twoPaths is the topology that most cases use: two links between two hosts, with both families.
func twoPaths(t testing.TB) (client, server *netns.Host) {
	client = newHost(t, netns.Options{Number: 1})
	server = newHost(t, netns.Options{Number: 2})
	link(t, client, "eth1", "10.0.1.1/24 2001:db8:1::1/64", server, "eth1", "10.0.1.2/24 2001:db8:1::2/64")
	link(t, client, "eth2", "10.0.2.1/24 2001:db8:2::1/64", server, "eth2", "10.0.2.2/24 2001:db8:2::2/64")
	return client, server
}

func BenchmarkNamespace(b *testing.B) {
	for b.Loop() {
		ns, err := netns.New()
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, ns.Close())
		b.StartTimer()
	}
}

func BenchmarkHost(b *testing.B) {
	for b.Loop() {
		h, err := netns.NewHost(netns.Options{})
		require.NoError(b, err)
		b.StopTimer()
		require.NoError(b, h.Close())
		b.StartTimer()
	}
}

func BenchmarkTwoHostsTwoLinks(b *testing.B) {
	for b.Loop() {
		client, server := buildTwoPaths(b)
		b.StopTimer()
		require.NoError(b, client.Close())
		require.NoError(b, server.Close())
		b.StartTimer()
	}
}

func buildTwoPaths(b *testing.B) (client, server *netns.Host) {
	client, err := netns.NewHost(netns.Options{Number: 1})
	require.NoError(b, err)
	server, err = netns.NewHost(netns.Options{Number: 2})
	require.NoError(b, err)
	link(b, client, "eth1", "10.0.1.1/24 2001:db8:1::1/64", server, "eth1", "10.0.1.2/24 2001:db8:1::2/64")
	link(b, client, "eth2", "10.0.2.1/24 2001:db8:2::1/64", server, "eth2", "10.0.2.2/24 2001:db8:2::2/64")
	return client, server
}
