package why

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// maxEndpoints is MPTCP_PM_ADDR_MAX (net/mptcp/protocol.h), and maxLimit the highest value of a limit.
const (
	maxEndpoints = 8
	maxLimit     = 8
)

// ends are those that were looked at.
func (s *Seen) ends() (known []*End) {
	for _, e := range []*End{&s.ClientEnd, &s.ServerEnd} {
		if e.Known {
			known = append(known, e)
		}
	}
	return known
}

// plan tells whether the in-kernel path manager of the client has still to decide on the pair.
func (s *Seen) plan() bool {
	return s.ClientEnd.Known && !s.ClientEnd.Userspace && s.join() == nil && s.waiting() == nil && s.event(pm.EventSubEstablished) == nil
}

// announces tells whether the in-kernel path manager of the server has to announce its address of the pair.
func (s *Seen) announces() bool {
	return s.ServerEnd.Known && !s.ServerEnd.Userspace && s.announced() && s.join() == nil && s.announcement(s.isServer).first == nil
}

// isServer tells whether an ADD_ADDR has the server's address of the pair.
func (s *Seen) isServer(o *wire.AddAddr) bool { return o.Address.Unmap() == s.Server }

func fallback(s *Seen) *Finding {
	for _, e := range s.ends() {
		if !e.Conn.Fallback {
			continue
		}
		f := &Finding{
			Sentence: fmt.Sprintf("The connection is plain TCP at %s, so it has no further subflows.", e.Name),
			Evidence: []string{fmt.Sprintf("%s: connection %s to %s is in fallback", e.Name, e.Conn.Local, e.Conn.Remote)},
			Remedy:   "use MPTCP at both ends, on a path that lets its options pass",
		}
		for _, name := range fallbacks {
			if e.Counters[name] > 0 {
				f.Evidence = append(f.Evidence, e.counterLine(name))
			}
		}
		for i := range s.Packets {
			if p := &s.Packets[i]; s.carries(*p) && p.Flags&wire.FlagSYN != 0 {
				f.Evidence = append(f.Evidence, packetLine(p))
			}
		}
		return f
	}
	return nil
}

// fallbacks are the counters of the ways to fall back (net/mptcp/mib.h).
var fallbacks = []string{
	"MPCapableFallbackACK", "MPCapableFallbackSYNACK", "MPCapableSYNTXDrop", "MPCapableSYNTXDisabled", "MPFallbackTokenInit",
	"MPCapableDataFallback", "DSSCorruptionFallback", "MD5SigFallback", "DssFallback", "SimultConnectFallback",
}

func closing(s *Seen) *Finding {
	for _, e := range s.ends() {
		if e.Conn.State != "ESTAB" {
			return &Finding{
				Sentence: fmt.Sprintf("The connection is closing at %s, and takes no further subflows then.", e.Name),
				Evidence: []string{fmt.Sprintf("%s: state %s", e.Name, e.Conn.State)},
				Remedy:   "open the subflow before an end closes its stream",
			}
		}
	}
	return nil
}

func established(s *Seen) *Finding {
	e := &s.ClientEnd
	if !e.Known || len(e.Conn.Subflows) != 1 || e.Conn.Subflows[0].Join || e.Conn.Subflows[0].Established {
		return nil
	}
	return &Finding{
		Sentence: fmt.Sprintf("%s has heard nothing of %s since the handshake, and until then opens no subflow.", e.Name, s.ServerEnd.Name),
		Evidence: []string{fmt.Sprintf("%s: the initial subflow is not fully established", e.Name)},
		Remedy:   "let the server send something first, as lab.connect(…, establish = True) does",
	}
}

func family(s *Seen) *Finding {
	if s.Client.Is4() != s.Server.Is4() {
		return &Finding{
			Sentence: "The addresses are of different families.",
			Evidence: []string{s.Client.String(), s.Server.String()},
			Remedy:   "take two addresses of one family",
		}
	}
	for _, e := range s.ends() {
		if len(e.Conn.Subflows) == 0 || s.Client.Is4() || !e.Conn.Subflows[0].Local.Addr().Is4() {
			continue
		}
		return &Finding{
			Sentence: fmt.Sprintf("The socket of %s is one of IPv4, which has no subflows of IPv6.", e.Name),
			Evidence: []string{fmt.Sprintf("%s: initial subflow from %s", e.Name, e.Conn.Subflows[0].Local)},
			Remedy:   "connect with IPv6: such a socket takes subflows of both families",
		}
	}
	return nil
}

