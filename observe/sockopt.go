//go:build linux

package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// ErrNotMPTCP tells that a socket is not an MPTCP one, or not any more: it is plain TCP or has fallen back to it.
var ErrNotMPTCP = errors.New("not an MPTCP connection")

// Options of level SOL_MPTCP (include/uapi/linux/mptcp.h), and TCP_IS_MPTCP of level SOL_TCP.
const (
	optMPTCPInfo    = 1
	optTCPInfo      = 2
	optSubflowAddrs = 3
	optFullInfo     = 4
	optIsMPTCP      = 43
)

// usualSubflows is how many subflows there is room for at first: the initial one and the most that Linux's in-kernel
// path manager allows beside it.
const usualSubflows = 9

// MPTCPInfo reads the MPTCP_INFO of a connection (Linux 5.16). The error is ErrNotMPTCP after a fallback.
func MPTCPInfo(c syscall.RawConn) (lab.Info, error) {
	var info mptcpInfo
	b := asBytes(&info)
	err := control(c, "MPTCP_INFO", func(fd uintptr) error {
		n, err := getMPTCP(fd, optMPTCPInfo, b)
		b = b[:n]
		return err
	})
	if err != nil {
		return lab.Info{}, err
	}
	return decodeInfo(b), nil
}

// SubflowAddrs reads the MPTCP_SUBFLOW_ADDRS of a connection (Linux 5.16), in order of creation. The error is
// ErrNotMPTCP after a fallback.
func SubflowAddrs(c syscall.RawConn) ([]lab.SubflowAddrs, error) {
	pairs, err := subflowArray[subflowAddrs](c, "MPTCP_SUBFLOW_ADDRS", optSubflowAddrs)
	if err != nil {
		return nil, err
	}
	addrs := make([]lab.SubflowAddrs, len(pairs))
	for i, p := range pairs {
		if addrs[i], err = p.decode(); err != nil {
			return nil, fmt.Errorf("read MPTCP_SUBFLOW_ADDRS: %w", err)
		}
	}
	return addrs, nil
}

// TCPInfos reads the MPTCP_TCPINFO of a connection (Linux 5.16): the tcp_info of each subflow, in order of creation.
// The error is ErrNotMPTCP after a fallback.
func TCPInfos(c syscall.RawConn) ([]lab.TCPInfo, error) {
	raw, err := subflowArray[unix.TCPInfo](c, "MPTCP_TCPINFO", optTCPInfo)
	if err != nil {
		return nil, err
	}
	infos := make([]lab.TCPInfo, len(raw))
	for i, t := range raw {
		infos[i] = decodeTCPInfo(t)
	}
	return infos, nil
}

// decodeTCPInfo keeps what the lab shows of a struct tcp_info; what the kernel does not know is zero.
func decodeTCPInfo(t unix.TCPInfo) lab.TCPInfo {
	return lab.TCPInfo{
		State: stateName(t.State),
		MSS:   t.Snd_mss,
		RTO:   time.Duration(t.Rto) * time.Microsecond, RTT: time.Duration(t.Rtt) * time.Microsecond,
		BytesSent: t.Bytes_sent, BytesAcked: t.Bytes_acked, BytesReceived: t.Bytes_received, BytesRetrans: t.Bytes_retrans,
	}
}

// FullInfo reads the MPTCP_FULL_INFO of a connection (Linux 6.5). The error is ErrNotMPTCP after a fallback, and
// EOPNOTSUPP on an older kernel.
func FullInfo(c syscall.RawConn) (lab.FullInfo, error) {
	for room := uint32(usualSubflows); ; {
		full, count, err := fullInfo(c, room)
		if err != nil {
			return lab.FullInfo{}, err
		}
		if count <= room {
			return full, nil
		}
		room = count
	}
}

