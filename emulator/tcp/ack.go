package tcp

import (
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// acknowledged takes what a segment acknowledges.
func (c *Conn) acknowledged(s *segment.Segment) {
	if before(c.sndNxt, s.Ack) {
		c.SendAck()
		return
	}
	if before(s.Ack, c.sndUna) {
		return
	}
	advanced := s.Ack != c.sndUna
	windowBefore := c.peerWindow
	c.learnWindow(s)
	sacked := c.learnSACK(s)
	newly := c.forgetUpTo(s)
	if advanced {
		c.backoff = 0
		c.dupAcks = 0
	} else if !c.sackOK && len(s.Payload) == 0 && c.next > 0 && c.peerWindow == windowBefore && !s.Has(wire.FlagFIN) && plainAck(s) {
		c.dupAcks++
	}
	c.recover(newly, sacked)
	if advanced {
		c.arm()
		c.afterProgress()
		if c.isClosed {
			return
		}
	}
	c.push()
	if (advanced || c.peerWindow != windowBefore) && !c.isClosed {
		c.owner.Acked()
	}
}

// plainAck tells whether a segment without data is no more than an acknowledgement: MPTCP sends some that say something else.
func plainAck(s *segment.Segment) bool {
	for _, o := range s.MPTCP {
		if _, ok := o.(*wire.DSS); !ok {
			return false
		}
	}
	return true
}

func (c *Conn) learnWindow(s *segment.Segment) { c.peerWindow = c.WindowOf(s) }

// WindowOf is the window that a segment of the peer tells, in bytes.
func (c *Conn) WindowOf(s *segment.Segment) int {
	if c.scaling && !s.Has(wire.FlagSYN) {
		return int(s.Window) << c.peerScale
	}
	return int(s.Window)
}

// learnSACK marks what the peer has told that it has, and returns how many segments that were.
func (c *Conn) learnSACK(s *segment.Segment) (newly int) {
	for _, b := range s.SACK {
		for _, k := range c.queue[:c.next] {
			if !k.sacked && !before(k.seq, b.Start) && !before(b.End, k.end()) {
				k.sacked, k.lost = true, false
				newly++
			}
		}
	}
	return newly
}

// forgetUpTo drops what a segment acknowledges, and returns how many segments that were.
func (c *Conn) forgetUpTo(s *segment.Segment) (n int) {
	ack, sample, repeated := s.Ack, time.Duration(0), false
	for n < c.next && !before(ack, c.queue[n].end()) {
		k := c.queue[n]
		c.queued -= len(k.Data)
		if !k.syn || c.Listener == nil { // a SYN and a FIN count as bytes
			c.Stats.BytesAcked += uint64(k.end() - k.seq)
		}
		repeated = repeated || k.sent > 1
		if sample == 0 && !k.sacked {
			sample = c.clock.Now() - k.at
		}
		n++
	}
	c.queue = c.queue[n:]
	c.next -= n
	switch {
	case n == 0:
	case !repeated && sample > 0: // Karn's algorithm
		c.sample(sample)
	case repeated && c.timestamps && s.HasTimestamps:
		c.sample(time.Duration(c.now32()-s.TSEcr) * time.Millisecond)
	}
	if c.next > 0 && before(c.queue[0].seq, ack) { // a part of a segment
		k := c.queue[0]
		cut := ack - k.seq
		c.Stats.BytesAcked += uint64(cut)
		c.queued -= int(cut)
		k.Data, k.seq = k.Data[cut:], ack
	}
	c.sndUna = ack
	return n
}

// afterProgress does what becomes possible as this end's SYN or FIN is acknowledged.
func (c *Conn) afterProgress() {
	if c.state == SynRecv {
		c.setState(Established)
		c.owner.Established()
		return
	}
	if len(c.queue) > 0 {
		return
	}
	switch c.state {
	case FinWait1:
		c.setState(FinWait2)
	case Closing:
		c.wait()
	case LastAck:
		c.end(0)
	}
}

// duplicates is how many duplicate acknowledgements tell that a segment was lost (RFC 5681).
const duplicates = 3

// recover is the congestion control: Reno with selective acknowledgements (RFC 5681, RFC 6675).
func (c *Conn) recover(newly, sacked int) {
	if c.recovering && !before(c.sndUna, c.recoverUntil) {
		c.recovering = false
		c.cwnd = max(c.ssthresh, 2)
	}
	if sacked > 0 || c.dupAcks >= duplicates || c.recovering && newly > 0 {
		c.findLost(newly > 0)
	}
	if !c.recovering && newly > 0 && c.limited {
		c.grow(newly)
	}
}

// findLost marks what must be lost, since enough of what was sent later has arrived.
func (c *Conn) findLost(partial bool) {
	later, found := 0, false
	for n := c.next - 1; n >= 0; n-- {
		k := c.queue[n]
		switch {
		case k.sacked:
			later++
		case later >= duplicates && !k.lost && c.sentBeforeSacked(k):
			k.lost, found = true, true
		}
	}
	if first := c.queue; c.next > 0 && !first[0].lost && !first[0].sacked {
		switch {
		case c.dupAcks == duplicates && !c.recovering,
			c.recovering && partial && !c.sackOK: // NewReno (RFC 6582)
			first[0].lost, found = true, true
		}
	}
	if found && !c.recovering {
		c.recovering, c.recoverUntil = true, c.sndNxt
		c.ssthresh = max(2, c.cwnd/2)
		c.cwnd, c.grown = c.ssthresh, 0
	}
}

// sentBeforeSacked tells whether a chunk was sent before one that has arrived since: one that was sent again may be on its way.
func (c *Conn) sentBeforeSacked(k *Chunk) bool {
	if k.sent == 1 {
		return true
	}
	for _, x := range c.queue[:c.next] {
		if x.sacked && x.at > k.at {
			return true
		}
	}
	return false
}

// grow widens the congestion window: by what was acknowledged in slow start, by one segment in a round trip later.
func (c *Conn) grow(newly int) {
	if c.cwnd < c.ssthresh {
		c.cwnd += newly
	} else if c.grown += newly; c.grown >= c.cwnd {
		c.grown = 0
		c.cwnd++
	}
	c.widest = max(c.widest, c.cwnd)
}