func address(s *Seen) *Finding {
	for i, e := range []*End{&s.ClientEnd, &s.ServerEnd} {
		own := []netip.Addr{s.Client, s.Server}[i]
		if !e.Known || e.device(own) != "" {
			continue
		}
		has := make([]string, len(e.Addresses))
		for n, a := range e.Addresses {
			has[n] = a.Prefix.Addr().String()
		}
		return &Finding{
			Sentence: fmt.Sprintf("%s does not have the address %s.", e.Name, own),
			Evidence: []string{fmt.Sprintf("%s: addresses %v", e.Name, has)},
			Remedy:   "give the host the address, or the endpoint one that the host has",
		}
	}
	return nil
}

func pathManager(s *Seen) *Finding {
	e := &s.ClientEnd
	if !e.Known || !e.Userspace || s.join() != nil || s.waiting() != nil {
		return nil
	}
	remote := netip.AddrPortFrom(s.Server, e.Conn.Remote.Port())
	return &Finding{
		Sentence: fmt.Sprintf("The path manager of %s is one in userspace, and has not opened the subflow; endpoints and limits mean nothing to it.", e.Name),
		Evidence: []string{fmt.Sprintf("%s: net.mptcp.pm_type 1, endpoints %v", e.Name, e.Endpoints), fmt.Sprintf("%s: no MP_JOIN from %s", e.Name, s.Client)},
		Host:     e.Name, Command: "sysctl net.mptcp.pm_type=0",
		Remedy: fmt.Sprintf("%s.mptcp.subflow.create(token, %q, %q, …), or the sysctl net.mptcp.pm_type = 0 before connecting", e.Name, s.Client, remote),
	}
}

// told is the end whose endpoint begins it, with the address and the flag that it needs.
func (s *Seen) told() (e *End, a netip.Addr, flag pm.Flags) {
	if s.announced() {
		return &s.ServerEnd, s.Server, pm.FlagSignal
	}
	return &s.ClientEnd, s.Client, pm.FlagSubflow
}

// untold tells whether the path manager of that end has to decide still.
func (s *Seen) untold() bool {
	if s.announced() {
		return s.announces()
	}
	return s.plan()
}

// addEndpoint is what makes an endpoint.
func (f *Finding) addEndpoint(e *End, a netip.Addr, flags string, words string) *Finding {
	f.Remedy = fmt.Sprintf("%s.mptcp.endpoint.add(%q, %s)", e.Name, a, flags)
	f.Host, f.Command = e.Name, fmt.Sprintf("ip mptcp endpoint add %s %s", a, words)
	return f
}

// scripted are the flags in a script.
var scripted = map[pm.Flags]string{pm.FlagSignal: "signal = True", pm.FlagSubflow: "subflow = True"}

func endpointLimit(s *Seen) *Finding {
	e, a, _ := s.told()
	needed := s.untold()
	if s.announced() && !needed && s.plan() { // the source of the join may have to become one
		e, a, needed = &s.ClientEnd, s.Client, s.Client != s.initial().Client
	}
	if j := s.join(); j != nil && j.refusal != nil && s.announced() {
		e, a, needed = &s.ServerEnd, s.Server, true
	}
	if !needed || len(e.Endpoints) < maxEndpoints || slices.ContainsFunc(e.Endpoints, func(x pm.Endpoint) bool { return x.Address.Unmap() == a }) {
		return nil
	}
	return &Finding{
		Sentence: fmt.Sprintf("%s has %d endpoints, which is the kernel's maximum, and %s is none of them.", e.Name, len(e.Endpoints), a),
		Evidence: endpointLines(e),
		Remedy:   fmt.Sprintf("%s.mptcp.endpoint.delete(%d), or another one that is not needed", e.Name, e.Endpoints[0].ID),
		Host:     e.Name, Command: fmt.Sprintf("ip mptcp endpoint delete id %d", e.Endpoints[0].ID),
	}
}

