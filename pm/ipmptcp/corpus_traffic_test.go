//go:build linux

package ipmptcp_test

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/traffic"
)

// traffics are the listeners and the connection of a session.
type traffics struct {
	listeners map[netip.AddrPort]*traffic.Listener
	ends      []*traffic.Socket // the client's and the server's
}

// listen opens a listening socket on the host: listen ADDRESS:PORT.
func (s *session) listen(c command) (result, error) {
	address, err := netip.ParseAddrPort(c.words[1])
	if err != nil {
		return result{}, err
	}
	l, err := traffic.Listen(s.cancelled, s.hosts[c.host].Do, lab.ListenOptions{Protocol: lab.MPTCP, Address: address})
	if err != nil {
		return result{}, err
	}
	if s.traffic.listeners == nil {
		s.traffic.listeners = map[netip.AddrPort]*traffic.Listener{}
	}
	s.traffic.listeners[address] = l
	s.t.Cleanup(func() { _ = l.Close() })
	return result{}, nil
}

// connect connects the client to the server's listener on [::]: connect FROM TO. Both ends send a byte, so that the
// connection is fully established (RFC 8684 section 3.1).
func (s *session) connect(c command) (result, error) {
	local, err1 := netip.ParseAddrPort(c.words[1])
	remote, err2 := netip.ParseAddrPort(c.words[2])
	if err := errors.Join(err1, err2); err != nil {
		return result{}, err
	}
	l := s.traffic.listeners[netip.AddrPortFrom(netip.IPv6Unspecified(), remote.Port())]
	if l == nil {
		return result{}, fmt.Errorf("the server does not listen on [::]:%d", remote.Port())
	}
	client, err := traffic.Dial(s.cancelled, s.hosts[""].Do, lab.DialOptions{Protocol: lab.MPTCP, Local: local, Remote: remote})
	if err != nil {
		return result{}, err
	}
	s.t.Cleanup(func() { _ = client.Abort() })
	server, err := l.Accept(s.cancelled)
	if err != nil {
		return result{}, err
	}
	s.t.Cleanup(func() { _ = server.Abort() })
	s.traffic.ends = []*traffic.Socket{client, server}
	return result{}, errors.Join(client.Send(s.cancelled, 1), server.Receive(s.cancelled, 1),
		server.Send(s.cancelled, 1), client.Receive(s.cancelled, 1))
}

// closeTraffic closes a listener, or the connection: close [ADDRESS:PORT].
func (s *session) closeTraffic(c command) (result, error) {
	if len(c.words) == 1 {
		client, server := s.traffic.ends[0], s.traffic.ends[1]
		return result{}, errors.Join(client.CloseWrite(), server.ReceiveEOF(s.cancelled), server.CloseWrite(),
			client.ReceiveEOF(s.cancelled), client.Close(), server.Close())
	}
	address, err := netip.ParseAddrPort(c.words[1])
	if err != nil {
		return result{}, err
	}
	l := s.traffic.listeners[address]
	if l == nil {
		return result{}, fmt.Errorf("nothing listens on %s", address)
	}
	return result{}, l.Close()
}
