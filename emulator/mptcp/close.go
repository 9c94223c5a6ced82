package mptcp

import (
	"slices"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

const ebadmsg syscall.Errno = 74

// Shutdown ends this end's stream.
func (c *Conn) Shutdown() {
	switch c.state {
	case tcp.Established:
		c.setState(tcp.FinWait1)
	case tcp.CloseWait:
		c.setState(tcp.LastAck)
	default:
		return
	}
	c.shut = true
	c.endStream()
}

// endStream sends the DATA_FIN, when all data were sent (mptcp_check_send_data_fin).
func (c *Conn) endStream() {
	if !c.shut || c.finSent || c.sndNxt != c.writeSeq || len(c.again) > 0 {
		return
	}
	if c.fallback {
		c.finSent = true
		c.writeSeq++
		c.sndNxt = c.writeSeq
		c.first.tcp.Shutdown()
		if c.state == tcp.LastAck {
			c.setState(tcp.Closed)
		} else if c.state == tcp.FinWait1 {
			c.setState(tcp.FinWait2)
		} else if c.state == tcp.Closing {
			c.setState(tcp.Closed)
		}
		c.schedule()
		return
	}
	c.finSent = true
	c.writeSeq++
	c.sndNxt = c.writeSeq
	c.ackAll()
	c.armRetransmission()
}

// finAcked goes on as the peer has acknowledged the DATA_FIN (mptcp_check_data_fin_ack).
func (c *Conn) finAcked() {
	if c.state == tcp.FinWait1 {
		c.setState(tcp.FinWait2)
	}
	c.schedule()
}

// checkFINAcked ends the connection in the worker, if both streams have ended. The peer, who has ended it before, acknowledges the
// FINs of the subflows while the worker still runs.
func (c *Conn) checkFINAcked() {
	if c.finSent && c.sndUna == c.writeSeq && (c.state == tcp.Closing || c.state == tcp.LastAck) {
		c.finish()
		c.host.After(workDelay, func() {
			if !c.closed {
				c.closeDead()
			}
		})
	}
}

// finish ends all subflows, as both streams have ended.
func (c *Conn) finish() {
	c.setState(tcp.Closed)
	for _, f := range slices.Clone(c.subflows) {
		f.tcp.Shutdown()
	}
	c.schedule()
}

// Close closes the connection: in good order, unless received data were not read.
func (c *Conn) Close() {
	if c.orphan {
		return
	}
	c.pm.Closed()
	c.orphan = true
	if len(c.received) > 0 {
		c.fastClose()
		return
	}
	if c.state == tcp.SynSent {
		c.setState(tcp.Closed)
		c.first.tcp.Vanish(0)
		c.destroy()
		return
	}
	c.Shutdown()
	c.schedule()
}

// Abort closes the connection at once.
func (c *Conn) Abort() {
	if c.orphan {
		return
	}
	c.pm.Closed()
	c.orphan = true
	c.fastClose()
}

// Disconnect ends the connection without closing its socket (mptcp_disconnect).
func (c *Conn) Disconnect() {
	if c.state == tcp.Closed && c.ended {
		c.Close()
		return
	}
	c.Abort()
}

// fastClose resets all subflows with MP_FASTCLOSE (mptcp_do_fastclose).
func (c *Conn) fastClose() {
	c.setState(tcp.Closed)
	for _, f := range slices.Clone(c.subflows) {
		c.eventlessly(f)
		if c.fallback {
			f.tcp.Abort(tcp.ECONNRESET)
			continue
		}
		if f.tcp.State() != tcp.Closed && f.tcp.State() != tcp.SynSent {
			f.count("MPFastcloseTx")
			f.count("MPRstTx")
		}
		f.tcp.Abort(tcp.ECONNRESET, &wire.FastClose{Key: c.peerKey}, &wire.TCPRst{})
	}
	c.subflows = nil
	c.destroy()
}

func (c *Conn) eventlessly(f *Subflow) { f.eventDone = true }

// peerClosedFast ends the connection as the peer asks for with MP_FASTCLOSE, in the worker (mptcp_check_fastclose).
func (c *Conn) peerClosedFast() {
	c.host.After(workDelay, func() {
		if c.state == tcp.Closed {
			return
		}
		c.why = tcp.ECONNRESET
		switch c.state {
		case tcp.CloseWait:
			c.why = tcp.EPIPE
		case tcp.SynSent:
			c.why = tcp.ECONNREFUSED
		}
		c.setState(tcp.Closed)
		for _, f := range slices.Clone(c.subflows) {
			c.eventlessly(f)
			if f.tcp.State() != tcp.Closed {
				f.count("MPRstTx")
			}
			f.tcp.Abort(tcp.ECONNRESET, &wire.TCPRst{})
		}
		c.subflows = nil
		c.destroy()
	})
}

// failed ends a connection with its only subflow, as plain TCP does.
func (c *Conn) failed(why syscall.Errno) {
	if c.state != tcp.Closed || why != 0 {
		c.why = why
	}
	c.setState(tcp.Closed)
	c.schedule()
}

// onList tells whether a subflow is on the list.
func (c *Conn) onList(f *Subflow) bool { return slices.Contains(c.subflows, f) }

// closeDead closes the subflows that TCP, or the peer, has closed (__mptcp_close_subflow).
func (c *Conn) closeDead() {
	for _, f := range slices.Clone(c.subflows) {
		state := f.state()
		if state == tcp.Closed || state == tcp.CloseWait && c.state == tcp.Established && !c.fallback {
			if f.quiet {
				continue
			}
			c.closeSubflow(f)
		}
	}
}

// closeSubflow closes a subflow (mptcp_close_ssk).
func (c *Conn) closeSubflow(f *Subflow) {
	if !f.eventDone {
		f.eventDone = true
		for _, x := range c.subflows { // the next closing brings those that were reset for bad data along
			if x.quiet && x != f {
				x.quiet = false
				c.schedule()
			}
		}
		c.pm.SubflowClosed(f)
	}
	pending := f.tcp.Queued() > 0 || f.dead
	f.stale = false
	if f != c.first {
		c.unlink(f)
		if !f.dead {
			c.closing = append(c.closing, f)
		}
	}
	if !f.dead {
		if f.tcp.State() == tcp.SynSent {
			f.tcp.Vanish(0)
		} else {
			f.tcp.Shutdown()
		}
	}
	if pending {
		c.reinject()
	}
	// Where the first subflow has only sent its FIN nothing starts the timer later, as its event was sent already (__mptcp_close_ssk).
	if c.state == tcp.Established && c.alive() == 0 && c.first.tcp.State() == tcp.Closed {
		c.giveUpAfter(c.host.Manager.Settings().CloseTimeout)
	}
	c.checkEnd()
}

// alive is how many subflows can still carry something.
func (c *Conn) alive() (n int) {
	for _, f := range c.subflows {
		if !f.eventDone && f.state() != tcp.Closed {
			n++
		}
	}
	return n
}

// checkEnd gives a connection that its program has closed up when it has no subflow left, now or after a while (mptcp_worker).
func (c *Conn) checkEnd() {
	if c.closed {
		return
	}
	if c.state == tcp.Closed {
		if c.orphan {
			c.leave()
		}
		return
	}
	if c.alive() > 0 {
		return
	}
	switch {
	case c.orphan && c.state != tcp.Established:
		c.giveUpAfter(0)
	case c.orphan:
		c.giveUpAfter(time.Minute)
	}
}

// giveUpAfter ends the connection, unless it has a subflow again by then (mptcp_start_tout_timer); a negative time never comes.
func (c *Conn) giveUpAfter(wait time.Duration) {
	if wait < 0 || c.closeAt.Pending() {
		return
	}
	c.closeAt = c.host.Stack.Clock().After(wait, func() {
		if c.alive() > 0 || c.closed {
			return
		}
		c.why = tcp.ENOTCONN
		c.setState(tcp.Closed)
		c.ended = true
		if c.orphan {
			c.destroy()
		}
	})
}

// leave lets go of a connection whose streams have both ended, and whose program has closed it.
func (c *Conn) leave() {
	for _, f := range slices.Clone(c.subflows) {
		c.eventlessly(f)
		f.tcp.Shutdown()
	}
	c.destroy()
}

// Err is why the connection ended, if it did not do so in good order.
func (c *Conn) Err() syscall.Errno { return c.why }

// Connected tells whether the handshake was done.
func (c *Conn) Connected() bool { return c.connected }
