package mptcp

import (
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Options implements [tcp.Owner] (mptcp_syn_options, mptcp_synack_options, mptcp_established_options).
func (f *Subflow) Options(s tcp.Sending) []wire.Option {
	switch flags := s.Segment.Flags & (wire.FlagSYN | wire.FlagACK); {
	case flags == wire.FlagSYN:
		return f.synOptions(s)
	case flags&wire.FlagSYN != 0:
		return f.synAckOptions()
	case f.conn == nil:
		return nil
	case f.conn.fallback:
		return f.infiniteOptions(s)
	}
	return f.establishedOptions(s)
}

func (f *Subflow) synOptions(s tcp.Sending) []wire.Option {
	c := f.conn
	switch {
	case f.join:
		return []wire.Option{&wire.MPJoin{
			Phase: wire.JoinSYN, Backup: f.requestBackup, ID: f.localID, Token: c.peerKey.Token(), Nonce: f.nonce,
		}}
	case !f.requestsMP || c.host.dropsCapable(f, s.Tries):
		return nil
	}
	set := c.host.Manager.Settings()
	return []wire.Option{&wire.MPCapable{
		Version: 1, Crypto: wire.CryptoHMACSHA256, ChecksumRequired: set.ChecksumEnabled, DenyJoinInitial: !set.AllowJoinInitial,
	}}
}

func (f *Subflow) synAckOptions() []wire.Option {
	r := f.request
	if r == nil {
		return nil
	}
	if f.join {
		hmac := wire.JoinSynAckHMAC(r.conn.key, r.conn.peerKey, f.nonce, f.peerNonce)
		return []wire.Option{&wire.MPJoin{
			Phase: wire.JoinSYNACK, Backup: f.requestBackup, ID: f.localID, TruncatedHMAC: hmac, Nonce: f.nonce,
		}}
	}
	return []wire.Option{&wire.MPCapable{
		Version: 1, Crypto: wire.CryptoHMACSHA256, ChecksumRequired: r.listener.host.Manager.Settings().ChecksumEnabled,
		DenyJoinInitial: !r.listener.host.Manager.Settings().AllowJoinInitial, HasSenderKey: true, SenderKey: r.key,
	}}
}

// establishedOptions are those of all segments but SYNs.
func (f *Subflow) establishedOptions(s tcp.Sending) []wire.Option {
	c := f.conn
	room := s.Segment.Room()
	pureAck := s.Chunk == nil
	var options []wire.Option
	handshake := f.handshakeOption(s)
	if handshake != nil {
		options = append(options, handshake)
	} else {
		if c.pm.Pending() {
			if a, ok := c.pm.TakeAddAddr(pureAck, room); ok {
				return f.withPrio([]wire.Option{c.addAddrOption(a)}, room)
			}
		}
		if dss := f.dss(s); dss != nil {
			options = append(options, dss)
		}
		if f.fail && f.conn.mayFallBack {
			f.fail = false
			f.count("MPFailTx")
			options = append(options, &wire.MPFail{DSN: f.failSeq})
		}
	}
	options = f.withPrio(options, room)
	if _, joins := handshake.(*wire.MPJoin); !joins && c.pm.Pending() {
		if ids, ok := c.pm.TakeRmAddr(room - size(options)); ok {
			options = append(options, &wire.RemoveAddr{IDs: ids})
		}
	}
	return options
}

// withPrio adds the MP_PRIO that waits to be sent.
func (f *Subflow) withPrio(options []wire.Option, room int) []wire.Option {
	const padded = 4
	if f.prio == nil || size(options)+padded > room {
		return options
	}
	options = append(options, &wire.MPPrio{Backup: *f.prio})
	f.prio = nil
	f.count("MPPrioTx")
	return options
}

func size(options []wire.Option) int {
	n, err := segment.OptionSize(options...)
	if err != nil {
		panic(err) // of options made here: a bug
	}
	return n
}

// handshakeOption is the MP_CAPABLE or MP_JOIN of the third ACK and of the first data (mptcp_established_options_mp).
func (f *Subflow) handshakeOption(s tcp.Sending) wire.Option {
	c := f.conn
	own, _ := f.tcp.InitialSeqs()
	withSYN, _ := f.tcp.SYNData()
	if f.established || c.finSent || s.Segment.Seq != own+1+uint32(withSYN) || s.Segment.Has(wire.FlagFIN) || f.tcp.Listener != nil {
		return nil
	}
	switch {
	case f.join && f.joined:
		f.retransmitThirdAck()
		return &wire.MPJoin{Phase: wire.JoinACK, HMAC: wire.JoinAckHMAC(c.key, c.peerKey, f.nonce, f.peerNonce)}
	case f.join || !c.hasPeerKey:
		return nil
	}
	o := &wire.MPCapable{
		Version: 1, Crypto: wire.CryptoHMACSHA256, ChecksumRequired: c.checksum,
		DenyJoinInitial: !c.host.Manager.Settings().AllowJoinInitial,
		HasSenderKey:    true, SenderKey: c.key, HasReceiverKey: true, ReceiverKey: c.peerKey,
	}
	if m := mapOf(s.Chunk); m != nil {
		o.HasData, o.DataLen = true, m.length()
		if c.checksum {
			o.HasChecksum, o.Checksum = true, m.checksum(m.length())
		}
	}
	return o
}

// dss is the DSS of a segment; nil: it has none.
func (f *Subflow) dss(s tcp.Sending) *wire.DSS {
	c := f.conn
	o := &wire.DSS{}
	if m := mapOf(s.Chunk); m != nil {
		o.HasMapping, o.DSN64 = true, true
		o.DSN, o.SubflowSeq, o.DataLen = m.dsn, m.ssn, m.length()
		if c.finSent && m.end() == c.finSeq() {
			o.DataFIN = true
			o.DataLen++
		}
		if c.checksum {
			o.HasChecksum, o.Checksum = true, m.checksum(o.DataLen)
		}
	} else if c.finSent && c.sndUna != c.writeSeq && c.sndNxt == c.writeSeq && f.tcp.State().CanSend() {
		o.HasMapping, o.DSN64, o.DataFIN = true, true, true
		o.DSN, o.DataLen = c.finSeq(), 1
		if c.checksum {
			o.HasChecksum, o.Checksum = true, wire.DSSChecksum(o.DSN, 0, 1, nil)
		}
	}
	if c.hasPeerKey {
		o.HasAck, o.Ack64, o.Ack = true, c.use64, c.rcvNxt
		if !o.Ack64 {
			o.Ack &= 0xffffffff
		}
	}
	if !o.HasAck && !o.HasMapping {
		return nil
	}
	return o
}

// retransmitThirdAck sends the third ACK of a join again, until the peer has shown that it has it (schedule_3rdack_retransmission).
func (f *Subflow) retransmitThirdAck() {
	wait := 2 * f.tcp.RTT()
	if wait == 0 {
		wait = tcp.InitialRTO
	}
	if f.thirdAck.Pending() {
		return
	}
	f.thirdAck = f.tcp.Stack().Clock().After(wait, func() {
		if !f.established && !f.dead {
			f.tcp.SendAck()
		}
	})
}

// infiniteOptions are those after a fallback: none, but for the infinite mapping that tells of it.
func (f *Subflow) infiniteOptions(s tcp.Sending) []wire.Option {
	m := mapOf(s.Chunk)
	if m == nil || !m.infinite {
		return nil
	}
	return []wire.Option{&wire.DSS{
		HasAck: true, Ack64: true, Ack: f.conn.rcvNxt,
		HasMapping: true, DSN64: true, DSN: m.dsn, SubflowSeq: m.ssn, HasChecksum: f.conn.checksum,
	}}
}
