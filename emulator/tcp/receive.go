package tcp

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// receiver is the half of a connection that receives.
type receiver struct {
	irs      uint32
	rcvNxt   uint32
	rcvWup   uint32             // rcvNxt when the window was last advertised
	rcvWnd   int                // that was advertised then
	ahead    []*segment.Segment // that came too early, in order
	newest   uint32             // seq of the one that came last
	recentTS uint32             // to be echoed

	finished    bool // the peer's FIN was taken
	retransmits bool // the timer is for retransmission
}

// before tells whether a sequence number comes before another one.
func before(a, b uint32) bool { return int32(a-b) < 0 }

// window is the window to advertise: what the owner has room for, but never less than was promised.
func (c *Conn) window() int {
	promised := c.promised()
	return max(min(c.owner.Window(), maxScaled), promised, 0)
}

// promised is how much of the window that was advertised is left.
func (c *Conn) promised() int { return int(int32(c.rcvWup + uint32(c.rcvWnd) - c.rcvNxt)) }

// advertised puts the window into a segment, and notes it.
func (c *Conn) advertised(s *segment.Segment) {
	w := c.window()
	switch {
	case s.Has(wire.FlagSYN):
		w = min(w, 0xffff)
		s.Window = uint16(w)
	case c.scaling:
		s.Window = uint16(min(0xffff, w>>scale))
		w = int(s.Window) << scale
	default:
		w = min(w, 0xffff)
		s.Window = uint16(w)
	}
	if s.Has(wire.FlagACK) {
		c.rcvWup, c.rcvWnd = c.rcvNxt, w
	}
}

// Opened tells how much the window could grow beyond what was last advertised.
func (c *Conn) Opened() int {
	return min(c.owner.Window(), maxScaled) - c.promised()
}

// receive takes a segment (RFC 9293 section 3.10.7).
func (c *Conn) receive(s *segment.Segment) {
	switch c.state {
	case SynSent:
		c.receiveSynSent(s)
		return
	case TimeWait:
		if s.Has(wire.FlagFIN) {
			c.SendAck()
		}
		return
	case SynRecv:
		if !c.receiveSynRecv(s) {
			return
		}
	}
	if !c.acceptable(s) {
		return
	}
	if s.HasTimestamps && !before(c.rcvNxt, s.Seq) {
		c.recentTS = s.TSVal
	}
	c.Stats.LastReceived = c.clock.Now()
	if !c.owner.Segment(s) || c.isClosed {
		return
	}
	if s.Has(wire.FlagRST) {
		c.reset()
		return
	}
	c.acknowledged(s)
	if c.isClosed {
		return
	}
	if c.state == SynRecv {
		return
	}
	if len(s.Payload) > 0 || s.Has(wire.FlagFIN) {
		c.take(s)
	}
}

// reset ends the connection as the peer asks for.
func (c *Conn) reset() {
	switch c.state {
	case SynRecv:
		c.end(ECONNREFUSED)
	case CloseWait:
		c.end(EPIPE)
	default:
		c.end(ECONNRESET)
	}
}

func (c *Conn) receiveSynSent(s *segment.Segment) {
	if !c.acknowledgesSYN(s) {
		if s.Has(wire.FlagACK) && !s.Has(wire.FlagRST) {
			c.stack.Refuse(s)
		} else if s.Has(wire.FlagSYN) && !s.Has(wire.FlagRST) {
			c.simultaneous(s)
		}
		return
	}
	if s.Has(wire.FlagRST) {
		if c.owner.Segment(s) {
			c.end(ECONNREFUSED)
		}
		return
	}
	if !s.Has(wire.FlagSYN) {
		return
	}
	c.irs, c.rcvNxt, c.rcvWup = s.Seq, s.Seq+1, s.Seq+1
	c.negotiate(s, false)
	c.learnFastOpen(s)
	if !c.owner.Segment(s) || c.isClosed {
		return
	}
	c.acknowledged(s)
	c.setState(Established)
	c.owner.Established()
	if !c.isClosed {
		c.SendAck()
		c.push()
	}
}

// Answered goes on as far as a reset needs it, for an owner who is told of the answer to this end's SYN and does not want it.
func (c *Conn) Answered() {
	c.sndUna, c.sndNxt = c.iss+1, c.iss+1
	c.queue = nil
	c.setState(Established)
}

// simultaneous answers a SYN that crossed this end's.
func (c *Conn) simultaneous(s *segment.Segment) {
	c.irs, c.rcvNxt, c.rcvWup = s.Seq, s.Seq+1, s.Seq+1
	c.negotiate(s, true)
	if !c.owner.Segment(s) || c.isClosed {
		return
	}
	c.setState(SynRecv)
	c.transmit(c.queue[0])
}

