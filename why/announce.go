package why

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// heard is the client's event of the ADD_ADDR of the server's address.
func (s *Seen) heard() *lab.Event {
	for i := range s.ClientEnd.Events {
		if e := &s.ClientEnd.Events[i]; e.Kind == pm.EventAnnounced && ip(e.Remote) == s.Server {
			return e
		}
	}
	return nil
}

// heardLine is the event of an ADD_ADDR.
func (e *End) heardLine(v *lab.Event) string {
	return fmt.Sprintf("%s: event %s, address %s id %d", e.Name, v.Kind, ip(v.Remote), v.RemoteID)
}

// counterLine are some counters of a host.
func (e *End) counterLine(names ...string) string {
	var words []string
	for _, n := range names {
		words = append(words, fmt.Sprintf("%s %d", n, e.Counters[n]))
	}
	return e.Name + ": counters " + strings.Join(words, ", ")
}

// addAddrEchoed looks for an announcement that the server's next one waits for: it makes one at a time
// (mptcp_pm_create_subflow_or_signal_addr in net/mptcp/pm_kernel.c).
func addAddrEchoed(s *Seen) *Finding {
	if !s.announces() || !s.Captured {
		return nil
	}
	for i := len(s.Packets) - 1; i >= 0; i-- {
		p := &s.Packets[i]
		o, ok := p.Option(wire.NameAddAddr).(*wire.AddAddr)
		if !ok || o.Echo || p.From != s.ServerEnd.Name || !s.carries(*p) {
			continue
		}
		echo := s.echo(o.ID, o.Address.Unmap())
		if echo.end != nil && !echo.end.Changed {
			return nil
		}
		f := &Finding{
			Sentence: fmt.Sprintf("%s announces one address at a time, and waits still for the echo of that of %s before it comes to %s.",
				s.ServerEnd.Name, o.Address, s.Server),
			Evidence: append([]string{packetLine(p)}, s.ServerEnd.counterLine("AddAddrTx", "EchoAdd")),
			Remedy:   "let ADD_ADDRs and their echoes pass; what is lost is sent again only after net.mptcp.add_addr_timeout seconds at most, and never if that is 0",
		}
		if echo.first != nil {
			f.Evidence = append(f.Evidence, echo.evidence()...)
		} else {
			f.Evidence = append(f.Evidence, s.ClientEnd.Name+": no echo was sent")
		}
		return f
	}
	return nil
}

func addAddrSent(s *Seen) *Finding {
	e := &s.ServerEnd
	if !e.Known || !s.Captured || !s.announced() || s.join() != nil || s.heard() != nil || s.announcement(s.isServer).first != nil {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("%s has not announced %s on this connection.", e.Name, s.Server),
		Evidence: append(endpointLines(e), e.counterLine("AddAddrTx", "AddAddrTxDrop")),
		Remedy:   "add the endpoint before connecting, or delete it and add it again",
	}
	if e.Userspace {
		f.Evidence[0] = fmt.Sprintf("%s: net.mptcp.pm_type 1, addresses announced %v", e.Name, e.Announced)
		f.Remedy = fmt.Sprintf("%s.mptcp.announce(token, %q, id = …)", e.Name, s.Server)
		return f
	}
	x := e.endpoint(s.Server, pm.FlagSignal)
	if s.Server.Is6() && x != nil && x.Port != 0 && e.Counters["AddAddrTxDrop"] > 0 {
		f.Sentence = fmt.Sprintf("%s cannot announce %s with a port: there is no room for both beside the TCP timestamps.", e.Name, s.Server)
		f.Remedy = fmt.Sprintf("an endpoint without a port, or %s.sysctl(\"net.ipv4.tcp_timestamps\", 0) before connecting", e.Name)
		f.Host, f.Command = e.Name, "sysctl net.ipv4.tcp_timestamps=0"
	}
	return f
}

