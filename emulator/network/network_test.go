package network_test

import (
	"context"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// bed is a client and a server, each linked to a router, and to each other by a switch.
type bed struct {
	world                  *vtime.World
	net                    *network.Net
	client, router, server *network.Host
	links                  map[string]*network.Link
	got                    map[string][][]byte // packets that hosts took, by name
}

func newBed(t *testing.T) *bed {
	b := &bed{world: vtime.NewWorld(), links: map[string]*network.Link{}, got: map[string][][]byte{}}
	b.net = &network.Net{Clock: &b.world.Clock, Seed: 1}
	b.client, b.router, b.server = b.net.NewHost("client", false), b.net.NewHost("router", true), b.net.NewHost("server", false)
	lan := b.net.NewSwitch("lan")
	for _, h := range []*network.Host{b.client, b.router, b.server} {
		h.Deliver = func(packet []byte) { b.got[h.Name()] = append(b.got[h.Name()], packet) }
	}
	for _, x := range []struct {
		name       string
		a, b       *network.Interface
		addressesA []string
		addressesB []string
	}{
		{"client-router", b.client.Attach("eth1"), b.router.Attach("eth1"), []string{"10.0.1.1/24", "fd00:1::1/64"}, []string{"10.0.1.2/24", "fd00:1::2/64"}},
		{"router-server", b.router.Attach("eth2"), b.server.Attach("eth1"), []string{"10.0.2.1/24", "fd00:2::1/64"}, []string{"10.0.2.2/24", "fd00:2::2/64"}},
		{"client-lan", b.client.Attach("eth2"), lan.Attach("port1"), []string{"10.0.3.1/24"}, nil},
		{"server-lan", b.server.Attach("eth2"), lan.Attach("port2"), []string{"10.0.3.2/24"}, nil},
	} {
		b.links[x.name] = b.net.NewLink(x.a, x.b, 1500)
		for i, list := range map[*network.Interface][]string{x.a: x.addressesA, x.b: x.addressesB} {
			for _, p := range list {
				require.NoError(t, i.Node.(*network.Host).AddAddress(i.Name, netip.MustParsePrefix(p)))
			}
		}
	}
	return b
}

// packet is a segment with so much payload.
func packet(t *testing.T, src, dst string, payload int) []byte {
	s := segment.Segment{
		Src: netip.AddrPortFrom(netip.MustParseAddr(src), 1000), Dst: netip.AddrPortFrom(netip.MustParseAddr(dst), 80),
		Flags: wire.FlagACK, Payload: make([]byte, payload),
	}
	b, err := s.Append(nil, 1)
	require.NoError(t, err)
	return b
}

func (b *bed) settle() { _ = b.world.Until(context.Background(), func() bool { return false }) }

func TestRoute(t *testing.T) {
	b := newBed(t)
	require.NoError(t, b.client.AddRoute(lab.Route{Destination: netip.MustParsePrefix("10.9.0.0/16"), Via: netip.MustParseAddr("10.0.3.2")}))
	require.NoError(t, b.client.AddRoute(lab.Route{
		Destination: netip.MustParsePrefix("10.9.9.0/24"), Via: netip.MustParseAddr("10.0.1.2"), Source: netip.MustParseAddr("10.0.3.1"), Interface: "eth1",
	}))
	for name, test := range map[string]struct {
		src, dst string
		index    int32
		source   string
		device   string
		errno    syscall.Errno
	}{
		"to a neighbour":                     {"0.0.0.0", "10.0.1.2", 0, "10.0.1.1", "eth1", 0},
		"by a route":                         {"0.0.0.0", "10.9.9.9", 0, "10.0.3.1", "eth2", 0},
		"by the route of a source":           {"10.0.3.1", "10.9.9.9", 0, "10.0.3.1", "eth1", 0},
		"from an address, to its link's end": {"10.0.1.1", "192.0.2.1", 0, "10.0.1.1", "eth1", 0},
		"from an address on a switch":        {"10.0.3.1", "192.0.2.1", 0, "", "", network.EHOSTUNREACH},
		"nowhere":                            {"0.0.0.0", "192.0.2.1", 0, "", "", network.ENETUNREACH},
		"by an interface without a route":    {"10.0.3.1", "192.0.2.1", 2, "10.0.3.1", "eth1", 0},
		"of IPv6":                            {"::", "fd00:1::2", 0, "fd00:1::1", "eth1", 0},
		"to the host itself":                 {"0.0.0.0", "10.0.3.1", 0, "10.0.3.1", "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			path, errno := b.client.Route(netip.MustParseAddr(test.src), netip.MustParseAddr(test.dst), test.index)
			require.Equal(t, test.errno, errno)
			if errno != 0 {
				return
			}
			require.Equal(t, test.source, path.Source.String())
			device := ""
			if path.Interface != nil {
				device = path.Interface.Name
			}
			require.Equal(t, test.device, device)
		})
	}
}

func TestInterfaceThatIsDown(t *testing.T) {
	b := newBed(t)
	i, err := b.client.Interface("eth1")
	require.NoError(t, err)
	i.SetUp(false)
	_, errno := b.client.Route(netip.MustParseAddr("10.0.1.1"), netip.MustParseAddr("10.0.1.2"), 0)
	require.Equal(t, network.EHOSTUNREACH, errno)
	require.True(t, b.client.Has(netip.MustParseAddr("10.0.1.1")), "IPv4 addresses stay")
	require.False(t, b.client.Has(netip.MustParseAddr("fd00:1::1")), "those of IPv6 go")
	i.SetUp(true)
	require.True(t, b.client.Has(netip.MustParseAddr("fd00:1::1")))
}

