package lab

import (
	"context"
	"net/netip"
	"time"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// Backend makes labs. One backend serves many labs at once.
type Backend interface {
	// Name is the word for --backend: "kernel".
	Name() string
	// Describe says in one line what the backend runs on, such as "Linux 6.18.44, root".
	Describe() string
	// Features is what the backend was found to be able to do.
	Features() Features
	// Open returns an empty lab. The lab and all in it end with Lab.Close.
	Open(ctx context.Context, o Options) (Lab, error)
	// Measured are findings about the machine that belong in a report, as lines: how precisely its links delay, if a lab had
	// such links. It may take a moment.
	Measured(ctx context.Context) ([]string, error)
	// Close releases the backend and audits it: whatever a lab left behind is an error.
	Close() error
}

// Options bound and name one lab.
type Options struct {
	Name      string // of the case, for error messages and kept labs
	Seed      uint64 // of all random choices: payloads, nonces of an emulator
	MaxHosts  int    // 0: the backend's default
	MaxEvents int    // kept packets and events; 0: the backend's default
	AllowExec bool   // whether Host.Exec may run programs
	Alone     bool   // nothing else uses the machine meanwhile, and nobody listens to path-manager events: neither does the lab
}

// Lab is one isolated set of hosts and links, and the record of what happened there.
// Its methods, and those of all in it, may be called from one goroutine at a time, except Wake, Note and Timeline. What is to
// happen side by side, such as both halves of a transfer, is given to Together.
type Lab interface {
	// Host adds a host with no address but loopback.
	Host(ctx context.Context, name string, o HostOptions) (Host, error)
	// Switch adds an Ethernet bridge: a node that only links may attach to.
	Switch(ctx context.Context, name string) (Node, error)
	// Link joins two nodes, and sets the addresses of its ends.
	Link(ctx context.Context, a, b End, o LinkOptions) (Link, error)
	// Hosts are the hosts in order of creation.
	Hosts() []Host
	// Alone is that of its Options.
	Alone() bool

	// Wait evaluates cond until it is true, an error, or timeout has passed in the lab's time; it reports the last value.
	// It evaluates again whenever something was observed, so it returns as soon as the condition holds.
	Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error)
	// Wake makes a Wait evaluate its condition again.
	Wake()
	// Together does several things side by side, and returns when all are done. The first error ends the context of the others,
	// and is returned. Meanwhile these may use sockets and listeners, and one of them Wait.
	Together(ctx context.Context, do ...func(context.Context) error) error
	// Timeout is ctx ended with that cause when d has passed in the lab's time.
	Timeout(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc)
	// Now is the lab's time since it was opened.
	Now() time.Duration

	// Note adds a line to the timeline, at Now. The host may be empty.
	Note(kind EntryKind, host, text string)
	// Timeline is all that was observed and noted so far, in order of time.
	Timeline() []Entry

	// Close resets what is still connected and removes everything.
	Close() error
}

// Node is something that a link can attach to: a host or a switch.
type Node interface{ Name() string }

// HostOptions are the properties of a host at its creation.
type HostOptions struct {
	Router bool              // forwards packets between its links
	Sysctl map[string]string // such as "net.mptcp.enabled": "0", set before any socket exists
}

// End is one end of a link to be.
type End struct {
	Node      Node
	Interface string         // name of the interface; empty: eth1, eth2, … in order of attachment
	Addresses []netip.Prefix // of the interface, ready at once; empty on a switch
}

// LinkOptions are the properties of a link at its creation.
type LinkOptions struct {
	MTU      int                  // bytes; 0: 1500
	Impair   [2]impair.Impairment // of what each end sends
	Accurate bool                 // delay as precisely as the machine can, at the cost of much of a CPU
}