func endpointLines(e *End) []string {
	if len(e.Endpoints) == 0 {
		return []string{e.Name + ": no endpoints"}
	}
	lines := make([]string, len(e.Endpoints))
	for i, x := range e.Endpoints {
		lines[i] = e.Name + ": endpoint " + x.String()
	}
	return lines
}

func side(s *Seen) *Finding {
	if !s.untold() {
		return nil
	}
	e, a, flag := s.told()
	other := &s.ServerEnd
	if e == other {
		other = &s.ClientEnd
	}
	if x := other.endpoint(a, flag); x != nil && e.endpoint(a, flag) == nil && other.device(a) == "" {
		f := &Finding{
			Sentence: fmt.Sprintf("%s is an address of %s, but an endpoint of %s, which does not have it.", a, e.Name, other.Name),
			Evidence: append(endpointLines(other), endpointLines(e)...),
		}
		return f.addEndpoint(e, a, scripted[flag], flag.String())
	}
	x := s.ServerEnd.endpoint(s.Server, pm.FlagSignal)
	if x == nil || x.Flags&pm.FlagSubflow == 0 || x.Flags&pm.FlagSignal != 0 || s.ClientEnd.endpoint(s.Client, pm.FlagSubflow) != nil {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("The endpoint with the flag subflow is at %s, which accepted the connection: subflows are opened by the end that connected, %s.",
			s.ServerEnd.Name, s.ClientEnd.Name),
		Evidence: append([]string{s.ServerEnd.Name + ": endpoint " + x.String()}, endpointLines(&s.ClientEnd)...),
	}
	for i := range s.Packets {
		p := &s.Packets[i]
		if o := joinOf(*p, wire.JoinSYN); o != nil && p.From == s.ServerEnd.Name && o.Token == s.ClientEnd.Conn.Token {
			f.Evidence = append(f.Evidence, packetLine(p))
			break
		}
	}
	if at := netip.AddrPortFrom(s.initial().Client, s.ClientEnd.Conn.Local.Port()); s.ClientEnd.Known {
		if _, listens := s.ClientEnd.covers(at); !listens {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s: nobody listens at %s, where %s would connect to", s.ClientEnd.Name, at, s.ServerEnd.Name))
		}
	}
	return f.addEndpoint(&s.ClientEnd, s.Client, scripted[pm.FlagSubflow], "subflow")
}

func endpoint(s *Seen) *Finding {
	e, a, flag := s.told()
	if !s.untold() || e.endpoint(a, flag) != nil {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("%s has no endpoint for %s, so its path manager does nothing with that address.", e.Name, a),
		Evidence: endpointLines(e),
	}
	c := &s.ClientEnd
	if e == c || !c.Known || s.Client == s.initial().Client || c.endpoint(s.Client, pm.FlagSubflow) != nil || slices.ContainsFunc(s.subflows(), func(p Pair) bool { return p.Client == s.Client }) {
		return f.addEndpoint(e, a, scripted[flag], flag.String())
	}
	f.Sentence = fmt.Sprintf("Neither end has an endpoint: %s none for %s, %s none for %s, so their path managers do nothing with these addresses.",
		c.Name, s.Client, e.Name, s.Server)
	f.Evidence = append(endpointLines(c), f.Evidence...)
	return f.addEndpoint(c, s.Client, scripted[pm.FlagSubflow], "subflow")
}

