package tcp

import (
	"slices"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// sender is the half of a connection that sends.
type sender struct {
	iss            uint32
	sndUna, sndNxt uint32
	queue          []*Chunk // not acknowledged, those that were sent first
	queued         int      // bytes of data in queue
	next           int      // index in queue of the first that was never sent
	peerWindow     int      // bytes from sndUna on

	cwnd, ssthresh int  // segments
	widest         int  // cwnd that there was
	grown          int  // segments acknowledged since cwnd grew, in congestion avoidance
	limited        bool // by cwnd, when something was last sent
	recovering     bool
	recoverUntil   uint32 // what had been sent when recovery began
	dupAcks        int

	srtt, rttvar time.Duration // 0: no sample yet
}

// writeSeq is the sequence number of what is written next.
func (c *Conn) writeSeq() uint32 {
	if n := len(c.queue); n > 0 {
		return c.queue[n-1].end()
	}
	return c.sndNxt
}

// Write puts data into the queue, as one segment; ext goes with it, and that many bytes of options. Data that do not fit are cut
// into several segments, which share it.
func (c *Conn) Write(data []byte, ext any, options int) {
	c.queue = append(c.queue, &Chunk{Data: data, Ext: ext, Options: options, seq: c.writeSeq()})
	c.queued += len(data)
	c.push()
}

// Queued is how many bytes of data are not acknowledged.
func (c *Conn) Queued() int { return c.queued }

// Unsent is how many bytes of data were never sent.
func (c *Conn) Unsent() (n int) {
	for _, k := range c.queue[min(c.next, len(c.queue)):] {
		n += len(k.Data)
	}
	return n
}

// HasUnsent tells whether something waits to be sent for the first time.
func (c *Conn) HasUnsent() bool { return c.next < len(c.queue) }

// Outstanding tells whether something that was sent is not acknowledged.
func (c *Conn) Outstanding() bool { return c.next > 0 }

// HasRoom tells whether more may be written: the send buffer has room for twice the widest congestion window that there was, with
// what the kernel needs itself for packets that it need not cut, and never less than at first (tcp_sndbuf_expand).
func (c *Conn) HasRoom() bool {
	if c.Options.SendBuffer != 0 {
		return c.queued < c.Options.SendBuffer/4 // the rest is for the kernel's own needs
	}
	return c.queued < max(minSendBuffer, 3*c.widest*c.maxSegment())
}

// minSendBuffer is the least that a send buffer has room for, in bytes.
const minSendBuffer = 90_000

// WriteOffset is where in this end's stream the next byte is that is written, from 1. What went with the SYN does not count.
func (c *Conn) WriteOffset() uint32 { return c.writeSeq() - c.iss - uint32(c.fast.sent) }

// Rate is about how many bytes the path carries in a second.
func (c *Conn) Rate() float64 {
	rtt := c.srtt
	if rtt == 0 {
		rtt = time.Millisecond
	}
	return float64(c.cwnd*c.maxSegment()) / rtt.Seconds()
}

// inFlight is how many segments are thought to be on their way.
func (c *Conn) inFlight() (n int) {
	for _, k := range c.queue[:c.next] {
		if !k.sacked && !k.lost {
			n++
		}
	}
	return n
}

// push sends what may be sent now: first what was lost, then what is new.
func (c *Conn) push() {
	if c.state.in(SynSent, SynRecv, Closed, TimeWait) {
		return
	}
	free := c.cwnd - c.inFlight()
	for n := 0; n < c.next && free > 0; n++ {
		if k := c.queue[n]; k.lost {
			c.fit(n)
			c.transmit(k)
			free--
		}
	}
	for free > 0 && c.next < len(c.queue) {
		if c.fit(c.next); !c.allowed(c.queue[c.next]) {
			break
		}
		c.transmitNext()
		free--
	}
	c.limited = free <= 0
	c.armProbe()
}

// fit cuts the chunk with that index if it is too long for the path: the rest of it follows.
func (c *Conn) fit(n int) {
	k := c.queue[n]
	most := c.Payload(k.Options)
	if len(k.Data) <= most {
		return
	}
	rest := *k
	rest.Data, rest.seq = k.Data[most:], k.seq+uint32(most)
	k.Data, k.fin = k.Data[:most], false
	c.queue = slices.Insert(c.queue, n+1, &rest)
	if n < c.next {
		c.next++
	}
}

// allowed tells whether the peer has room for a chunk.
func (c *Conn) allowed(k *Chunk) bool {
	return c.Unlimited || len(k.Data) == 0 || int(k.end()-c.sndUna) <= c.peerWindow
}

// transmitNext sends what was never sent before.
func (c *Conn) transmitNext() {
	k := c.queue[c.next]
	c.next++
	c.sndNxt = k.end()
	c.transmit(k)
}

// transmit sends a chunk.
func (c *Conn) transmit(k *Chunk) {
	flags := wire.FlagACK
	switch {
	case k.syn && c.state == SynSent:
		flags = wire.FlagSYN
	case k.syn:
		flags |= wire.FlagSYN
	case k.fin:
		flags |= wire.FlagFIN
	case c.next == len(c.queue):
		flags |= wire.FlagPSH
	}
	s := c.blank(flags)
	s.Seq, s.Payload = k.seq, k.Data
	if k.syn {
		c.offer(s)
	}
	s.MPTCP = c.owner.Options(Sending{Segment: s, Chunk: k, Tries: k.sent})
	k.at, k.lost = c.clock.Now(), false
	c.advertised(s)
	if errno := c.send(s); errno == network.EMSGSIZE {
		c.shrink()
	} else {
		if k.sent > 0 {
			c.Stats.BytesRetrans += uint64(len(k.Data))
		}
		c.Stats.BytesSent += uint64(len(k.Data))
		k.sent++
	}
	if !c.timer.Pending() || !c.retransmits {
		c.arm()
	}
}

// shrink adapts to a smaller MTU of this host's link.
func (c *Conn) shrink() {
	path, errno := c.stack.host.Route(c.Local.Addr(), c.Remote.Addr(), c.IfIndex)
	if errno != 0 || path.MTU() >= c.mtu {
		return
	}
	c.mtu = path.MTU()
	c.loseAll()
	c.clock.After(0, c.push)
}

// offer puts this end's offers into a SYN, or its answers into a SYN-ACK.
func (c *Conn) offer(s *segment.Segment) {
	set := &c.stack.Settings
	first := c.state == SynSent
	s.MSS = uint16(min(65535, c.mtu-segment.LenIP(c.Local.Addr())-segment.LenTCP))
	s.SACKPermitted = set.SACK && (first || c.sackOK)
	s.HasScale = set.Scaling && (first || c.scaling)
	s.HasTimestamps = set.Timestamps && (first || c.timestamps)
	if s.HasScale {
		s.Scale = scale
	}
	s.HasFastOpen, s.Cookie = c.fast.asks, c.fast.cookie
	const options = 12 // MPTCP's, which a SYN-ACK has no room for beside a cookie and timestamps
	if s.HasFastOpen && !first && s.Room() < options {
		s.HasTimestamps, c.timestamps = false, false
	}
	s.TSVal, s.TSEcr = 0, 0
	if s.HasTimestamps {
		s.TSVal, s.TSEcr = c.now32(), c.recentTS
	}
}

// blank is a segment of the connection without data.
func (c *Conn) blank(flags wire.TCPFlags) *segment.Segment {
	s := &segment.Segment{Src: c.Local, Dst: c.Remote, Seq: c.sndNxt, Flags: flags}
	if flags&wire.FlagACK != 0 {
		s.Ack = c.rcvNxt
	}
	if c.timestamps && flags&wire.FlagSYN == 0 {
		s.HasTimestamps, s.TSVal, s.TSEcr = true, c.now32(), c.recentTS
	}
	return s
}

// now32 is the value of timestamps: milliseconds, from a beginning that differs between connections.
func (c *Conn) now32() uint32 { return c.iss>>1 + uint32(c.clock.Now()/time.Millisecond) }

// SendAck sends an acknowledgement now.
func (c *Conn) SendAck() {
	if c.state.in(SynSent, SynRecv, Closed) {
		return
	}
	s := c.blank(wire.FlagACK)
	s.MPTCP = c.owner.Options(Sending{Segment: s})
	c.addSACK(s)
	c.advertised(s)
	c.send(s)
}

// send sends a segment with the marks of the connection.
func (c *Conn) send(s *segment.Segment) syscall.Errno {
	s.TOS = c.Options.TOS
	return c.stack.send(s, c.IfIndex, c.Options.Mark)
}
