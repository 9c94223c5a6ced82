package why

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// silent tells whether the server has reacted to the SYN in no way.
func (j *join) silent() bool { return j.answer == nil && j.refusal == nil }

// route looks for a way at the client, and at the router where the SYN or its answer was seen last.
func route(s *Seen) *Finding {
	j, c := s.join(), &s.ClientEnd
	if from, _ := s.sources(); s.announced() && s.plan() && len(from) == 0 && c.Chosen.Err != "" {
		return noRoute(s, c.Name, s.Server, c.Chosen.Err, netip.Addr{})
	}
	if c.Known && c.Out.Err != "" && (j == nil || j.silent()) {
		return noRoute(s, c.Name, s.Server, c.Out.Err, s.Client)
	}
	if j == nil || j.synack.end != nil {
		return nil
	}
	if j.silent() {
		for _, r := range s.Between {
			if r.Name == j.syn.last.To && r.ToServer.Err != "" {
				f := noRoute(s, r.Name, s.Server, r.ToServer.Err, netip.Addr{})
				f.Evidence = append(f.Evidence, j.syn.evidence()...)
				return f
			}
		}
		if e := &s.ServerEnd; e.Known && e.Out.Err != "" && j.syn.end != nil {
			return noRoute(s, e.Name, s.Client, e.Out.Err, s.Server)
		}
		return nil
	}
	for _, r := range s.Between {
		if j.answer != nil && r.Name == j.synack.last.To && r.ToClient.Err != "" {
			f := noRoute(s, r.Name, s.Client, r.ToClient.Err, netip.Addr{})
			f.Evidence = append(f.Evidence, j.synack.evidence()...)
			return f
		}
	}
	return nil
}

func noRoute(s *Seen, host string, to netip.Addr, err string, from netip.Addr) *Finding {
	f := &Finding{
		Sentence: fmt.Sprintf("%s has no route to %s.", host, to),
		Evidence: []string{err},
		Remedy:   "lab.route_all(), or " + fmt.Sprintf("%s.route.add(\"default\", via = …)", host),
		Host:     host, Command: fmt.Sprintf("ip route add %s via … dev …", to),
	}
	if from.IsValid() {
		f.Sentence = fmt.Sprintf("%s has no route from %s to %s: its interface is down, or lacks a route.", host, from, to)
		f.Remedy += fmt.Sprintf(", or %s.link_up(…)", host)
		f.Command = fmt.Sprintf("ip route get %s from %s", to, from)
	}
	return f
}

func joinSent(s *Seen) *Finding {
	c := &s.ClientEnd
	if !c.Known || !s.Captured || s.join() != nil || s.event(pm.EventSubEstablished) != nil {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("%s has sent no MP_JOIN from %s to %s, though its endpoints and limits allow it now: limits count as they were when the "+
			"connection was made, and an endpoint is tried once.", c.Name, s.Client, s.Server),
		Evidence: append(endpointLines(c), limitsLine(c), c.counterLine("MPJoinSynTx", "MPJoinSynTxBindErr", "MPJoinSynTxConnectErr")),
		Remedy:   "set limits and endpoints before connecting; on a connection that exists, delete the endpoint and add it again",
	}
	if f.Evidence = append(f.Evidence, s.sentElsewhere()...); s.waiting() != nil {
		f.Sentence = fmt.Sprintf("%s tries to open the subflow, and its SYN with MP_JOIN does not leave the host.", c.Name)
		f.Remedy = "look at the interface, its cable, and the firewall of the host"
	}
	if e := s.heard(); e != nil {
		f.Evidence = append(f.Evidence, c.heardLine(e))
	}
	return f
}

// sentElsewhere are the SYNs with MP_JOIN of the client from or to one of the addresses of the pair.
func (s *Seen) sentElsewhere() (lines []string) {
	for i := range s.Packets {
		p := &s.Packets[i]
		if o := joinOf(*p, wire.JoinSYN); o != nil && o.Token == s.ServerEnd.Conn.Token && (ip(p.Src) == s.Client || ip(p.Dst) == s.Server) {
			lines = append(lines, packetLine(p))
		}
	}
	return lines
}

