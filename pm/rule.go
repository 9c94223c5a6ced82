package pm

import (
	"slices"
	"strings"
	"syscall"
)

// rule is a refusal that the kernel is known for: of the requests whose Op begins with op, with this errno and a text that
// begins with message. Empty op and message stand for all.
type rule struct {
	op      string
	errno   syscall.Errno
	message string
	text    string
}

// rules are the kernel's refusals, for each command the narrower ones first (net/mptcp/pm_netlink.c, pm_kernel.c and
// pm_userspace.c; texts of Linux 6.18).
var rules = []rule{
	{"", eperm, "", "this needs CAP_NET_ADMIN in the user namespace that owns the network namespace: run as root, or in a user namespace of your own"},

	{"add endpoint", einval, "missing family", "an endpoint needs an address: an ID alone adds nothing"},
	{"announce", einval, "missing family", "an announcement needs an address: an ID alone announces nothing"},
	{"", einval, "missing family", textBothSides},
	{"", einval, "unknown address family", "an address is IPv4 (family 2) or IPv6 (family 10)"},
	{"", einval, "missing address data", "the family and the address must go together: an IPv4 address with family 2, an IPv6 one with family 10"},
	{"", einval, "invalid token", "a token is that of a living connection in this network namespace: take it from the connection's events"},
	{"", einval, "userspace PM not selected", "the connection belongs to the in-kernel path manager: set net.mptcp.path_manager=userspace (before Linux 6.15, pm_type=1) before it is made"},

	{"add endpoint", einval, "flags must have signal and not subflow when using port", "a port needs the flag signal, without subflow: add signal, or leave out the port"},
	{"add endpoint", einval, "flags mustn't have both signal and fullmesh", "fullmesh is for endpoints that open subflows: use it with subflow, or leave out signal"},
	{"add endpoint", einval, "can't create IMPLICIT endpoint", "only the kernel makes implicit endpoints: leave out the flag"},
	{"add endpoint", eaddrnotavail, "create listen socket error", "the kernel listens on an endpoint with a port, so the address must be one of this host: assign it first"},
	{"add endpoint", eaddrinuse, "create listen socket error", "the kernel listens on an endpoint with a port, and that port is taken: choose another"},
	{"add endpoint", erange, "too many addresses or duplicate one", "there may be 8 endpoints, implicit ones included: delete one"},
	{"add endpoint", ebusy, "too many addresses or duplicate one", "the ID belongs to another endpoint: choose another, or leave it out and the kernel picks one"},
	{"add endpoint", eexist, "too many addresses or duplicate one", "there is an endpoint with this address and port: change it, or delete it first"},
	{"add endpoint", einval, "too many addresses or duplicate one", "an implicit endpoint has this address and keeps its ID: leave out the ID to replace it"},

	{"delete endpoint", einval, "address not found", "no endpoint has this ID: list them to see which there are"},
	{"get endpoint", einval, "address not found", "no endpoint has this ID: list them to see which there are"},
	{"change endpoint", einval, "address not found", "no endpoint has this ID, or this address and port: list them to see which there are"},
	{"change endpoint", einval, "invalid addr flags", "fullmesh is for endpoints that open subflows: a signal or implicit endpoint cannot have it"},
	{"change endpoint", eopnotsupp, "missing", "which endpoint to change is said by its ID or its address: give one"},
	{"change endpoint", eopnotsupp, "", "changing endpoints needs Linux 5.12 or newer"},

	{"set limits", einval, "limit greater than maximum", "each limit is 0 to 8"},

	{"announce", einval, "invalid addr id", "an announcement needs an ID from 1 to 255: ID 0 is the initial subflow's address, which the peer knows"},
	{"announce", einval, "invalid addr flags", "an announcement needs the flag signal"},
	{"announce", einval, "did not match address and id", textBound},
	{"announce", eopnotsupp, "", textUserspace},

	{"remove", einval, "address with id", "the connection has no local address of this ID: list its addresses to see which it has"},
	{"remove", eopnotsupp, "", textUserspace},

	{"create subflow", einval, "invalid addr flags", "a subflow's address cannot have the flag signal: announce it in a call of its own"},
	{"create subflow", einval, "did not match address and id", textBound},
	{"create subflow", einval, "families mismatch", "local and remote are of one family that the connection can use: an IPv4 connection opens no IPv6 subflow"},
	{"create subflow", enotconn, "connect error", "the connection must be fully established: wait for its event ESTABLISHED, which comes once the peer has acknowledged data or sent an ADD_ADDR"},
	{"create subflow", eaddrnotavail, "connect error", "a subflow starts from an address of this host: assign the local address first"},
	{"create subflow", eaddrinuse, "connect error", "the local port is taken: choose another, or leave it out and the kernel picks one"},
	{"create subflow", enetunreach, "connect error", "the host has no route from the local to the remote address: add one"},
	{"create subflow", enodev, "connect error", "no interface has this index in the network namespace"},
	{"create subflow", eopnotsupp, "", textUserspace},

	{"destroy subflow", einval, "address families do not match", "local and remote are of one family: both IPv4 or both IPv6"},
	{"destroy subflow", einval, "missing local port", textFourTuple},
	{"destroy subflow", einval, "missing remote port", textFourTuple},
	{"destroy subflow", esrch, "subflow not found", "the connection has no subflow between these addresses and ports: take them from the subflow's events"},
	{"destroy subflow", eopnotsupp, "", textUserspace},

	{"set flags", einval, "invalid local address family", textBothSides},
	{"set flags", einval, "invalid address families", textBothSides},
	{"set flags", einval, "subflow not found", "the connection has no active subflow between these addresses: take them from the subflow's events"},
	{"set flags", eopnotsupp, "", textUserspace},

	{"get address", einval, "address not found", "either no connection under a userspace path manager has this token here, or it has no local address of this ID"},
	{"list addresses", einval, "", "no connection under a userspace path manager has this token in this network namespace"},
}

// What several commands say.
const (
	textBound     = "an ID and an address stay together for the connection: one of these has another partner; list its addresses to see which"
	textBothSides = "a subflow has two ends: give both the local and the remote address"
	textFourTuple = "a subflow is told by both addresses and both ports: take them from the subflow's events"
	textUserspace = "this kernel has no path managers in userspace: Linux 5.19 and newer do"
)

// Rule says in a sentence which of the kernel's rules the request broke, and what to do: "a port needs the flag signal,
// without subflow: add signal, or leave out the port". It is empty for a refusal that this package does not know.
func (e *Error) Rule() string {
	if i := slices.IndexFunc(rules, e.breaks); i >= 0 {
		return rules[i].text
	}
	return ""
}

func (e *Error) breaks(r rule) bool {
	return e.Errno == r.errno && strings.HasPrefix(e.Op, r.op) && strings.HasPrefix(e.Message, r.message)
}
