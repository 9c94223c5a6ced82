package why

import (
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Pair is the two addresses of a subflow: of the end that connected, which is the one to open further subflows, and of the end that
// accepted.
type Pair struct{ Client, Server netip.Addr }

// String is the pair as checks write subflows: "10.0.2.1 > 10.0.1.2".
func (p Pair) String() string { return p.Client.String() + " > " + p.Server.String() }

// Seen is what was observed of a connection, about one pair of addresses that has no subflow.
type Seen struct {
	Pair
	ClientEnd, ServerEnd End

	Captured bool         // packets were captured on every link
	Packets  []lab.Packet // in order of time
	Links    []Link
	Between  []Router // the other hosts
}

// End is one end of the connection.
type End struct {
	Known bool // false: the end can only be told by the other one
	Name  string
	Conn  lab.Conn

	Addresses []lab.Address
	Endpoints []pm.Endpoint
	Limits    pm.Limits
	Userspace bool          // its path manager is one in userspace: endpoints and limits mean nothing
	Announced []pm.Endpoint // that one's local addresses
	Listeners []lab.Listening
	Firewall  []lab.FirewallEntry
	Counters  lab.Counters // of the whole host

	Listened bool        // path-manager events were received, from the beginning of the connection
	Events   []lab.Event // of the connection

	Out    Way // from its address of the pair to the other one
	Chosen Way // to the other one, from the source that routing chooses
	Strict []string
}

// Way is how packets leave a host.
type Way struct {
	lab.Way
	Err string // why there is none
}

// Router is a host between the ends.
type Router struct {
	Name               string
	ToClient, ToServer Way
	Strict             []string // interfaces that take only what would be answered by them (rp_filter)
}

// Link is a link of the lab with what it did to packets by chance.
type Link struct {
	Name    string
	Ends    [2]lab.LinkEnd
	Traffic [2]lab.Traffic
}

// endpoint finds an endpoint by its address, preferring those with one of the flags.
func (e *End) endpoint(a netip.Addr, flags pm.Flags) *pm.Endpoint {
	var found *pm.Endpoint
	for i := range e.Endpoints {
		x := &e.Endpoints[i]
		if x.Address.Unmap() == a && x.Flags&pm.FlagImplicit == 0 && (found == nil || x.Flags&flags != 0) {
			found = x
		}
	}
	return found
}

// own are the endpoints that have a flag, of one family.
func (e *End) own(flag pm.Flags, like netip.Addr) (all []pm.Endpoint) {
	for _, x := range e.Endpoints {
		if x.Flags&flag != 0 && x.Address.Unmap().Is4() == like.Is4() {
			all = append(all, x)
		}
	}
	return all
}

// device is the interface that has an address; empty: the host does not have it.
func (e *End) device(a netip.Addr) string {
	i := slices.IndexFunc(e.Addresses, func(x lab.Address) bool { return x.Prefix.Addr() == a })
	if i < 0 {
		return ""
	}
	return e.Addresses[i].Interface
}

// covers tells which protocol listens on an address and port; found is false if none does.
func (e *End) covers(at netip.AddrPort) (mptcp, found bool) {
	for _, l := range e.Listeners {
		a := l.Address.Addr()
		all := a.IsUnspecified() && (a.Is6() || at.Addr().Is4())
		if l.Address.Port() != at.Port() || a.Unmap() != at.Addr() && !all {
			continue
		}
		found = true
		mptcp = mptcp || l.Protocol == lab.MPTCP || l.Subflow
	}
	return mptcp, found
}

// extra is how many subflows the end has beside the initial one.
func (e *End) extra() uint32 { return uint32(e.Conn.Info.ExtraSubflows) }

// initial is the pair of the initial subflow.
func (s *Seen) initial() Pair {
	if s.ClientEnd.Known {
		return Pair{ip(s.ClientEnd.Conn.Local), ip(s.ClientEnd.Conn.Remote)}
	}
	return Pair{ip(s.ServerEnd.Conn.Remote), ip(s.ServerEnd.Conn.Local)}
}

// announced tells whether the client could know the server's address only from an ADD_ADDR.
func (s *Seen) announced() bool { return s.Server != s.initial().Server }

// exists tells whether the pair is a subflow.
func (s *Seen) exists() bool { return slices.Contains(s.subflows(), s.Pair) }

// subflows are the pairs that are subflows: as the client shows them, since the server's view is later at the begin and at the
// end. One of which the client does not know yet whether the server has it counts if the server shows it.
func (s *Seen) subflows() (all []Pair) {
	shown := s.ServerEnd.pairs(false)
	if !s.ClientEnd.Known {
		return shown
	}
	for i, p := range s.ClientEnd.pairs(true) {
		f := s.ClientEnd.Conn.Subflows[i]
		if f.State != "SYN-SENT" && (f.Established || !f.Join || !s.ServerEnd.Known || slices.Contains(shown, p)) {
			all = append(all, p)
		}
	}
	return all
}

// pairs are those of the subflows that the end shows.
func (e *End) pairs(client bool) []Pair {
	all := make([]Pair, len(e.Conn.Subflows))
	for i, f := range e.Conn.Subflows {
		all[i] = Pair{ip(f.Local), ip(f.Remote)}
		if !client {
			all[i] = Pair{ip(f.Remote), ip(f.Local)}
		}
	}
	return all
}

// waiting is the client's subflow of the pair that waits for an answer, as inet_diag shows it.
func (s *Seen) waiting() *lab.Subflow {
	for i, f := range s.ClientEnd.Conn.Subflows {
		if f.State == "SYN-SENT" && ip(f.Local) == s.Client && ip(f.Remote) == s.Server {
			return &s.ClientEnd.Conn.Subflows[i]
		}
	}
	return nil
}

// event finds the last event of a kind about the pair, seen from the client.
func (s *Seen) event(kind pm.EventKind) *lab.Event {
	for i := len(s.ClientEnd.Events) - 1; i >= 0; i-- {
		e := &s.ClientEnd.Events[i]
		if e.Kind == kind && ip(e.Local) == s.Client && ip(e.Remote) == s.Server {
			return e
		}
	}
	return nil
}

func ip(a netip.AddrPort) netip.Addr { return a.Addr().Unmap().WithZone("") }
