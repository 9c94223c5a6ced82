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

// firstPort is the port of the first connection of a lab; each next one that asks for none has the next.
const firstPort = 8001

// conn is a connection: both of its ends.
type conn struct {
	client, server *socket
}

func (c *conn) String() string {
	return fmt.Sprintf("<conn %s > %s>", c.client.host.host.Name(), c.server.host.host.Name())
}
func (c *conn) Type() string                             { return "conn" }
func (c *conn) Freeze()                                  {}
func (c *conn) Truth() starlark.Bool                     { return true }
func (c *conn) Hash() (uint32, error)                    { return 0, errors.New("unhashable: conn") }
func (c *conn) Attr(name string) (starlark.Value, error) { return connNoun.attr(c, name) }
func (c *conn) AttrNames() []string                      { return connNoun.attrNames() }

var connNoun = &noun[*conn]{
	name: "conn",
	doc:  "A connection between two hosts: both of its ends, as lab.connect returns them.",
	attributes: []attribute[*conn]{
		{"client", "socket", "The end that connected.", func(c *conn) (starlark.Value, error) { return c.client, nil }},
		{"server", "socket", "The end that accepted.", func(c *conn) (starlark.Value, error) { return c.server, nil }},
	},
	methods: []method[*conn]{
		{signature{
			name: "transfer",
			params: []param{
				sizeParam,
				{"direction", directionKind, starlark.String("client-to-server"), "who sends"},
				{"timeout", durationKind, starlark.String("20s"), "how long it may take"},
			},
			returns: "None",
			doc:     "Sends that many bytes of a pattern, receives them at the other end, and verifies each.",
			example: `conn = lab.connect(client, server)
conn.transfer("1MB", direction = "both")
check.at_least(conn.client.info.bytes_sent, 1000000)`,
		}, transfer},
		{signature{
			name: "ping_pong",
			params: []param{
				{"rounds", number(1, 1_000_000), starlark.MakeInt(1), "how often"},
				{"size", sizeKind, starlark.MakeInt(1), "bytes each way"},
				{"timeout", durationKind, starlark.String("20s"), "how long it may take in all"},
			},
			returns: "None",
			doc:     "Sends bytes to the server and as many back, so that each end has acknowledged the other's.",
			example: "conn = lab.connect(client, server)\nconn.ping_pong(rounds = 3, size = \"1KB\")\ncheck.at_least(conn.server.info.bytes_received, 3000)",
		}, pingPong},
		{signature{
			name: "close", params: []param{socketTimeout}, returns: "None",
			doc:     "Closes both ends gracefully: each has seen the end of the other's stream.",
			example: "conn = lab.connect(client, server)\nconn.transfer(1000)\nconn.close()\ncheck.events(client, [\"CREATED\", \"CLOSED\"])",
		}, closeConn},
		whyMethod,
	},
}

var connectSignature = signature{
	name: "connect",
	params: []param{
		{"client", hostKind, nil, "the host that connects"},
		{"server", hostKind, nil, "the host that listens and accepts"},
		{"port", number(1, 65535), starlark.None, "port of the server; None: 8001, and 1 more for each next connection"},
		{"address", targetKind, starlark.MakeInt(0), "address of the server to connect to, or its index, as of host.address"},
		{"bind", addressKind, starlark.None, "source address of the client; None: routing chooses"},
		{"listen", addressKind, starlark.None, "address that the server listens on; None: all addresses of both families"},
		{"client_protocol", protocolKind, starlark.String("mptcp"), "what the client speaks"},
		{"server_protocol", protocolKind, starlark.String("mptcp"), "what the server speaks"},
		optionsParam("client_options", "the client's socket"),
		optionsParam("server_options", "the listener, which hands down to what it accepts what the kernel hands down"),
		{"establish", boolKind, starlark.True, "exchange one byte each way, for a client is fully established only once it has heard of its peer"},
		socketTimeout,
	},
	returns: "conn",
	doc: "Connects a client to a server, and returns both ends. The server's listener stays open until the case ends, " +
		"for joins to announced addresses need it.",
	example: `conn = lab.connect(client, server)
check.equal(len(conn.client.subflows), 1)
check.true(lab.connect(client, server, server_protocol = "tcp").client.fallback)`,
}

// target is where lab.connect connects to.
type target struct {
	address netip.Addr
	index   int64
}

var targetKind = kindOf(`an IP address such as "10.0.1.1", or an index from 0`, func(v starlark.Value) (target, error) {
	switch v := v.(type) {
	case starlark.Int:
		n, ok := v.Int64()
		if !ok || n < 0 {
			return target{}, errWrongKind
		}
		return target{index: n}, nil
	case starlark.String:
		a, err := netip.ParseAddr(string(v))
		if err != nil {
			return target{}, errWrongKind
		}
		return target{address: a}, nil
	}
	return target{}, errWrongKind
})

// of is the address that is meant of a server.
func (t target) of(server *host) (netip.Addr, error) {
	if t.address.IsValid() {
		return t.address, nil
	}
	return server.address(t.index, "")
}

// listening says what a listener of lab.connect listens on.
type listening struct {
	host     *host
	protocol lab.Protocol
	address  netip.AddrPort
	options  string
}

