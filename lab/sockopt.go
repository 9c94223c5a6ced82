package lab

import (
	"net/netip"
	"time"
)

// SocketOption is a value for an option of a socket.
type SocketOption struct {
	Name  string // one of SocketOptions that is not read-only
	Value any    // a string where the option takes text, else an int
}

// SocketOptionKind says what an option of a socket is.
type SocketOptionKind struct {
	Name     string // as setsockopt(2) and ioctl(2) know it
	Text     bool   // its value is a string
	ReadOnly bool
}

// SocketOptions are the options that Socket.Option knows. The values of the first ones are ints, or strings where they say so;
// those of MPTCP_INFO and the others of its level are an Info, a []TCPInfo, a []SubflowAddrs, and a FullInfo.
func SocketOptions() []SocketOptionKind {
	return []SocketOptionKind{
		{Name: "SO_KEEPALIVE"},
		{Name: "SO_MARK"},
		{Name: "SO_PRIORITY"},
		{Name: "SO_PROTOCOL", ReadOnly: true},
		{Name: "SO_RCVBUF"},
		{Name: "SO_SNDBUF"},
		{Name: "IP_TOS"},
		{Name: "IP_TRANSPARENT"},
		{Name: "IPV6_TCLASS"},
		{Name: "IPV6_TRANSPARENT"},
		{Name: "TCP_CONGESTION", Text: true},
		{Name: "TCP_CORK"},
		{Name: "TCP_FASTOPEN"},
		{Name: "TCP_INQ"},
		{Name: "TCP_IS_MPTCP", ReadOnly: true},
		{Name: "TCP_KEEPIDLE"},
		{Name: "TCP_NODELAY"},
		{Name: "TCP_NOTSENT_LOWAT"},
		{Name: "TCP_ULP", Text: true},
		{Name: "FIONREAD", ReadOnly: true},
		{Name: "SIOCOUTQ", ReadOnly: true},
		{Name: "SIOCOUTQNSD", ReadOnly: true},
		{Name: "MPTCP_INFO", ReadOnly: true},
		{Name: "MPTCP_TCPINFO", ReadOnly: true},
		{Name: "MPTCP_SUBFLOW_ADDRS", ReadOnly: true},
		{Name: "MPTCP_FULL_INFO", ReadOnly: true},
	}
}

// TCPInfo is a part of struct tcp_info (include/uapi/linux/tcp.h).
type TCPInfo struct {
	State         string // as in Subflow
	MSS           uint32 // of what is sent, in bytes
	RTO, RTT      time.Duration
	BytesSent     uint64 // retransmissions included
	BytesAcked    uint64
	BytesReceived uint64
	BytesRetrans  uint64
}

// SubflowAddrs are the ends of a subflow.
type SubflowAddrs struct{ Local, Remote netip.AddrPort }

// FullInfo is what MPTCP_FULL_INFO says of a connection and its subflows at one moment.
type FullInfo struct {
	Info     Info
	Subflows []FullSubflow // in order of creation
}

// FullSubflow is a subflow of FullInfo.
type FullSubflow struct {
	ID uint32 // counts the subflows of the connection, from 1 for the initial one: no address ID
	SubflowAddrs
	TCP TCPInfo
}

// Message is what one recvmsg(2) took.
type Message struct {
	Data   []byte // empty: the peer's stream has ended
	Unread int    // how many bytes wait still, as TCP_INQ tells; -1 where that option is not set
}

// Listening is a listening socket. A listener of MPTCP is two: itself, and the TCP socket beneath it, which takes the SYNs. Of an
// endpoint with a port inet_diag shows only the latter.
type Listening struct {
	Protocol  Protocol
	Address   netip.AddrPort
	Subflow   bool   // the TCP socket of an MPTCP listener
	Interface string // bound device, if any
}