// sourceRule looks at what leaves by an interface that does not have its source address, and is not answered.
func sourceRule(s *Seen) *Finding {
	c := &s.ClientEnd
	own := c.device(s.Client)
	j := s.join()
	if !c.Known || c.Out.Err != "" || c.Out.Interface == "" || c.Out.Interface == own || c.Out.Interface == "lo" || j != nil && !j.silent() {
		return nil
	}
	if j == nil && s.waiting() == nil && s.Captured {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("What %s sends from %s leaves by %s and not by %s, which has that address: a source rule is missing, and on the way nobody expects it.",
			c.Name, s.Client, c.Out.Interface, own),
		Evidence: []string{fmt.Sprintf("%s: route to %s from %s dev %s", c.Name, s.Server, s.Client, c.Out.Interface)},
		Remedy:   fmt.Sprintf("%s.route.add(\"default\", dev = %q, source = %q)", c.Name, own, s.Client),
		Host:     c.Name, Command: fmt.Sprintf("ip rule add from %s lookup 100; ip route add default via … dev %s table 100", s.Client, own),
	}
	if j != nil {
		f.Evidence = append(f.Evidence, j.syn.evidence()...)
	}
	return f
}

// rpFilter looks for a host that does not take the SYN, or its answer, by the interface that it comes by.
func rpFilter(s *Seen) *Finding {
	j := s.join()
	if j == nil || !s.Client.Is4() {
		return nil
	}
	type stop struct {
		host   string
		t      trail
		strict []string
		back   Way
		source netip.Addr
	}
	var stops []stop
	if j.silent() {
		stops = append(stops, stop{s.ServerEnd.Name, j.syn, s.ServerEnd.Strict, s.ServerEnd.Out, s.Client})
		for _, r := range s.Between {
			stops = append(stops, stop{r.Name, j.syn, r.Strict, r.ToClient, s.Client})
		}
	} else if j.answer != nil && j.ack.first == nil {
		stops = append(stops, stop{s.ClientEnd.Name, j.synack, s.ClientEnd.Strict, s.ClientEnd.Out, s.Server})
		for _, r := range s.Between {
			stops = append(stops, stop{r.Name, j.synack, r.Strict, r.ToServer, s.Server})
		}
	}
	for _, x := range stops {
		in := s.ingress(x.t.last)
		if x.t.last.Lost || x.t.last.To != x.host || !slices.Contains(x.strict, in) || x.back.Interface == in {
			continue
		}
		return &Finding{
			Sentence: fmt.Sprintf("%s drops what comes from %s by %s, since it would answer by %s: its reverse-path filter is strict.", x.host, x.source, in, x.back.Interface),
			Evidence: append(x.t.evidence(), fmt.Sprintf("%s: rp_filter of %s is 1", x.host, in), fmt.Sprintf("%s: route to %s dev %s", x.host, x.source, x.back.Interface)),
			Remedy:   fmt.Sprintf("%s.sysctl(\"net.ipv4.conf.%s.rp_filter\", 2), and that of all not 1", x.host, in),
			Host:     x.host, Command: fmt.Sprintf("sysctl net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.%s.rp_filter=2", in),
		}
	}
	return nil
}

// ingress is the interface by which a packet came to a node.
func (s *Seen) ingress(p *lab.Packet) string {
	for _, l := range s.Links {
		if l.Name != p.Link {
			continue
		}
		for _, e := range l.Ends {
			if e.Node == p.To {
				return e.Interface
			}
		}
	}
	return ""
}

// firewall looks for rules of the ends that have dropped something, where the handshake came to an end.
func firewall(s *Seen) *Finding {
	j := s.join()
	var at []*End
	switch {
	case j == nil && s.waiting() != nil:
		at = []*End{&s.ClientEnd}
	case j == nil || j.synack.end != nil && j.ack.end != nil && j.reset == nil:
		return nil
	case j.syn.end != nil && j.answer == nil:
		at = []*End{&s.ServerEnd}
	case j.synack.end != nil && j.ack.first == nil:
		at = []*End{&s.ClientEnd}
	}
	for _, e := range at {
		for _, r := range e.Firewall {
			if r.Packets == 0 || !strings.Contains(r.Text, "drop") && !strings.Contains(r.Text, "reject") {
				continue
			}
			f := &Finding{
				Sentence: fmt.Sprintf("The firewall of %s has stopped packets where the handshake of the subflow ends.", e.Name),
				Evidence: []string{fmt.Sprintf("%s: chain %s: %s, %d packets", e.Name, r.Chain, r.Text, r.Packets)},
				Remedy:   fmt.Sprintf("let %s take TCP from %s to %s, at all its addresses and ports that it announces", e.Name, s.Client, s.Server),
			}
			if j != nil {
				f.Evidence = append(j.syn.evidence(), f.Evidence...)
			}
			return f
		}
	}
	return nil
}

