package tcp

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// fastOpen is TCP Fast Open (RFC 7413) of a connection: data that goes with the SYN.
type fastOpen struct {
	asks     bool   // the option is sent
	cookie   []byte // that is sent; empty: it asks for one, or has none to give
	sent     int    // bytes of data with this end's SYN that the peer has taken
	received []byte // with the peer's SYN
}

const (
	fastOpenClient = 1
	fastOpenServer = 2
)

// SendWithSYN puts data into the SYN of a connection that is about to be opened, if the peer has given a cookie, and returns how
// much of it. Else it asks for a cookie.
func (c *Conn) SendWithSYN(data []byte) int {
	if c.stack.Settings.FastOpen&fastOpenClient == 0 || len(data) == 0 {
		return 0
	}
	c.fast.asks = true
	c.fast.cookie = c.stack.cookies[c.Remote.Addr()]
	if len(c.fast.cookie) == 0 {
		return 0
	}
	const options = 40
	data = data[:min(len(data), c.mtu-segment.LenIP(c.Local.Addr())-segment.LenTCP-options)]
	c.queue[0].Data = data
	c.queued += len(data)
	return len(data)
}

// SYNData are how many bytes of data went with the SYN of this end, and those that came with the peer's.
func (c *Conn) SYNData() (sent int, received []byte) { return c.fast.sent, c.fast.received }

// answersFastOpen takes the data of a SYN that has the right cookie, and gives a cookie to who asks for one.
func (c *Conn) answersFastOpen(s *segment.Segment) {
	if c.stack.Settings.FastOpen&fastOpenServer == 0 || c.Options.FastOpen == 0 || !s.HasFastOpen {
		return
	}
	cookie := c.stack.cookieFor(s.Src.Addr())
	if string(s.Cookie) != string(cookie) {
		c.fast.asks, c.fast.cookie = true, cookie
		return
	}
	c.fast.received = s.Payload
	c.rcvNxt += uint32(len(s.Payload))
	c.rcvWup = c.rcvNxt
}

// learnFastOpen takes the cookie of a SYN-ACK, and sends again what of the SYN's data it does not acknowledge.
func (c *Conn) learnFastOpen(s *segment.Segment) {
	if s.HasFastOpen && len(s.Cookie) > 0 {
		c.stack.cookies[c.Remote.Addr()] = s.Cookie
	}
	first := c.queue[0]
	if len(first.Data) == 0 {
		return
	}
	if s.Ack == c.iss+1 {
		rest := *first
		rest.syn, rest.seq, rest.sent = false, c.iss+1, 0
		first.Data = nil
		c.queue = append([]*Chunk{first, &rest}, c.queue[1:]...)
		c.sndNxt = c.iss + 1
	} else {
		c.fast.sent = len(first.Data)
	}
}

// acknowledgesSYN tells whether a segment acknowledges this end's SYN, with or without its data.
func (c *Conn) acknowledgesSYN(s *segment.Segment) bool {
	return s.Has(wire.FlagACK) && (s.Ack == c.iss+1 || s.Ack == c.queue[0].end())
}

// cookieFor is the cookie that the host gives to an address.
func (st *Stack) cookieFor(a netip.Addr) []byte {
	h := fnv.New64a()
	_, _ = h.Write([]byte(st.host.Name()))
	_, _ = h.Write(a.AsSlice())
	return binary.BigEndian.AppendUint64(nil, h.Sum64())
}