// Link is a point-to-point link: a pair of interfaces.
type Link interface {
	Name() string // such as "client:eth1-server:eth1"
	// Ends are the node and interface names, in the order given to Lab.Link.
	Ends() [2]LinkEnd
	// SetUp brings both ends up or down.
	SetUp(ctx context.Context, up bool) error
	// SetMTU changes the MTU of both ends, in bytes.
	SetMTU(ctx context.Context, mtu int) error
	// Packets are the interesting packets seen so far (see Packet), in order of time. The error tells that some were lost:
	// then the others are returned with it.
	Packets() ([]Packet, error)

	// What follows makes a link more than a cable. The first call on one that was made without impairments loses what is
	// under way at that moment.

	// Impair sets how the link treats what an end sends, given by its index into Ends.
	Impair(ctx context.Context, from int, i impair.Impairment) error
	// AddRule adds a rule behind those there are. The first one that selects a packet decides on it.
	AddRule(ctx context.Context, r *Rule) error
	// RemoveRule removes a rule. Packets that it has not decided yet are still its own.
	RemoveRule(r *Rule) error
	// Seen is how many packets a rule has matched so far, and on how many of them it has decided.
	Seen(r *Rule) (matched, selected uint)
	// Inject sends a frame towards an end.
	Inject(ctx context.Context, i Injection) error
	// Traffic counts what each end has sent; zero on a plain cable.
	Traffic() [2]Traffic
}

// LinkEnd names one end of a link that exists.
type LinkEnd struct {
	Node      string
	Interface string
	Addresses []netip.Prefix
}

// Address is one address of a host.
type Address struct {
	Interface string
	Prefix    netip.Prefix
}

// Route is a route of a host; each may have several ways for one destination only with different sources.
type Route struct {
	Destination netip.Prefix // a default route has 0 bits
	Via         netip.Addr   // next hop; zero: on link
	Interface   string       // may be empty when Via is set
	Source      netip.Addr   // when set, only packets from this source address use the route (a source rule)
}

// Way is how packets for a destination leave a host.
type Way struct {
	Source    netip.Addr // of packets that have none yet
	Interface string     // "lo": they stay on the host
	Via       netip.Addr // next hop; zero: the destination itself
}

// Host is one modelled or real host with its own network stack and path manager.
type Host interface {
	Node
	// Addresses are those of its links (no loopback, no link-local), in order of creation.
	Addresses() []Address
	AddAddress(ctx context.Context, iface string, p netip.Prefix) error
	DeleteAddress(ctx context.Context, iface string, p netip.Prefix) error
	AddRoute(ctx context.Context, r Route) error
	// RouteTo is the way that a packet would take to an address now, as "ip route get" tells it: from an address of the host, or
	// if that is zero from one that routing chooses. The error tells why there is none; the errno is what a program would see.
	RouteTo(ctx context.Context, from, to netip.Addr) (Way, error)
	SetInterfaceUp(ctx context.Context, iface string, up bool) error
	// InterfaceIndex is the kernel's ifindex of an interface, as endpoints and events use it.
	InterfaceIndex(iface string) (int32, error)
	// Sysctl reads and SetSysctl writes a value by its dotted name.
	Sysctl(name string) (string, error)
	SetSysctl(name, value string) error

	// Firewall is the host's packet filter and address translation.
	Firewall() Firewall
	// PathManager drives the host's mptcp_pm family.
	PathManager() PathManager
	// Events are all path-manager events since the host was created, in order.
	// The error tells that events were lost (the socket was overrun, or the record is full): the others are returned with it.
	Events() ([]Event, error)
	// Counters reads every MPTcpExt counter, absolute.
	Counters() (Counters, error)
	// Conns is what inet_diag shows: every MPTCP connection of the host, with its subflows.
	Conns() ([]Conn, error)
	// Conn is what inet_diag shows when asked for one MPTCP connection, by its token.
	Conn(token uint32) (Conn, error)
	// Listeners are the listening sockets that inet_diag shows, those of endpoints with a port included, by address.
	Listeners() ([]Listening, error)
	// SocketsInUse counts the sockets of a protocol, as /proc/net/protocols does: on MPTCP its listeners and connections, on TCP
	// their subflows too.
	SocketsInUse(p Protocol) (int, error)

	// Listen opens a listening socket.
	Listen(ctx context.Context, o ListenOptions) (Listener, error)
	// Dial connects to a listener on any host.
	Dial(ctx context.Context, o DialOptions) (Socket, error)
	// Exec runs a program in the host, if the lab allows it.
	Exec(ctx context.Context, argv []string, stdin string) (ExecResult, error)
	// IPNamespace is the host as the command ip-mptcp(8) sees it.
	IPNamespace() ipmptcp.Namespace
	// Enter is the shell command by which a person enters the host of a kept lab; empty where that is not possible.
	Enter() string
}

