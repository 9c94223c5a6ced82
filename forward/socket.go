//go:build linux

package forward

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// socketBuffer is what a packet socket may hold for this program to read, in bytes of memory: more than the windows of some
// connections, as nothing but these keeps a sender from sending faster than this program can read.
const socketBuffer = 256 << 20

// openSocket opens a packet socket on the interface of that name, in the namespace of the calling thread.
func openSocket(name string) (fd int, err error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return -1, fmt.Errorf("interface %s: %w", name, err)
	}
	const none = 0 // the protocol that receives nothing, until bind
	fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, none)
	if err != nil {
		return -1, fmt.Errorf("interface %s: %w", name, os.NewSyscallError("socket", err))
	}
	if err := configure(fd, i.Index); err != nil {
		return -1, errors.Join(fmt.Errorf("interface %s: %w", name, err), unix.Close(fd))
	}
	return fd, nil
}

// packetOptions are those of the packet sockets; all take 1.
var packetOptions = []struct {
	name          string
	level, option int
}{
	{"PACKET_VNET_HDR", unix.SOL_PACKET, unix.PACKET_VNET_HDR},
	{"PACKET_IGNORE_OUTGOING", unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING}, // what the forwarder itself sends
	{"PACKET_QDISC_BYPASS", unix.SOL_PACKET, unix.PACKET_QDISC_BYPASS},
	{"PACKET_AUXDATA", unix.SOL_PACKET, unix.PACKET_AUXDATA}, // VLAN tags
	{"SO_TIMESTAMPNS", unix.SOL_SOCKET, unix.SO_TIMESTAMPNS},
}

func configure(fd, ifindex int) error {
	for _, o := range packetOptions {
		if err := unix.SetsockoptInt(fd, o.level, o.option, 1); err != nil {
			return os.NewSyscallError(o.name, err)
		}
	}
	if err := setBuffer(fd, unix.SO_RCVBUFFORCE, unix.SO_RCVBUF); err != nil {
		return os.NewSyscallError("SO_RCVBUF", err)
	}
	if err := setBuffer(fd, unix.SO_SNDBUFFORCE, unix.SO_SNDBUF); err != nil {
		return os.NewSyscallError("SO_SNDBUF", err)
	}
	all := binary.NativeEndian.Uint16([]byte{0, unix.ETH_P_ALL}) // network order
	return os.NewSyscallError("bind", unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: ifindex}))
}

// setBuffer asks for what only the machine's root gets, or else for as much as net.core.rmem_max and wmem_max let one have.
func setBuffer(fd, force, polite int) error {
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, force, socketBuffer) == nil {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.SOL_SOCKET, polite, socketBuffer)
}

// kernelDrops is how many frames the kernel dropped since the last call because the receive buffer was full.
func kernelDrops(fd int) (uint64, error) {
	s, err := unix.GetsockoptTpacketStats(fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return 0, os.NewSyscallError("PACKET_STATISTICS", err)
	}
	return uint64(s.Drops), nil
}