func flag(s *Seen) *Finding {
	e, a, flag := s.told()
	if !s.untold() {
		return nil
	}
	x := e.endpoint(a, flag)
	if x == nil || x.Flags&flag != 0 {
		return nil
	}
	has := "no flag"
	if x.Flags != 0 {
		has = "the flag " + x.Flags.String()
	}
	does := map[pm.Flags]string{
		pm.FlagSubflow: "opens a subflow from an endpoint only if it has the flag subflow",
		pm.FlagSignal:  "announces an endpoint only if it has the flag signal",
	}[flag]
	f := &Finding{
		Sentence: fmt.Sprintf("The endpoint %s of %s has %s; a path manager %s.", a, e.Name, has, does),
		Evidence: []string{e.Name + ": endpoint " + x.String()},
		Remedy:   fmt.Sprintf("%s.mptcp.endpoint.add(%q, %s), after deleting the endpoint with ID %d", e.Name, a, scripted[flag], x.ID),
		Host:     e.Name, Command: fmt.Sprintf("ip mptcp endpoint delete id %d; ip mptcp endpoint add %s %s", x.ID, a, flag),
	}
	return f
}

func limits(s *Seen) *Finding {
	e := &s.ClientEnd
	if !s.plan() || e.extra() < e.Limits.Subflows {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("%s opens no further subflow: its limit of those beside the initial one is %s.", e.Name, spent(e.Limits.Subflows, e.extra())),
		Evidence: []string{limitsLine(e), fmt.Sprintf("%s: connection extra_subflows %d", e.Name, e.extra())},
	}
	if s.ServerEnd.Known && s.ServerEnd.Limits.Subflows > e.Limits.Subflows {
		f.Evidence = append(f.Evidence, limitsLine(&s.ServerEnd)+", which is not asked here: each end has its own")
	}
	return f.setLimit(e, "subflows", e.extra()+1)
}

// setLimit is what raises a limit.
func (f *Finding) setLimit(e *End, limit string, to uint32) *Finding {
	if to > maxLimit {
		f.Remedy = fmt.Sprintf("none: the kernel allows at most %d", maxLimit)
		return f
	}
	f.Remedy = fmt.Sprintf("%s.mptcp.limits.set(%s = %d), before connecting", e.Name, limit, to)
	f.Host, f.Command = e.Name, fmt.Sprintf("ip mptcp limits set %s %d", limit, to)
	return f
}

func limitsLine(e *End) string { return e.Name + ": limits " + e.Limits.String() }

// spent is a limit that leaves no room.
func spent(limit, used uint32) string {
	if limit == 0 {
		return "0"
	}
	return fmt.Sprintf("%d, and it has %d", limit, used)
}

func cFlag(s *Seen) *Finding {
	if s.announced() || !s.plan() || !s.denied() {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("%s has set the C flag: it takes no joins to the address of the initial subflow, %s, so %s opens none.",
			s.ServerEnd.Name, s.Server, s.ClientEnd.Name),
		Remedy: fmt.Sprintf("let %s announce another address (endpoint with the flag signal), and %s accept it; or %s.sysctl(\"net.mptcp.allow_join_initial_addr_port\", 1) before connecting",
			s.ServerEnd.Name, s.ClientEnd.Name, s.ServerEnd.Name),
		Host: s.ServerEnd.Name, Command: "sysctl net.mptcp.allow_join_initial_addr_port=1",
	}
	for i := range s.Packets {
		if p := &s.Packets[i]; isSYNACK(*p) && denies(*p) && s.carries(*p) {
			f.Evidence = append(f.Evidence, packetLine(p))
			break
		}
	}
	for _, e := range s.ClientEnd.Events {
		if e.Kind == pm.EventCreated && e.Flags&pm.EventFlagDenyJoinID0 != 0 {
			f.Evidence = append(f.Evidence, s.ClientEnd.Name+": event "+e.String())
		}
	}
	return f
}

// denied tells whether the server has set the C flag, as the client or the wire shows it.
func (s *Seen) denied() bool {
	return slices.ContainsFunc(s.ClientEnd.Events, func(e lab.Event) bool {
		return e.Kind == pm.EventCreated && e.Flags&pm.EventFlagDenyJoinID0 != 0
	}) || slices.ContainsFunc(s.Packets, func(p lab.Packet) bool { return isSYNACK(p) && denies(p) && s.carries(p) })
}

func denies(p lab.Packet) bool {
	o, ok := p.Option(wire.NameMPCapable).(*wire.MPCapable)
	return ok && o.DenyJoinInitial
}
