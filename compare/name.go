package compare

import (
	"fmt"
	"net/netip"
	"regexp"
	"strconv"

	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/report/snapshot"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// firstEphemeral is the lowest port that a kernel chooses by itself (net.ipv4.ip_local_port_range).
const firstEphemeral = 32768

// ports are those that somebody listens on. All others are a matter of chance: those of clients, and those that address
// translation chooses.
type ports map[uint16]bool

// of is a port by its number, or * where chance chose it.
func (known ports) of(p uint16) string {
	if p == 0 || known[p] && p < firstEphemeral {
		return strconv.Itoa(int(p))
	}
	return "*"
}

// end is one end of a connection or subflow.
func (known ports) end(a netip.AddrPort) string {
	addr := a.Addr().Unmap()
	if addr.Is6() {
		return fmt.Sprintf("[%v]:%s", addr, known.of(a.Port()))
	}
	return fmt.Sprintf("%v:%s", addr, known.of(a.Port()))
}

func (known ports) pair(from, to netip.AddrPort) string {
	return known.end(from) + " > " + known.end(to)
}

// listened are the ports that a lab shows somebody to listen on.
func listened(s *snapshot.Snapshot) ports {
	known := ports{}
	for _, n := range s.Nodes {
		for _, e := range n.Events {
			if e.Kind == pm.EventListenerCreated {
				known[e.Local.Port()] = true
			}
		}
	}
	for _, l := range s.Links {
		for _, p := range l.Packets {
			if p.Flags&(wire.FlagSYN|wire.FlagACK) == wire.FlagSYN {
				known[p.Dst.Port()] = true
			}
		}
	}
	return known
}

// chance is what differs from one run to the next in an error's text.
var chance = []struct {
	what *regexp.Regexp
	name string
}{
	{regexp.MustCompile(`token [0-9a-f]{8}`), "token …"},
	{regexp.MustCompile(`([0-9a-f\]]):(3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[4-6]\d{4})\b`), "$1:*"},
	{regexp.MustCompile(`port (3276[89]|327[7-9]\d|32[89]\d\d|3[3-9]\d{3}|[4-6]\d{4})\b`), "port *"},
	{regexp.MustCompile(`after \d[0-9.]*m?s by`), "by"},
}

// constant is a text without what chance chose.
func constant(text string) string {
	for _, c := range chance {
		text = c.what.ReplaceAllString(text, c.name)
	}
	return text
}

// ordinals count things that have the same name: the second one is "name #2".
type ordinals map[string]int

func (o ordinals) next(name string) string {
	o[name]++
	if n := o[name]; n > 1 {
		return fmt.Sprintf("%s #%d", name, n)
	}
	return name
}
