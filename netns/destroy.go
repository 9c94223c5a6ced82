package netns

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Of include/uapi/linux/inet_diag.h and sock_diag.h.
const (
	sockDiagByFamily = 20
	sockDestroy      = 21
	diagHeaderSize   = 4         // family, state, timer, retransmissions of struct inet_diag_msg
	diagIDSize       = 48        // struct inet_diag_sockid
	allStates        = 1<<13 - 1 // but TCP_BOUND_INACTIVE, which cannot be destroyed and has nothing to send
	listening        = 1 << 10   // those of the path manager cannot be destroyed either
	diagStates       = allStates &^ listening
)

// DestroySockets resets every TCP connection of the namespace, subflows of MPTCP connections included, whether a program still
// holds it or only the kernel does: the latter would keep the namespace alive, as long as they have something to send. The
// programs see their connections aborted. An MPTCP connection that no program holds ends with its last subflow.
func (ns *Namespace) DestroySockets() error {
	return ns.Do(func() error {
		sock, err := dial(unix.NETLINK_SOCK_DIAG)
		if err != nil {
			return err
		}
		defer sock.Close()
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			if err := destroySockets(sock, family); err != nil {
				return err
			}
		}
		return nil
	})
}

func destroySockets(sock *netlink.Conn, family uint8) error {
	list := diagRequest("list TCP sockets", sockDiagByFamily, unix.NLM_F_DUMP, family, make([]byte, diagIDSize))
	replies, err := query(sock, list)
	if err != nil {
		return err
	}
	if len(replies) == 0 {
		return nil
	}
	requests := make([]request, len(replies))
	for i, m := range replies {
		if len(m.Data) < diagHeaderSize+diagIDSize {
			return fmt.Errorf("list TCP sockets: answer of %d bytes is too short", len(m.Data))
		}
		id := m.Data[diagHeaderSize : diagHeaderSize+diagIDSize]
		// The socket may have ended since, by itself or with another one of its connection.
		requests[i] = diagRequest("destroy TCP socket", sockDestroy, 0, m.Data[0], id).ignoring(unix.ENOENT)
	}
	return transact(sock, requests)
}

// diagRequest is a request with a struct inet_diag_req_v2 for TCP sockets.
func diagRequest(what string, kind, flags int, family uint8, id []byte) request {
	var b bytes.Buffer
	b.Write([]byte{family, unix.IPPROTO_TCP, 0, 0})
	b.Write(binary.NativeEndian.AppendUint32(nil, diagStates))
	b.Write(id)
	r := newRequest(what, kind, flags)
	r.message.Data = b.Bytes()
	return r
}
