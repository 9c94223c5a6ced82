package emulator

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/emulator/firewall"
	"github.com/mptcp-lab/mptcp-lab/emulator/mptcp"
	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/emulator/tcp"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// host is a modelled host with its path manager and witnesses.
type host struct {
	lab       *modelLab
	model     *network.Host
	stack     *tcp.Stack
	mptcp     *mptcp.Host
	firewall  *firewall.Firewall
	streams   []*tcp.Stream // of plain TCP, for inet_diag
	listeners []*listener
	monitors  []*monitor        // of ip mptcp monitor
	inert     map[string]string // settings that were written and change nothing
	noted     lab.Counters      // the last reading on the timeline; under lab.noting
}

var _ lab.Host = (*host)(nil)

func newHost(l *modelLab, name string, o lab.HostOptions) (*host, error) {
	h := &host{lab: l, model: l.net.NewHost(name, o.Router), noted: lab.Counters{}}
	h.stack = tcp.NewStack(&l.world.Clock, h.model, l.random)
	h.mptcp = mptcp.NewHost(name, h.stack, l.backend.version, mptcp.Observer{Event: h.event, Reason: h.reason, Listened: h.listened})
	h.firewall = firewall.New(h.model, func() bool { return h.inert["net.netfilter.nf_conntrack_tcp_loose"] != "0" })
	for _, setting := range slices.Sorted(maps.Keys(o.Sysctl)) {
		if err := h.setSysctl(setting, o.Sysctl[setting]); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// event records a path-manager event.
func (h *host) event(e pm.Event) {
	h.lab.record.AddEvent(h.Name(), lab.Event{Time: h.lab.Now(), Event: e})
	for _, m := range h.monitors {
		m.waiting = append(m.waiting, e)
	}
}

// listened tells whether somebody listens to events: the lab does, unless it is alone.
func (h *host) listened() bool { return !h.lab.options.Alone || len(h.monitors) > 0 }

// reason puts a decision of the path manager on the timeline.
func (h *host) reason(r pathmanager.Reason) {
	text := r.Text
	if r.Test != "" {
		text += " (" + r.Test + ")"
	}
	h.lab.note(lab.KindReason, h.Name(), text)
}

// Name implements [lab.Node].
func (h *host) Name() string { return h.model.Name() }

// on says on which host something failed.
func (h *host) on(err error) error {
	if err != nil {
		return fmt.Errorf("on %s: %w", h.Name(), err)
	}
	return nil
}

// Addresses implements [lab.Host].
func (h *host) Addresses() []lab.Address { return h.model.Addresses() }

// AddAddress implements [lab.Host].
func (h *host) AddAddress(_ context.Context, iface string, p netip.Prefix) error {
	h.lab.act()
	return h.on(h.model.AddAddress(iface, p))
}

// DeleteAddress implements [lab.Host].
func (h *host) DeleteAddress(_ context.Context, iface string, p netip.Prefix) error {
	h.lab.act()
	return h.on(h.model.DeleteAddress(iface, p))
}

// AddRoute implements [lab.Host].
func (h *host) AddRoute(_ context.Context, r lab.Route) error {
	h.lab.act()
	return h.on(h.model.AddRoute(r))
}

// RouteTo implements [lab.Host].
func (h *host) RouteTo(_ context.Context, from, to netip.Addr) (lab.Way, error) {
	path, errno := h.model.Route(from, to, 0)
	if errno != 0 {
		return lab.Way{}, h.on(fmt.Errorf("route to %s: %w", fromTo(from, to), errno))
	}
	way := lab.Way{Source: path.Source, Interface: "lo"}
	if path.Interface != nil {
		way.Interface = path.Interface.Name
	}
	if path.Next().IsValid() && path.Next() != to {
		way.Via = path.Next()
	}
	return way, nil
}

func fromTo(from, to netip.Addr) string {
	if !from.IsValid() {
		return to.String()
	}
	return to.String() + " from " + from.String()
}

// SetInterfaceUp implements [lab.Host].
func (h *host) SetInterfaceUp(_ context.Context, iface string, up bool) error {
	h.lab.act()
	i, err := h.model.Interface(iface)
	if err == nil {
		i.SetUp(up)
	}
	return h.on(err)
}

// InterfaceIndex implements [lab.Host].
func (h *host) InterfaceIndex(iface string) (int32, error) {
	if iface == "lo" {
		return 1, nil
	}
	i, err := h.model.Interface(iface)
	if err != nil {
		return 0, h.on(err)
	}
	return i.Index, nil
}

// Counters implements [lab.Host].
func (h *host) Counters() (lab.Counters, error) { return h.counters(), nil }

func (h *host) counters() lab.Counters { return maps.Clone(lab.Counters(h.mptcp.Counters())) }

// Events implements [lab.Host].
func (h *host) Events() ([]lab.Event, error) {
	if h.lab.options.Alone {
		return nil, h.on(errNobodyListens)
	}
	events, err := h.lab.record.EventsOf(h.Name())
	return events, h.on(err)
}

var errNobodyListens = fmt.Errorf("the lab listens to no events, since its case asked to be alone")

// Conns implements [lab.Host].
func (h *host) Conns() ([]lab.Conn, error) {
	var conns []lab.Conn
	for _, c := range h.mptcp.Conns() {
		v := c.View(h.interfaceName)
		if v.Token == 0 { // which is no socket of MPTCP for inet_diag
			v.Info = lab.Info{}
		}
		conns = append(conns, v)
	}
	h.streams = slices.DeleteFunc(h.streams, func(s *tcp.Stream) bool { return s.Conn.State() == tcp.Closed })
	for _, s := range h.streams {
		if s.Conn.State() != tcp.TimeWait && s.Conn.State() != tcp.SynRecv {
			conns = append(conns, viewOf(s))
		}
	}
	return conns, nil
}

// Conn implements [lab.Host].
func (h *host) Conn(token uint32) (lab.Conn, error) {
	for _, c := range h.mptcp.Conns() {
		if c.Token() == token && token != 0 {
			return c.View(h.interfaceName), nil
		}
	}
	return lab.Conn{}, h.on(fmt.Errorf("MPTCP connection with token %08x: %w", token, enoent))
}

// Listeners implements [lab.Host].
func (h *host) Listeners() ([]lab.Listening, error) {
	var all []lab.Listening
	add := func(a netip.AddrPort, isMPTCP bool) {
		i := a.Addr().Zone()
		a = bare(a)
		if isMPTCP {
			all = append(all, lab.Listening{Protocol: lab.MPTCP, Address: a, Interface: i})
		}
		all = append(all, lab.Listening{Protocol: lab.TCP, Address: a, Subflow: isMPTCP, Interface: i})
	}
	for _, l := range h.listeners {
		add(netip.AddrPortFrom(l.address.Addr(), l.Address().Port()), l.mptcp)
	}
	for _, a := range h.mptcp.JoinListeners() { // which are sockets of the kernel: the MPTCP ones are not shown
		all = append(all, lab.Listening{Protocol: lab.TCP, Address: a, Subflow: true})
	}
	slices.SortStableFunc(all, func(a, b lab.Listening) int { return a.Address.Compare(b.Address) })
	return all, nil
}

// SocketsInUse implements [lab.Host].
func (h *host) SocketsInUse(p lab.Protocol) (int, error) {
	n := 0
	listeners, err := h.Listeners()
	for _, l := range listeners {
		if l.Protocol == p {
			n++
		}
	}
	if p == lab.MPTCP {
		return n + len(h.mptcp.Conns()), err
	}
	for _, c := range h.stack.Conns() {
		if c.State() != tcp.TimeWait && c.State() != tcp.SynRecv {
			n++
		}
	}
	return n, err
}

// interfaceName is the name of an interface; empty for index 0.
func (h *host) interfaceName(index int32) string {
	if i := h.model.InterfaceAt(index); i != nil {
		return i.Name
	}
	return ""
}

// inForm is an address as a socket has it: IPv4 is mapped into IPv6 where that is an IPv6 one.
func inForm(a netip.AddrPort, six bool) netip.AddrPort {
	if six && a.Addr().Is4() {
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr().As16()), a.Port())
	}
	return a
}