// IsMPTCP tells whether a TCP or MPTCP socket, connected or not, is MPTCP and has not fallen back.
func IsMPTCP(c syscall.RawConn) (bool, error) {
	var is int
	err := control(c, "TCP_IS_MPTCP", func(fd uintptr) error {
		var err error
		is, err = unix.GetsockoptInt(int(fd), unix.SOL_TCP, optIsMPTCP)
		if errors.Is(err, unix.ENOPROTOOPT) || errors.Is(err, unix.EOPNOTSUPP) { // before Linux 6.10
			_, err = getMPTCP(fd, optMPTCPInfo, nil)
			if errors.Is(err, ErrNotMPTCP) {
				return nil
			}
			is = 1
		}
		return err
	})
	return err == nil && is != 0, err
}

// Protocol is the SO_PROTOCOL of a socket: IPPROTO_MPTCP (262), also after a fallback, or IPPROTO_TCP (6), which is what
// a listener of MPTCP accepts from a client that asked for no MPTCP.
func Protocol(c syscall.RawConn) (int, error) {
	var protocol int
	err := control(c, "SO_PROTOCOL", func(fd uintptr) error {
		var err error
		protocol, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PROTOCOL)
		return err
	})
	return protocol, err
}

// control runs a function on the socket, and wraps its error with the option that it reads.
func control(c syscall.RawConn, option string, fn func(fd uintptr) error) error {
	var err error
	if controlErr := c.Control(func(fd uintptr) { err = fn(fd) }); controlErr != nil {
		err = controlErr
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", option, err)
	}
	return nil
}

// getMPTCP reads an option of level SOL_MPTCP into b, and says how many bytes it took.
func getMPTCP(fd uintptr, option int, b []byte) (int, error) {
	n, errno := getsockopt(fd, option, b)
	switch {
	case errno == 0:
		return n, nil
	case errno == unix.EOPNOTSUPP && !isMPTCP(fd), errno == unix.ENOPROTOOPT:
		return 0, ErrNotMPTCP
	}
	return 0, errno
}

// isMPTCP tells a socket that is not MPTCP from an option that the kernel does not know, which are the same error.
func isMPTCP(fd uintptr) bool {
	_, errno := getsockopt(fd, optMPTCPInfo, nil)
	return errno == 0
}

func getsockopt(fd uintptr, option int, b []byte) (int, syscall.Errno) {
	length := uint32(len(b))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, fd, unix.SOL_MPTCP, uintptr(option),
		uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(unsafe.Pointer(&length)), 0)
	return int(length), errno
}

// subflowData is struct mptcp_subflow_data, the head of the options that return an array.
type subflowData struct {
	Size        uint32 // of this struct
	NumSubflows uint32 // set by the kernel, also when there was less room
	SizeKernel  uint32 // of an element; set by the kernel
	SizeUser    uint32 // of an element, in and out
}

// subflowArray reads an option that returns one element T a subflow.
func subflowArray[T any](c syscall.RawConn, name string, option int) ([]T, error) {
	const head = uint32(unsafe.Sizeof(subflowData{}))
	for room := uint32(usualSubflows); ; {
		elements := newElements[T](room)
		b := append(make([]byte, head), elements.b...)
		copy(b, asBytes(&subflowData{Size: head, SizeUser: elements.stride}))
		err := control(c, name, func(fd uintptr) error {
			_, err := getMPTCP(fd, option, b)
			return err
		})
		if err != nil {
			return nil, err
		}
		data := fromBytes[subflowData](b)
		if data.NumSubflows > room {
			room = data.NumSubflows
			continue
		}
		elements.b, elements.stride = b[head:], data.SizeUser
		return elements.slice(data.NumSubflows), nil
	}
}

// elements is an array of kernel structs T, a stride apart. The kernel lays them out by its own size of T where that is
// less than ours.
type elements[T any] struct {
	b      []byte
	stride uint32
}

func newElements[T any](count uint32) elements[T] {
	size := uint32(unsafe.Sizeof(*new(T)))
	return elements[T]{b: make([]byte, count*size), stride: size}
}

