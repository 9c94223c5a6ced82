package starlark

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"go.starlark.net/starlark"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// sockoptKind takes the name of an option of a socket, of one that can be set or of any.
func sockoptKind(settable bool) kind {
	known := map[string]lab.SocketOptionKind{}
	for _, k := range lab.SocketOptions() {
		if !settable || !k.ReadOnly {
			known[k.Name] = k
		}
	}
	return words("an option", known)
}

var sockoptsKind = kindOf(`a dict of options, such as {"SO_MARK": 1}`, func(v starlark.Value) ([]lab.SocketOption, error) {
	d, ok := v.(*starlark.Dict)
	if !ok {
		return nil, errWrongKind
	}
	var all []lab.SocketOption
	settable := sockoptKind(true)
	for _, item := range d.Items() {
		k, err := settable.convert(item[0])
		if err != nil {
			return nil, err
		}
		o, err := sockopt(k.(lab.SocketOptionKind), item[1])
		if err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, nil
})

// sockopt is a value of the script for an option.
func sockopt(k lab.SocketOptionKind, v starlark.Value) (lab.SocketOption, error) {
	s, isText := v.(starlark.String)
	n, isNumber := v.(starlark.Int)
	i, small := int64(0), false
	if isNumber {
		i, small = n.Int64()
	}
	switch {
	case k.Text && isText:
		return lab.SocketOption{Name: k.Name, Value: string(s)}, nil
	case !k.Text && small && int64(int32(i)) == i:
		return lab.SocketOption{Name: k.Name, Value: int(i)}, nil
	case k.Text:
		return lab.SocketOption{}, fmt.Errorf("%s: expected a string, got %s", k.Name, shown(v))
	}
	return lab.SocketOption{}, fmt.Errorf("%s: expected a number of 32 bits, got %s", k.Name, shown(v))
}

// optionsParam is a parameter for options that are set before a socket connects or listens.
func optionsParam(name, of string) param {
	return param{name, sockoptsKind, starlark.None, "options of " + of + ", see socket.setsockopt: {\"SO_MARK\": 1}"}
}

var getsockoptMethod = method[*socket]{signature{
	name: "getsockopt", params: []param{{"name", sockoptKind(false), nil, "the option, or the count of ioctl(2)"}},
	returns: "int, string, info, list of tcp infos, list of (local, remote), or full info",
	doc: "Returns an option of the socket, as getsockopt(2) reads it, or a count that ioctl(2) reads. MPTCP_TCPINFO and " +
		"MPTCP_SUBFLOW_ADDRS have an element a subflow, in order of creation.",
	example: `conn = lab.connect(client, server)
check.equal(conn.client.getsockopt("TCP_IS_MPTCP"), 1)
check.equal(conn.client.getsockopt("MPTCP_SUBFLOW_ADDRS"), [(conn.client.local, conn.client.remote)])
check.equal(conn.client.getsockopt("MPTCP_FULL_INFO").subflows[0].id, 1)`,
}, func(c *call, s *socket) (starlark.Value, error) {
	v, err := s.socket.Option(get[lab.SocketOptionKind](c, "name").Name)
	if err != nil {
		return nil, err
	}
	return sockoptValue(v)
}}

func sockoptValue(v any) (starlark.Value, error) {
	switch v := v.(type) {
	case int:
		return starlark.MakeInt(v), nil
	case string:
		return text(v), nil
	case lab.Info:
		return infoSnapshot.of(v), nil
	case []lab.TCPInfo:
		return tcpInfoSnapshot.list(v), nil
	case []lab.SubflowAddrs:
		var pairs []starlark.Value
		for _, a := range v {
			pairs = append(pairs, starlark.Tuple{endText(a.Local), endText(a.Remote)})
		}
		return frozen(pairs), nil
	case lab.FullInfo:
		return fullInfoSnapshot.of(v), nil
	}
	return nil, fmt.Errorf("the backend has a value of type %T", v)
}

var setsockoptMethod = method[*socket]{signature{
	name: "setsockopt", params: []param{
		{"name", sockoptKind(true), nil, "the option"},
		{"value", anyKind, nil, "a number; of TCP_CONGESTION and TCP_ULP a string"},
	},
	returns: "None",
	doc:     "Sets an option of the socket, as setsockopt(2) does. Options of an MPTCP socket are those of its subflows, also of those to come.",
	example: `conn = lab.connect(client, server)
conn.client.setsockopt("TCP_NODELAY", 1)
check.equal(conn.client.getsockopt("TCP_NODELAY"), 1)
check.equal(check.fails(lambda: conn.client.setsockopt("TCP_ULP", "mptcp")).errno, "ENOPROTOOPT")`,
}, func(c *call, s *socket) (starlark.Value, error) {
	o, err := sockopt(get[lab.SocketOptionKind](c, "name"), get[starlark.Value](c, "value"))
	if err != nil {
		return nil, err
	}
	s.run.note(s.host.host.Name(), "setsockopt %s %v", o.Name, o.Value)
	return nil, s.socket.SetOption(o)
}}

var recvmsgMethod = method[*socket]{signature{
	name: "recvmsg", params: []param{
		{"size", number(1, 1<<20), nil, "how many bytes at most"},
		{"peek", boolKind, starlark.False, "they stay in the socket (MSG_PEEK)"},
		socketTimeout,
	},
	returns: "message",
	doc:     "Receives what there is, with one recvmsg(2), as soon as there is anything.",
	example: `conn = lab.connect(client, server)
conn.server.setsockopt("TCP_INQ", 1)
conn.client.send(b"hello")
lab.wait(lambda: conn.server.getsockopt("FIONREAD") == 5)
check.equal(conn.server.recvmsg(5, peek = True).data, b"hello")
message = conn.server.recvmsg(2)
check.equal((message.data, message.unread), (b"he", 3))`,
}, func(c *call, s *socket) (starlark.Value, error) {
	var m lab.Message
	err := s.within(c, func(ctx context.Context) (err error) {
		m, err = s.socket.ReceiveMessage(ctx, int(get[int64](c, "size")), get[bool](c, "peek"))
		return err
	})
	if err != nil {
		return nil, err
	}
	return messageSnapshot.of(m), nil
}}

var reconnectMethod = method[*socket]{signature{
	name: "reconnect", params: []param{
		{"address", addressKind, nil, "address to connect to"},
		{"port", number(1, 65535), nil, "port to connect to"},
		socketTimeout,
	},
	returns: "None",
	doc:     "Disconnects the socket, as connect(2) to AF_UNSPEC does, and connects it again.",
	example: `listener = server.listen()
near = client.connect(server.address(0), listener.port)
listener.accept()
token = near.token
near.reconnect(server.address(0), listener.port)
check.equal(listener.accept().remote, near.local)
check.not_equal(near.token, token)`,
}, func(c *call, s *socket) (starlark.Value, error) {
	remote := netip.AddrPortFrom(get[netip.Addr](c, "address"), uint16(get[int64](c, "port")))
	s.run.note(s.host.host.Name(), "disconnect, and connect to %s", remote)
	return nil, s.within(c, func(ctx context.Context) error { return s.socket.Reconnect(ctx, remote) })
}}

var messageSnapshot = &snapshot[lab.Message]{
	name: "message",
	doc:  "What socket.recvmsg received.",
	fields: []field[lab.Message]{
		{"data", "the bytes; none where the stream has ended", func(m lab.Message) starlark.Value { return starlark.Bytes(m.Data) }},
		{"unread", "how many bytes wait still, as TCP_INQ tells; None where that is not set", func(m lab.Message) starlark.Value {
			if m.Unread < 0 {
				return starlark.None
			}
			return starlark.MakeInt(m.Unread)
		}},
	},
}

var tcpInfoSnapshot = &snapshot[lab.TCPInfo]{
	name: "tcp info",
	doc:  "A part of struct tcp_info (include/uapi/linux/tcp.h).",
	fields: []field[lab.TCPInfo]{
		{"state", `its TCP state as ss(8) names it: "ESTAB"`, func(t lab.TCPInfo) starlark.Value { return text(t.State) }},
		{"mss", "bytes that a segment of it carries", func(t lab.TCPInfo) starlark.Value { return integer(t.MSS) }},
		{"rto", "its retransmission timeout in milliseconds", func(t lab.TCPInfo) starlark.Value { return milliseconds(t.RTO) }},
		{"rtt", "its smoothed round-trip time in milliseconds", func(t lab.TCPInfo) starlark.Value { return milliseconds(t.RTT) }},
		{"bytes_sent", "bytes sent, retransmissions included", func(t lab.TCPInfo) starlark.Value { return integer(t.BytesSent) }},
		{"bytes_acked", "bytes acknowledged by the peer", func(t lab.TCPInfo) starlark.Value { return integer(t.BytesAcked) }},
		{"bytes_received", "bytes received", func(t lab.TCPInfo) starlark.Value { return integer(t.BytesReceived) }},
		{"bytes_retrans", "bytes retransmitted", func(t lab.TCPInfo) starlark.Value { return integer(t.BytesRetrans) }},
	},
}

var fullInfoSnapshot = &snapshot[lab.FullInfo]{
	name: "full info",
	doc:  "What MPTCP_FULL_INFO tells of a connection and its subflows at one moment.",
	fields: []field[lab.FullInfo]{
		{"info", "its struct mptcp_info", func(f lab.FullInfo) starlark.Value { return infoSnapshot.of(f.Info) }},
		{"subflows", "its subflows, in order of their creation", func(f lab.FullInfo) starlark.Value { return fullSubflowSnapshot.list(f.Subflows) }},
	},
}

var fullSubflowSnapshot = &snapshot[lab.FullSubflow]{
	name: "full subflow",
	doc:  "A subflow of a full info.",
	fields: []field[lab.FullSubflow]{
		{"id", "counts the subflows of the connection, from 1 for the initial one: no address ID", func(f lab.FullSubflow) starlark.Value { return integer(f.ID) }},
		{"local", `its local address and port: "10.0.1.1:40000"`, func(f lab.FullSubflow) starlark.Value { return endText(f.Local) }},
		{"remote", "its remote address and port", func(f lab.FullSubflow) starlark.Value { return endText(f.Remote) }},
		{"tcp", "its tcp info", func(f lab.FullSubflow) starlark.Value { return tcpInfoSnapshot.of(f.TCP) }},
	},
}

var listeningSnapshot = &snapshot[lab.Listening]{
	name: "listening",
	doc: "A listening socket, as inet_diag shows it. A listener of MPTCP is two: itself, and the TCP socket beneath it, which takes " +
		"the SYNs.",
	fields: []field[lab.Listening]{
		{"protocol", `"mptcp" or "tcp"`, func(l lab.Listening) starlark.Value { return text(protocolWord(l.Protocol)) }},
		{"address", "the address that it listens on", func(l lab.Listening) starlark.Value { return addressText(l.Address.Addr()) }},
		{"port", "the port that it listens on", func(l lab.Listening) starlark.Value { return integer(l.Address.Port()) }},
		{"subflow", "it is the TCP socket of an MPTCP listener", func(l lab.Listening) starlark.Value { return starlark.Bool(l.Subflow) }},
		{"dev", "the interface that it is bound to; empty for none", func(l lab.Listening) starlark.Value { return text(l.Interface) }},
	},
}

func protocolWord(p lab.Protocol) string {
	if p == lab.MPTCP {
		return "mptcp"
	}
	return "tcp"
}

var socketsInUseMethod = method[*host]{signature{
	name: "sockets_in_use", params: []param{protocolParam}, returns: "int",
	doc: "Returns how many sockets of a protocol the host has, as /proc/net/protocols counts them: on MPTCP its listeners and " +
		"connections, on TCP their subflows too.",
	example: `conn = lab.connect(client, server)
check.equal((client.sockets_in_use(), server.sockets_in_use()), (1, 2))`,
}, func(c *call, h *host) (starlark.Value, error) {
	n, err := h.host.SocketsInUse(get[lab.Protocol](c, "protocol"))
	return starlark.MakeInt(n), err
}}

var hostConnMethod = method[*host]{signature{
	name: "conn", params: []param{tokenParam}, returns: "view",
	doc: "Returns one MPTCP connection, as inet_diag shows it when asked for that one; host.conns asks for all.",
	example: `conn = lab.connect(client, server)
check.equal(client.conn(conn.client).local, conn.client.local)`,
}, func(c *call, h *host) (starlark.Value, error) {
	found, err := h.host.Conn(get[uint32](c, "token"))
	if err != nil {
		return nil, err
	}
	return connSnapshot.of(found), nil
}}

// optionsText makes options comparable.
func optionsText(all []lab.SocketOption) string {
	var b strings.Builder
	for _, o := range all {
		fmt.Fprintf(&b, "%s=%v ", o.Name, o.Value)
	}
	return b.String()
}
