//go:build linux

package observe

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Diag asks the kernel's inet_diag about the sockets of one network namespace. It is safe for concurrent use.
type Diag struct {
	mu   sync.Mutex // over a whole answer: seen must grow in the order of the dumps
	conn *netlink.Conn
	raw  syscall.RawConn // of conn
	seen sightings
}

// OpenDiag opens a NETLINK_SOCK_DIAG socket in the network namespace of the calling thread.
func OpenDiag() (*Diag, error) {
	c, err := netlink.Dial(unix.NETLINK_SOCK_DIAG, &netlink.Config{Strict: true, MessageBufferSize: dumpBuffer})
	if err != nil {
		return nil, fmt.Errorf("open inet_diag: %w", err)
	}
	raw, err := c.SyscallConn()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open inet_diag: %w", err), c.Close())
	}
	return &Diag{conn: c, raw: raw, seen: newSightings()}, nil
}

// dumpBuffer is more than the kernel puts in one message of a dump (32 KiB, net/netlink/af_netlink.c).
const dumpBuffer = 1 << 16

// Close closes the netlink socket.
func (d *Diag) Close() error { return d.conn.Close() }

// Conns is every connection of the namespace, MPTCP and plain TCP. Left out are sockets that listen or wait in
// TIME_WAIT, passive opens before the handshake's end, and subflows that have outlived their connection. Addresses are
// never IPv4-mapped: those are shown as IPv4.
//
// A plain TCP connection has no token, Fallback set, and itself as its only subflow. That is also what is left of a
// server's end when the client's SYN asked for no MPTCP; a client's end that fell back remains an MPTCP socket, with
// Fallback set.
//
// MPTCP connections come first. They, the plain ones, and the subflows of each are in order of creation as far as that can be known: inet_diag tells no time
// of creation, but what one answer shows for the first time is younger than all that an earlier answer of this Diag
// showed. What showed up together is in order of the address identifiers, which is the order in which Linux uses its
// endpoints, then of addresses. An order once shown does not change, and the initial subflow is always first.
//
// One answer costs two walks over hash tables, of all MPTCP tokens of the machine and of the TCP connections; the latter
// is large on a machine with much memory (1 ms for the usual 262144 slots) unless the namespace was given its own by
// net.ipv4.tcp_child_ehash_entries of its parent (0.05 ms for both).
func (d *Diag) Conns() ([]lab.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	// Connections before subflows: what is opened between the two dumps then belongs to none of the connections and is
	// left out, where the other way round it would show as a connection without subflows.
	mptcp, err := d.dump(unix.IPPROTO_MPTCP, stateConnected|stateClose)
	if err != nil {
		return nil, err
	}
	tcp, err := d.dump(unix.IPPROTO_TCP, stateConnected)
	if err != nil {
		return nil, err
	}
	d.seen.update(mptcp, tcp)
	return join(mptcp, tcp), nil
}

// Conn is one MPTCP connection of the namespace, which the kernel finds by its token; the rest is as in Conns. The error wraps
// ENOENT when there is none.
func (d *Diag) Conn(token uint32) (lab.Conn, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	request, err := oneRequest(token)
	if err != nil {
		return lab.Conn{}, fmt.Errorf("look up MPTCP socket with token %d: %w", token, err)
	}
	messages, err := d.conn.Execute(request)
	if err != nil {
		return lab.Conn{}, fmt.Errorf("look up MPTCP socket with token %d: %w", token, err)
	}
	mptcp, err := d.parse(messages)
	if err != nil {
		return lab.Conn{}, err
	}
	if len(mptcp) != 1 {
		return lab.Conn{}, fmt.Errorf("look up MPTCP socket with token %d: %d answers", token, len(mptcp))
	}
	tcp, err := d.dump(unix.IPPROTO_TCP, stateConnected)
	if err != nil {
		return lab.Conn{}, err
	}
	slices.SortFunc(tcp, byIdentifiers)
	return join(mptcp, tcp)[0], nil
}