func connect(c *call, l *labValue) (starlark.Value, error) {
	r, client, server := l.run, get[*host](c, "client"), get[*host](c, "server")
	address, err := get[target](c, "address").of(server)
	if err != nil {
		return nil, err
	}
	port := get[int64](c, "port")
	if port == 0 {
		port = firstPort + r.ports
		r.ports++
	}
	dial := lab.DialOptions{Protocol: get[lab.Protocol](c, "client_protocol"), Remote: netip.AddrPortFrom(address, uint16(port))}
	dial.Options = get[[]lab.SocketOption](c, "client_options")
	if bind := get[netip.Addr](c, "bind"); bind.IsValid() {
		dial.Local = netip.AddrPortFrom(bind, 0)
	}
	r.note(client.host.Name(), "connect to %s %s", server.host.Name(), dial.Remote)
	lis, err := r.listen(c.ctx(), server, lab.ListenOptions{
		Protocol: get[lab.Protocol](c, "server_protocol"),
		Address:  wildcard(get[netip.Addr](c, "listen"), port),
		Options:  get[[]lab.SocketOption](c, "server_options"),
	})
	if err != nil {
		return nil, err
	}
	near, err := client.dial(c, dial)
	if err != nil {
		return nil, err
	}
	far, err := server.accept(c, lis)
	if err != nil {
		return nil, err
	}
	made := &conn{client: near, server: far}
	r.conns = append(r.conns, made)
	if get[bool](c, "establish") {
		err = made.establish(c)
	}
	return made, err
}

// listen opens a listener of lab.connect, or returns the one that was opened before.
func (r *run) listen(ctx context.Context, h *host, o lab.ListenOptions) (lab.Listener, error) {
	on := listening{h, o.Protocol, o.Address, optionsText(o.Options)}
	if l, ok := r.listeners[on]; ok {
		return l, nil
	}
	l, err := h.host.Listen(ctx, o)
	if err != nil {
		return nil, err
	}
	r.listeners[on] = l
	return l, nil
}

// establish exchanges one byte each way.
func (c *conn) establish(by *call) error {
	return c.client.within(by, func(ctx context.Context) error {
		for _, way := range c.ways("both") {
			if err := way.from.socket.SendBytes(ctx, []byte{'.'}); err != nil {
				return fmt.Errorf("establish: %s sends a byte: %w", way.from.host.host.Name(), err)
			}
			if _, err := way.to.socket.ReceiveBytes(ctx, 1); err != nil {
				return fmt.Errorf("establish: %s receives a byte: %w", way.to.host.host.Name(), err)
			}
		}
		return nil
	})
}

var directionKind = words("a direction", map[string]string{
	"client-to-server": "client-to-server", "server-to-client": "server-to-client", "both": "both",
})

// way is one direction of a connection.
type way struct{ from, to *socket }

func (c *conn) ways(direction string) []way {
	up, down := way{c.client, c.server}, way{c.server, c.client}
	switch direction {
	case "client-to-server":
		return []way{up}
	case "server-to-client":
		return []way{down}
	}
	return []way{up, down}
}

func transfer(c *call, in *conn) (starlark.Value, error) {
	size, direction := get[int64](c, "size"), get[string](c, "direction")
	c.run.note(in.client.host.host.Name(), "transfer %d bytes %s", size, direction)
	return nil, in.client.within(c, func(ctx context.Context) error {
		return in.transfer(ctx, in.ways(direction), size)
	})
}

// transfer sends and receives at once, for neither end could hold a large transfer alone.
func (c *conn) transfer(ctx context.Context, ways []way, size int64) error {
	var halves []func(context.Context) error
	for _, w := range ways {
		halves = append(halves, func(ctx context.Context) error {
			if err := w.from.socket.Send(ctx, size); err != nil {
				return fmt.Errorf("%s sends: %w", w.from.host.host.Name(), err)
			}
			return nil
		}, func(ctx context.Context) error {
			if err := w.to.socket.Receive(ctx, size); err != nil {
				return fmt.Errorf("%s receives: %w", w.to.host.host.Name(), err)
			}
			return nil
		})
	}
	return c.client.run.lab.Together(ctx, halves...)
}

func pingPong(c *call, in *conn) (starlark.Value, error) {
	size, rounds := get[int64](c, "size"), get[int64](c, "rounds")
	c.run.note(in.client.host.host.Name(), "ping pong, %d rounds of %d bytes", rounds, size)
	return nil, in.client.within(c, func(ctx context.Context) error {
		for range rounds {
			for _, w := range in.ways("both") {
				if err := in.transfer(ctx, []way{w}, size); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

func closeConn(c *call, in *conn) (starlark.Value, error) {
	c.run.note(in.client.host.host.Name(), "close both ends")
	timeout := get[time.Duration](c, "timeout")
	ctx, cancel := c.run.lab.Timeout(c.ctx(), timeout, fmt.Errorf("not closed within %s", timeout))
	defer cancel()
	ends := []*socket{in.client, in.server}
	for _, s := range ends {
		if err := s.socket.CloseWrite(); err != nil {
			return nil, fmt.Errorf("%s ends its stream: %w", s.host.host.Name(), err)
		}
	}
	err := c.run.attend(ctx, func(ctx context.Context) error {
		for _, s := range ends {
			if err := s.socket.ReceiveEOF(ctx); err != nil {
				return fmt.Errorf("%s waits for the end of the stream: %w", s.host.host.Name(), err)
			}
		}
		return nil
	})
	if err != nil {
		return nil, caused(ctx, err)
	}
	return nil, errors.Join(in.client.socket.Close(), in.server.socket.Close())
}
