package mptcp

import "time"

// blackhole is what a host knows of paths on which SYNs with MP_CAPABLE vanish (mptcp_active_disable in net/mptcp/ctrl.c).
type blackhole struct {
	times   int           // found in a row
	since   time.Duration // of the last one
	written int           // of the setting, which forgets them all
}

// active tells whether connections are to be of plain TCP.
func (b *blackhole) active(h *Host) bool {
	set := h.Manager.Settings()
	if b.written != set.BlackholeWritten {
		*b = blackhole{written: set.BlackholeWritten}
	}
	if b.times == 0 || set.BlackholeTimeout == 0 {
		return false
	}
	const most = 6
	period := set.BlackholeTimeout << min(b.times-1, most)
	return h.Stack.Clock().Now() < b.since+period
}

// dropsCapable tells whether a SYN goes without MP_CAPABLE, since others have vanished (mptcp_active_detect_blackhole).
func (h *Host) dropsCapable(f *Subflow, tries int) bool {
	most := h.Manager.Settings().SynRetransBeforeTCP
	if tries <= most || most >= 128 {
		return false
	}
	if !f.dropped {
		f.dropped, f.firstPlain = true, tries
		f.count("MPCapableSYNTXDrop")
		f.requestsMP = true
	}
	f.plainTries = tries
	return true
}

// answeredSYN learns from what answered a SYN.
func (h *Host) answeredSYN(f *Subflow) {
	c := f.conn
	switch {
	case f.dropped && f.plainTries == f.firstPlain && h.Manager.Settings().BlackholeTimeout > 0:
		h.hole.active(h) // forgets what is to be forgotten
		h.hole.times++
		h.hole.since = h.Stack.Clock().Now()
		h.Count("Blackhole", 1)
		c.fallback = true
	case f.dropped:
		c.fallback = true
	case !f.tcp.Remote.Addr().IsLoopback() && f.requestsMP:
		h.hole.times = 0
	}
}
