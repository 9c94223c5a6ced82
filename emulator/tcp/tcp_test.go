package tcp_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"net/netip"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/impair"
)

var serverAddress = netip.MustParseAddrPort("10.0.1.2:80")

// bed is two hosts with a link.
type bed struct {
	world          *vtime.World
	link           *network.Link
	client, server *tcp.Stack
	accepted       []*tcp.Stream
	seen           []*segment.Segment // that entered the link
}

// fatal is what *testing.T and *rapid.T have in common.
type fatal interface {
	require.TestingT
	Helper()
}

func newBed(t fatal, seed uint64) *bed {
	t.Helper()
	b := &bed{world: vtime.NewWorld()}
	n := &network.Net{Clock: &b.world.Clock, Seed: seed}
	random := rand.New(rand.NewPCG(seed, 1))
	hosts := []*network.Host{n.NewHost("client", false), n.NewHost("server", false)}
	b.link = n.NewLink(hosts[0].Attach("eth1"), hosts[1].Attach("eth1"), 1500)
	require.NoError(t, hosts[0].AddAddress("eth1", netip.MustParsePrefix("10.0.1.1/24")))
	require.NoError(t, hosts[1].AddAddress("eth1", netip.MustParsePrefix("10.0.1.2/24")))
	b.link.Judge = func(x *network.Transit) network.Verdict {
		s, err := segment.Parse(x.Frame[14:])
		require.NoError(t, err)
		b.seen = append(b.seen, s)
		return network.Verdict{}
	}
	b.client = tcp.NewStack(&b.world.Clock, hosts[0], random)
	b.server = tcp.NewStack(&b.world.Clock, hosts[1], random)
	return b
}

func (b *bed) listen(t fatal) {
	_, errno := b.server.Listen(serverAddress, tcp.Options{}, func(c *tcp.Conn, _ *segment.Segment) tcp.Owner {
		return tcp.Accepting(c, func(s *tcp.Stream) { b.accepted = append(b.accepted, s) })
	})
	require.Zero(t, errno)
}

// until lets time pass until something holds, but for no more than so long.
func (b *bed) until(t fatal, limit time.Duration, ready func() bool) {
	t.Helper()
	end := b.world.Now() + limit
	require.NoError(t, b.world.Until(context.Background(), func() bool { return ready() || b.world.Now() > end }))
	require.True(t, ready(), "not within %v", limit)
}

// connect connects, and returns both ends.
func (b *bed) connect(t fatal) (client, server *tcp.Stream) {
	t.Helper()
	b.listen(t)
	client, _, errno := b.client.Dial(netip.AddrPort{}, serverAddress, 0, tcp.Options{}, nil)
	require.Zero(t, errno)
	b.until(t, time.Minute, func() bool { return client.Connected() && len(b.accepted) == 1 })
	return client, b.accepted[0]
}

// transfer moves data from one end to the other, and reads it there.
func (b *bed) transfer(t fatal, from, to *tcp.Stream, data []byte) {
	t.Helper()
	var got []byte
	buffer := make([]byte, 1<<16)
	rest := data
	b.until(t, 24*time.Hour, func() bool {
		rest = rest[from.Write(rest):]
		got = append(got, buffer[:to.Read(buffer)]...)
		return len(got) >= len(data) || from.Err() != 0
	})
	require.True(t, bytes.Equal(data, got), "other data: %d bytes, want %d", len(got), len(data))
}

func TestConversation(t *testing.T) {
	b := newBed(t, 1)
	client, server := b.connect(t)
	b.transfer(t, client, server, []byte("question"))
	b.transfer(t, server, client, []byte("answer"))
	client.Close()
	b.until(t, time.Second, server.Ended)
	server.Close()
	b.until(t, time.Second, func() bool { return client.Conn.State() == tcp.TimeWait && server.Conn.State() == tcp.Closed })
	var flags []string
	for _, s := range b.seen {
		flags = append(flags, s.Flags.String())
	}
	require.Equal(t, []string{"S", "S.", ".", "P.", ".", "P.", ".", "F.", ".", "F.", "."}, flags)
	require.Zero(t, client.Err())
	require.Zero(t, server.Err())
}

func TestRefused(t *testing.T) {
	b := newBed(t, 1)
	client, _, errno := b.client.Dial(netip.AddrPort{}, serverAddress, 0, tcp.Options{}, nil)
	require.Zero(t, errno)
	b.until(t, time.Second, func() bool { return client.Err() != 0 })
	require.Equal(t, tcp.ECONNREFUSED, client.Err())
}

// TestUnanswered holds the times at which Linux sends a SYN again, and when it gives up.
func TestUnanswered(t *testing.T) {
	b := newBed(t, 1)
	b.client.Settings.SynRetries = 5
	var at []time.Duration
	b.link.Judge = func(*network.Transit) network.Verdict {
		at = append(at, b.world.Now())
		return network.Verdict{Action: network.Drop}
	}
	client, _, errno := b.client.Dial(netip.AddrPort{}, serverAddress, 0, tcp.Options{}, nil)
	require.Zero(t, errno)
	b.until(t, time.Hour, func() bool { return client.Err() != 0 })
	require.Equal(t, tcp.ETIMEDOUT, client.Err())
	s := time.Second
	require.Equal(t, []time.Duration{0, 1 * s, 2 * s, 3 * s, 4 * s, 5 * s}, at)
}

