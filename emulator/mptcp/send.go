package mptcp

import (
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// sending is the half of a connection that sends. DSNs are of 64 bits.
type sending struct {
	start    uint64 // the first DSN
	sndUna   uint64 // what the peer has acknowledged
	sndNxt   uint64 // what was given to subflows
	writeSeq uint64 // what the program has written, with the DATA_FIN
	wndEnd   uint64 // what the peer has room for
	buffer   []byte // from sndUna on

	shut    bool // the program has ended its stream
	finSent bool // so that a DATA_FIN goes out
	again   []span
	rtx     *vtime.Timer // of the connection's own retransmission
	pushing bool
}

// span is a range of DSNs.
type span struct{ from, to uint64 }

func (s *sending) begin(dsn uint64) {
	s.start, s.sndUna, s.sndNxt, s.writeSeq, s.wndEnd = dsn, dsn, dsn, dsn, dsn
}

// finSeq is the DSN of the DATA_FIN.
func (s *sending) finSeq() uint64 { return s.writeSeq - 1 }

// dataEnd is the DSN after all data.
func (s *sending) dataEnd() uint64 {
	if s.finSent {
		return s.writeSeq - 1
	}
	return s.writeSeq
}

// sent is the mapping of a chunk.
type sent struct {
	dsn      uint64
	ssn      uint32 // relative
	data     []byte
	infinite bool
}

func (m *sent) end() uint64    { return m.dsn + uint64(len(m.data)) }
func (m *sent) length() uint16 { return uint16(len(m.data)) }
func (m *sent) checksum(length uint16) uint16 {
	return wire.DSSChecksum(m.dsn, m.ssn, length, m.data)
}

// mapOf is the mapping of a chunk; nil: it has none.
func mapOf(k *tcp.Chunk) *sent {
	if k == nil || k.Ext == nil {
		return nil
	}
	return k.Ext.(*sent)
}

// Writable is how many bytes Write takes now.
func (c *Conn) Writable() int {
	if !c.CanWrite() {
		return 0
	}
	return max(0, c.options.Send(&c.host.Stack.Settings)-len(c.buffer))
}

// CanWrite tells whether this end's stream is open.
func (c *Conn) CanWrite() bool { return c.state.CanSend() && !c.shut }

// Write sends as much of b as there is room for, and returns how much that was.
func (c *Conn) Write(b []byte) int {
	b = b[:min(len(b), c.Writable())]
	c.buffer = append(c.buffer, b...)
	c.writeSeq += uint64(len(b))
	c.push()
	return len(b)
}

// at is what the stream has between two DSNs, of which the first is not acknowledged. It stays as it is, whatever is written later.
func (c *Conn) at(from, to uint64) []byte {
	return c.buffer[from-c.sndUna : to-c.sndUna : to-c.sndUna]
}

// push gives data to subflows, as far as the peer and they have room (__mptcp_push_pending).
func (c *Conn) push() {
	if c.pushing || c.closed || !c.connected {
		return
	}
	c.pushing = true
	defer func() { c.pushing = false }()
	for {
		from, end, once := c.next()
		if from == end {
			break
		}
		f := c.choose()
		if f == nil {
			break
		}
		n := f.send(from, end)
		if once {
			c.stats.retransmitted += uint64(n)
			c.again[0].from += uint64(n)
		} else {
			c.sndNxt += uint64(n)
		}
	}
	if c.fallback && c.first != nil {
		c.first.infinite = false
	}
	c.armRetransmission()
	c.endStream()
}

// next is the range of the stream that is to be sent next; once more, if it was sent on a subflow that is gone.
func (c *Conn) next() (from, end uint64, again bool) {
	for len(c.again) > 0 {
		s := &c.again[0]
		if s.from = max(s.from, c.sndUna); s.from < s.to {
			return s.from, s.to, true
		}
		c.again = c.again[1:]
	}
	end = c.dataEnd()
	if !c.fallback && int64(end-c.wndEnd) > 0 {
		end = c.wndEnd
	}
	if int64(end-c.sndNxt) <= 0 {
		return c.sndNxt, c.sndNxt, false
	}
	return c.sndNxt, end, false
}

// maxMapping is how many bytes have one mapping at most, whatever segments they are cut into: a fragment of the kernel's.
const maxMapping = 32 << 10

// options64 are the bytes that a DSS with 64-bit numbers and a mapping takes, with padding.
const options64 = 28

// send writes a part of the stream that begins with a DSN to the subflow, and returns how many bytes.
func (f *Subflow) send(from, end uint64) int {
	c := f.conn
	most := options64
	switch {
	case f.infinite && !c.fallback:
		f.count("InfiniteMapTx")
		c.fallback = true
	case c.fallback:
		most = 0
	}
	// What is pushed together has the option, but TCP sizes segments without it from the first on.
	infinite := f.infinite
	n := min(int(end-from), maxMapping)
	if f.infinite && most > 0 {
		n = min(n, f.tcp.Payload(most)) // what TCP had sized already
	}
	data := c.at(from, from+uint64(n))
	now := c.host.Stack.Clock().Now()
	c.stats.sent += uint64(n)
	c.stats.lastSent = now
	var ext any
	if !c.fallback || infinite {
		ext = &sent{dsn: from, ssn: f.tcp.WriteOffset(), data: data, infinite: infinite}
	}
	f.tcp.Write(data, ext, most)
	return n
}

// choose is the default scheduler (mptcp_sched_default_get_send): the subflow that will have sent what it has the soonest; a backup
// only if there is no other.
func (c *Conn) choose() *Subflow {
	var best [2]*Subflow
	var linger [2]float64
	active := 0
	for _, f := range c.subflows {
		if !f.active() || f.isStale() || f.isStuck() {
			continue
		}
		kind := 0
		if f.isBackup() {
			kind = 1
		} else {
			active++
		}
		l := float64(f.tcp.Queued()) / f.tcp.Rate()
		if best[kind] == nil || l < linger[kind] {
			best[kind], linger[kind] = f, l
		}
	}
	f := best[0]
	if active == 0 {
		f = best[1]
	}
	if f == nil || !f.tcp.HasRoom() {
		return nil
	}
	return f
}

// learnWindow takes the window of a segment that acknowledges up to a DSN.
func (c *Conn) learnWindow(f *Subflow, s *segment.Segment, acked uint64) {
	if end := acked + uint64(f.tcp.WindowOf(s)); int64(end-c.wndEnd) > 0 {
		c.wndEnd = end
	}
}

// dataAcked takes a DATA_ACK (ack_update_msk).
func (c *Conn) dataAcked(f *Subflow, s *segment.Segment, o *wire.DSS) {
	ack := expand(c.sndUna, o.Ack, o.Ack64)
	if int64(ack-c.sndNxtWithFIN()) > 0 {
		return // of what was never sent
	}
	c.learnWindow(f, s, max(ack, c.sndUna))
	c.stats.lastAck = c.host.Stack.Clock().Now()
	if int64(ack-c.sndUna) <= 0 {
		return
	}
	n := min(int(ack-c.sndUna), len(c.buffer))
	c.stats.acked += ack - c.sndUna
	c.buffer = c.buffer[n:]
	c.sndUna = ack
	c.rtx.Stop()
	c.armRetransmission()
	if c.finSent && ack == c.writeSeq {
		c.finAcked()
	}
}

// dataSent is the DSN after all data that was given to subflows.
func (c *Conn) dataSent() uint64 {
	if c.finSent && c.sndNxt == c.writeSeq {
		return c.sndNxt - 1
	}
	return c.sndNxt
}

// sndNxtWithFIN is the DSN after all that was sent.
func (c *Conn) sndNxtWithFIN() uint64 {
	if c.finSent && c.sndNxt == c.dataEnd() {
		return c.writeSeq
	}
	return c.sndNxt
}

// armRetransmission starts the timer of the connection's own retransmission, if something is to be acknowledged.
func (c *Conn) armRetransmission() {
	if c.rtx.Pending() || c.fallback || c.closed {
		return
	}
	if c.sndUna == c.sndNxtWithFIN() {
		return
	}
	c.rtx = c.host.Stack.Clock().After(c.retransmissionTimeout(), c.retransmit)
}

// retransmissionTimeout is the longest time that a subflow still waits for an acknowledgement, but for those from which nothing has
// come of late (mptcp_set_timeout).
func (c *Conn) retransmissionTimeout() time.Duration {
	var longest time.Duration
	now := c.host.Stack.Clock().Now()
	for _, f := range c.subflows {
		if at, ok := f.tcp.Deadline(); ok && f.active() && f.staleCount == 0 {
			longest = max(longest, at-now)
		}
	}
	if longest <= 0 {
		longest = c.host.Stack.Settings.RTOMin
	}
	return longest
}

// retransmit sends the first data that are not acknowledged on another subflow (__mptcp_retrans).
func (c *Conn) retransmit() {
	if c.closed {
		return
	}
	f := c.chooseRetransmission()
	if sent := c.dataSent(); f != nil && int64(sent-c.sndUna) > 0 {
		end := c.sndUna + min(sent-c.sndUna, chunkSize)
		for from := c.sndUna; from < end; {
			n := f.send(from, end)
			from += uint64(n)
			c.stats.retransmitted += uint64(n)
		}
		c.stats.retransmissions++
		c.host.Count("MPTCPRetrans", 1)
		c.mayFallBack = false
	} else if c.finSent && c.sndUna == c.finSeq() {
		c.ackAll()
	}
	c.armRetransmission()
}

// chunkSize is how much is sent again at once, in bytes.
const chunkSize = 32 << 10

// chooseRetransmission is the default scheduler for what is sent again (mptcp_sched_default_get_retrans): a subflow that waits
// for nothing itself.
func (c *Conn) chooseRetransmission() (best *Subflow) {
	var backup *Subflow
	fewest := 1 << 30
	for _, f := range append([]*Subflow(nil), c.subflows...) {
		if !f.active() || f.isStale() {
			continue
		}
		if f.tcp.Outstanding() || f.tcp.HasUnsent() {
			f.checkStale()
			fewest = min(fewest, f.staleCount)
			continue
		}
		if f.isBackup() {
			if backup == nil {
				backup = f
			}
		} else if best == nil {
			best = f
		}
	}
	if best != nil {
		return best
	}
	if fewest > 1 {
		return backup
	}
	return nil
}