func joinArrived(s *Seen) *Finding {
	j := s.join()
	if j == nil || j.answer != nil && joined(j.answer) {
		return nil
	}
	c, e := &s.ClientEnd, &s.ServerEnd
	f := &Finding{
		Evidence: j.syn.evidence(),
		Remedy:   "find what is on the path, and let it pass MPTCP options on TCP's SYN; another port may do",
	}
	switch {
	case j.syn.end == nil:
		f.Sentence = fmt.Sprintf("The SYN with MP_JOIN left %s, and did not arrive at %s: %s.", c.Name, e.Name, j.syn.lost())
	case j.syn.end.Changed || !joined(j.syn.end):
		f.Sentence = fmt.Sprintf("The SYN with MP_JOIN left %s, and arrived at %s changed by something between them.", c.Name, e.Name)
	case j.silent():
		lost := s.dropped(j.syn.last)
		if lost == "" {
			return nil
		}
		f.Sentence = fmt.Sprintf("The SYN with MP_JOIN left %s and was not answered, on a link that loses packets.", c.Name)
		f.Evidence = append(f.Evidence, lost)
		f.Remedy = "let the link lose less"
	default:
		return nil
	}
	return f
}

// dropped is what the last link of a packet has lost by chance in its direction.
func (s *Seen) dropped(p *lab.Packet) string {
	for _, l := range s.Links {
		for i, e := range l.Ends {
			if l.Name != p.Link || e.Node != p.From {
				continue
			}
			for reason, n := range l.Traffic[i].Dropped {
				if reason != "filter" && n > 0 {
					return fmt.Sprintf("link %s: %d packets from %s dropped (%s)", l.Name, n, e.Node, reason)
				}
			}
		}
	}
	return ""
}

func listener(s *Seen) *Finding {
	j := s.join()
	if j == nil || j.syn.end == nil || j.refusal == nil {
		return nil
	}
	at := netip.AddrPortFrom(ip(j.syn.end.Dst), j.syn.end.Dst.Port())
	e := &s.ServerEnd
	if _, found := e.covers(at); found || !e.Known {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("Nobody listens at %s on %s, so the MP_JOIN is answered with a reset.", at, e.Name),
		Evidence: append(j.syn.evidence(), packetLine(j.refusal)),
	}
	for _, l := range e.Listeners {
		if line := fmt.Sprintf("%s: somebody listens at %s", e.Name, l.Address); !slices.Contains(f.Evidence, line) {
			f.Evidence = append(f.Evidence, line)
		}
	}
	f.Remedy = fmt.Sprintf("let %s listen on all its addresses, as lab.connect does unless listen is given", e.Name)
	if at.Port() != s.ClientEnd.Conn.Remote.Port() {
		f.Remedy = fmt.Sprintf("announce %s with the port of a listener, or with none: that of the connection, %d, is taken then", s.Server, s.ClientEnd.Conn.Remote.Port())
	}
	return f
}

func joinAnswered(s *Seen) *Finding {
	j := s.join()
	if j == nil || j.syn.end == nil || j.answer != nil && joined(j.answer) {
		return nil
	}
	e := &s.ServerEnd
	f := &Finding{
		Evidence: append(j.syn.evidence(), e.counterLine("MPJoinSynRx", "MPJoinNoTokenFound", "MismatchPortSynRx")),
		Remedy:   fmt.Sprintf("find out what %s has against it; its counters say most", e.Name),
	}
	at := netip.AddrPortFrom(ip(j.syn.end.Dst), j.syn.end.Dst.Port())
	mptcp, found := e.covers(at)
	switch {
	case j.answer != nil && found && !mptcp:
		f.Sentence = fmt.Sprintf("The socket that listens at %s on %s is one of plain TCP: it answers, but not the MP_JOIN.", at, e.Name)
		f.Evidence = append(f.Evidence, packetLine(j.answer))
		f.Remedy = fmt.Sprintf("let an MPTCP socket of %s listen there", e.Name)
	case j.answer != nil:
		f.Sentence = fmt.Sprintf("%s answers the SYN without MP_JOIN, as plain TCP.", e.Name)
		f.Evidence = append(f.Evidence, packetLine(j.answer))
	case j.refusal != nil:
		f.Sentence = fmt.Sprintf("%s answers the MP_JOIN with a reset, though a socket listens at %s: its path manager refuses.", e.Name, at)
		f.Evidence = append(f.Evidence, packetLine(j.refusal))
	default:
		f.Sentence = fmt.Sprintf("The SYN with MP_JOIN came to %s, which has not answered so far.", e.Name)
	}
	return f
}

