//go:build linux

package forward

import (
	"bytes"
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// isProbe tells the frames of a prober.
func isProbe(_ Direction, b []byte) bool {
	return binary.BigEndian.Uint16(b[12:]) == probeProtocol
}

func number(b []byte) int { return int(binary.BigEndian.Uint32(b[ethernetHeader:])) }

// verdicts is a filter that judges probes by their number.
func verdicts(by map[int]Verdict) *Filter {
	return &Filter{Wants: isProbe, Judge: func(p *Packet) Verdict { return by[number(p.Frame)] }}
}

// keeper is a filter that keeps probes by their number, for the test to decide.
type keeper struct {
	action map[int]Action
	kept   chan *Packet
}

func newKeeper(action map[int]Action) *keeper {
	return &keeper{action: action, kept: make(chan *Packet, 100)}
}

func (k *keeper) filter() *Filter {
	return &Filter{Wants: isProbe, Judge: func(p *Packet) Verdict {
		a := k.action[number(p.Frame)]
		if a == Wait || a == Hold {
			k.kept <- p
		}
		return Verdict{Action: a}
	}}
}

// send sends probes 0 to n-1 and waits until the forwarder has read them.
func sendAll(t testing.TB, f *Forwarder, p *prober, n int) {
	t.Helper()
	before := f.Counters(AToB).Received
	for i := range n {
		p.mustSend(t, i)
	}
	eventually(t, received(f, AToB, before+uint64(n)))
}

func TestVerdicts(t *testing.T) {
	other := make([]byte, 60)
	binary.BigEndian.PutUint16(other[12:], probeProtocol)
	binary.BigEndian.PutUint32(other[ethernetHeader:], 99)
	b := newBed(t, false)
	f := b.forward(t, Config{Filter: verdicts(map[int]Verdict{
		1: {Action: Drop},
		2: {Copies: 2},
		3: {Frame: other},
		4: {Delay: 50 * ms},
		5: {Copies: 1, Frame: other},
	})})
	p := b.probe(t, AToB)
	sendAll(t, f, p, 7)
	p.requireReceives(t, 0, 2, 2, 2, 99, 99, 99, 6)
	n, _ := p.mustReceive(t)
	require.Equal(t, 4, n, "last, because delayed")
	c := f.Counters(AToB)
	require.EqualValues(t, 1, c.Dropped[DropFilter])
	require.EqualValues(t, 3, c.Duplicated)
}

func TestVerdictDelay(t *testing.T) {
	b := newBed(t, false)
	f := b.forward(t, Config{AToB: impair.Impairment{Delay: 2 * ms}, Filter: verdicts(map[int]Verdict{0: {Delay: 10 * ms}})})
	p := b.probe(t, AToB)
	sendAll(t, f, p, 1)
	p.mustReceive(t) // the kernel may not yet stamp
	sent := p.mustSend(t, 0)
	_, at := p.mustReceive(t)
	require.GreaterOrEqual(t, at.Sub(sent.Round(0)), 12*ms)
}

func TestWaitKeepsTheOrder(t *testing.T) {
	b := newBed(t, false)
	k := newKeeper(map[int]Action{1: Wait, 3: Wait})
	f := b.forward(t, Config{Filter: k.filter()})
	p, back := b.probe(t, AToB), b.probe(t, BToA)
	sendAll(t, f, p, 5)
	first, second := <-k.kept, <-k.kept
	p.requireReceives(t, 0)
	require.EqualValues(t, 4, f.Counters(AToB).Waiting)

	back.mustSend(t, 7) // the other direction goes on
	back.requireReceives(t, 7)

	require.NoError(t, second.Decide(Verdict{Copies: 1}))
	p.requireNothing(t)
	require.NoError(t, first.Decide(Verdict{Action: Drop}))
	p.requireReceives(t, 2, 3, 3, 4)
	require.Zero(t, f.Counters(AToB).Waiting)
	require.ErrorContains(t, first.Decide(Verdict{}), "it is decided already")
}

// TestWaitWithinTheDelay decides before the packet would have been due: nobody notices.
func TestWaitWithinTheDelay(t *testing.T) {
	const delay = 300 * ms
	b := newBed(t, false)
	k := newKeeper(map[int]Action{0: Wait})
	f := b.forward(t, Config{AToB: impair.Impairment{Delay: delay}, Filter: k.filter()})
	p := b.probe(t, AToB)
	p.mustSend(t, 1)
	p.mustReceive(t) // the kernel may not yet stamp
	sent := p.mustSend(t, 0)
	packet := <-k.kept
	require.WithinDuration(t, sent, packet.Arrived, 100*ms)
	require.NoError(t, packet.Decide(Verdict{}))
	_, at := p.mustReceive(t)
	require.GreaterOrEqual(t, at.Sub(sent.Round(0)), delay)
	require.Less(t, at.Sub(sent.Round(0)), delay+150*ms)
	require.NoError(t, f.Err())
}

func TestHoldAndRelease(t *testing.T) {
	b := newBed(t, false)
	k := newKeeper(map[int]Action{0: Hold, 1: Hold, 2: Hold, 4: Hold})
	f := b.forward(t, Config{Filter: k.filter()})
	p := b.probe(t, AToB)
	sendAll(t, f, p, 6)
	p.requireReceives(t, 3, 5)
	held := []*Packet{<-k.kept, <-k.kept, <-k.kept, <-k.kept}
	require.EqualValues(t, 4, f.Counters(AToB).Held)
	for _, i := range []int{2, 0} {
		require.NoError(t, held[i].Decide(Verdict{}))
	}
	p.requireReceives(t, 2, 0)
	require.NoError(t, held[1].Decide(Verdict{Action: Drop}))
	require.ErrorContains(t, held[3].Decide(Verdict{Action: Wait}), "one that is held cannot wait again")
	require.NoError(t, held[3].Decide(Verdict{Action: Hold}), "again")
	c := f.Counters(AToB)
	require.EqualValues(t, 1, c.Held)
	require.EqualValues(t, 1, c.Dropped[DropFilter])
	require.NoError(t, f.Close())
	require.EqualValues(t, 1, f.Counters(AToB).Dropped[DropClosed])
	require.Error(t, held[3].Decide(Verdict{}))
}

// TestArrivalIsTheKernels sends a packet while the thread is busy with the one before: it arrived all the same.
func TestArrivalIsTheKernels(t *testing.T) {
	b := newBed(t, false)
	entered, leave, arrived := make(chan struct{}), make(chan struct{}), make(chan time.Time, 1)
	f := b.forward(t, Config{})
	p := b.probe(t, AToB)
	_, err := p.measure(t.Context(), 0, 1) // the kernel stamps by then
	require.NoError(t, err)
	require.NoError(t, f.SetFilter(&Filter{Wants: isProbe, Judge: func(p *Packet) Verdict {
		switch number(p.Frame) {
		case 100:
			close(entered)
			<-leave
		case 101:
			arrived <- p.Arrived
		}
		return Verdict{}
	}}))
	p.mustSend(t, 100)
	<-entered
	sent := p.mustSend(t, 101)
	left := time.Now()
	close(leave)
	require.WithinRange(t, <-arrived, sent.Add(-ms), left)
}

// TestDelayOfTheReleased counts from the release.
func TestDelayOfTheReleased(t *testing.T) {
	const delay = 50 * ms
	b := newBed(t, false)
	k := newKeeper(map[int]Action{0: Hold})
	b.forward(t, Config{AToB: impair.Impairment{Delay: delay}, Filter: k.filter()})
	p := b.probe(t, AToB)
	p.mustSend(t, 0)
	p.mustSend(t, 1)
	p.requireReceives(t, 1) // the delay has passed for both
	released := time.Now()
	require.NoError(t, (<-k.kept).Decide(Verdict{}))
	_, at := p.mustReceive(t)
	require.GreaterOrEqual(t, at.Sub(released.Round(0)), delay)
}

func TestWaitThenHold(t *testing.T) {
	b := newBed(t, false)
	k := newKeeper(map[int]Action{0: Wait, 2: Wait})
	f := b.forward(t, Config{Filter: k.filter()})
	p := b.probe(t, AToB)
	sendAll(t, f, p, 4)
	first, second := <-k.kept, <-k.kept
	require.NoError(t, first.Decide(Verdict{Action: Wait}), "still")
	p.requireNothing(t)
	require.NoError(t, second.Decide(Verdict{Action: Hold}), "behind one that waits")
	require.NoError(t, second.Decide(Verdict{}))
	p.requireReceives(t, 2)
	require.NoError(t, first.Decide(Verdict{Action: Hold}))
	p.requireReceives(t, 1, 3)
	require.NoError(t, first.Decide(Verdict{}))
	p.requireReceives(t, 0)
}

func TestSetFilter(t *testing.T) {
	b := newBed(t, false)
	f := b.forward(t, Config{Filter: &Filter{Judge: func(*Packet) Verdict { return Verdict{Action: Drop} }}})
	p := b.probe(t, AToB)
	sendAll(t, f, p, 1)
	require.NoError(t, f.SetFilter(nil))
	sendAll(t, f, p, 2)
	p.requireReceives(t, 0, 1)
}

// TestCallsFromTheFilter releases one packet, injects another and changes the link when a third arrives.
func TestCallsFromTheFilter(t *testing.T) {
	b := newBed(t, false)
	var f *Forwarder
	var kept *Packet
	ready := make(chan struct{})
	f = b.forward(t, Config{Filter: &Filter{Wants: isProbe, Judge: func(p *Packet) Verdict {
		<-ready
		switch number(p.Frame) {
		case 0:
			kept = p
			return Verdict{Action: Hold}
		case 2:
			if kept.Decide(Verdict{}) != nil || f.Inject(p.Direction, p.Frame) != nil ||
				f.Set(BToA, impair.Impairment{Loss: 1}) != nil || f.Counters(AToB).Received == 0 || p.Decide(Verdict{}) == nil {
				return Verdict{Action: Drop}
			}
		}
		return Verdict{}
	}}})
	close(ready)
	p := b.probe(t, AToB)
	sendAll(t, f, p, 3)
	got := map[int]int{}
	for range 4 {
		n, _ := p.mustReceive(t)
		got[n]++
	}
	require.Equal(t, map[int]int{0: 1, 1: 1, 2: 2}, got)
	back := b.probe(t, BToA)
	back.mustSend(t, 5)
	eventually(t, func() bool { return f.Counters(BToA).Dropped[DropLoss] == 1 })
}

func TestInject(t *testing.T) {
	b := newBed(t, false)
	f := b.forward(t, Config{
		AToB: impair.Impairment{Loss: 1}, Filter: &Filter{Judge: func(*Packet) Verdict { return Verdict{Action: Drop} }},
	})
	frame := make([]byte, 60)
	binary.BigEndian.PutUint16(frame[12:], probeProtocol)
	for d := range Direction(2) {
		p := b.probe(t, d)
		binary.BigEndian.PutUint32(frame[ethernetHeader:], uint32(d)+10)
		require.NoError(t, f.Inject(d, frame))
		p.requireReceives(t, int(d)+10)
		require.EqualValues(t, 1, f.Counters(d).Injected)
	}
	require.EqualError(t, f.Inject(AToB, frame[:13]), "inject a to b: a frame of 13 bytes: want 14 to 65553, with an Ethernet header")
}

func TestNonsenseVerdict(t *testing.T) {
	b := newBed(t, false)
	f, err := Open(Config{In: b.hidden.Do, A: "a", B: "b", Filter: &Filter{Judge: func(*Packet) Verdict {
		return Verdict{Copies: -1}
	}}})
	require.NoError(t, err)
	p := b.probe(t, AToB)
	p.mustSend(t, 5)
	p.requireReceives(t, 5)
	require.ErrorContains(t, f.Close(), "verdict: -1 copies: want 0 or more")
}

func TestVerdictValidate(t *testing.T) {
	for want, v := range map[string]Verdict{
		"unknown action 9":                 {Action: 9},
		"delay -1ms":                       {Delay: -ms},
		"-3 copies":                        {Copies: -3},
		"are for packets that pass":        {Action: Drop, Copies: 1},
		"a frame of 3 bytes: want 14 to":   {Frame: []byte("abc")},
		"a frame of 70000 bytes: want 14 ": {Frame: make([]byte, 70000)},
	} {
		require.ErrorContains(t, v.validate(), want)
	}
}

// TestFilterSeesPackets holds that a filter which wants bulk data sees packets of the wire, with their checksums, and loses
// just those that it says.
func TestFilterSeesPackets(t *testing.T) {
	const size = 1_000_000
	for _, family := range []string{"ipv4", "ipv6"} {
		b := newBed(t, family == "ipv6")
		var packets, broken, lost int
		f := b.forward(t, Config{Filter: &Filter{
			Wants: func(d Direction, frame []byte) bool {
				_, err := wire.Decode(frame, wire.LayerEthernet)
				return d == AToB && err == nil
			},
			Judge: func(p *Packet) Verdict {
				decoded, err := wire.Decode(p.Frame, wire.LayerEthernet)
				if err != nil || len(p.Frame) > 1500+ethernetHeader || !intact(p.Frame) {
					broken++
				}
				packets++
				if decoded.PayloadLen > 1000 && packets%50 == 0 {
					lost++
					return Verdict{Action: Drop}
				}
				return Verdict{}
			},
		}})
		client, server := b.connect(t, family, lab.MPTCP)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		require.NoError(t, traffic.Transfer(ctx, client, server, size))
		require.NoError(t, f.Close())
		require.Zero(t, broken)
		require.Greater(t, packets, size/1500)
		require.Positive(t, lost)
		require.EqualValues(t, lost, f.Counters(AToB).Dropped[DropFilter])
	}
}

func intact(b []byte) bool {
	ip := b[ethernetHeader:]
	network := map[byte]int{4: 20, 6: 40}[ip[0]>>4]
	transport := ip[network:]
	return slowFold(pseudoSum(ip, len(transport))+slowSum(transport)) == 0xffff
}

// TestPacketsAtTheFarEnd captures a bulk transfer where it arrives: cut or whole, it is the same packets.
func TestPacketsAtTheFarEnd(t *testing.T) {
	const size = 3_000_000
	for _, family := range []string{"ipv4", "ipv6"} {
		for _, protocol := range []lab.Protocol{lab.MPTCP, lab.TCP} {
			b := newBed(t, family == "ipv6")
			read := b.capture(t, 1)
			f := b.forward(t, Config{AToB: impair.Impairment{Rate: 500_000_000}}) // cuts
			client, server := b.connect(t, family, protocol)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			require.NoError(t, traffic.Transfer(ctx, client, server, size))
			requireConserved(t, f)

			payload, mapped := 0, 0
			for frame := read(); frame != nil; frame = read() {
				p, err := wire.Decode(frame, wire.LayerEthernet)
				if err != nil {
					continue
				}
				require.LessOrEqual(t, len(frame), 1500+ethernetHeader)
				requireIntact(t, frame)
				payload += p.PayloadLen
				if o, ok := p.Option(wire.NameDSS).(*wire.DSS); ok && o.HasMapping && p.PayloadLen > 0 {
					mapped += p.PayloadLen
					require.NotZero(t, o.DataLen)
				}
			}
			require.GreaterOrEqual(t, payload, size)
			if protocol == lab.MPTCP {
				require.GreaterOrEqual(t, mapped, size*9/10)
			}
		}
	}
}

// TestVLAN holds that a tag, which the kernel takes out of a frame before a socket sees it, is there again.
func TestVLAN(t *testing.T) {
	b := newBed(t, false)
	seen := make(chan []byte, 1)
	b.forward(t, Config{Filter: &Filter{
		Wants: func(d Direction, frame []byte) bool { return d == AToB },
		Judge: func(p *Packet) Verdict { seen <- bytes.Clone(p.Frame); return Verdict{} },
	}})
	p := b.probe(t, AToB)
	tagged := make([]byte, 64)
	copy(tagged, "\xff\xff\xff\xff\xff\xff\x02\x00\x00\x00\x00\x01\x81\x00\x30\x05\x88\xb5\x00\x00\x00\x2a")
	require.NoError(t, p.write(tagged))
	require.Equal(t, tagged, <-seen)
	n, _ := p.mustReceive(t) // untagged by the host
	require.Equal(t, 42, n)
}
