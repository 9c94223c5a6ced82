package starlark

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// socket is one end of a connection.
type socket struct {
	run    *run
	host   *host
	socket lab.Socket
}

func (s *socket) String() string {
	return fmt.Sprintf("<socket of %s, %s > %s>", s.host.host.Name(), s.socket.Local(), s.socket.Remote())
}
func (s *socket) Type() string                             { return "socket" }
func (s *socket) Freeze()                                  {}
func (s *socket) Truth() starlark.Bool                     { return true }
func (s *socket) Hash() (uint32, error)                    { return 0, errors.New("unhashable: socket") }
func (s *socket) Attr(name string) (starlark.Value, error) { return socketNoun.attr(s, name) }
func (s *socket) AttrNames() []string                      { return socketNoun.attrNames() }

// viewed declares an attribute read from the socket's view of the connection.
func viewed(name, returns, doc string, get func(lab.Conn) starlark.Value) attribute[*socket] {
	return attribute[*socket]{name, returns, doc, func(s *socket) (starlark.Value, error) {
		view, err := s.view()
		if err != nil {
			return nil, err
		}
		return get(view), nil
	}}
}

func (s *socket) view() (lab.Conn, error) {
	return s.socket.Conn()
}

var connSnapshot = &snapshot[lab.Conn]{
	name: "view",
	doc:  "A host's view of a connection at one moment, as inet_diag shows it.",
	fields: []field[lab.Conn]{
		{"local", `its local address and port: "10.0.1.1:40000"`, func(c lab.Conn) starlark.Value { return endText(c.Local) }},
		{"remote", "its remote address and port", func(c lab.Conn) starlark.Value { return endText(c.Remote) }},
		{"token", "this end's token; 0 on plain TCP", func(c lab.Conn) starlark.Value { return integer(c.Token) }},
		{"state", `its state as ss(8) names it: "ESTAB"`, func(c lab.Conn) starlark.Value { return text(c.State) }},
		{"fallback", "it is plain TCP: it never was MPTCP, or it has fallen back", func(c lab.Conn) starlark.Value { return starlark.Bool(c.Fallback) }},
		{"subflows", "its subflows, in order of their creation", func(c lab.Conn) starlark.Value { return subflowSnapshot.list(c.Subflows) }},
		{"info", "its struct mptcp_info", func(c lab.Conn) starlark.Value { return infoSnapshot.of(c.Info) }},
	},
}

var sizeParam = param{"size", sizeKind, nil, `how many bytes: 1000, "64KB" or "1MiB"`}

var socketTimeout = param{"timeout", durationKind, starlark.String("5s"), "how long it may take"}

