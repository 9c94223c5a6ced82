package tcp

import (
	"time"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// RTO is the retransmission time-out (RFC 6298, with the bounds of Linux), without backing off.
func (c *Conn) RTO() time.Duration {
	if c.srtt == 0 {
		return InitialRTO
	}
	return min(maxRTO, c.srtt+max(4*c.rttvar, c.stack.Settings.RTOMin))
}

// RTT is the smoothed round-trip time; 0: it was not measured yet.
func (c *Conn) RTT() time.Duration { return c.srtt }

// sample takes a measurement of the round-trip time.
func (c *Conn) sample(rtt time.Duration) {
	if c.srtt == 0 {
		c.srtt, c.rttvar = max(rtt, time.Microsecond), rtt/2
		return
	}
	c.rttvar += ((c.srtt - rtt).Abs() - c.rttvar) / 4
	c.srtt += (rtt - c.srtt) / 8
}

// arm starts the timer of retransmission, if there is something to be acknowledged.
func (c *Conn) arm() {
	c.timer.Stop()
	c.retransmits = true
	if c.next > 0 && !(c.Cookie && c.state == SynRecv) {
		c.timer = c.clock.After(c.timeout(), c.timedOut)
	}
}

// timeout is the time until the next retransmission.
func (c *Conn) timeout() time.Duration {
	back := c.backoff
	if c.state == SynSent {
		back = max(0, back-c.stack.Settings.LinearTimeouts)
		if c.backoff < c.stack.Settings.LinearTimeouts {
			back = 0
		}
	}
	return min(maxRTO, c.RTO()<<min(back, 16))
}

// Deadline is when the timer of retransmission expires; false: it does not run.
func (c *Conn) Deadline() (time.Duration, bool) {
	if !c.timer.Pending() {
		return 0, false
	}
	return c.timer.At(), true
}

// timedOut retransmits the first segment that is not acknowledged, and takes all for lost (RFC 5681 section 3.1).
func (c *Conn) timedOut() {
	if c.next == 0 {
		return
	}
	c.backoff++
	if c.backoff > c.maxTries() {
		c.end(ETIMEDOUT)
		return
	}
	if c.state.in(SynSent, SynRecv) {
		c.transmit(c.queue[0])
		c.arm()
		return
	}
	if c.backoff == 1 {
		c.ssthresh = max(2, c.inFlight()/2)
	}
	c.cwnd, c.grown, c.dupAcks = 1, 0, 0
	c.recovering, c.recoverUntil = false, c.sndNxt
	c.loseAll()
	c.timer.Stop()
	c.push()
	c.arm()
}

// loseAll takes everything that was sent for lost, but for what the peer has told that it has.
func (c *Conn) loseAll() {
	for _, k := range c.queue[:c.next] {
		k.lost = !k.sacked
	}
}

func (c *Conn) maxTries() int {
	set := &c.stack.Settings
	switch c.state {
	case SynSent:
		return set.SynRetries
	case SynRecv:
		return set.SynAckRetries
	}
	return set.Retries
}

// armProbe starts the timer that probes a window in which nothing fits, when nothing else would end that.
func (c *Conn) armProbe() {
	if c.next > 0 || len(c.queue) == 0 || c.timer.Pending() {
		return
	}
	c.retransmits = false
	c.timer = c.clock.After(min(maxRTO, c.RTO()<<min(c.backoff, 16)), func() {
		c.backoff++
		s := c.blank(wire.FlagACK)
		s.Seq = c.sndUna - 1
		s.MPTCP = c.owner.Options(Sending{Segment: s})
		c.advertised(s)
		c.send(s)
		c.armProbe()
	})
}

// wait stays in TIME-WAIT for a while.
func (c *Conn) wait() {
	c.setState(TimeWait)
	c.timer.Stop()
	c.timer = c.clock.After(timeWait, func() { c.end(0) })
}
