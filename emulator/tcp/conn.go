package tcp

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Owner is whose connection it is. It is called while the connection works: it may send on it, and abort it.
type Owner interface {
	// Options are the MPTCP options of a segment that is about to be sent.
	Options(s Sending) []wire.Option
	// Segment is told of a segment that is acceptable, before anything else is done with it; false: it is to be ignored, as
	// the owner has dealt with it.
	Segment(s *segment.Segment) bool
	// Data takes the next bytes of the peer's stream; from is the segment that they came in, and seq their sequence number.
	Data(data []byte, seq uint32, from *segment.Segment)
	// Window is how many more bytes there is room for.
	Window() int
	// Established tells that the handshake is done.
	Established()
	// Acked tells that the peer has acknowledged something, or made room.
	Acked()
	// Finished tells that the peer has ended its stream.
	Finished()
	// Closed tells that the connection is no more, and why, unless it has ended in good order.
	Closed(why syscall.Errno)
}

// Sending is a segment that is about to be sent.
type Sending struct {
	Segment *segment.Segment // without MPTCP options yet
	Chunk   *Chunk           // nil: it is an acknowledgement
	Tries   int              // how often the chunk was sent before
}

// Chunk is what is sent in one segment, again if it is lost.
type Chunk struct {
	Data    []byte
	Ext     any // of the owner
	Options int // bytes that the owner's options take beside the data

	seq      uint32
	syn, fin bool
	sent     int           // times
	at       time.Duration // last
	sacked   bool
	lost     bool // and not yet sent again
}

func (k *Chunk) end() uint32 {
	end := k.seq + uint32(len(k.Data))
	if k.syn || k.fin {
		end++
	}
	return end
}

// Conn is one end of a connection.
type Conn struct {
	Local, Remote netip.AddrPort
	Listener      *Listener // that took it; nil: this end opened it
	Six           bool      // its socket is of IPv6
	IfIndex       int32     // of the interface that it is bound to; 0: none
	Options       Options
	// Cookie tells that a listener has answered the SYN with one, so that the answer is not sent again by itself.
	Cookie bool
	// Unlimited leaves the peer's window to the owner, who knows better.
	Unlimited bool
	Stats     Stats

	stack *Stack
	clock *vtime.Clock
	owner Owner
	state State
	mtu   int

	// What was agreed on.
	peerMSS            int
	timestamps, sackOK bool
	scaling            bool
	peerScale          uint8

	sender
	receiver
	fast fastOpen

	timer    *vtime.Timer // of retransmission, of probing a closed window, or of TIME-WAIT
	backoff  int          // time-outs in a row
	isClosed bool
}

// Stats are what tcp_info counts.
type Stats struct {
	BytesSent, BytesAcked, BytesReceived, BytesRetrans uint64
	LastReceived                                       time.Duration
}

func (st *Stack) newConn(local, remote netip.AddrPort, mtu int) *Conn {
	c := &Conn{Local: local, Remote: remote, stack: st, clock: st.clock, mtu: mtu}
	c.iss = st.random.Uint32()
	c.sndUna, c.sndNxt = c.iss, c.iss
	c.cwnd, c.widest, c.ssthresh = initialWindow, initialWindow, 1<<30
	c.peerMSS = defaultMSS
	return c
}

func (c *Conn) register() {
	c.stack.conns[tuple{c.Local, c.Remote}] = c
	c.stack.order = append(c.stack.order, c)
}

// Open connects. An unspecified local address is chosen by routing, port 0 by chance. What fails at once is an error number.
// begun is called before the SYN leaves, when the addresses are known.
func (st *Stack) Open(local, remote netip.AddrPort, index int32, owner Owner, begun func(*Conn)) (*Conn, syscall.Errno) {
	if a := local.Addr(); a.IsValid() && !a.IsUnspecified() && !st.host.Has(a) {
		return nil, network.EADDRNOTAVAIL
	}
	if index != 0 && st.host.InterfaceAt(index) == nil {
		return nil, network.ENODEV
	}
	switch {
	case remote.Addr().IsMulticast():
		return nil, network.ENETUNREACH
	case remote.Addr().IsLinkLocalUnicast() && remote.Addr().Is6() && index == 0:
		return nil, network.EINVAL
	}
	if port := local.Port(); port != 0 && st.inUse(local) {
		return nil, EADDRINUSE
	}
	path, errno := st.host.Route(local.Addr(), remote.Addr(), index)
	if errno != 0 {
		return nil, errno
	}
	port := local.Port()
	if port == 0 {
		port = st.freePort(path.Source, remote)
	}
	local = netip.AddrPortFrom(path.Source, port)
	if _, taken := st.conns[tuple{local, remote}]; taken || port == 0 {
		return nil, network.EADDRNOTAVAIL
	}
	c := st.newConn(local, remote, path.MTU())
	c.owner, c.state, c.IfIndex = owner, SynSent, index
	c.register()
	c.queue = []*Chunk{{seq: c.iss, syn: true}}
	if begun != nil {
		begun(c)
	}
	c.transmitNext()
	return c, 0
}