var socketNoun = &noun[*socket]{
	name: "socket",
	doc:  "One end of a connection.",
	attributes: []attribute[*socket]{
		{"host", "host", "The host whose socket it is.", func(s *socket) (starlark.Value, error) { return s.host, nil }},
		{"local", "string", `Its local address and port: "10.0.1.1:40000".`, func(s *socket) (starlark.Value, error) { return endText(s.socket.Local()), nil }},
		{"remote", "string", "Its remote address and port.", func(s *socket) (starlark.Value, error) { return endText(s.socket.Remote()), nil }},
		viewed("token", "int", "This end's token; 0 on plain TCP.", func(c lab.Conn) starlark.Value { return integer(c.Token) }),
		viewed("state", "string", `The connection's state as ss(8) names it: "ESTAB".`, func(c lab.Conn) starlark.Value { return text(c.State) }),
		viewed("fallback", "bool", "The connection is plain TCP: it never was MPTCP, or it has fallen back.", func(c lab.Conn) starlark.Value { return starlark.Bool(c.Fallback) }),
		viewed("subflows", "list of subflows", "Its subflows, in order of their creation: the initial one first while it lives.", func(c lab.Conn) starlark.Value { return subflowSnapshot.list(c.Subflows) }),
		viewed("info", "info", "Its struct mptcp_info.", func(c lab.Conn) starlark.Value { return infoSnapshot.of(c.Info) }),
	},
	methods: []method[*socket]{
		{signature{
			name: "send", params: []param{{"data", dataKind, nil, "bytes to send, or how many bytes of a known pattern"}, socketTimeout}, returns: "None",
			doc:     "Sends the script's own bytes, or as many bytes of a pattern that receive verifies. It returns when the kernel has taken them.",
			example: "conn = lab.connect(client, server)\nconn.client.send(b\"hello\")\ncheck.equal(conn.server.receive_bytes(5), b\"hello\")",
		}, sendData},
		{signature{
			name: "receive", params: []param{sizeParam, socketTimeout}, returns: "None",
			doc:     "Receives bytes of the pattern that the peer sends, and verifies each; a wrong one is an error with its offset.",
			example: "conn = lab.connect(client, server)\nconn.client.send(1000)\nconn.server.receive(1000)\ncheck.equal(len(conn.client.subflows), 1)",
		}, func(c *call, s *socket) (starlark.Value, error) {
			return nil, s.within(c, func(ctx context.Context) error { return s.socket.Receive(ctx, get[int64](c, "size")) })
		}},
		{signature{
			name: "receive_bytes", params: []param{{"size", number(1, 1<<20), nil, "how many bytes"}, socketTimeout}, returns: "bytes",
			doc:     "Receives that many bytes, and returns them.",
			example: "conn = lab.connect(client, server)\nconn.server.send(b\"\\x00\\x01\")\ncheck.equal(conn.client.receive_bytes(2), b\"\\x00\\x01\")",
		}, receiveBytes},
		recvmsgMethod,
		getsockoptMethod,
		setsockoptMethod,
		reconnectMethod,
		{signature{
			name: "receive_eof", params: []param{socketTimeout}, returns: "None",
			doc:     "Waits for the end of the peer's stream; data instead is an error.",
			example: "conn = lab.connect(client, server)\nconn.client.close_write()\nconn.server.receive_eof()\ncheck.equal(conn.server.fallback, False)",
		}, func(c *call, s *socket) (starlark.Value, error) {
			return nil, s.within(c, s.socket.ReceiveEOF)
		}},
		{signature{
			name: "close_write", returns: "None", doc: "Sends the end of the stream (DATA_FIN); receiving goes on.",
			example: "conn = lab.connect(client, server)\nconn.client.close_write()\nconn.server.send(10)\nconn.client.receive(10)\ncheck.false(conn.client.fallback)",
		}, func(_ *call, s *socket) (starlark.Value, error) {
			s.run.note(s.host.host.Name(), "close write")
			return nil, s.socket.CloseWrite()
		}},
		{signature{
			name: "close", returns: "None", doc: "Closes the socket. What was seen of the connection last stays readable.",
			example: "conn = lab.connect(client, server)\nconn.client.close()\nconn.server.receive_eof()\ncheck.equal(conn.client.fallback, False)",
		}, func(_ *call, s *socket) (starlark.Value, error) {
			s.run.note(s.host.host.Name(), "close")
			return nil, s.socket.Close()
		}},
		{signature{
			name: "abort", returns: "None", doc: "Ends the connection at once with a reset (MP_FASTCLOSE).",
			example: "conn = lab.connect(client, server)\nconn.client.abort()\ncheck.fails(lambda: conn.server.receive(1))",
		}, func(_ *call, s *socket) (starlark.Value, error) {
			s.run.note(s.host.host.Name(), "abort")
			return nil, s.socket.Abort()
		}},
	},
}

// within does something that takes at most the call's timeout.
func (s *socket) within(c *call, do func(context.Context) error) error {
	timeout := get[time.Duration](c, "timeout")
	ctx, cancel := c.run.lab.Timeout(c.ctx(), timeout, fmt.Errorf("not done within %s", timeout))
	defer cancel()
	return caused(ctx, s.run.attend(ctx, do))
}

