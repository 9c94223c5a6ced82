package mptcp

import (
	"time"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// failTimeout is how long the answer to a MP_FAIL may take.
const failTimeout = 120 * time.Second

// tellFailure sends a MP_FAIL, and waits for that of the peer (mptcp_subflow_fail).
func (f *Subflow) tellFailure() {
	f.tcp.SendAck()
	f.failing = f.tcp.Stack().Clock().After(failTimeout, func() {
		if !f.dead {
			f.abort(wire.ResetMiddlebox, ebadmsg)
		}
	})
}

// plainAcked forgets what TCP has delivered for a connection that fell back.
func (c *Conn) plainAcked() {
	una := min(c.sndNxt, c.dataEnd()) - uint64(c.first.tcp.Queued())
	if n := int64(una - c.sndUna); n > 0 && n <= int64(len(c.buffer)) {
		c.buffer = c.buffer[n:]
		c.sndUna = una
	}
}

// plainHeard counts what a connection that fell back has sent as acknowledged, whenever it hears anything: only TCP knows. Of one that
// never had the peer's key the count begins before the first byte.
func (c *Conn) plainHeard() {
	acked := c.sndNxt - c.start
	if !c.hasPeerKey {
		acked++
	}
	c.stats.acked = max(c.stats.acked, acked)
}

// failed takes a MP_FAIL of the peer (mptcp_pm_mp_fail_received): an answer to this end's, or one to be answered. Then what is
// sent from now on has an infinite mapping.
func (f *Subflow) failed() {
	switch {
	case f.failing.Stop(), !f.conn.mayFallBack:
	default:
		f.fail, f.failSeq = true, f.lastMapped
		f.infinite = true
		f.tcp.SendAck()
	}
}