// receiveSynRecv tells whether a segment may complete the handshake.
func (c *Conn) receiveSynRecv(s *segment.Segment) bool {
	switch {
	case s.Has(wire.FlagRST):
		if s.Seq == c.rcvNxt {
			c.end(ECONNREFUSED)
		}
	case s.Has(wire.FlagSYN) && s.Seq == c.irs:
		if !s.Has(wire.FlagACK) || c.Listener != nil {
			if c.owner.Segment(s) && !c.isClosed {
				c.transmit(c.queue[0]) // the peer has not had the answer
			}
			return false
		}
		return s.Ack == c.iss+1 // of a simultaneous open
	case !s.Has(wire.FlagACK):
	case s.Ack != c.iss+1:
		c.stack.Refuse(s)
	default:
		return true
	}
	return false
}

// acceptable checks a segment against the window (RFC 9293 section 3.4, RFC 5961), and answers one that does not fit.
func (c *Conn) acceptable(s *segment.Segment) bool {
	end := c.rcvWup + uint32(max(c.rcvWnd, 1))
	inside := !before(s.End(), c.rcvNxt) && !before(end, s.Seq)
	if c.Unlimited { // the peer goes by the window of the whole connection
		inside = !before(s.End(), c.rcvNxt) && !before(c.rcvNxt+maxScaled, s.Seq)
	}
	switch {
	case s.Has(wire.FlagRST):
		if s.Seq == c.rcvNxt {
			return true
		}
		if inside && s.Seq != c.rcvNxt {
			c.SendAck() // a challenge
		}
		return false
	case s.Has(wire.FlagSYN):
		c.SendAck()
		return false
	case !inside || before(s.End(), c.rcvNxt):
		c.SendAck()
		return false
	}
	return s.Has(wire.FlagACK)
}

// take takes what a segment carries.
func (c *Conn) take(s *segment.Segment) {
	if c.finished {
		c.SendAck()
		return
	}
	if before(c.rcvNxt, s.Seq) {
		c.keep(s)
		c.SendAck()
		return
	}
	c.consume(s)
	for len(c.ahead) > 0 && !before(c.rcvNxt, c.ahead[0].Seq) && !c.isClosed {
		next := c.ahead[0]
		c.ahead = c.ahead[1:]
		c.consume(next)
	}
	if c.isClosed {
		return
	}
	c.SendAck()
	if c.finished && !c.isClosed {
		c.owner.Finished()
	}
}

// keep puts a segment that came too early aside.
func (c *Conn) keep(s *segment.Segment) {
	c.newest = s.Seq
	n, found := slices.BinarySearchFunc(c.ahead, s, func(a, b *segment.Segment) int { return int(int32(a.Seq - b.Seq)) })
	if found && len(c.ahead[n].Payload) >= len(s.Payload) {
		return
	}
	c.ahead = slices.Insert(c.ahead, n, s)
}

// consume hands on what is new in a segment whose beginning is due.
func (c *Conn) consume(s *segment.Segment) {
	old := int(c.rcvNxt - s.Seq)
	if data := s.Payload; old < len(data) {
		seq := c.rcvNxt
		c.rcvNxt += uint32(len(data) - old)
		c.Stats.BytesReceived += uint64(len(data) - old)
		c.owner.Data(data[old:], seq, s)
	}
	if s.Has(wire.FlagFIN) && !c.finished && c.rcvNxt == s.End()-1 && !c.isClosed {
		c.rcvNxt++
		c.finished = true
		switch c.state {
		case Established:
			c.setState(CloseWait)
		case FinWait1:
			c.setState(Closing)
		case FinWait2:
			c.wait()
		}
	}
}

// addSACK puts what came too early into an acknowledgement, as far as there is room beside MPTCP's options.
func (c *Conn) addSACK(s *segment.Segment) {
	if !c.sackOK || len(c.ahead) == 0 {
		return
	}
	used, err := segment.OptionSize(s.MPTCP...)
	if err != nil {
		return
	}
	most := (s.Room() - used - 4) / 8
	blocks := c.blocks()
	// That of the segment that came last goes first (RFC 2018 section 4).
	slices.SortStableFunc(blocks, func(a, b segment.Block) int { return c.age(a) - c.age(b) })
	if most > 0 {
		s.SACK = blocks[:min(len(blocks), most)]
	}
}

func (c *Conn) age(b segment.Block) int {
	if !before(c.newest, b.Start) && before(c.newest, b.End) {
		return 0
	}
	return 1
}

// blocks are the ranges of what came too early.
func (c *Conn) blocks() (blocks []segment.Block) {
	for _, s := range c.ahead {
		if n := len(blocks); n > 0 && !before(blocks[n-1].End, s.Seq) {
			if before(blocks[n-1].End, s.End()) {
				blocks[n-1].End = s.End()
			}
			continue
		}
		blocks = append(blocks, segment.Block{Start: s.Seq, End: s.End()})
	}
	return blocks
}
