package mptcp

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
)

// receiving is the half of a connection that receives.
type receiving struct {
	rcvNxt   uint64 // next DSN expected
	rcvStart uint64 // the first one
	use64    bool   // of acknowledgements, as the peer's DSNs have
	received []byte // in order, for the program
	early    []piece
	finAt    uint64 // DSN of the peer's DATA_FIN
	hasFIN   bool   // it was seen
	ended    bool   // it was taken
}

// piece is data that came too early.
type piece struct {
	dsn  uint64
	data []byte
}

func (p piece) end() uint64 { return p.dsn + uint64(len(p.data)) }

// window is how many bytes there is room for.
func (c *Conn) window() int {
	return max(0, c.room()-len(c.received))
}

// room is how many bytes may wait to be read.
func (c *Conn) room() int { return c.options.Receive(&c.host.Stack.Settings) }

// EndSeen tells whether the peer has ended its stream.
func (c *Conn) EndSeen() bool { return c.ended }

// expand makes 64 bits of a DSN of 32 bits, near what is expected.
func (c *Conn) expand(dsn uint64, is64 bool) uint64 { return expand(c.rcvNxt, dsn, is64) }

func expand(near, seq uint64, is64 bool) uint64 {
	if is64 {
		return seq
	}
	return near + uint64(int64(int32(uint32(seq)-uint32(near))))
}

// deliver takes data of the stream.
func (c *Conn) deliver(dsn uint64, data []byte) {
	p := piece{dsn, data}
	switch {
	case int64(p.end()-c.rcvNxt) <= 0:
		c.host.Count("DuplicateData", 1)
		return
	case int64(p.dsn-c.rcvNxt) > 0:
		c.keep(p)
		return
	}
	c.take(p)
	for len(c.early) > 0 && int64(c.early[0].dsn-c.rcvNxt) <= 0 {
		next := c.early[0]
		c.early = c.early[1:]
		if int64(next.end()-c.rcvNxt) <= 0 {
			c.host.Count("DuplicateData", 1)
			continue
		}
		c.take(next)
	}
	c.stats.lastReceived = c.host.Stack.Clock().Now()
	c.takeFIN()
}

// take takes data whose beginning is due.
func (c *Conn) take(p piece) {
	fresh := p.data[c.rcvNxt-p.dsn:]
	c.rcvNxt += uint64(len(fresh))
	c.stats.received += uint64(len(fresh))
	c.received = append(c.received, fresh...)
}

// keep puts data that came too early aside.
func (c *Conn) keep(p piece) {
	if int64(p.end()-c.rcvNxt) > int64(c.room()) {
		c.host.Count("NoDSSInWindow", 1)
		return
	}
	n, found := slices.BinarySearchFunc(c.early, p, func(a, b piece) int { return int(int64(a.dsn - b.dsn)) })
	if found && len(c.early[n].data) >= len(p.data) || n > 0 && int64(p.end()-c.early[n-1].end()) <= 0 {
		c.host.Count("DuplicateData", 1)
		return
	}
	c.host.Count("OFOQueue", 1)
	if n == len(c.early) && n > 0 {
		c.host.Count("OFOQueueTail", 1)
	}
	if n > 0 && c.early[n-1].end() == p.dsn {
		c.host.Count("OFOMerge", 1)
	}
	p.data = slices.Clone(p.data)
	c.early = slices.Insert(c.early, n, p)
}

// peerFIN learns where the peer's stream ends.
func (c *Conn) peerFIN(dsn uint64) {
	if c.hasFIN {
		if c.ended {
			c.schedule() // it comes again: the acknowledgement was lost
		}
		return
	}
	c.hasFIN, c.finAt = true, dsn
	c.schedule()
}

// checkDataFIN takes the end of the peer's stream in the worker, and acknowledges it (mptcp_check_data_fin).
func (c *Conn) checkDataFIN() {
	if !c.takeFIN() && c.ended && !c.fallback {
		c.ackAll()
	}
}

// takeFIN takes the end of the stream if all before it was received.
func (c *Conn) takeFIN() bool {
	if !c.hasFIN || c.ended || c.finAt != c.rcvNxt {
		return false
	}
	c.rcvNxt++
	c.ended = true
	switch c.state {
	case tcp.Established:
		c.setState(tcp.CloseWait)
	case tcp.FinWait1:
		c.setState(tcp.Closing)
	case tcp.FinWait2:
		c.ackAll()
		c.finish()
		return true
	}
	c.ackAll()
	return true
}

// ackAll acknowledges on all subflows.
func (c *Conn) ackAll() {
	for _, f := range slices.Clone(c.subflows) {
		if f.tcp.State().CanSend() {
			f.tcp.SendAck()
		}
	}
}

// endOfStream takes the FIN of a connection that fell back.
func (c *Conn) endOfStream() {
	if c.ended {
		return
	}
	c.ended = true
	switch c.state {
	case tcp.Established:
		c.setState(tcp.CloseWait)
	case tcp.FinWait1:
		c.setState(tcp.Closing)
	case tcp.FinWait2:
		c.setState(tcp.Closed)
	}
	c.schedule()
}

// Readable is how many bytes Read has now.
func (c *Conn) Readable() int { return len(c.received) }

// Read takes received bytes.
func (c *Conn) Read(b []byte) int {
	n := copy(b, c.received)
	c.received = c.received[n:]
	for _, f := range c.subflows {
		if f.tcp.State().CanSend() && f.tcp.Opened() >= c.room()/2 {
			f.tcp.SendAck()
		}
	}
	return n
}

// Peek copies received bytes.
func (c *Conn) Peek(b []byte) { copy(b, c.received) }

// Ended tells whether the peer's stream has ended and all of it was read.
func (c *Conn) Ended() bool { return c.ended && len(c.received) == 0 }
