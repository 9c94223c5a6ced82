package compare

import (
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
)

// naming gives the connections and subflows of one host names that do not depend on chance.
type naming struct {
	host string
	ports
	used  ordinals
	conns map[flow]string
	flows map[flow]string
}

// flow is a subflow by its token and addresses; a connection is told by its token, if it has one.
type flow struct {
	token         uint32
	local, remote netip.AddrPort
}

func newNaming(host string, known ports) *naming {
	return &naming{host: host, ports: known, used: ordinals{}, conns: map[flow]string{}, flows: map[flow]string{}}
}

// conn is the name of a connection. Its addresses count the first time.
func (n *naming) conn(token uint32, local, remote netip.AddrPort) string {
	key := flow{token: token}
	if token == 0 {
		key = flow{0, plain(local), plain(remote)}
	}
	if name, known := n.conns[key]; known {
		return name
	}
	name := n.host + " unknown"
	if local.IsValid() {
		name = n.host + " " + n.pair(local, remote)
	}
	n.conns[key] = n.used.next(name)
	return n.conns[key]
}

// flow is the name of a subflow of a connection.
func (n *naming) flow(conn string, token uint32, local, remote netip.AddrPort) string {
	key := flow{token, plain(local), plain(remote)}
	if name, known := n.flows[key]; known {
		return name
	}
	n.flows[key] = n.used.next(conn + " subflow " + n.pair(local, remote))
	return n.flows[key]
}

func plain(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func (v *View) addEvents(n snapshot.Node) {
	names := newNaming(n.Name, v.ports)
	announced := map[Seen]bool{} // and not removed since
	for _, e := range n.Events {
		s := Seen{Witness: Events, Of: names.subject(e.Event), Text: v.eventText(e.Event)}
		switch e.Kind {
		case pm.EventAnnounced:
			key := s
			s.again = announced[key]
			announced[key] = true
		case pm.EventRemoved:
			maps.DeleteFunc(announced, func(a Seen, _ bool) bool { return a.Of == s.Of })
		}
		s.Time = e.Time
		v.add(s)
	}
}

// subject is what an event is about.
func (n *naming) subject(e pm.Event) string {
	switch e.Kind {
	case pm.EventCreated, pm.EventEstablished, pm.EventClosed:
		return n.conn(e.Token, e.Local, e.Remote)
	case pm.EventSubEstablished, pm.EventSubClosed, pm.EventSubPriority:
		return n.flow(n.conn(e.Token, netip.AddrPort{}, netip.AddrPort{}), e.Token, e.Local, e.Remote)
	case pm.EventAnnounced, pm.EventRemoved:
		return fmt.Sprintf("%s remote id %d", n.conn(e.Token, netip.AddrPort{}, netip.AddrPort{}), e.RemoteID)
	case pm.EventListenerCreated, pm.EventListenerClosed:
		return n.host + " listener " + n.end(e.Local)
	}
	return n.host
}

// byChance are the attributes of an event that chance chooses.
var byChance = regexp.MustCompile(` (token|ifindex)=\S+`)

// eventText is an event with its attributes, but for tokens, numbers of interfaces, and ports that nobody listens on.
func (v *View) eventText(e pm.Event) string {
	text := byChance.ReplaceAllString(e.String(), "")
	for word, a := range map[string]netip.AddrPort{"sport": e.Local, "dport": e.Remote} {
		text = strings.Replace(text, fmt.Sprintf(" %s=%d", word, a.Port()), fmt.Sprintf(" %s=%s", word, v.ports.of(a.Port())), 1)
	}
	return text
}

func (v *View) addConns(n snapshot.Node, at time.Duration) {
	names := newNaming(n.Name, v.ports)
	for _, c := range n.Conns {
		name := names.conn(c.Token, c.Local, c.Remote)
		i := c.Info
		v.add(Seen{Witness: Subflows, Of: name, Time: at, Text: fmt.Sprintf("%s fallback=%t flags=%#x checksum=%t", c.State, c.Fallback, i.Flags, i.ChecksumEnabled)})
		v.add(Seen{Witness: Subflows, Of: name + " info", Time: at, Text: fmt.Sprintf(
			"extra_subflows=%d subflows_total=%d local_addr_used=%d add_addr_signaled=%d add_addr_accepted=%d",
			i.ExtraSubflows, i.SubflowsTotal, i.LocalAddrUsed, i.AddAddrSignaled, i.AddAddrAccepted)})
		v.add(Seen{Witness: Subflows, Of: name + " limits", Time: at, Text: fmt.Sprintf(
			"limit_extra_subflows=%d limit_add_addr_accepted=%d endp_signal_max=%d endp_subflow_max=%d endp_laminar_max=%d",
			i.LimitExtraSubflows, i.LimitAddAddrAccepted, i.EndpSignalMax, i.EndpSubflowMax, i.EndpLaminarMax)})
		v.add(Seen{Witness: Subflows, Of: name + " received", Time: at, Text: fmt.Sprint(i.BytesReceived)})
		v.add(Seen{Witness: Subflows, Of: name + " acked", Time: at, Text: fmt.Sprint(i.BytesAcked)})
		for _, s := range c.Subflows {
			v.add(Seen{Witness: Subflows, Of: names.flow(name, c.Token, s.Local, s.Remote), Time: at, Text: subflowText(s)})
		}
	}
}

func subflowText(s lab.Subflow) string {
	words := []string{s.State, fmt.Sprintf("local_id=%d remote_id=%d flags=%s", s.LocalID, s.RemoteID, subflowFlags(s.Flags))}
	if s.RemoteToken != 0 {
		words = append(words, "remote token")
	}
	if s.Interface != "" {
		words = append(words, "dev "+s.Interface)
	}
	if s.Local.Addr().Is4In6() {
		words = append(words, "mapped")
	}
	return strings.Join(words, " ")
}

// subflowFlags are the flags of a subflow in the letters of ss(8) (MPTCP_SUBFLOW_FLAG_*), but for v: that a mapping is not used up
// tells only where in the stream the last packet ended.
func subflowFlags(f uint32) string {
	var b strings.Builder
	for i, letter := range "MmJjBbec" {
		if f&(1<<i) != 0 {
			b.WriteRune(letter)
		}
	}
	return b.String()
}

func (v *View) addSettings(n snapshot.Node, at time.Duration) {
	if n.Switch {
		return
	}
	v.add(Seen{Witness: Settings, Of: n.Name + " limits", Time: at, Text: fmt.Sprintf("%+v", n.Limits)})
	for _, e := range n.Endpoints {
		v.add(Seen{Witness: Settings, Of: n.Name + " endpoints", Time: at, Text: e.String()})
	}
}

func (v *View) addCounters(n snapshot.Node, at time.Duration) {
	for _, name := range slices.Sorted(maps.Keys(n.Counters)) {
		v.add(Seen{Witness: Counters, Of: n.Name + " " + name, Time: at, Text: fmt.Sprint(int64(n.Counters[name]))})
	}
}
