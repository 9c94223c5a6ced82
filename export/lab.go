package export

import (
	"context"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/impair"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// recorded is a lab that is recorded.
type recorded struct {
	lab.Lab
	*Recorder
	names map[string]bool  // of namespaces and sockets, that are taken
	ports map[string]*port // by node and interface
	hosts []*host
	nodes int // hosts and switches so far
}

// unique makes a word that is not taken yet from a name: letters, digits and dashes.
func (l *recorded) unique(name string) string {
	word := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '-'
	}, name)
	word = word[:min(len(word), 100)] // a name of a namespace is that of a file
	for n, stem := 2, word; l.names[word]; n++ {
		word = fmt.Sprintf("%s-%d", stem, n)
	}
	l.names[word] = true
	return word
}

// Host implements [lab.Lab].
func (l *recorded) Host(ctx context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	made, err := l.Lab.Host(ctx, name, o)
	if err != nil {
		return nil, err
	}
	l.nodes++
	h := &host{Host: made, lab: l, node: node{ns: l.unique(name), number: l.nodes}, router: o.Router, devices: map[int32]string{}}
	l.hosts = append(l.hosts, h)
	l.with(func(s *script) {
		s.add("host %s", h.ns)
		if o.Router {
			s.add("set_sysctl %s net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 "+
				"net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.default.send_redirects=0", h.ns)
		}
		for _, setting := range slices.Sorted(maps.Keys(o.Sysctl)) {
			s.add("set_sysctl %s %s", h.ns, quote(setting+"="+o.Sysctl[setting]))
		}
	})
	return h, nil
}

// Hosts implements [lab.Lab].
func (l *recorded) Hosts() []lab.Host {
	all := make([]lab.Host, len(l.hosts))
	for i, h := range l.hosts {
		all[i] = h
	}
	return all
}

// Switch implements [lab.Lab].
func (l *recorded) Switch(ctx context.Context, name string) (lab.Node, error) {
	made, err := l.Lab.Switch(ctx, name)
	if err != nil {
		return nil, err
	}
	l.nodes++
	b := &bridge{Node: made, node: node{ns: l.unique(name), number: l.nodes}}
	l.with(func(s *script) {
		s.add(`ip netns add "$lab-%s"`, b.ns)
		s.add("set_sysctl %s net.ipv6.conf.default.disable_ipv6=1", b.ns)
		s.add(`%s link add bridge up type bridge mcast_snooping 0`, b.ip())
	})
	return b, nil
}

// Wait implements [lab.Lab]. Of the condition nothing is known; the script waits for the subflows that there were then.
func (l *recorded) Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	if timeout == math.MaxInt64 || timeout == 0 { // for something that has an end of its own; just a look
		return l.Lab.Wait(ctx, timeout, cond)
	}
	began := l.Now()
	ok, err := l.Lab.Wait(ctx, timeout, cond)
	if waited := l.Now() - began; waited >= settleAfter {
		l.with(func(s *script) { s.add("sleep %.1f", waited.Seconds()) })
	}
	l.see()
	return ok, err
}

// see notes how many subflows each host has, if anything was done since the last time.
func (l *recorded) see() {
	fresh := false
	l.with(func(s *script) {
		fresh = s.fresh && !s.done
		s.fresh = false
	})
	if !fresh {
		return
	}
	seen := make([][]lab.Conn, len(l.hosts))
	for i, h := range l.hosts {
		conns, err := h.Conns()
		if err != nil {
			l.with(func(s *script) { s.comment("the connections of %s could not be read: %v", h.Name(), err) })
			return
		}
		seen[i] = conns
	}
	l.with(func(s *script) {
		if moving(seen) {
			s.lines = append(s.lines, "sleep 0.1 # subflows open or close")
			return
		}
		for i, h := range l.hosts {
			if h.used {
				s.lines = append(s.lines, fmt.Sprintf("subflows %s %d", h.ns, subflows(seen[i])))
			}
		}
	})
}

// subflows counts those of connections.
func subflows(conns []lab.Conn) (n int) {
	for _, c := range conns {
		n += len(c.Subflows)
	}
	return n
}

