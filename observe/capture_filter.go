//go:build linux

package observe

import (
	"unsafe"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// tcpHeaders accepts TCP over IPv4 and IPv6, and returns the length of the headers up to the end of TCP's. Without
// payload the kernel need not hold the pages of a long segment, so that they do not count against the receive buffer.
var tcpHeaders = []bpf.Instruction{
	bpf.LoadAbsolute{Off: offEtherType, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IPV6, SkipTrue: 5},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipFalse: 15},

	// IPv4: TCP, and not a later fragment, which has no TCP header.
	bpf.LoadAbsolute{Off: offIP + 9, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipFalse: 13},
	bpf.LoadAbsolute{Off: offIP + 6, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpBitsSet, Val: 0x1fff, SkipTrue: 11, SkipFalse: 4},

	// IPv6.
	bpf.LoadAbsolute{Off: offIP + 6, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.IPPROTO_TCP, SkipFalse: 9},
	bpf.LoadConstant{Dst: bpf.RegX, Val: 40},
	bpf.Jump{Skip: 1},

	// IPv4: X is the length of the IP header.
	bpf.LoadMemShift{Off: offIP},

	// The data offset of TCP is in words, in the upper half of its byte 12.
	bpf.LoadIndirect{Off: offIP + 12, Size: 1},
	bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: 0xf0},
	bpf.ALUOpConstant{Op: bpf.ALUOpShiftRight, Val: 2},
	bpf.ALUOpX{Op: bpf.ALUOpAdd},
	bpf.ALUOpConstant{Op: bpf.ALUOpAdd, Val: offIP},
	bpf.RetA{},

	bpf.RetConstant{Val: 0},
}

// Offsets in an Ethernet frame.
const (
	offEtherType = 12
	offIP        = 14
)

// maxHeaders is the most that tcpHeaders returns: IPv4 and TCP with full options.
const maxHeaders = offIP + 60 + 60

func setFilter(fd int) error {
	raw, err := bpf.Assemble(tcpHeaders)
	if err != nil {
		return err
	}
	program := unix.SockFprog{
		Len:    uint16(len(raw)),
		Filter: (*unix.SockFilter)(unsafe.Pointer(&raw[0])), // of the same layout as bpf.RawInstruction
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &program)
}