// SetOwner gives the connection to somebody else.
func (c *Conn) SetOwner(o Owner) { c.owner = o }

// State is the state of the connection.
func (c *Conn) State() State { return c.state }

// Stack is that of the connection's host.
func (c *Conn) Stack() *Stack { return c.stack }

// InitialSeqs are the sequence numbers of both ends' SYNs.
func (c *Conn) InitialSeqs() (own, peer uint32) { return c.iss, c.irs }

// negotiate takes over what a SYN or SYN-ACK of the peer offers, as far as this end wants it, too.
func (c *Conn) negotiate(s *segment.Segment, isSYN bool) {
	set := &c.stack.Settings
	if s.MSS != 0 {
		c.peerMSS = int(s.MSS)
	}
	c.timestamps = set.Timestamps && s.HasTimestamps
	c.sackOK = set.SACK && s.SACKPermitted
	if c.scaling = set.Scaling && s.HasScale; c.scaling {
		c.peerScale = s.Scale
	}
	c.peerWindow = int(s.Window) // that of a SYN is not scaled
	c.recentTS = s.TSVal
}

// maxSegment is the largest payload of a segment without MPTCP options.
func (c *Conn) maxSegment() int {
	m := min(c.peerMSS, c.mtu-segment.LenIP(c.Local.Addr())-segment.LenTCP)
	if c.timestamps {
		m -= 12
	}
	return m
}

// Payload is the largest payload of a segment that has that many bytes of MPTCP options.
func (c *Conn) Payload(options int) int { return max(1, c.maxSegment()-options) }

// setState changes the state.
func (c *Conn) setState(s State) { c.state = s }

// end closes the connection for good.
func (c *Conn) end(why syscall.Errno) {
	if c.isClosed {
		return
	}
	c.isClosed = true
	c.setState(Closed)
	c.timer.Stop()
	c.stack.remove(c)
	c.queue, c.queued, c.next, c.ahead = nil, 0, 0, nil
	c.owner.Closed(why)
}

// Abort resets the connection. The options go into the reset.
func (c *Conn) Abort(why syscall.Errno, options ...wire.Option) {
	if c.isClosed {
		return
	}
	if c.state.in(Established, CloseWait, FinWait1, FinWait2, Closing, LastAck, SynRecv) {
		s := c.blank(wire.FlagRST | wire.FlagACK)
		s.Seq = c.sndNxt
		s.MPTCP = options
		c.advertised(s)
		c.send(s)
	}
	c.end(why)
}

// Vanish ends the connection without a word.
func (c *Conn) Vanish(why syscall.Errno) { c.end(why) }

// Shutdown ends this end's stream after what was written.
func (c *Conn) Shutdown() {
	switch c.state {
	case Established, SynRecv:
		c.setState(FinWait1)
	case CloseWait:
		c.setState(LastAck)
	case SynSent:
		c.end(0)
		return
	default:
		return
	}
	c.queue = append(c.queue, &Chunk{seq: c.writeSeq(), fin: true})
	c.push()
}

// unreachable takes an ICMP error (tcp_v4_err): hard while the connection is not established.
func (c *Conn) unreachable(e network.ICMPError) {
	if e.Why == network.CodeTooBig {
		if e.MTU >= 68 && e.MTU < c.mtu {
			c.mtu = e.MTU
			c.loseAll()
			c.push()
		}
		return
	}
	if c.state.in(SynSent) {
		errno := [...]syscall.Errno{
			network.CodeNoRoute: network.ENETUNREACH, network.CodeHost: network.EHOSTUNREACH,
			network.CodePort: ECONNREFUSED, network.CodeProhibited: network.EHOSTUNREACH,
		}[e.Why]
		c.end(errno)
	}
}

// Info is a part of struct tcp_info.
func (c *Conn) Info() lab.TCPInfo {
	return lab.TCPInfo{
		State: c.state.String(), MSS: uint32(c.maxSegment()), RTO: c.RTO(), RTT: c.srtt,
		BytesSent: c.Stats.BytesSent, BytesAcked: c.Stats.BytesAcked, BytesReceived: c.Stats.BytesReceived, BytesRetrans: c.Stats.BytesRetrans,
	}
}