// moving tells whether some subflow opens or closes: it is not established, or its other end is not there. So it seems behind
// an address translation, too.
func moving(hosts [][]lab.Conn) bool {
	ends := map[[2]netip.AddrPort]int{}
	for _, conns := range hosts {
		for _, c := range conns {
			for _, f := range c.Subflows {
				if f.State != "ESTAB" {
					return true
				}
				local, remote := unmapped(f.Local), unmapped(f.Remote)
				ends[[2]netip.AddrPort{local, remote}]++
				ends[[2]netip.AddrPort{remote, local}]--
			}
		}
	}
	for _, n := range ends {
		if n != 0 {
			return true
		}
	}
	return false
}

func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

// Note implements [lab.Lab].
func (l *recorded) Note(kind lab.EntryKind, name, text string) {
	l.Lab.Note(kind, name, text)
	switch kind {
	case lab.KindStep:
		l.with(func(s *script) { s.add("step %s", quote(printable(text))) })
	case lab.KindCheck:
		l.see()
		l.with(func(s *script) {
			s.comment("check %s", text)
			s.checked = true
		})
	case lab.KindAction:
		l.with(func(s *script) {
			s.look()
			s.comment("%s", strings.TrimPrefix(name+": "+text, ": "))
		})
	}
}

// Close implements [lab.Lab].
func (l *recorded) Close() error {
	l.with(func(s *script) {
		s.look()
		s.done = true
	})
	return l.Lab.Close()
}

// bridge is a switch.
type bridge struct {
	lab.Node
	node
}

// node is a namespace of the script.
type node struct {
	ns     string // its name, without the prefix of the script
	number int    // from 1
	macs   int    // handed out
}

// ip is the beginning of an ip command in the namespace.
func (n *node) ip() string { return fmt.Sprintf(`ip -n "$lab-%s"`, n.ns) }

func (n *node) mac() string {
	n.macs++
	return fmt.Sprintf("02:00:%02x:%02x:%02x:%02x", n.number>>8, n.number&0xff, n.macs>>8, n.macs&0xff)
}

// inner is a node as the backend knows it, and its namespace.
func inner(n lab.Node) (lab.Node, *node, *host) {
	switch n := n.(type) {
	case *host:
		return n.Host, &n.node, n
	case *bridge:
		return n.Node, &n.node, nil
	}
	return n, nil, nil
}

// Link implements [lab.Lab]: what a backend links are nodes of its own.
func (l *recorded) Link(ctx context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	var ends [2]*port
	for i, end := range []*lab.End{&a, &b} {
		ends[i] = &port{}
		end.Node, ends[i].node, ends[i].host = inner(end.Node)
	}
	made, err := l.Lab.Link(ctx, a, b, o)
	if err != nil {
		return nil, err
	}
	for i, p := range ends {
		p.name, p.mac, p.peer = made.Ends()[i].Interface, p.node.mac(), ends[1-i]
	}
	return &link{Link: made, lab: l, ends: ends}, l.linked(ends, [2]lab.End{a, b}, o)
}

// linked adds a link that was made.
func (l *recorded) linked(ends [2]*port, given [2]lab.End, o lab.LinkOptions) error {
	for _, p := range ends {
		if err := p.attach(); err != nil {
			return err
		}
	}
	l.with(func(s *script) {
		mtu := ""
		if o.MTU != 0 {
			mtu = fmt.Sprintf(" mtu %d", o.MTU)
		}
		a, b := ends[0], ends[1]
		s.add(`ip link add name %s address %s%s netns "$lab-%s" type veth peer name %s address %s%s netns "$lab-%s"`,
			quote(a.name), a.mac, mtu, a.node.ns, quote(b.name), b.mac, mtu, b.node.ns)
		for _, p := range ends {
			master := ""
			if p.host == nil {
				master = " master bridge"
			}
			s.add("%s link set dev %s%s up", p.node.ip(), quote(p.name), master)
		}
		for _, p := range ends {
			s.add("up %s %s", p.node.ns, quote(p.name))
		}
		for i, p := range ends {
			for _, prefix := range given[i].Addresses {
				p.add(s, prefix)
			}
		}
		if o.Impair != [2]impair.Impairment{} {
			s.skip("how this link treats what its ends send: %+v", o.Impair)
		}
	})
	return nil
}