func (e elements[T]) at(i uint32) T { return fromBytes[T](e.b[i*e.stride:][:e.stride]) }

func (e elements[T]) slice(count uint32) []T {
	s := make([]T, count)
	for i := range s {
		s[i] = e.at(uint32(i))
	}
	return s
}

// fullInfoHead is struct mptcp_full_info up to its mptcp_info.
type fullInfoHead struct {
	SizeTCPInfoKernel uint32
	SizeTCPInfoUser   uint32
	SizeSFInfoKernel  uint32
	SizeSFInfoUser    uint32
	NumSubflows       uint32
	SizeArraysUser    uint32
	SubflowInfo       uint64 // pointer to an array of fullSubflowInfo
	TCPInfo           uint64 // pointer to an array of struct tcp_info
}

// fullSubflowInfo is struct mptcp_subflow_info.
type fullSubflowInfo struct {
	ID    uint32
	_     [4]byte
	Addrs subflowAddrs
}

// fullInfo reads MPTCP_FULL_INFO with room for some subflows, and says how many there are.
func fullInfo(c syscall.RawConn, room uint32) (lab.FullInfo, uint32, error) {
	subflows, tcp := newElements[fullSubflowInfo](room), newElements[unix.TCPInfo](room)
	var pinner runtime.Pinner // the kernel gets their addresses as numbers
	defer pinner.Unpin()
	pinner.Pin(&subflows.b[0])
	pinner.Pin(&tcp.b[0])

	var option struct {
		Head fullInfoHead
		Info mptcpInfo
	}
	head := &option.Head
	*head = fullInfoHead{
		SizeTCPInfoUser: tcp.stride,
		SizeSFInfoUser:  subflows.stride,
		SizeArraysUser:  room,
		SubflowInfo:     uint64(uintptr(unsafe.Pointer(&subflows.b[0]))),
		TCPInfo:         uint64(uintptr(unsafe.Pointer(&tcp.b[0]))),
	}
	err := control(c, "MPTCP_FULL_INFO", func(fd uintptr) error {
		_, err := getMPTCP(fd, optFullInfo, asBytes(&option))
		return err
	})
	if err != nil {
		return lab.FullInfo{}, 0, err
	}
	subflows.stride, tcp.stride = head.SizeSFInfoUser, head.SizeTCPInfoUser

	full := lab.FullInfo{Info: decodeInfo(asBytes(&option.Info))}
	for i := range min(room, head.NumSubflows) {
		s := subflows.at(i)
		addr, err := s.Addrs.decode()
		if err != nil {
			return lab.FullInfo{}, 0, fmt.Errorf("read MPTCP_FULL_INFO: %w", err)
		}
		full.Subflows = append(full.Subflows, lab.FullSubflow{ID: s.ID, SubflowAddrs: addr, TCP: decodeTCPInfo(tcp.at(i))})
	}
	return full, head.NumSubflows, nil
}

// subflowAddrs is struct mptcp_subflow_addrs.
type subflowAddrs struct{ Local, Remote sockaddrStorage }

// sockaddrStorage is struct sockaddr_storage, as of AF_INET and AF_INET6.
type sockaddrStorage struct {
	Family uint16
	Port   [2]byte // network order
	Addr4  [4]byte // of AF_INET; the flow label of AF_INET6
	Addr6  [16]byte
	_      [104]byte
}

func (a subflowAddrs) decode() (lab.SubflowAddrs, error) {
	local, err1 := a.Local.decode()
	remote, err2 := a.Remote.decode()
	return lab.SubflowAddrs{Local: local, Remote: remote}, errors.Join(err1, err2)
}

func (s sockaddrStorage) decode() (netip.AddrPort, error) {
	port := binary.BigEndian.Uint16(s.Port[:])
	switch s.Family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr4), port), nil
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr6).Unmap(), port), nil
	}
	return netip.AddrPort{}, fmt.Errorf("address of family %d", s.Family)
}