func joinHMAC(s *Seen) *Finding {
	j := s.join()
	if j == nil || j.answer == nil {
		return nil
	}
	for _, x := range []struct {
		e       *End
		counter string
		what    string
		t       trail
	}{
		{&s.ClientEnd, "MPJoinSynAckHMacFailure", "the answer to its MP_JOIN", j.synack},
		{&s.ServerEnd, "MPJoinAckHMacFailure", "the last packet of the handshake", j.ack},
	} {
		if x.e.Counters[x.counter] == 0 || x.t.first == nil {
			continue
		}
		return &Finding{
			Sentence: fmt.Sprintf("%s found a wrong HMAC in %s, and ended the subflow: the keys or nonces that it was made of are others.", x.e.Name, x.what),
			Evidence: append(x.t.evidence(), x.e.counterLine(x.counter)),
			Remedy:   "find what is on the path and changes MP_JOIN or answers in place of the peer",
		}
	}
	return nil
}

func answerArrived(s *Seen) *Finding {
	j := s.join()
	if j == nil || j.answer == nil {
		return nil
	}
	c, e := &s.ClientEnd, &s.ServerEnd
	remedy := "find what is on the path, and let it pass MPTCP options"
	broken := func(t trail) bool { return t.end == nil || !joined(t.end) || !carriesOption(t.end) }
	switch {
	case broken(j.synack):
		return &Finding{
			Sentence: fmt.Sprintf("The SYN-ACK with MP_JOIN left %s, and did not arrive at %s as it was: %s.", e.Name, c.Name, j.synack.lost()),
			Evidence: j.synack.evidence(), Remedy: remedy,
		}
	case j.ack.first != nil && broken(j.ack):
		return &Finding{
			Sentence: fmt.Sprintf("The last packet of the handshake left %s, and did not arrive at %s as it was: %s.", c.Name, e.Name, j.ack.lost()),
			Evidence: j.ack.evidence(), Remedy: remedy,
		}
	}
	return nil
}

func peerLimits(s *Seen) *Finding {
	j, e := s.join(), &s.ServerEnd
	if !s.ClientEnd.Known && e.extra() >= e.Limits.Subflows && !e.Userspace { // it would, whatever comes
		f := &Finding{
			Sentence: fmt.Sprintf("%s takes no further subflow: its limit of those beside the initial one is %s.", e.Name, spent(e.Limits.Subflows, e.extra())),
			Evidence: []string{limitsLine(e), fmt.Sprintf("%s: connection extra_subflows %d", e.Name, e.extra())},
		}
		return f.setLimit(e, "subflows", e.extra()+1)
	}
	if j == nil || j.reset == nil || j.ack.end == nil || !e.Known {
		return nil
	}
	if o, ok := j.reset.Option(wire.NameTCPRst).(*wire.TCPRst); !ok || o.Reason != wire.ResetProhibited {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("%s resets the subflow at the end of the handshake: its limit of those beside the initial one is %s.",
			e.Name, spent(e.Limits.Subflows, e.extra())),
		Evidence: []string{limitsLine(e), packetLine(j.reset), e.counterLine("MPJoinRejected")},
	}
	if e.extra() < e.Limits.Subflows {
		f.Sentence = fmt.Sprintf("%s did not take the subflow when it came: its limit, now %d, was lower when the connection was made.", e.Name, e.Limits.Subflows)
	}
	if s.ClientEnd.Known && s.ClientEnd.Limits.Subflows > e.Limits.Subflows {
		f.Evidence = append(f.Evidence, limitsLine(&s.ClientEnd)+", which is for what it opens: each end has its own")
	}
	return f.setLimit(e, "subflows", max(e.extra()+1, e.Limits.Subflows))
}

