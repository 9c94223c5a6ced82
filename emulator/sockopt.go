package emulator

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/emulator/mptcp"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// options are the values of a socket's options.
type options map[string]any

// newOptions are those of a new socket with some of them set.
func newOptions(set []lab.SocketOption) (options, error) {
	o := options{
		"SO_KEEPALIVE": 0, "SO_MARK": 0, "SO_PRIORITY": 0, "SO_RCVBUF": 0, "SO_SNDBUF": 0,
		"IP_TOS": 0, "IP_TRANSPARENT": 0, "IPV6_TCLASS": 0, "IPV6_TRANSPARENT": 0, "TCP_CONGESTION": "reno", "TCP_CORK": 0,
		"TCP_FASTOPEN": 0, "TCP_INQ": 0, "TCP_KEEPIDLE": 7200, "TCP_NODELAY": 0, "TCP_NOTSENT_LOWAT": 0,
	}
	for _, x := range set {
		if err := o.set(x); err != nil {
			return nil, fmt.Errorf("set %s: %w", x.Name, err)
		}
	}
	return o, nil
}

const (
	enoent      pm.Errno = 2
	enoprotoopt pm.Errno = 92
	einval      pm.Errno = 22
	eopnotsupp  pm.Errno = 95
)

func (o options) set(x lab.SocketOption) error {
	old, ok := o[x.Name]
	switch {
	case x.Name == "TCP_ULP":
		return enoprotoopt
	case !ok:
		return eopnotsupp
	}
	switch v := x.Value.(type) {
	case int:
		if _, isText := old.(string); isText {
			return einval
		}
		if x.Name == "SO_RCVBUF" || x.Name == "SO_SNDBUF" {
			v *= 2 // as the kernel does, for its own needs
		}
		o[x.Name] = v
	case string:
		if x.Name == "TCP_CONGESTION" && v != "reno" && v != "cubic" {
			return enoent
		}
		o[x.Name] = v
	default:
		return fmt.Errorf("%w: a value of type %T", einval, x.Value)
	}
	return nil
}

func (o options) number(name string) int {
	n, _ := o[name].(int)
	return n
}

// of are the options as the model knows them, for packets to such an address.
func (o options) of(remote netip.Addr) tcp.Options {
	tos := o.number("IP_TOS")
	if remote.Is6() {
		tos = o.number("IPV6_TCLASS")
	}
	return tcp.Options{
		TOS: uint8(tos), Mark: uint32(o.number("SO_MARK")), ReceiveBuffer: o.number("SO_RCVBUF"), SendBuffer: o.number("SO_SNDBUF"),
		FastOpen: o.number("TCP_FASTOPEN"),
	}
}

var errNotMPTCP = errors.New("not an MPTCP connection")

// Option implements [lab.Socket].
func (s *socket) Option(name string) (any, error) {
	value, err := s.option(name)
	if err != nil {
		return nil, s.host.on(fmt.Errorf("read %s of the connection from %v to %v: %w", name, s.Local(), s.Remote(), err))
	}
	return value, nil
}

func (s *socket) option(name string) (any, error) {
	if s.closed {
		return nil, traffic.ErrClosed
	}
	if value, ok := s.options[name]; ok {
		return s.orHost(name, value), nil
	}
	c, isMPTCP := s.stream.(*mptcp.Conn)
	switch name {
	case "TCP_ULP":
		return map[bool]string{true: "mptcp", false: ""}[isMPTCP], nil
	case "SO_PROTOCOL":
		return map[bool]int{true: 262, false: 6}[isMPTCP], nil
	case "TCP_IS_MPTCP":
		return map[bool]int{true: 1, false: 0}[isMPTCP && !c.FellBack()], nil
	case "FIONREAD":
		if isMPTCP && !c.FellBack() && s.stream.EndSeen() {
			return s.stream.Readable() + 1, nil // DATA_FIN counts
		}
		return s.stream.Readable(), nil
	case "SIOCOUTQ", "SIOCOUTQNSD":
		all, unsent := s.stream.Queue()
		return map[string]int{"SIOCOUTQ": all, "SIOCOUTQNSD": unsent}[name], nil
	}
	if !isMPTCP || c.FellBack() {
		return nil, errNotMPTCP
	}
	switch view := c.View(s.host.interfaceName); name {
	case "MPTCP_INFO":
		return view.Info, nil
	case "MPTCP_TCPINFO":
		return c.TCPInfos(), nil
	case "MPTCP_SUBFLOW_ADDRS":
		var all []lab.SubflowAddrs
		for _, f := range c.FullInfo().Subflows {
			all = append(all, f.SubflowAddrs)
		}
		return all, nil
	case "MPTCP_FULL_INFO":
		return c.FullInfo(), nil
	}
	return nil, eopnotsupp
}

// orHost is the value of an option, of a buffer that was not chosen that of the host.
func (s *socket) orHost(name string, value any) any {
	set := &s.host.stack.Settings
	switch {
	case name == "SO_RCVBUF" && value == 0:
		return set.ReceiveBuffer
	case name == "SO_SNDBUF" && value == 0:
		return 2 * set.SendBuffer
	}
	return value
}

// SetOption implements [lab.Socket].
func (s *socket) SetOption(o lab.SocketOption) error {
	s.host.lab.pass(systemCall)
	err := s.options.set(o)
	if err != nil {
		return s.host.on(fmt.Errorf("set %s of the connection from %v to %v: %w", o.Name, s.Local(), s.Remote(), err))
	}
	s.stream.SetOptions(s.options.of(s.Remote().Addr()))
	return nil
}

// ReceiveMessage implements [lab.Socket].
func (s *socket) ReceiveMessage(ctx context.Context, n int, peek bool) (lab.Message, error) {
	m := lab.Message{Unread: -1}
	if err := s.readable(ctx); err != nil {
		return m, s.host.on(fmt.Errorf("receive a message at %v from %v: %w", s.Local(), s.Remote(), err))
	}
	m.Data = make([]byte, min(n, s.stream.Readable()))
	if peek {
		s.stream.Peek(m.Data)
	} else {
		s.stream.Read(m.Data)
	}
	if s.options.number("TCP_INQ") != 0 {
		m.Unread = s.stream.Readable()
		if s.stream.EndSeen() { // the end of the stream counts, too
			m.Unread++
		}
	}
	return m, nil
}

// Reconnect implements [lab.Socket].
func (s *socket) Reconnect(ctx context.Context, remote netip.AddrPort) error {
	if err := s.reconnect(ctx, remote); err != nil {
		return s.host.on(fmt.Errorf("connect the socket from %v to %v again, to %v: %w", s.Local(), s.Remote(), remote, err))
	}
	return nil
}

func (s *socket) reconnect(ctx context.Context, remote netip.AddrPort) error {
	if s.closed {
		return traffic.ErrClosed
	}
	if s.Remote().Addr().Is4() != remote.Addr().Is4() {
		return errors.New("the socket is of another address family")
	}
	protocol := lab.TCP
	if c, ok := s.stream.(*mptcp.Conn); ok {
		protocol = lab.MPTCP
		c.Disconnect()
	} else {
		s.stream.Abort()
	}
	fresh, _, err := s.host.connect(ctx, lab.DialOptions{Protocol: protocol, Remote: remote}, s.options)
	if err != nil {
		return err
	}
	s.stream, s.inAt, s.outAt = fresh, 0, 0
	s.last = lab.Conn{Local: s.Local(), Remote: s.Remote()}
	return nil
}

// clone are the options that an accepted socket has of its listener.
func (o options) clone() options { return maps.Clone(o) }
