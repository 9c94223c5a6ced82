//go:build linux

package traffic

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// backlog is the longest queue of connections to accept that Linux allows by default (net.core.somaxconn).
const backlog = 4096

// Listener is a listening socket. Its methods may be called from any number of goroutines.
type Listener struct {
	gate
	listener *net.TCPListener
	address  netip.AddrPort
	seed     uint64
}

// Listen opens a listening socket in the network namespace in which in runs the function that it is given.
//
// An address that is unspecified or missing stands for all addresses of both families, "::" (0.0.0.0 on a kernel
// without IPv6); port 0 lets the kernel choose. MPTCP never becomes plain TCP: where MPTCP is off, the error is ErrDisabled
// or ErrUnsupported. Other errors wrap the kernel's errno.
func Listen(ctx context.Context, in func(func() error) error, o lab.ListenOptions) (*Listener, error) {
	if !o.Address.IsValid() {
		o.Address = netip.AddrPortFrom(netip.IPv6Unspecified(), o.Address.Port())
	}
	if ctx.Err() != nil {
		return nil, fmt.Errorf("listen on %v: %w", o.Address, context.Cause(ctx))
	}
	l, err := listen(in, o)
	if err != nil {
		return nil, fmt.Errorf("listen on %v: %w", o.Address, err)
	}
	return l, nil
}

func listen(in func(func() error) error, o lab.ListenOptions) (*Listener, error) {
	f, address, err := openListening(in, o)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	sa, err := sockaddr(in, address)
	if err != nil {
		return nil, err
	}
	fd := int(f.Fd())
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return nil, fmt.Errorf("SO_REUSEADDR: %w", err)
	}
	if err := setOptions(f, o.Options); err != nil {
		return nil, err
	}
	if err := unix.Bind(fd, sa); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return nil, err
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		return nil, fmt.Errorf("getsockname: %w", err)
	}
	nl, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	tl := nl.(*net.TCPListener) // as the family is AF_INET or AF_INET6
	return &Listener{gate: newGate(tl.SetDeadline), listener: tl, address: addrPort(bound), seed: o.Seed}, nil
}

// openListening opens a socket of the right family for o.Address, and returns the address to bind it to.
func openListening(in func(func() error) error, o lab.ListenOptions) (*os.File, netip.AddrPort, error) {
	if a := o.Address.Addr(); !a.Unmap().IsUnspecified() {
		f, err := open(in, o.Protocol, family(a))
		return f, o.Address, err
	}
	f, err := open(in, o.Protocol, unix.AF_INET6)
	if errors.Is(err, unix.EAFNOSUPPORT) {
		f, err = open(in, o.Protocol, unix.AF_INET)
		return f, netip.AddrPortFrom(netip.IPv4Unspecified(), o.Address.Port()), err
	}
	if err != nil {
		return nil, netip.AddrPort{}, err
	}
	if err := unix.SetsockoptInt(int(f.Fd()), unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, 0); err != nil {
		return nil, netip.AddrPort{}, errors.Join(fmt.Errorf("IPV6_V6ONLY: %w", err), f.Close())
	}
	return f, netip.AddrPortFrom(netip.IPv6Unspecified(), o.Address.Port()), nil
}

// Address is the bound address and port.
func (l *Listener) Address() netip.AddrPort { return l.address }

// Accept waits for the next connection. The error wraps ctx's cause when ctx ends first, and ErrClosed after Close.
// Goroutines that wait together are served one by one.
func (l *Listener) Accept(ctx context.Context) (*Socket, error) {
	var conn *net.TCPConn
	err := l.do(ctx, func() (err error) {
		conn, err = l.listener.AcceptTCP()
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("accept on %v: %w", l.address, err)
	}
	s, err := newSocket(conn, acceptor, l.seed)
	if err != nil {
		return nil, fmt.Errorf("accept on %v: %w", l.address, err)
	}
	return s, nil
}

// Close stops listening, and ends every Accept; connections that were not accepted are reset by the kernel. Closing again
// does nothing.
func (l *Listener) Close() error {
	if err := l.listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("close listener %v: %w", l.address, err)
	}
	return nil
}
