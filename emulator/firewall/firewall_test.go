package firewall_test

import (
	"context"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/emulator/firewall"
	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// bed is a host inside, a router with a firewall, and a host outside.
type bed struct {
	t                       *testing.T
	world                   *vtime.World
	inside, router, outside *network.Host
	firewall                *firewall.Firewall
	loose                   bool
	got                     map[string][]*segment.Segment
	errors                  []network.ICMPError // that came to the host inside
}

func newBed(t *testing.T) *bed {
	b := &bed{t: t, world: vtime.NewWorld(), loose: true, got: map[string][]*segment.Segment{}}
	n := &network.Net{Clock: &b.world.Clock}
	b.inside, b.router, b.outside = n.NewHost("inside", false), n.NewHost("router", true), n.NewHost("outside", false)
	for _, h := range []*network.Host{b.inside, b.router, b.outside} {
		h.Deliver = func(packet []byte) {
			if e, ok := network.ParseICMP(packet); ok {
				b.errors = append(b.errors, e)
				return
			}
			s, err := segment.Parse(packet)
			require.NoError(t, err, "a checksum that does not follow")
			b.got[h.Name()] = append(b.got[h.Name()], s)
		}
	}
	n.NewLink(b.inside.Attach("eth1"), b.router.Attach("eth1"), 1500)
	n.NewLink(b.router.Attach("eth2"), b.outside.Attach("eth1"), 1500)
	for _, x := range []struct {
		host    *network.Host
		name, a string
	}{{b.inside, "eth1", "10.0.1.1/24"}, {b.router, "eth1", "10.0.1.2/24"}, {b.router, "eth2", "10.0.2.1/24"}, {b.outside, "eth1", "10.0.2.2/24"}} {
		require.NoError(t, x.host.AddAddress(x.name, netip.MustParsePrefix(x.a)))
	}
	b.firewall = firewall.New(b.router, func() bool { return b.loose })
	return b
}

func (b *bed) add(r lab.FirewallRule) lab.FirewallEntry {
	e, err := b.firewall.Add(r)
	require.NoError(b.t, err)
	return e
}

// send sends a segment, and returns those that came to a host since it was last asked.
func (b *bed) send(from *network.Host, src, dst string, flags wire.TCPFlags, to string) []string {
	s := segment.Segment{Src: netip.MustParseAddrPort(src), Dst: netip.MustParseAddrPort(dst), Flags: flags, Payload: []byte("odd")}
	packet, err := s.Append(nil, from.NextID())
	require.NoError(b.t, err)
	from.Send(packet, 0, 0)
	_ = b.world.Until(context.Background(), func() bool { return false })
	var seen []string
	for _, s := range b.got[to] {
		seen = append(seen, s.Src.String()+" > "+s.Dst.String()+" "+s.Flags.String())
	}
	delete(b.got, to)
	return seen
}

const (
	syn    = wire.FlagSYN
	synAck = wire.FlagSYN | wire.FlagACK
	ack    = wire.FlagACK
	rst    = wire.FlagRST
)

func TestFilter(t *testing.T) {
	b := newBed(t)
	e := b.add(lab.FirewallRule{Chain: "forward", Protocol: "tcp", DestinationPort: lab.PortRange{First: 80, Last: 80}, Target: "drop"})
	require.Empty(t, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", syn, "outside"))
	require.Equal(t, []string{"10.0.1.1:1000 > 10.0.2.2:81 S"}, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:81", syn, "outside"))
	rules, err := b.firewall.Rules()
	require.NoError(t, err)
	require.EqualValues(t, 1, rules[0].Packets)
	require.EqualValues(t, 43, rules[0].Bytes)
	require.NoError(t, b.firewall.Delete(e))
	require.NotEmpty(t, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", syn, "outside"))
	flows, err := b.firewall.Flows()
	require.NoError(t, err)
	require.Empty(t, flows, "no rule needed them")
}

func TestReject(t *testing.T) {
	b := newBed(t)
	b.add(lab.FirewallRule{Chain: "forward", Protocol: "tcp", SourcePort: lab.PortRange{First: 1, Last: 1}, Target: "reject", RejectWith: lab.TCPReset})
	b.add(lab.FirewallRule{Chain: "forward", Target: "reject", RejectWith: "host-unreachable"})
	require.Equal(t, []string{"10.0.2.2:80 > 10.0.1.1:1 R."}, b.send(b.inside, "10.0.1.1:1", "10.0.2.2:80", syn, "inside"))
	require.Empty(t, b.send(b.inside, "10.0.1.1:1", "10.0.2.2:80", rst, "inside"), "no reset answers a reset")
	require.Empty(t, b.errors)
	b.send(b.inside, "10.0.1.1:2", "10.0.2.2:80", syn, "inside")
	require.Len(t, b.errors, 1)
	require.Equal(t, network.CodeHost, b.errors[0].Why)
	require.Equal(t, "10.0.1.1:2", b.errors[0].Src.String())
}

// TestStateful lets connections in only when they were opened from inside.
func TestStateful(t *testing.T) {
	b := newBed(t)
	b.add(lab.FirewallRule{Chain: "forward", InInterface: "eth2", State: lab.FlowNew | lab.FlowInvalid, Target: "drop"})
	require.Empty(t, b.send(b.outside, "10.0.2.2:80", "10.0.1.1:1000", syn, "inside"))
	require.Empty(t, b.send(b.outside, "10.0.2.2:80", "10.0.1.1:1000", synAck, "inside"), "the answer to nothing")
	require.NotEmpty(t, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", syn, "outside"))
	require.NotEmpty(t, b.send(b.outside, "10.0.2.2:80", "10.0.1.1:1000", synAck, "inside"))
	require.NotEmpty(t, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", ack, "outside"))
	flows, err := b.firewall.Flows()
	require.NoError(t, err)
	require.Len(t, flows, 1)
	require.Equal(t, "ESTABLISHED", flows[0].State)

	n, err := b.firewall.DeleteFlows(lab.FlowSelector{Source: netip.MustParsePrefix("10.0.1.1/32")})
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.Empty(t, b.send(b.outside, "10.0.2.2:80", "10.0.1.1:1000", ack, "inside"), "forgotten")
	require.NotEmpty(t, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", ack, "outside"), "taken up in the middle")
	require.NotEmpty(t, b.send(b.outside, "10.0.2.2:80", "10.0.1.1:1000", ack, "inside"))
	_, err = b.firewall.DeleteFlows(lab.FlowSelector{})
	require.NoError(t, err)
	b.loose = false
	b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", ack, "outside")
	require.Empty(t, b.send(b.outside, "10.0.2.2:80", "10.0.1.1:1000", ack, "inside"), "not taken up")
}

func TestMasquerade(t *testing.T) {
	b := newBed(t)
	e := b.add(lab.FirewallRule{Chain: "postrouting", OutInterface: "eth2", Target: "masquerade"})
	require.Equal(t, []string{"10.0.2.1:1000 > 10.0.2.2:80 S"}, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", syn, "outside"))
	require.Equal(t, []string{"10.0.2.2:80 > 10.0.1.1:1000 S."}, b.send(b.outside, "10.0.2.2:80", "10.0.2.1:1000", synAck, "inside"))
	require.NoError(t, b.firewall.Delete(e))
	require.Equal(t, []string{"10.0.2.1:1000 > 10.0.2.2:80 ."}, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", ack, "outside"), "what was translated stays so")
}

// TestPortsOfARange gives connections that would look alike outside different ports.
func TestPortsOfARange(t *testing.T) {
	b := newBed(t)
	b.add(lab.FirewallRule{
		Chain: "postrouting", OutInterface: "eth2", Protocol: "tcp", Target: "snat", To: netip.MustParseAddr("10.0.2.1"),
		ToPort: lab.PortRange{First: 2000, Last: 2001},
	})
	require.Equal(t, []string{"10.0.2.1:2000 > 10.0.2.2:80 S"}, b.send(b.inside, "10.0.1.1:1000", "10.0.2.2:80", syn, "outside"))
	require.Equal(t, []string{"10.0.2.1:2001 > 10.0.2.2:80 S"}, b.send(b.inside, "10.0.1.1:1001", "10.0.2.2:80", syn, "outside"))
	require.Equal(t, []string{"10.0.2.2:80 > 10.0.1.1:1001 S."}, b.send(b.outside, "10.0.2.2:80", "10.0.2.1:2001", synAck, "inside"))
}

func TestForwardedPort(t *testing.T) {
	b := newBed(t)
	b.add(lab.FirewallRule{
		Chain: "prerouting", InInterface: "eth2", Protocol: "tcp", DestinationPort: lab.PortRange{First: 8080, Last: 8080}, Target: "dnat",
		To: netip.MustParseAddr("10.0.1.1"), ToPort: lab.PortRange{First: 80, Last: 80},
	})
	require.Equal(t, []string{"10.0.2.2:1000 > 10.0.1.1:80 S"}, b.send(b.outside, "10.0.2.2:1000", "10.0.2.1:8080", syn, "inside"))
	require.Equal(t, []string{"10.0.2.1:8080 > 10.0.2.2:1000 S."}, b.send(b.inside, "10.0.1.1:80", "10.0.2.2:1000", synAck, "outside"))
}
