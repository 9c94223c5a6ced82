package tcp

import "syscall"

// State is a state of a connection, in the kernel's numbers (include/net/tcp_states.h).
type State uint8

// The states.
const (
	Established State = iota + 1
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Closed
	CloseWait
	LastAck
	Listening
	Closing
)

var stateNames = [...]string{
	Established: "ESTAB", SynSent: "SYN-SENT", SynRecv: "SYN-RECV", FinWait1: "FIN-WAIT-1", FinWait2: "FIN-WAIT-2",
	TimeWait: "TIME-WAIT", Closed: "UNCONN", CloseWait: "CLOSE-WAIT", LastAck: "LAST-ACK", Listening: "LISTEN", Closing: "CLOSING",
}

// String is the state as ss(8) names it.
func (s State) String() string { return stateNames[s] }

// in tells whether the state is one of those.
func (s State) in(states ...State) bool {
	for _, x := range states {
		if s == x {
			return true
		}
	}
	return false
}

// CanSend tells whether data may be sent in the state.
func (s State) CanSend() bool { return s == Established || s == CloseWait }

// Errors of connections, in the numbers of Linux, whatever this program runs on.
const (
	EPIPE        syscall.Errno = 32
	EADDRINUSE   syscall.Errno = 98
	ECONNABORTED syscall.Errno = 103
	ECONNRESET   syscall.Errno = 104
	ENOTCONN     syscall.Errno = 107
	ETIMEDOUT    syscall.Errno = 110
	ECONNREFUSED syscall.Errno = 111
)
