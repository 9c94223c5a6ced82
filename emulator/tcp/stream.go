package tcp

import (
	"net/netip"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/emulator/segment"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Stream is a socket of plain TCP. It implements [Owner].
type Stream struct {
	Conn *Conn

	received  []byte
	ended     bool // the peer's stream
	connected bool
	closed    bool // by the program: what comes is refused
	why       syscall.Errno
	onReady   func() // the handshake of an accepted connection is done
}

// Dial opens a connection of plain TCP, by an interface unless index is 0. A remote address that is mapped into IPv6 makes a socket of
// IPv6. Of the data as much goes with the SYN as may, and how much that is is returned.
func (st *Stack) Dial(local, remote netip.AddrPort, index int32, o Options, data []byte) (s *Stream, sent int, errno syscall.Errno) {
	s = &Stream{}
	unmapped := netip.AddrPortFrom(remote.Addr().Unmap(), remote.Port())
	_, errno = st.Open(local, unmapped, index, s, func(c *Conn) {
		s.Conn, c.Options, c.Six = c, o, remote.Addr().Is6()
		sent = c.SendWithSYN(data)
	})
	return s, sent, errno
}

// Accepting returns the owner of a connection that a listener takes. Ready is called when the handshake is done.
func Accepting(c *Conn, ready func(*Stream)) *Stream {
	s := &Stream{Conn: c, received: c.fast.received}
	s.onReady = func() { ready(s) }
	return s
}

// Adopt makes a plain stream of a connection whose handshake is done, or about to be.
func Adopt(c *Conn) *Stream {
	s := &Stream{Conn: c, connected: true}
	c.SetOwner(s)
	return s
}

// Local is this end's address.
func (s *Stream) Local() netip.AddrPort { return s.Conn.Local }

// Remote is the peer's address.
func (s *Stream) Remote() netip.AddrPort { return s.Conn.Remote }

// Connected tells whether the handshake was done.
func (s *Stream) Connected() bool { return s.connected }

// Err is why the connection ended, if it did not do so in good order.
func (s *Stream) Err() syscall.Errno { return s.why }

// Writable is how many bytes Write takes now.
func (s *Stream) Writable() int {
	if !s.Conn.state.CanSend() {
		return 0
	}
	return max(0, s.Conn.Options.Send(&s.Conn.stack.Settings)-s.Conn.Queued())
}

// CanWrite tells whether this end's stream is open.
func (s *Stream) CanWrite() bool { return s.Conn.state.CanSend() }

// Write sends as much of b as there is room for, and returns how much that was.
func (s *Stream) Write(b []byte) int {
	b = b[:min(len(b), s.Writable())]
	n := len(b)
	data := append([]byte(nil), b...)
	for len(data) > 0 {
		most := min(len(data), s.Conn.Payload(0))
		s.Conn.Write(data[:most:most], nil, 0)
		data = data[most:]
	}
	return n
}

// Readable is how many bytes Read has now.
func (s *Stream) Readable() int { return len(s.received) }

// Read takes received bytes.
func (s *Stream) Read(b []byte) int {
	n := copy(b, s.received)
	s.received = s.received[n:]
	if n > 0 && s.Conn.Opened() >= s.room()/2 {
		s.Conn.SendAck()
	}
	return n
}

// Peek copies received bytes.
func (s *Stream) Peek(b []byte) { copy(b, s.received) }

// Queue is how many bytes are not acknowledged, and how many of them were not sent.
func (s *Stream) Queue() (unacknowledged, unsent int) { return s.Conn.Queued(), s.Conn.Unsent() }

// Ended tells whether the peer's stream has ended and all of it was read.
func (s *Stream) Ended() bool { return s.ended && len(s.received) == 0 }

// Shutdown ends this end's stream.
func (s *Stream) Shutdown() { s.Conn.Shutdown() }

// Close closes the connection: in good order, unless received data were not read.
func (s *Stream) Close() {
	s.closed = true
	if len(s.received) > 0 {
		s.Conn.Abort(0)
		return
	}
	s.Conn.Shutdown()
}

// Abort resets the connection.
func (s *Stream) Abort() {
	s.closed = true
	s.Conn.Abort(0)
}

// Options implements [Owner].
func (s *Stream) Options(Sending) []wire.Option { return nil }

// Segment implements [Owner].
func (s *Stream) Segment(*segment.Segment) bool { return true }

// Data implements [Owner].
func (s *Stream) Data(data []byte, _ uint32, _ *segment.Segment) {
	if s.closed {
		s.Conn.Abort(ECONNRESET)
		return
	}
	s.received = append(s.received, data...)
}

// Window implements [Owner].
func (s *Stream) Window() int { return s.room() - len(s.received) }

// room is how many bytes may wait to be read.
func (s *Stream) room() int { return s.Conn.Options.Receive(&s.Conn.stack.Settings) }

// SetOptions changes the options of the socket.
func (s *Stream) SetOptions(o Options) { s.Conn.Options = o }

// EndSeen tells whether the peer has ended its stream.
func (s *Stream) EndSeen() bool { return s.ended }

// Established implements [Owner].
func (s *Stream) Established() {
	s.connected = true
	if s.onReady != nil {
		s.onReady()
	}
}

// Acked implements [Owner].
func (s *Stream) Acked() {}

// Finished implements [Owner].
func (s *Stream) Finished() { s.ended = true }

// Closed implements [Owner].
func (s *Stream) Closed(why syscall.Errno) { s.why = why }
