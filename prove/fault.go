package prove

import (
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Fault is one thing that is wrong in a lab. It takes effect where it makes a difference: a limit that is too high by one does
// where a limit is set, a lost ADD_ADDR where one is sent.
type Fault struct {
	Name   string // in the words of ip-mptcp(8), RFC 8684 and the kernel: "subflows limit one too low"
	Effect string // what is wrong, as a sentence

	// What follows says where it takes effect; exactly one of them is set. A function returns what it was given where the
	// fault makes no difference.
	ignores  command                                                // is answered as if it had been obeyed
	limits   func(now pm.Limits, l pm.LimitsUpdate) pm.LimitsUpdate // of "limits set"
	endpoint *endpointFault
	forgives bool // commands of the path manager that are refused look obeyed
	packet   *packetFault

	event  pm.EventKind                          // is not told
	conn   func(lab.Conn) lab.Conn               // as inet_diag and socket options show it
	counts func(moved, n uint64) uint64          // what a counter shows instead of n, having moved so many times between two readings
	shown  func(pm.Endpoint) pm.Endpoint         // an endpoint as it is shown
	told   func(pm.Limits) pm.Limits             // the limits as they are shown
	seen   func([]lab.Packet) []lab.Packet       // what a link has captured
	read   func(any) any                         // an option of a socket
	inUse  func(int) int                         // how many sockets there are
	listen func([]lab.Listening) []lab.Listening // the listening sockets
}

// command is something that can be asked of a lab, as ip(8) names it where it can.
type command string

// The commands that a fault can ignore.
const (
	limitsSet       command = "limits set"
	endpointAdd     command = "endpoint add"
	endpointDelete  command = "endpoint delete"
	endpointFlush   command = "endpoint flush"
	endpointChange  command = "endpoint change"
	announce        command = "announce"
	remove          command = "remove"
	subflowCreate   command = "subflow create"
	subflowDestroy  command = "subflow destroy"
	subflowSetFlags command = "subflow set flags"
	sysctl          command = "sysctl"
	addressAdd      command = "address add"
	addressDelete   command = "address delete"
	routeAdd        command = "route add"
	interfaceUp     command = "interface up or down"
	linkUp          command = "link up or down"
	linkMTU         command = "link mtu"
	linkImpair      command = "link impair"
	linkRule        command = "link rule"
	linkInject      command = "link inject"
	firewallAdd     command = "firewall add"
	firewallDelete  command = "firewall delete"
	flowsDelete     command = "flows delete"
	socketOption    command = "setsockopt"
	socketShutdown  command = "shutdown"
	socketClose     command = "close"
	socketAbort     command = "abort"
)

// endpointFault makes an endpoint another one on its way to the kernel.
type endpointFault struct {
	of     []command
	become func(pm.Endpoint) pm.Endpoint
}

// packetFault is what becomes of some packets on every link, in both directions.
type packetFault struct {
	match match.Match
	edit  func(*wire.Segment) error // nil: the packet does not arrive
	bulk  bool                      // links keep no record of such packets, so that whether there are any cannot be known before
}

// judge is the verdict on a packet that matches.
func (f *packetFault) judge(frame []byte) (v lab.Verdict, struck bool) {
	if f.edit == nil {
		return lab.Verdict{Action: lab.ActionDrop, Note: "dropped"}, true
	}
	s, err := wire.ParseSegment(frame, wire.LayerEthernet)
	if err == nil {
		err = f.edit(s)
	}
	if err == nil {
		v.Frame, err = s.Bytes()
	}
	if err != nil {
		return lab.Verdict{Err: err}, false
	}
	if string(v.Frame) == string(frame) {
		return lab.Verdict{}, false
	}
	v.Note = "altered"
	return v, true
}
