package mptcp

import (
	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Segment implements [tcp.Owner] (mptcp_incoming_options).
func (f *Subflow) Segment(s *segment.Segment) bool {
	c := f.conn
	switch {
	case f.request != nil:
		return f.requested(s)
	case f.tcp.State() == tcp.SynSent:
		return f.answered(s)
	case c.fallback:
		c.plainHeard()
		return true
	case s.Has(wire.FlagRST):
		if !f.checkEstablished(s) {
			return !f.dead
		}
		f.signals(s)
		return true
	}
	if !f.checkEstablished(s) {
		return !f.dead
	}
	f.hear()
	f.signals(s)
	if f.dead {
		return false
	}
	o := segment.Option[*wire.DSS](s)
	if o == nil {
		return true
	}
	if o.HasAck {
		c.dataAcked(f, s, o)
	}
	if o.HasMapping && o.DataFIN && len(s.Payload) == 0 && o.DataLen == 1 {
		c.peerFIN(c.expand(o.DSN, o.DSN64))
	}
	return !f.dead
}

// answered takes what answers this end's SYN (subflow_finish_connect).
func (f *Subflow) answered(s *segment.Segment) bool {
	c := f.conn
	switch {
	case s.Has(wire.FlagRST):
		return true
	case !s.Has(wire.FlagACK): // a SYN that crossed this end's
		if f.requestsMP && !c.fallback {
			f.count("SimultConnectFallback")
			c.fallback = true
		}
		return true
	case f.join:
		return f.joinAnswered(s)
	}
	c.connected = true
	c.setState(tcp.Established)
	c.host.answeredSYN(f)
	o := validCapable(s)
	switch {
	case c.fallback: // there never was a MP_CAPABLE
	case o == nil || !o.HasSenderKey:
		f.count("MPCapableFallbackSYNACK")
		c.fallback = true
	default:
		c.checksum = c.checksum || o.ChecksumRequired
		if o.DenyJoinInitial {
			c.pm.DenyJoinID0()
		}
		c.setPeerKey(o.SenderKey)
		f.capable = true
		f.tcp.Unlimited = true
		c.learnWindow(f, s, c.sndUna)
		f.count("MPCapableSYNACKRX")
		c.pm.Created()
	}
	return true
}

// joinAnswered takes the SYN-ACK of a join.
func (f *Subflow) joinAnswered(s *segment.Segment) bool {
	c := f.conn
	refuse := func(reason wire.ResetReason) bool {
		f.tcp.Answered()
		f.abort(reason, 0)
		return false
	}
	o := segment.Option[*wire.MPJoin](s)
	if o == nil || o.Phase != wire.JoinSYNACK {
		return refuse(wire.ResetMPTCPError)
	}
	f.backup, f.remoteID, f.peerNonce = o.Backup, o.ID, o.Nonce
	if o.TruncatedHMAC != wire.JoinSynAckHMAC(c.peerKey, c.key, o.Nonce, f.nonce) {
		f.count("MPJoinSynAckHMacFailure")
		return refuse(wire.ResetMPTCPError)
	}
	if c.state != tcp.Established || c.fallback {
		return refuse(wire.ResetMPTCPError)
	}
	f.joined = true
	c.mayFallBack = false
	c.closeAt.Stop()
	f.count("MPJoinSynAckRx")
	if f.backup {
		f.count("MPJoinSynAckBackupRx")
	}
	if f.tcp.Remote.Port() != c.remote.Port() {
		f.count("MPJoinPortSynAckRx")
	}
	c.pm.SubflowJoined(f)
	return true
}

// checkEstablished decides on the first segments after the handshake (check_fully_established); false: nothing more is to be
// done with the options of this one.
func (f *Subflow) checkEstablished(s *segment.Segment) bool {
	c := f.conn
	_, first := f.tcp.InitialSeqs()
	_, withSYN := f.tcp.SYNData()
	first += 1 + uint32(len(withSYN))
	if f.established {
		if f.join && !f.opened && s.Seq == first && len(s.Payload) == 0 && segment.Option[*wire.MPJoin](s) != nil {
			f.tcp.SendAck() // the third ACK, once more
		}
		return true
	}
	if s.Seq != first {
		if f.join {
			f.abort(wire.ResetUnspecified, 0)
			return false
		}
		return true
	}
	dss, add := segment.Option[*wire.DSS](s), segment.Option[*wire.AddAddr](s)
	switch {
	case dss != nil && dss.HasAck, add != nil && (!add.Echo || f.join):
	case f.join:
		f.abort(wire.ResetUnspecified, 0)
		return false
	case validCapable(s) == nil:
		f.count("MPCapableDataFallback")
		c.fallback, f.capable = true, false
		return false
	}
	f.established = true
	f.thirdAck.Stop()
	if !f.join {
		c.fullyEstablished()
	} else if !f.notified {
		f.notified = true
		c.pm.SubflowEstablished()
	}
	return true
}

// signals takes the options that are not about data.
func (f *Subflow) signals(s *segment.Segment) {
	c := f.conn
	for _, o := range s.MPTCP {
		switch o := o.(type) {
		case *wire.AddAddr:
			f.addAddr(o)
		case *wire.RemoveAddr:
			if len(o.IDs) <= 8 {
				c.pm.RmAddrReceived(o.IDs)
			}
		case *wire.MPPrio:
			f.backup = o.Backup
			c.pm.PrioReceived(f)
		case *wire.MPFail:
			f.count("MPFailRx")
			f.failed()
		case *wire.FastClose:
			if o.Key == c.key {
				f.count("MPFastcloseRx")
				c.peerClosedFast()
			}
		case *wire.TCPRst:
			if s.Has(wire.FlagRST) && f.established {
				f.count("MPRstRx")
				f.reset = o
			}
		}
	}
}

// addAddr takes an ADD_ADDR, whose HMAC must be right.
func (f *Subflow) addAddr(o *wire.AddAddr) {
	c := f.conn
	a := pathmanager.AddAddr{ID: o.ID, Address: o.Address, Port: o.Port, Echo: o.Echo}
	if o.Echo {
		c.pm.AddAddrEchoed(a)
		return
	}
	if o.HMAC == wire.AddAddrHMAC(c.peerKey, c.key, o.ID, o.Address, o.Port) {
		c.pm.AddAddrReceived(a)
	}
}

// addAddrOption is the option of an announcement or echo.
func (c *Conn) addAddrOption(a pathmanager.AddAddr) wire.Option {
	o := &wire.AddAddr{Echo: a.Echo, ID: a.ID, Address: a.Address, Port: a.Port}
	if !a.Echo {
		o.HMAC = wire.AddAddrHMAC(c.key, c.peerKey, a.ID, a.Address, a.Port)
	}
	return o
}
