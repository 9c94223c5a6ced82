package export

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// host is a host of a recorded lab.
type host struct {
	lab.Host
	node
	lab     *recorded
	router  bool
	ports   []*port
	tables  int
	devices map[int32]string // names of interfaces
	sockets int
	used    bool // a socket was opened
}

// ipOf is the beginning of an ip command for routes of the family of an address.
func (h *host) ipOf(a netip.Addr) string {
	family := "-4"
	if a.Is6() {
		family = "-6"
	}
	return strings.Replace(h.ip(), "ip ", "ip "+family+" ", 1)
}

func (h *host) port(name string) *port {
	i := slices.IndexFunc(h.ports, func(p *port) bool { return p.name == name })
	if i < 0 {
		return nil
	}
	return h.ports[i]
}

// AddAddress implements [lab.Host].
func (h *host) AddAddress(ctx context.Context, iface string, prefix netip.Prefix) error {
	err := h.Host.AddAddress(ctx, iface, prefix)
	h.lab.with(func(s *script) {
		if p := h.port(iface); err == nil && p != nil {
			p.add(s, prefix)
			return
		}
		s.try(err, "%s address add %s dev %s", h.ip(), prefix, quote(iface))
	})
	return err
}

// DeleteAddress implements [lab.Host].
func (h *host) DeleteAddress(ctx context.Context, iface string, prefix netip.Prefix) error {
	err := h.Host.DeleteAddress(ctx, iface, prefix)
	h.lab.with(func(s *script) {
		if p := h.port(iface); err == nil && p != nil {
			p.delete(s, prefix)
			return
		}
		s.try(err, "%s address delete %s dev %s", h.ip(), prefix, quote(iface))
	})
	return err
}

// AddRoute implements [lab.Host].
func (h *host) AddRoute(ctx context.Context, r lab.Route) error {
	err := h.Host.AddRoute(ctx, r)
	h.lab.with(func(s *script) {
		p := h.towards(r)
		if err != nil || p == nil {
			s.skip("route %v of %s: %v", r, h.Name(), err)
			return
		}
		p.routes = append(p.routes, r)
		if !r.Source.IsValid() {
			p.route(s, r, 0)
		}
		for _, q := range h.ports {
			for _, a := range q.addresses {
				if !p.routed(r, q, a) {
					continue
				}
				if a.table == 0 {
					h.tables++
					a.table = firstTable + h.tables
					s.add("%s rule add from %s lookup %d priority %d", h.ipOf(r.Source), r.Source, a.table, rulePriority)
				}
				p.route(s, r, a.table)
			}
		}
	})
	return err
}

// towards is the port of a route; nil: there is none.
func (h *host) towards(r lab.Route) *port {
	if r.Interface != "" {
		return h.port(r.Interface)
	}
	i := slices.IndexFunc(h.ports, func(p *port) bool {
		return slices.ContainsFunc(p.addresses, func(a *address) bool { return a.prefix.Contains(r.Via) })
	})
	if i < 0 {
		return nil
	}
	return h.ports[i]
}

// SetInterfaceUp implements [lab.Host].
func (h *host) SetInterfaceUp(ctx context.Context, iface string, up bool) error {
	err := h.Host.SetInterfaceUp(ctx, iface, up)
	h.lab.with(func(s *script) {
		p := h.port(iface)
		if err != nil || p == nil {
			s.skip("%s of %s up %v: %v", iface, h.Name(), up, err)
			return
		}
		setUp(s, up, p)
	})
	return err
}

// SetSysctl implements [lab.Host].
func (h *host) SetSysctl(name, value string) error {
	err := h.Host.SetSysctl(name, value)
	h.lab.with(func(s *script) { s.try(err, "set_sysctl %s %s", h.ns, quote(name+"="+value)) })
	return err
}

// Firewall implements [lab.Host].
func (h *host) Firewall() lab.Firewall { return firewall{h.Host.Firewall(), h} }

// PathManager implements [lab.Host].
func (h *host) PathManager() lab.PathManager { return manager{h.Host.PathManager(), h} }

// IPNamespace implements [lab.Host].
func (h *host) IPNamespace() ipmptcp.Namespace { return ipNamespace{h.Host.IPNamespace(), h} }

// Exec implements [lab.Host].
func (h *host) Exec(ctx context.Context, argv []string, stdin string) (lab.ExecResult, error) {
	h.lab.with(func(s *script) {
		words := make([]string, len(argv))
		for i, a := range argv {
			words[i] = quote(a)
		}
		if strings.ContainsRune(stdin, 0) || strings.ContainsRune(strings.Join(words, ""), 0) {
			s.skip("%s runs %s", h.Name(), strings.Join(words, " "))
			return
		}
		s.add(`printf %%s %s | ip netns exec "$lab-%s" %s || :`, quote(stdin), h.ns, strings.Join(words, " "))
	})
	return h.Host.Exec(ctx, argv, stdin)
}

// firewall is that of a recorded host.
type firewall struct {
	lab.Firewall
	host *host
}

// Add implements [lab.Firewall].
func (f firewall) Add(r lab.FirewallRule) (lab.FirewallEntry, error) {
	f.host.lab.skipping("%s: a rule of its firewall: %v", f.host.Name(), r)
	return f.Firewall.Add(r)
}

// Delete implements [lab.Firewall].
func (f firewall) Delete(e lab.FirewallEntry) error {
	f.host.lab.skipping("%s: the end of a rule of its firewall", f.host.Name())
	return f.Firewall.Delete(e)
}

// Flush implements [lab.Firewall].
func (f firewall) Flush() error {
	f.host.lab.skipping("%s: the end of all rules of its firewall", f.host.Name())
	return f.Firewall.Flush()
}

// socketName is a name for another socket of the host.
func (h *host) socketName() string {
	h.sockets++
	return h.lab.unique(fmt.Sprintf("%s-%d", h.ns, h.sockets))
}