// PathManager is the mptcp_pm API of one host; *pm.Client satisfies it.
type PathManager interface {
	AddEndpoint(e pm.Endpoint) error
	// DeleteEndpoint deletes by ID; with ID 0, by the address of initial subflows.
	DeleteEndpoint(e pm.Endpoint) error
	// ChangeEndpoint sets the backup and fullmesh flags of the endpoint with that ID or, with ID 0, that address.
	ChangeEndpoint(e pm.Endpoint) error
	Endpoint(id uint8) (pm.Endpoint, error)
	Endpoints() ([]pm.Endpoint, error)
	FlushEndpoints() error
	Limits() (pm.Limits, error)
	// SetLimits sets the limits that are not nil.
	SetLimits(l pm.LimitsUpdate) error

	// What follows is for connections under a userspace path manager, by their local token.

	// Announce sends an ADD_ADDR.
	Announce(token uint32, local pm.Endpoint) error
	// Remove sends a RM_ADDR.
	Remove(token uint32, id uint8) error
	// SubflowCreate sends the SYN of an MP_JOIN, and does not wait for the answer.
	SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error
	SubflowDestroy(token uint32, local, remote netip.AddrPort) error
	// SetFlags sets or clears the backup flag of a subflow.
	SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error
	// Address and Addresses are the local addresses that the commands above have named.
	Address(token uint32, id uint8) (pm.Endpoint, error)
	Addresses(token uint32) ([]pm.Endpoint, error)
}

// Protocol of a socket.
type Protocol int

// The protocols.
const (
	MPTCP Protocol = iota
	TCP
)

// ListenOptions are those of Host.Listen.
type ListenOptions struct {
	Protocol Protocol
	Address  netip.AddrPort // unspecified address: all addresses of both families ("::"); port 0: any
	Seed     uint64         // of the pattern (see package traffic), the same at both ends of a connection; 0: the lab's
	Options  []SocketOption // set before it listens; accepted sockets inherit them as far as the kernel passes them on
}

// DialOptions are those of Host.Dial.
type DialOptions struct {
	Protocol Protocol
	Local    netip.AddrPort // bound source; zero: chosen by routing
	Remote   netip.AddrPort
	Seed     uint64         // of the pattern: the listener's; 0: the lab's
	Options  []SocketOption // set before it connects
	Data     []byte         // sent with the SYN where the peer allows it (TCP Fast Open), else after the handshake
}

// Listener accepts connections.
type Listener interface {
	Address() netip.AddrPort
	Accept(ctx context.Context) (Socket, error)
	Close() error
}

// Socket is one end of a connection.
type Socket interface {
	Host() Host
	Local() netip.AddrPort
	Remote() netip.AddrPort
	// Conn is this end's view of the connection; it stays readable, as last seen, after the socket is closed.
	Conn() (Conn, error)

	// Send writes n bytes of the stream's pattern (see package traffic); it returns when the kernel has taken them.
	Send(ctx context.Context, n int64) error
	// Receive reads and verifies n bytes of the peer's pattern; a wrong byte is an error with its offset.
	Receive(ctx context.Context, n int64) error
	// SendBytes and ReceiveBytes move the script's own bytes.
	SendBytes(ctx context.Context, b []byte) error
	ReceiveBytes(ctx context.Context, n int) ([]byte, error)
	// CloseWrite sends the end of the stream (shutdown).
	CloseWrite() error
	// ReceiveEOF waits for the peer's end of the stream; data instead is an error.
	ReceiveEOF(ctx context.Context) error
	// ReceiveMessage takes up to n bytes, whatever their pattern, with one recvmsg(2); with peek they stay in the socket.
	ReceiveMessage(ctx context.Context, n int, peek bool) (Message, error)
	// Option reads an option by its name, one of SocketOptions, and SetOption sets one.
	Option(name string) (any, error)
	SetOption(o SocketOption) error
	// Reconnect ends the connection (connect(2) with AF_UNSPEC) and makes another one with the same socket; both patterns begin
	// anew. Nothing else may use the socket meanwhile.
	Reconnect(ctx context.Context, remote netip.AddrPort) error
	// Close closes gracefully, Abort at once (a reset: MP_FASTCLOSE on MPTCP).
	Close() error
	Abort() error
}

// ExecResult is what a program left. Of a long output it has the beginning, and a last line that says so.
type ExecResult struct {
	Status int // 128 and the number of the signal that ended it, if one did
	Stdout string
	Stderr string
}