// caused says why a context ended instead of that it did.
func caused(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil && !errors.Is(err, context.Cause(ctx)) {
		return fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	return err
}

// data is what socket.send sends: bytes of the script, or a number of bytes of the pattern.
type data struct {
	bytes []byte
	count int64
}

var dataKind = kindOf(`bytes such as b"hello", or a size such as "64KB"`, func(v starlark.Value) (data, error) {
	if b, ok := v.(starlark.Bytes); ok {
		return data{bytes: []byte(b)}, nil
	}
	n, err := toSize(v)
	return data{count: n}, err
})

func sendData(c *call, s *socket) (starlark.Value, error) {
	d := get[data](c, "data")
	return nil, s.within(c, func(ctx context.Context) error {
		if d.bytes != nil {
			return s.socket.SendBytes(ctx, d.bytes)
		}
		return s.socket.Send(ctx, d.count)
	})
}

func receiveBytes(c *call, s *socket) (starlark.Value, error) {
	var got []byte
	err := s.within(c, func(ctx context.Context) (err error) {
		got, err = s.socket.ReceiveBytes(ctx, int(get[int64](c, "size")))
		return err
	})
	return starlark.Bytes(got), err
}

var protocolParam = param{"protocol", protocolKind, starlark.String("mptcp"), "what the socket speaks"}

var dialSignature = signature{
	name: "connect",
	params: []param{
		{"address", addressKind, nil, "address to connect to"},
		{"port", number(1, 65535), nil, "port to connect to"},
		{"bind", addressKind, starlark.None, "source address; None: routing chooses"},
		protocolParam,
		optionsParam("options", "the socket"),
		{"data", is[starlark.Bytes]("bytes"), starlark.Bytes(""), "sent with the SYN where the peer has given a cookie for that (TCP Fast Open), else after the handshake"},
		socketTimeout,
	},
	returns: "socket",
	doc:     "Connects to a listener, and returns this end. lab.connect makes both ends at once.",
	example: `listener = server.listen(port = 9000)
near = client.connect(server.address(0), 9000)
far = listener.accept()
check.equal(near.local, far.remote)`,
}

func hostConnect(c *call, h *host) (starlark.Value, error) {
	o := lab.DialOptions{
		Protocol: get[lab.Protocol](c, "protocol"),
		Remote:   netip.AddrPortFrom(get[netip.Addr](c, "address"), uint16(get[int64](c, "port"))),
		Options:  get[[]lab.SocketOption](c, "options"),
		Data:     []byte(get[starlark.Bytes](c, "data")),
	}
	if bind := get[netip.Addr](c, "bind"); bind.IsValid() {
		o.Local = netip.AddrPortFrom(bind, 0)
	}
	h.run.note(h.host.Name(), "connect to %s", o.Remote)
	return h.dial(c, o)
}

func (h *host) dial(c *call, o lab.DialOptions) (*socket, error) {
	timeout := get[time.Duration](c, "timeout")
	ctx, cancel := c.run.lab.Timeout(c.ctx(), timeout, fmt.Errorf("not connected within %s", timeout))
	defer cancel()
	var s lab.Socket
	err := h.run.attend(ctx, func(ctx context.Context) (err error) {
		s, err = h.host.Dial(ctx, o)
		return err
	})
	if err != nil {
		return nil, caused(ctx, err)
	}
	return &socket{run: h.run, host: h, socket: s}, nil
}

var listenSignature = signature{
	name: "listen",
	params: []param{
		{"port", portKind, starlark.MakeInt(0), "port to listen on; 0: any that is free"},
		{"address", addressKind, starlark.None, "address to listen on; None: all addresses of both families"},
		protocolParam,
		optionsParam("options", "the socket"),
	},
	returns: "listener",
	doc:     "Opens a listening socket. Joins to announced addresses need one that covers them.",
	example: `listener = server.listen(port = 9000, address = server.address(0))
check.equal(listener.address, server.address(0))
listener.close()
check.fails(lambda: client.connect(server.address(0), 9000), "refused")`,
}

func hostListen(c *call, h *host) (starlark.Value, error) {
	o := lab.ListenOptions{Protocol: get[lab.Protocol](c, "protocol"), Address: wildcard(get[netip.Addr](c, "address"), get[int64](c, "port"))}
	o.Options = get[[]lab.SocketOption](c, "options")
	h.run.note(h.host.Name(), "listen on %s", o.Address)
	l, err := h.host.Listen(c.ctx(), o)
	if err != nil {
		return nil, err
	}
	return &listener{host: h, listener: l}, nil
}

// wildcard is an address to listen on; all addresses of both families where none is given.
func wildcard(a netip.Addr, port int64) netip.AddrPort {
	if !a.IsValid() {
		a = netip.IPv6Unspecified()
	}
	return netip.AddrPortFrom(a, uint16(port))
}

// listener is a listening socket.
type listener struct {
	*host
	listener lab.Listener
}

func (l *listener) String() string                           { return "<listener on " + l.listener.Address().String() + ">" }
func (l *listener) Type() string                             { return "listener" }
func (l *listener) Attr(name string) (starlark.Value, error) { return listenerNoun.attr(l, name) }
func (l *listener) AttrNames() []string                      { return listenerNoun.attrNames() }

var listenerNoun = &noun[*listener]{
	name: "listener",
	doc:  "A listening socket.",
	attributes: []attribute[*listener]{
		{"address", "string", "The address that it listens on.", func(l *listener) (starlark.Value, error) { return addressText(l.listener.Address().Addr()), nil }},
		{"port", "int", "The port that it listens on.", func(l *listener) (starlark.Value, error) { return integer(l.listener.Address().Port()), nil }},
	},
	methods: []method[*listener]{
		{signature{
			name: "accept", params: []param{socketTimeout}, returns: "socket", doc: "Returns the next connection's end.",
			example: "listener = server.listen()\nclient.connect(server.address(0), listener.port)\ncheck.equal(listener.accept().host, server)",
		}, acceptSocket},
		{signature{
			name: "close", returns: "None", doc: "Closes it. Connections that it made stay.",
			example: "listener = server.listen()\nlistener.close()\ncheck.fails(lambda: listener.accept(timeout = \"100ms\"))",
		}, func(_ *call, l *listener) (starlark.Value, error) { return nil, l.listener.Close() }},
	},
}

func acceptSocket(c *call, l *listener) (starlark.Value, error) {
	return l.host.accept(c, l.listener)
}

func (h *host) accept(c *call, l lab.Listener) (*socket, error) {
	timeout := get[time.Duration](c, "timeout")
	ctx, cancel := c.run.lab.Timeout(c.ctx(), timeout, fmt.Errorf("no connection came within %s", timeout))
	defer cancel()
	var s lab.Socket
	err := h.run.attend(ctx, func(ctx context.Context) (err error) {
		s, err = l.Accept(ctx)
		return err
	})
	if err != nil {
		return nil, caused(ctx, err)
	}
	return &socket{run: h.run, host: h, socket: s}, nil
}