// atOnce is how long a subflow lives, at most, that the server refuses at the end of the handshake.
const atOnce = time.Second

func closed(s *Seen) *Finding {
	end := s.event(pm.EventSubClosed)
	if end == nil {
		return nil
	}
	c := &s.ClientEnd
	f := &Finding{
		Sentence: fmt.Sprintf("There was such a subflow, and it has ended; %s does not open one again from an endpoint that it has used.", c.Name),
		Evidence: []string{c.Name + ": event " + end.String()},
		Remedy:   "delete the endpoint and add it again",
	}
	if e, a, flag := s.told(); e.Known && !e.Userspace && e.endpoint(a, flag) == nil && s.Pair != s.initial() {
		f.Sentence = fmt.Sprintf("There was such a subflow, and it has ended; %s has no endpoint for %s any more.", e.Name, a)
		f.addEndpoint(e, a, scripted[flag], flag.String())
	}
	begin := s.event(pm.EventSubEstablished)
	if begin != nil && !s.ServerEnd.Known && end.Error == 0 && end.Time-begin.Time < atOnce {
		f.Sentence = fmt.Sprintf("The subflow was there for a moment, and ended without an error: so it does where the limit subflows of %s leaves no room, which only that end knows.",
			s.ServerEnd.Name)
	}
	if begin != nil {
		f.Evidence = append([]string{c.Name + ": event " + begin.String()}, f.Evidence...)
	} else if s.Pair != s.initial() {
		f.Sentence = fmt.Sprintf("%s tried to open the subflow, and failed: %s.", c.Name, end.Error.Error())
	}
	for i := range s.Packets {
		p := &s.Packets[i]
		if p.Flags&wire.FlagRST != 0 && (ip(p.Src) == s.Client && ip(p.Dst) == s.Server || ip(p.Src) == s.Server && ip(p.Dst) == s.Client) {
			f.Evidence = append(f.Evidence, packetLine(p))
		}
	}
	return f
}

// onlyPeer says what one end alone cannot know.
func onlyPeer(s *Seen) *Finding {
	if s.ClientEnd.Known && s.ServerEnd.Known {
		return nil
	}
	f := &Finding{Sentence: "Nothing at this end speaks against it."}
	c, e := &s.ClientEnd, &s.ServerEnd
	switch {
	case !c.Known:
		f.Sentence += fmt.Sprintf(" Only %s knows whether it accepts announced addresses (limit add_addr_accepted), has room for a subflow (limit subflows), "+
			"a route to %s, and whether the ADD_ADDR arrived.", c.Name, s.Server)
		f.Evidence = append(endpointLines(e), limitsLine(e), e.counterLine("AddAddrTx", "EchoAdd", "MPJoinSynRx", "MPJoinAckRx", "MPJoinRejected"))
	case s.waiting() != nil:
		f.Sentence = fmt.Sprintf("%s has sent its MP_JOIN and waits for the answer. Only %s and the path know whether it arrived, by which interface, and "+
			"what stopped it: a firewall, a reverse-path filter, a missing listener.", c.Name, e.Name)
		f.Evidence = []string{fmt.Sprintf("%s: subflow %s to %s in SYN-SENT", c.Name, s.waiting().Local, s.waiting().Remote)}
	default:
		f.Sentence += fmt.Sprintf(" Only %s knows whether it has room for a subflow (limit subflows), a socket that listens at %s, and what its firewall does.", e.Name, s.Server)
		f.Evidence = append(endpointLines(c), limitsLine(c), c.counterLine("MPJoinSynTx", "MPJoinSynAckRx", "MPJoinSynTxBindErr", "MPJoinSynTxConnectErr"))
	}
	f.Remedy = "look there, with mptcp-lab watch or ip mptcp"
	return f
}

func unexplained(s *Seen) *Finding {
	f := &Finding{Sentence: "No rule explains it: what was observed is in order.", Remedy: "look at the timeline, and please report the case"}
	for _, e := range s.ends() {
		f.Evidence = append(append(f.Evidence, endpointLines(e)...), limitsLine(e))
	}
	if j := s.join(); j != nil {
		f.Evidence = append(f.Evidence, j.syn.evidence()...)
	}
	return f
}