// Listeners are the listening sockets of the namespace, MPTCP and TCP, in order of address. They include those that the in-kernel
// path manager opened for endpoints with a port.
func (d *Diag) Listeners() ([]lab.Listening, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var listeners []lab.Listening
	for protocol, number := range map[lab.Protocol]uint32{lab.MPTCP: unix.IPPROTO_MPTCP, lab.TCP: unix.IPPROTO_TCP} {
		sockets, err := d.dump(number, stateListen)
		if err != nil {
			return nil, err
		}
		for _, s := range sockets {
			listeners = append(listeners, lab.Listening{
				Protocol: protocol, Address: unmapped(s.Local), Subflow: protocol == lab.TCP && s.MPTCP, Interface: s.Interface,
			})
		}
	}
	slices.SortFunc(listeners, func(a, b lab.Listening) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Protocol, b.Protocol))
	})
	return listeners, nil
}

// States of sockets to dump: bits by number of state (include/net/tcp_states.h).
const (
	stateEstablished = 1 << 1
	stateSynSent     = 1 << 2
	stateFinWait1    = 1 << 4
	stateFinWait2    = 1 << 5
	stateClose       = 1 << 7
	stateCloseWait   = 1 << 8
	stateLastAck     = 1 << 9
	stateListen      = 1 << 10
	stateClosing     = 1 << 11

	stateConnected = stateEstablished | stateSynSent | stateFinWait1 | stateFinWait2 | stateCloseWait | stateLastAck |
		stateClosing
)

// ErrInterrupted tells that sockets came and went during each of several dumps in a row, so that none was whole.
var ErrInterrupted = errors.New("the sockets changed during each dump")

const dumpTries = 8

// dump asks for all sockets of a protocol, of both address families, in the given states.
func (d *Diag) dump(protocol, states uint32) ([]socket, error) {
	request, err := dumpRequest(protocol, states)
	if err != nil {
		return nil, fmt.Errorf("dump %s sockets: %w", protocolName(protocol), err)
	}
	for range dumpTries {
		messages, err := d.conn.Execute(request)
		if err != nil {
			return nil, fmt.Errorf("dump %s sockets: %w", protocolName(protocol), err)
		}
		if slices.ContainsFunc(messages, interrupted) {
			continue
		}
		return d.parse(messages)
	}
	return nil, fmt.Errorf("dump %s sockets: %w", protocolName(protocol), ErrInterrupted)
}

func interrupted(m netlink.Message) bool { return m.Header.Flags&netlink.DumpInterrupted != 0 }

func protocolName(protocol uint32) string {
	if protocol == unix.IPPROTO_MPTCP {
		return "MPTCP"
	}
	return "TCP"
}

// parse decodes the answers of a dump, less the TIME_WAIT sockets: those in their substate FIN_WAIT2 come along with the
// real ones, but without information.
func (d *Diag) parse(messages []netlink.Message) ([]socket, error) {
	sockets := make([]socket, 0, len(messages))
	for _, m := range messages {
		s, err := parseSocket(m.Data)
		if err != nil {
			return nil, err
		}
		if s.Info == nil {
			continue
		}
		if s.IfIndex != 0 {
			s.Interface = d.interfaceName(s.IfIndex)
		}
		sockets = append(sockets, s)
	}
	return sockets, nil
}

// interfaceName is the name of an interface in the namespace of the netlink socket; "" when it is gone.
func (d *Diag) interfaceName(index uint32) string {
	request := struct {
		Name  [unix.IFNAMSIZ]byte
		Index uint32
		_     [20]byte // the rest of the union of struct ifreq
	}{Index: index}
	var errno syscall.Errno
	err := d.raw.Control(func(fd uintptr) {
		_, _, errno = unix.Syscall(unix.SYS_IOCTL, fd, unix.SIOCGIFNAME, uintptr(unsafe.Pointer(&request)))
	})
	if err != nil || errno != 0 {
		return ""
	}
	return unix.ByteSliceToString(request.Name[:])
}
