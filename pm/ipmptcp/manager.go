package ipmptcp

import (
	"context"
	"fmt"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Namespace is a network namespace in which a [Command] can work.
type Namespace interface {
	// Open connects to the path manager. Where there is none, the error is a [Refusal] with ENOENT. The receive buffer is in
	// bytes and no more than a wish.
	Open(ctx context.Context, receiveBuffer int) (Manager, error)
	// Named returns the namespace of that name (ip -netns). The error is printed as it is.
	Named(ctx context.Context, name string) (Namespace, error)
}

// Manager is a path manager, and the interfaces of its network namespace.
type Manager interface {
	// Do sends a request and returns what came back. What the manager refuses is a [Refusal].
	Do(ctx context.Context, r Request) (Reply, error)
	// Links lists the network interfaces.
	Links(ctx context.Context) ([]Link, error)
	// Listen subscribes to the events, up to Close.
	Listen(ctx context.Context) (Listener, error)
	// Close gives up the connection.
	Close() error
}

// Listener receives events.
type Listener interface {
	// Receive waits for events and returns at least one, or an error: ENOBUFS tells that some were lost and more can be
	// received.
	Receive(ctx context.Context) ([]Message, error)
}

// Cmd is a command of the family mptcp_pm (enum mptcp_pm_cmds in include/uapi/linux/mptcp_pm.h).
type Cmd uint8

// The commands that ip-mptcp(8) sends.
const (
	CmdAddAddr    Cmd = 1
	CmdDelAddr    Cmd = 2
	CmdGetAddr    Cmd = 3
	CmdFlushAddrs Cmd = 4
	CmdSetLimits  Cmd = 5
	CmdGetLimits  Cmd = 6
	CmdSetFlags   Cmd = 7
)

// version of the family mptcp_pm (MPTCP_PM_VER).
const version = 1

// Request is a message to the path manager.
type Request struct {
	Cmd   Cmd
	Dump  bool   // asks for a list
	Attrs []byte // the attributes, as netlink encodes them
}

// answered tells whether the manager answers with messages; else it only acknowledges.
func (r Request) answered() bool { return r.Cmd == CmdGetAddr || r.Cmd == CmdGetLimits }

// Endpoint is the endpoint that a request names; false: it names none.
func (r Request) Endpoint() (pm.Endpoint, bool) {
	top := parseAttrs(r.Attrs)
	nest := parseAttrs(top[attrAddr])
	return parseEndpoint(&nest), top.has(attrAddr)
}

// Limits are the limits that a request sets.
func (r Request) Limits() (l pm.LimitsUpdate) {
	top := parseAttrs(r.Attrs)
	for attr, limit := range map[int]**uint32{attrRcvAddAddrs: &l.AddAddrAccepted, attrSubflows: &l.Subflows} {
		if n := top.uint32(attr); top.has(attr) {
			*limit = &n
		}
	}
	return l
}

// Message is a reply or an event of the path manager.
type Message struct {
	Cmd   uint8  // of an event: its kind
	Attrs []byte // the attributes, as netlink encodes them
}

// Reply is the answer to a request.
type Reply struct {
	Messages    []Message
	Interrupted bool   // the list changed while it was sent
	Warning     string // said of a request that was granted
}

// Link is a network interface.
type Link struct {
	Index    int32
	Name     string
	AltNames []string
}

// Refusal is the answer to a request that was not granted (struct nlmsgerr).
type Refusal struct {
	Errno   syscall.Errno
	Message string // extended acknowledgement; may be empty
	Missing uint32 // the type of the attribute that is missing (NLMSGERR_ATTR_MISS_TYPE); 0: none
}

// Error is the message, and else the text of the error number.
func (r *Refusal) Error() string {
	if r.Message != "" {
		return fmt.Sprintf("%v: %s", pm.Errno(r.Errno), r.Message)
	}
	return pm.Errno(r.Errno).Error()
}

// Unwrap returns the error number, as a [pm.Errno].
func (r *Refusal) Unwrap() error { return pm.Errno(r.Errno) }
