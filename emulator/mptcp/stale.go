package mptcp

// hear notes that something was received on the subflow.
func (f *Subflow) hear() {
	f.heard++
	if f.stale {
		f.stale = false
		f.count("SubflowRecover")
	}
	f.staleCount = 0
}

// isStale tells whether the subflow is to be left alone, as nothing comes back.
func (f *Subflow) isStale() bool { return f.stale }

// isStuck tells whether the subflow is full of what the peer has got otherwise, so that no timer will ever call it stale.
func (f *Subflow) isStuck() bool {
	return f.staleCount > 1 && !f.tcp.HasRoom() && f.conn.sndUna == f.conn.sndNxt
}

// checkStale counts that nothing was received on the subflow since it was last asked, while it waits for acknowledgements
// (mptcp_pm_subflow_chk_stale).
func (f *Subflow) checkStale() {
	c := f.conn
	most := c.host.Manager.Settings().StaleLossCount
	if most == 0 {
		return
	}
	if f.heard != f.looked {
		f.looked, f.staleCount = f.heard, 0
		return
	}
	if f.staleCount < 255 {
		f.staleCount++
	}
	if f.staleCount <= most || !c.hasBetter(f, most) {
		return
	}
	f.stale = true
	f.count("SubflowStale")
	c.reinject()
}

// hasBetter tells whether another subflow works.
func (c *Conn) hasBetter(than *Subflow, most int) bool {
	for _, f := range c.subflows {
		if f != than && f.active() && f.staleCount < max(most-1, 1) {
			return true
		}
	}
	return false
}

// reinject has everything sent again that is not acknowledged, by whichever subflow (__mptcp_retransmit_pending_data).
func (c *Conn) reinject() {
	end := c.dataSent()
	if c.fallback || int64(end-c.sndUna) <= 0 {
		return
	}
	c.again = []span{{c.sndUna, end}}
	c.mayFallBack = false
	c.schedulePush()
}

// schedulePush pushes soon.
func (c *Conn) schedulePush() { c.host.Stack.Clock().After(workDelay, c.push) }
