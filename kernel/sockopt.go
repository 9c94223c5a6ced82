package kernel

import (
	"context"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/observe"
)

// mptcpOptions are the options that are more than a number or a text.
var mptcpOptions = map[string]func(syscall.RawConn) (any, error){
	"MPTCP_INFO":          func(c syscall.RawConn) (any, error) { return observe.MPTCPInfo(c) },
	"MPTCP_TCPINFO":       func(c syscall.RawConn) (any, error) { return observe.TCPInfos(c) },
	"MPTCP_SUBFLOW_ADDRS": func(c syscall.RawConn) (any, error) { return observe.SubflowAddrs(c) },
	"MPTCP_FULL_INFO":     func(c syscall.RawConn) (any, error) { return observe.FullInfo(c) },
}

// Option implements [lab.Socket].
func (s *socket) Option(name string) (any, error) {
	read, ok := mptcpOptions[name]
	if !ok {
		value, err := s.Socket.Option(name)
		return value, s.host.on(err)
	}
	raw, err := s.SyscallConn()
	if err != nil {
		return nil, s.host.on(err)
	}
	value, err := read(raw)
	if err != nil {
		return nil, s.host.on(fmt.Errorf("connection from %v to %v: %w", s.Local(), s.Remote(), err))
	}
	return value, nil
}

// SetOption implements [lab.Socket].
func (s *socket) SetOption(o lab.SocketOption) error { return s.host.on(s.Socket.SetOption(o)) }

// ReceiveMessage implements [lab.Socket].
func (s *socket) ReceiveMessage(ctx context.Context, n int, peek bool) (lab.Message, error) {
	m, err := s.Socket.ReceiveMessage(ctx, n, peek)
	return m, s.host.on(err)
}

// Reconnect implements [lab.Socket]. The token is that of the new connection.
func (s *socket) Reconnect(ctx context.Context, remote netip.AddrPort) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.Socket.Reconnect(ctx, remote); err != nil {
		return s.host.on(err)
	}
	s.token, s.last = 0, lab.Conn{Local: s.Local(), Remote: s.Remote()}
	return nil
}
