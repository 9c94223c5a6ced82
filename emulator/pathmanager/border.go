package pathmanager

import (
	"net/netip"
	"syscall"
	"time"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Host is the host of a [Manager].
type Host interface {
	// Name is how reasons call the host.
	Name() string
	// After runs f once d has passed, unless stop is called before. It never runs f itself, not even for 0.
	After(d time.Duration, f func()) (stop func())
	// Emit delivers an event to those who listen to path-manager events.
	Emit(e pm.Event)
	// Listened tells whether anybody listens to path-manager events. Without a listener no event is made, and a connection that
	// is left to userspace takes no join and no announcement.
	Listened() bool
	// Count adds n to an MPTcpExt counter, such as "AddAddr". A counter that the release lacks is not counted.
	Count(counter string, n int)
	// Explain records why the path manager did something.
	Explain(r Reason)
	// ListenJoins opens the listener of an endpoint with a port, which takes MP_JOIN and nothing else, and returns how to close
	// it. The error number is that of bind or listen, 0 if there is none.
	ListenJoins(local netip.AddrPort) (closer func(), errno syscall.Errno)
}

// Conn is an MPTCP connection of a host (struct mptcp_sock).
type Conn interface {
	Info() ConnInfo
	// Subflows are those on the connection's list, closed ones included as long as they are there: the initial one first,
	// then the others as they were opened or accepted. The initial one stays, closed, when others live.
	Subflows() []Subflow
	// Connect opens a subflow with an MP_JOIN, and does not wait for the answer (__mptcp_subflow_connect). It counts MPJoinSynTx
	// and its errors. What fails at once is an error number: ENOTCONN before the connection is fully established, that of
	// socket, bind or connect else. The new subflow is in Subflows before the SYN leaves.
	Connect(j Join) syscall.Errno
}

// ConnInfo is what a path manager knows of a connection.
type ConnInfo struct {
	Token            uint32         // local; 0 before there is one
	Local, Remote    netip.AddrPort // of the initial subflow, also when it is gone; mapped into IPv6 where the socket is an IPv6 one
	V6Only           bool           // IPV6_V6ONLY is set
	State            State          // of the connection, not of a subflow
	FullyEstablished bool
}

// Subflow is a subflow of a [Conn]. Two are the same if they are equal, so it is best a pointer.
type Subflow interface {
	Info() SubflowInfo
	// SendAck sends a duplicate ACK now. As it is written, TakeAddAddr and TakeRmAddr are asked for its options.
	SendAck()
	// SendPrio asks for the subflow to be a backup or not (request_bkup), and sends an ACK with an MP_PRIO that says so, which
	// it counts as MPPrioTx.
	SendPrio(backup bool)
	// Close shuts the subflow down in both directions and closes it (mptcp_subflow_shutdown, mptcp_close_ssk); that calls
	// SubflowClosed.
	Close()
}

// SubflowInfo is what a path manager knows of a subflow.
type SubflowInfo struct {
	Local, Remote     netip.AddrPort // in the form of its socket: IPv4 is mapped into IPv6 on an IPv6 one
	LocalID, RemoteID uint8
	State             State
	Join              bool          // made by MP_JOIN; false for the initial subflow
	Opened            bool          // this end sent the MP_JOIN
	FullyEstablished  bool          // of a join: an opened one may send from then on
	Backup            bool          // asked by the peer
	Stale             bool          // see net.mptcp.stale_loss_cnt
	RTO               time.Duration // of TCP; 0 counts as one second, as before the first sample
	Error             syscall.Errno // why it ended (sk_err), in the numbers of Linux: 111 for ECONNREFUSED
	Reset             bool          // a MP_TCPRST was received, with:
	ResetReason       uint8
	ResetTransient    bool
	IfIndex           int32 // of the interface that it is bound to; 0: none
}

// Join is a subflow to be opened.
type Join struct {
	// Local is where it comes from. An unspecified address of the right family leaves it to routing; then [Connection.LocalID]
	// and [Connection.Backup] tell ID and Backup of the address that was chosen, and a missing ID is an error (EINVAL).
	// Port 0 is any port.
	Local    netip.AddrPort
	Remote   netip.AddrPort
	LocalID  uint8
	RemoteID uint8 // until the SYN-ACK tells
	Backup   bool  // the B bit of the SYN
	IfIndex  int32 // of the interface to bind to; 0: none
}

// AddAddr is an ADD_ADDR option.
type AddAddr struct {
	ID      uint8
	Address netip.Addr // in the form of the endpoint; one that is mapped into IPv6 goes as an IPv6 address
	Port    uint16     // 0: none
	Echo    bool
}

// State is a state of TCP or MPTCP in the kernel's numbers (include/net/tcp_states.h).
type State uint8

// The states.
const (
	Established State = iota + 1
	SynSent
	SynRecv
	FinWait1
	FinWait2
	TimeWait
	Close
	CloseWait
	LastAck
	Listen
	Closing
)

// Side is the end of a connection.
type Side bool

// The sides.
const (
	Opened   Side = false // by connect
	Accepted Side = true  // by a listener
)

// Reason is why the path manager did something, or did not.
type Reason struct {
	Token  uint32 // of the connection; 0: of the host
	Rule   string // a short name that stays: "add_addr_limit"
	Test   string // the comparison with its values: "add_addr_accepted 1 >= limit_add_addr_accepted 1"
	Text   string // one sentence: "client ignored ADD_ADDR id 2 (10.0.3.1): accepted 1 of at most 1 announced addresses"
	Source string // function and file of the kernel: "mptcp_pm_add_addr_received (net/mptcp/pm.c)"
}
