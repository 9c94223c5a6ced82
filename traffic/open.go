//go:build linux

package traffic

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Errors of a host on which no MPTCP socket can be made.
var (
	// ErrDisabled is that of mptcp_init_sock (net/mptcp/protocol.c): ENOPROTOOPT.
	ErrDisabled = errors.New("MPTCP is disabled on this host (net.mptcp.enabled = 0)")
	// ErrUnsupported is that of a kernel built without CONFIG_MPTCP: EPROTONOSUPPORT, or EINVAL before Linux 5.6.
	ErrUnsupported = errors.New("this kernel has no MPTCP")
)

// protocols are the names and IP protocol numbers of lab.Protocol.
var protocols = map[lab.Protocol]struct {
	name   string
	number int
}{
	lab.MPTCP: {"MPTCP", unix.IPPROTO_MPTCP},
	lab.TCP:   {"TCP", unix.IPPROTO_TCP},
}

// open creates a socket in the namespace that in enters, and nowhere else: it fails rather than fall back to TCP.
func open(in func(func() error) error, p lab.Protocol, family int) (*os.File, error) {
	proto, ok := protocols[p]
	if !ok {
		return nil, fmt.Errorf("unknown protocol %d", p)
	}
	var fd int
	err := in(func() (err error) {
		fd, err = unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, proto.number)
		return err
	})
	switch {
	case err == nil:
		return os.NewFile(uintptr(fd), proto.name), nil
	case p == lab.MPTCP && errors.Is(err, unix.ENOPROTOOPT):
		return nil, ErrDisabled
	case p == lab.MPTCP && (errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EINVAL)):
		return nil, ErrUnsupported
	}
	return nil, fmt.Errorf("%s socket: %w", proto.name, err)
}

// family is the address family of a. IPv4 mapped into IPv6 is of IPv6, whose sockets speak IPv4 too.
func family(a netip.Addr) int {
	if a.Is4() {
		return unix.AF_INET
	}
	return unix.AF_INET6
}

// unspecified is the unspecified address of a's family.
func unspecified(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}

// sockaddr is a as the kernel takes it. The zone of a link-local address is an interface of the namespace that in enters.
func sockaddr(in func(func() error) error, a netip.AddrPort) (unix.Sockaddr, error) {
	addr := a.Addr()
	if addr.Is4() {
		return &unix.SockaddrInet4{Port: int(a.Port()), Addr: addr.As4()}, nil
	}
	sa := &unix.SockaddrInet6{Port: int(a.Port()), Addr: addr.As16()}
	if addr.Zone() == "" {
		return sa, nil
	}
	if n, err := strconv.ParseUint(addr.Zone(), 10, 32); err == nil {
		sa.ZoneId = uint32(n)
		return sa, nil
	}
	return sa, in(func() error {
		i, err := net.InterfaceByName(addr.Zone())
		if err != nil {
			return fmt.Errorf("interface %s: %w", addr.Zone(), err)
		}
		sa.ZoneId = uint32(i.Index)
		return nil
	})
}

// addrPort is a kernel address; IPv4 is plain IPv4 on a dual-stack socket too, and a zone is an interface index, as its
// name is known only in the socket's namespace. MPTCP sockets report no zone: they know no interface, their subflows do.
func addrPort(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		a := netip.AddrFrom16(sa.Addr).Unmap()
		if sa.ZoneId != 0 {
			a = a.WithZone(strconv.FormatUint(uint64(sa.ZoneId), 10))
		}
		return netip.AddrPortFrom(a, uint16(sa.Port))
	}
	return netip.AddrPort{}
}