func TestAbort(t *testing.T) {
	b := newBed(t, 1)
	client, server := b.connect(t)
	client.Abort()
	b.until(t, time.Second, func() bool { return server.Err() != 0 })
	require.Equal(t, tcp.ECONNRESET, server.Err())
}

// TestFastRetransmit holds that a lost segment is sent again well before the time-out when others follow it.
func TestFastRetransmit(t *testing.T) {
	b := newBed(t, 1)
	client, server := b.connect(t)
	judge, data := b.link.Judge, 0
	b.link.Judge = func(x *network.Transit) network.Verdict {
		judge(x)
		if s := b.seen[len(b.seen)-1]; len(s.Payload) > 0 {
			if data++; data == 3 {
				return network.Verdict{Action: network.Drop}
			}
		}
		return network.Verdict{}
	}
	began := b.world.Now()
	b.transfer(t, client, server, make([]byte, 14_000))
	require.Less(t, b.world.Now()-began, 10*time.Millisecond)
	require.EqualValues(t, 1448, client.Conn.Stats.BytesRetrans)
}

// TestSlowReader holds that a sender waits for a reader, and goes on when it reads.
func TestSlowReader(t *testing.T) {
	b := newBed(t, 1)
	b.server.Settings.ReceiveBuffer = 20_000
	client, server := b.connect(t)
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	rest := data[client.Write(data):]
	require.Empty(t, rest)
	past := b.world.Now() + time.Minute
	b.until(t, 2*time.Minute, func() bool { return b.world.Now() >= past })
	require.LessOrEqual(t, server.Readable(), 10_000)
	var got []byte
	var read func()
	read = func() {
		buffer := make([]byte, 100)
		got = append(got, buffer[:server.Read(buffer)]...)
		b.world.After(time.Millisecond, read)
	}
	read()
	b.until(t, 2*time.Second, func() bool { return len(got) == len(data) })
	require.True(t, bytes.Equal(data, got))
}

// TestSmallerPath holds that segments become smaller when the link does.
func TestSmallerPath(t *testing.T) {
	b := newBed(t, 1)
	client, server := b.connect(t)
	for _, i := range b.link.Ends {
		i.SetMTU(600)
	}
	b.transfer(t, client, server, make([]byte, 10_000))
	for _, s := range b.seen {
		require.LessOrEqual(t, len(s.Payload), 600-20-32)
	}
}

// TestDelivery holds that every byte arrives once and in order, whatever a link does, short of losing everything.
func TestDelivery(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newBed(t, rapid.Uint64().Draw(t, "seed"))
		i := impair.Impairment{
			Delay:     time.Duration(rapid.IntRange(1, 50).Draw(t, "delay")) * time.Millisecond,
			Loss:      rapid.Float64Range(0, 0.2).Draw(t, "loss"),
			Duplicate: rapid.Float64Range(0, 0.2).Draw(t, "duplicate"),
			Corrupt:   rapid.Float64Range(0, 0.1).Draw(t, "corrupt"),
			Reorder:   rapid.Float64Range(0, 0.3).Draw(t, "reorder"),
		}
		b.client.Settings.SACK = rapid.Bool().Draw(t, "sack")
		b.client.Settings.Timestamps = rapid.Bool().Draw(t, "timestamps")
		client, server := b.connect(t)
		for from := range b.link.Ends {
			require.NoError(t, b.link.Impair(from, i))
		}
		data := make([]byte, rapid.IntRange(1, 100_000).Draw(t, "bytes"))
		for n := range data {
			data[n] = byte(n * 7 >> 3)
		}
		b.transfer(t, client, server, data)
		b.transfer(t, server, client, data)
		client.Close()
		server.Close()
		b.until(t, 24*time.Hour, func() bool {
			return len(b.client.Conns())+len(b.server.Conns()) == 0
		})
		require.Zero(t, client.Err())
	})
}

func TestErrorsAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		local, remote string
		index         int32
		errno         syscall.Errno
	}{
		"no route":            {"0.0.0.0:0", "192.0.2.1:80", 0, network.ENETUNREACH},
		"address of nobody":   {"10.9.9.9:0", "10.0.1.2:80", 0, network.EADDRNOTAVAIL},
		"multicast":           {"0.0.0.0:0", "224.0.0.1:80", 0, network.ENETUNREACH},
		"interface of nobody": {"0.0.0.0:0", "10.0.1.2:80", 9, network.ENODEV},
	} {
		b := newBed(t, 1)
		_, _, errno := b.client.Dial(netip.MustParseAddrPort(test.local), netip.MustParseAddrPort(test.remote), test.index, tcp.Options{}, nil)
		require.Equal(t, test.errno, errno, name)
	}
}