func TestForwarding(t *testing.T) {
	for _, addresses := range [][2]string{{"10.0.1.1", "10.0.2.2"}, {"fd00:1::1", "fd00:2::2"}} {
		b := newBed(t)
		require.Zero(t, b.client.Send(packet(t, addresses[0], addresses[1], 10), 0, 0))
		b.settle()
		require.Len(t, b.got["server"], 1)
		s, err := segment.Parse(b.got["server"][0])
		require.NoError(t, err, "the checksum follows the time to live")
		require.Equal(t, addresses[0], s.Src.Addr().String())
	}
}

func TestTooBigForTheNextLink(t *testing.T) {
	for _, addresses := range [][2]string{{"10.0.1.1", "10.0.2.2"}, {"fd00:1::1", "fd00:2::2"}} {
		b := newBed(t)
		for _, i := range b.links["router-server"].Ends {
			i.SetMTU(1300)
		}
		require.Zero(t, b.client.Send(packet(t, addresses[0], addresses[1], 1400), 0, 0))
		require.Equal(t, network.EMSGSIZE, b.client.Send(packet(t, addresses[0], addresses[1], 1500), 0, 0))
		b.settle()
		require.Empty(t, b.got["server"])
		e, ok := network.ParseICMP(b.got["client"][0])
		require.True(t, ok)
		require.Equal(t, network.CodeTooBig, e.Why)
		require.Equal(t, 1300, e.MTU)
		require.Equal(t, addresses[1], e.Dst.Addr().String())
	}
}

func TestSwitch(t *testing.T) {
	b := newBed(t)
	require.Zero(t, b.client.Send(packet(t, "10.0.3.1", "10.0.3.2", 10), 0, 0))
	require.Zero(t, b.client.Send(packet(t, "10.0.3.1", "10.0.3.77", 10), 0, 0), "nobody has it, and nobody says so")
	b.settle()
	require.Len(t, b.got["server"], 1)
}

// TestLinkCounts holds that every frame is accounted for, whatever becomes of it.
func TestLinkCounts(t *testing.T) {
	b := newBed(t)
	k := b.links["client-router"]
	require.NoError(t, k.Impair(0, impair.Impairment{Delay: time.Millisecond, Loss: 0.2, Duplicate: 0.2, Corrupt: 0.1}))
	var held, waiting []*network.Transit
	n := 0
	k.Judge = func(x *network.Transit) network.Verdict {
		switch n++; n % 10 {
		case 1:
			return network.Verdict{Action: network.Drop}
		case 2:
			return network.Verdict{Copies: 2}
		case 3:
			held = append(held, x)
			return network.Verdict{Action: network.Hold}
		case 4:
			waiting = append(waiting, x)
			return network.Verdict{Action: network.Wait}
		}
		return network.Verdict{}
	}
	balanced := func() {
		c := k.Counts(0)
		dropped := uint64(0)
		for _, n := range c.Dropped {
			dropped += n
		}
		require.Equal(t, c.Received+c.Injected+c.Duplicated, c.Delivered+dropped+c.InFlight+c.Held)
	}
	for range 50 {
		require.Zero(t, b.client.Send(packet(t, "10.0.1.1", "10.0.1.2", 10), 0, 0))
		balanced()
	}
	require.EqualValues(t, 1, len(waiting), "the others wait behind it")
	for len(waiting) > 0 || len(held) > 0 {
		if len(waiting) > 0 {
			require.NoError(t, waiting[0].Decide(network.Verdict{}))
			require.Error(t, waiting[0].Decide(network.Verdict{}))
			waiting = waiting[1:]
		}
		if len(held) > 0 {
			require.NoError(t, held[0].Decide(network.Verdict{Action: network.Drop}))
			held = held[1:]
		}
		balanced()
	}
	k.Inject(1, []byte{1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 0, 0, 8, 0})
	b.settle()
	balanced()
	c := k.Counts(0)
	require.EqualValues(t, 50, c.Received)
	require.Zero(t, c.InFlight+c.Held)
	require.EqualValues(t, 5+5, c.Dropped["filter"])
}

func TestRefusals(t *testing.T) {
	b := newBed(t)
	require.EqualError(t, b.client.AddAddress("eth9", netip.MustParsePrefix("10.0.9.1/24")), "interface eth9: the host has only eth1, eth2")
	require.ErrorIs(t, b.client.AddAddress("eth1", netip.MustParsePrefix("10.0.1.1/24")), syscall.EEXIST)
	require.EqualError(t, b.client.DeleteAddress("eth1", netip.MustParsePrefix("10.0.9.1/24")), "delete address 10.0.9.1/24: eth1 does not have it")
	for text, r := range map[string]lab.Route{
		"add route: no destination": {},
		"route 10.0.0.1/8: the destination has bits set beyond its length, want 10.0.0.0/8": {Destination: netip.MustParsePrefix("10.0.0.1/8")},
		"route default: want a next hop or an interface":                                    {Destination: netip.MustParsePrefix("0.0.0.0/0")},
		"route default via 192.0.2.1: next hop 192.0.2.1 is in no subnet of the host":       {Destination: netip.MustParsePrefix("0.0.0.0/0"), Via: netip.MustParseAddr("192.0.2.1")},
	} {
		require.EqualError(t, b.client.AddRoute(r), text)
	}
}