func addAddrArrived(s *Seen) *Finding {
	t := s.announcement(s.isServer)
	if t.first == nil || t.end != nil && carriesOption(t.end) || s.heard() != nil {
		return nil
	}
	return &Finding{
		Sentence: fmt.Sprintf("The ADD_ADDR of %s left %s, and did not arrive at %s: %s.", s.Server, s.ServerEnd.Name, s.ClientEnd.Name, t.lost()),
		Evidence: t.evidence(),
		Remedy:   "find what is on the path and takes away ADD_ADDR; until then let the client have an endpoint with the flag subflow, which needs no announcement",
	}
}

// carriesOption tells whether a packet that something changed on a link has the option still that it had before, as far as the link
// said what it did.
func carriesOption(p *lab.Packet) bool {
	return !p.Changed || !strings.HasPrefix(p.Fate, "without ")
}

func addAddrHMAC(s *Seen) *Finding {
	t := s.announcement(s.isServer)
	c := &s.ClientEnd
	if t.end == nil || s.heard() != nil || c.Counters["AddAddr"] > 0 || c.Counters["AddAddrDrop"] > 0 || s.join() != nil {
		return nil
	}
	return &Finding{
		Sentence: fmt.Sprintf("The ADD_ADDR of %s came to %s, which ignored it: its HMAC does not fit the address.", s.Server, c.Name),
		Evidence: append(t.evidence(), c.counterLine("AddAddr")),
		Remedy:   "find what is on the path and changes ADD_ADDR, such as an address translation",
	}
}

func addAddrAccepted(s *Seen) *Finding {
	c := &s.ClientEnd
	accepted := uint32(c.Conn.Info.AddAddrAccepted)
	if !s.announced() || !s.plan() || s.ClientEnd.Limits.AddAddrAccepted > accepted {
		return nil
	}
	f := &Finding{
		Sentence: fmt.Sprintf("%s echoes the ADD_ADDR of %s and leaves it at that: its limit of accepted addresses is %s.",
			c.Name, s.Server, spent(c.Limits.AddAddrAccepted, accepted)),
		Evidence: []string{limitsLine(c)},
	}
	if e := s.heard(); e != nil {
		f.Evidence = append(f.Evidence, c.heardLine(e))
	}
	if s.ServerEnd.Known && s.ServerEnd.Limits.AddAddrAccepted > c.Limits.AddAddrAccepted {
		f.Evidence = append(f.Evidence, limitsLine(&s.ServerEnd)+", which counts what "+c.Name+" announces")
	}
	return f.setLimit(c, "add_addr_accepted", accepted+1)
}

// sources are the addresses that the client would join an announced one from, and what chooses them.
func (s *Seen) sources() (from []netip.Addr, because string) {
	c := &s.ClientEnd
	if all := c.own(pm.FlagFullmesh, s.Server); len(all) > 0 {
		return addresses(all), "its endpoints with the flag fullmesh are"
	}
	if all := c.own(pm.FlagLaminar, s.Server); len(all) > 0 {
		return addresses(all), "its endpoints with the flag laminar are"
	}
	if c.Chosen.Source.IsValid() {
		return []netip.Addr{c.Chosen.Source}, "routing chooses"
	}
	return nil, ""
}

func addresses(endpoints []pm.Endpoint) (all []netip.Addr) {
	for _, e := range endpoints {
		all = append(all, e.Address.Unmap())
	}
	return all
}

func source(s *Seen) *Finding {
	if !s.announced() || !s.plan() {
		return nil
	}
	from, because := s.sources()
	for _, a := range from {
		if a == s.Client {
			return nil
		}
	}
	if len(from) == 0 {
		return nil
	}
	c := &s.ClientEnd
	f := &Finding{
		Sentence: fmt.Sprintf("%s joins %s from another address: %s %s.", c.Name, s.Server, because, join2(from)),
		Evidence: endpointLines(c),
	}
	if c.Chosen.Source.IsValid() {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s: route to %s dev %s src %s", c.Name, s.Server, c.Chosen.Interface, c.Chosen.Source))
	}
	return f.addEndpoint(c, s.Client, "subflow = True, fullmesh = True", "subflow fullmesh")
}

func join2(all []netip.Addr) string {
	words := make([]string, len(all))
	for i, a := range all {
		words[i] = a.String()
	}
	return strings.Join(words, ", ")
}