// viewOf is a connection of plain TCP as inet_diag shows it.
func viewOf(s *tcp.Stream) lab.Conn {
	stats := s.Conn.Stats
	return lab.Conn{
		Local: s.Local(), Remote: s.Remote(), State: s.Conn.State().String(), Fallback: true,
		Subflows: []lab.Subflow{{
			Local: inForm(s.Local(), s.Conn.Six), Remote: inForm(s.Remote(), s.Conn.Six), State: s.Conn.State().String(),
			BytesSent: stats.BytesSent, BytesAcked: stats.BytesAcked, BytesReceived: stats.BytesReceived, BytesRetrans: stats.BytesRetrans,
		}},
	}
}

// Exec implements [lab.Host].
func (h *host) Exec(context.Context, []string, string) (lab.ExecResult, error) {
	if !h.lab.options.AllowExec {
		return lab.ExecResult{}, fmt.Errorf("running a program needs --allow-exec")
	}
	return lab.ExecResult{}, h.on(errNoPrograms)
}

// Enter implements [lab.Host]: there is nothing to enter.
func (h *host) Enter() string { return "" }

// Firewall implements [lab.Host]. Errors name the host.
func (h *host) Firewall() lab.Firewall { return hostFirewall{h} }

type hostFirewall struct{ host *host }

func (f hostFirewall) Add(r lab.FirewallRule) (lab.FirewallEntry, error) {
	f.host.lab.act()
	e, err := f.host.firewall.Add(r)
	return e, f.host.on(err)
}

func (f hostFirewall) Delete(e lab.FirewallEntry) error {
	f.host.lab.act()
	return f.host.on(f.host.firewall.Delete(e))
}

func (f hostFirewall) Rules() ([]lab.FirewallEntry, error) {
	rules, err := f.host.firewall.Rules()
	return rules, f.host.on(err)
}

func (f hostFirewall) Flush() error {
	f.host.lab.act()
	return f.host.on(f.host.firewall.Flush())
}

func (f hostFirewall) Flows() ([]lab.Flow, error) {
	flows, err := f.host.firewall.Flows()
	return flows, f.host.on(err)
}

func (f hostFirewall) DeleteFlows(s lab.FlowSelector) (int, error) {
	f.host.lab.act()
	n, err := f.host.firewall.DeleteFlows(s)
	return n, f.host.on(err)
}
