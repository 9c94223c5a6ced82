package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/observe"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// probeWithin bounds the connection that the probe makes over a loopback interface.
const probeWithin = 5 * time.Second

var loopback = netip.MustParseAddr("127.0.0.1")

// prober asks the kernel what it can do, in a host of its own that has one connection to itself.
type prober struct {
	lab            *realLab
	host           *host
	client, server lab.Socket
	counters       lab.Counters
}

// probe tries each feature. Where not even the probe's own host can be made, every feature is missing for that reason.
func probe(b *Backend) lab.Features {
	ctx, cancel := context.WithTimeout(context.Background(), probeWithin)
	defer cancel()
	p := &prober{lab: newLab(b, lab.Options{MaxHosts: 1, MaxEvents: defaultMaxEvents})}
	defer p.lab.Close()
	setUp := p.setUp(ctx)

	f := lab.Features{Kernel: b.release.name, Version: b.release.upstream}
	for _, t := range p.tests() {
		err := setUp
		if err == nil {
			err = t.try(p)
		}
		x := lab.Feature{Name: t.name, Meaning: t.meaning, OK: err == nil}
		if err != nil {
			x.Reason, x.Remedy = err.Error(), t.remedy
		}
		f.List = append(f.List, x)
	}
	return f
}

func (p *prober) setUp(ctx context.Context) error {
	h, err := p.lab.Host(ctx, "probe", lab.HostOptions{})
	if err != nil {
		return err
	}
	p.host = h.(*host)
	ln, err := h.Listen(ctx, lab.ListenOptions{Address: netip.AddrPortFrom(loopback, 0)})
	if err != nil {
		return err
	}
	if p.client, err = h.Dial(ctx, lab.DialOptions{Remote: ln.Address()}); err != nil {
		return err
	}
	if p.server, err = ln.Accept(ctx); err != nil {
		return err
	}
	p.counters, err = h.Counters()
	return err
}

// test is one feature and how to find it.
type test struct {
	name, meaning, remedy string
	try                   func(*prober) error
}

const newerKernel = "run a newer kernel"

func (p *prober) tests() []test {
	tests := []test{
		{"mptcp", "MPTCP sockets", "build the kernel with CONFIG_MPTCP=y", func(p *prober) error { return p.hasToken(p.client) }},
		{"ipv6", "scenarios over IPv6", "build the kernel with CONFIG_IPV6 and CONFIG_MPTCP_IPV6, and boot without ipv6.disable=1", ipv6},
		{"mptcp_pm", "endpoints and limits: the mptcp_pm netlink family", newerKernel, func(p *prober) error {
			_, err := p.host.PathManager().Limits()
			return err
		}},
		{"userspace_pm", "path managers in userspace", "Linux 5.19 or later", sysctl("net.mptcp.pm_type")},
		{"userspace_addresses", "the addresses of a connection under a path manager in userspace, asked for by its token", newerKernel, addressesByToken},
		{"errors.numbers", "errors of mptcp_pm that tell the number of what went wrong", newerKernel, says(": -", twice)},
		{"errors.texts", "errors of mptcp_pm with a text for each rule", newerKernel, says("maximum (8)", beyondLimit)},
		{"event.LISTENER_CREATED", "events of new listeners", newerKernel, listenerEvent(pm.EventListenerCreated)},
		{"event.LISTENER_CLOSED", "events of listeners that end", newerKernel, listenerEvent(pm.EventListenerClosed)},
		{"inet_diag", "connections as inet_diag shows them", "build the kernel with CONFIG_INET_DIAG and CONFIG_INET_MPTCP_DIAG", diag},
		{"subflow_diag", "the subflows of a connection: ULP data in inet_diag", "Linux 5.6 or later, with CAP_NET_ADMIN", subflowDiag},
		{"full_info", "MPTCP_FULL_INFO, one snapshot of a connection", "Linux 6.5 or later", fullInfo},
		{"capture", "what goes over the wire: packet sockets", "build the kernel with CONFIG_PACKET", capture},
		{"user_namespaces", "running without root", "sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns", func(*prober) error { return netns.UserNamespaces() }},
		{"nf_tables", "firewalls in hosts", "build the kernel with CONFIG_NF_TABLES_INET", firewall(lab.FirewallRule{Chain: "input", Target: "drop"})},
		{"reject", "firewalls that answer", "build the kernel with CONFIG_NFT_REJECT_INET", firewall(lab.FirewallRule{
			Chain: "input", Protocol: "tcp", Target: "reject", RejectWith: lab.TCPReset,
		})},
		{"conntrack", "firewalls that track connections", "build the kernel with CONFIG_NFT_CT and CONFIG_NF_CT_NETLINK", tracking},
		{"nat", "address translation in hosts", "build the kernel with CONFIG_NFT_NAT and CONFIG_NFT_MASQ", nat},
		{"tbf", "rate limits in the kernel: the tbf queueing discipline", "build the kernel with CONFIG_NET_SCH_TBF", qdisc(func(a netlink.QdiscAttrs) netlink.Qdisc {
			return &netlink.Tbf{QdiscAttrs: a, Rate: 1 << 20, Limit: 1 << 16, Buffer: 1 << 16}
		})},
		{"netem", "delay and loss in the kernel: the netem queueing discipline", "build the kernel with CONFIG_NET_SCH_NETEM", qdisc(func(a netlink.QdiscAttrs) netlink.Qdisc {
			return netlink.NewNetem(a, netlink.NetemQdiscAttrs{})
		})},
	}
	for _, f := range []pm.Flags{pm.FlagSignal, pm.FlagSubflow, pm.FlagBackup, pm.FlagFullmesh, pm.FlagLaminar} {
		tests = append(tests, test{"endpoint." + f.String(), "endpoints with the flag " + f.String(), newerKernel, endpointFlag(f)})
	}
	for _, name := range sysctls {
		tests = append(tests, test{"sysctl." + name, "the setting net.mptcp." + name, newerKernel, sysctl("net.mptcp." + name)})
	}
	for _, c := range lab.KnownCounters() {
		tests = append(tests, test{"counter." + c.Name, "the counter " + c.Name, "Linux " + c.Since + " or later", counter(c.Name)})
	}
	return tests
}

// sysctls are those of net.mptcp (net/mptcp/ctrl.c) in order of their appearance.
var sysctls = []string{
	"enabled", "add_addr_timeout", "checksum_enabled", "allow_join_initial_addr_port", "stale_loss_cnt", "pm_type", "scheduler",
	"close_timeout", "available_schedulers", "blackhole_timeout", "syn_retrans_before_tcp_fallback", "path_manager",
	"available_path_managers",
}

func sysctl(name string) func(*prober) error {
	return func(p *prober) error {
		_, err := p.host.Sysctl(name)
		return err
	}
}

func counter(name string) func(*prober) error {
	return func(p *prober) error {
		if _, ok := p.counters[name]; !ok {
			return fmt.Errorf("this kernel has no counter %s", name)
		}
		return nil
	}
}

func (p *prober) hasToken(s lab.Socket) error {
	c, err := s.Conn()
	if err == nil && c.Token == 0 {
		err = errors.New("the connection is plain TCP")
	}
	return err
}

func ipv6(p *prober) error {
	return p.host.real.Do(func() error {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		if err != nil {
			return fmt.Errorf("MPTCP socket over IPv6: %w", err)
		}
		return unix.Close(fd)
	})
}

func diag(p *prober) error {
	conns, err := p.host.Conns()
	if err == nil && len(conns) == 0 {
		err = errors.New("inet_diag shows no MPTCP connection where there are two ends of one")
	}
	return err
}

func subflowDiag(p *prober) error {
	c, err := p.client.Conn()
	if err == nil && len(c.Subflows) == 0 {
		err = errors.New("inet_diag tells of no TCP socket which connection it belongs to")
	}
	return err
}

func fullInfo(p *prober) error {
	raw, err := p.client.(*socket).SyscallConn()
	if err != nil {
		return err
	}
	_, err = observe.FullInfo(raw)
	return err
}

func capture(p *prober) error {
	return p.host.real.Do(func() error {
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("packet socket: %w", err)
		}
		return unix.Close(fd)
	})
}

// addressesByToken asks for the addresses of a connection that the kernel manages. One that looks past the token has an answer.
func addressesByToken(p *prober) error {
	c, err := p.client.Conn()
	if err != nil {
		return err
	}
	if _, err := p.host.PathManager().Addresses(c.Token); err == nil {
		return errors.New("the kernel looks past the token")
	}
	return nil
}

// says does something that the kernel refuses, and looks for words of a newer one in what it says.
func says(words string, wrong func(lab.PathManager) error) func(*prober) error {
	return func(p *prober) error {
		err := wrong(p.host.PathManager())
		if err == nil {
			return errors.New("the kernel takes what a newer one refuses")
		}
		var refused *pm.Error
		if !errors.As(err, &refused) {
			return err
		}
		if !strings.Contains(refused.Message, words) {
			return fmt.Errorf("this kernel says %q", refused.Message)
		}
		return nil
	}
}

// twice adds an endpoint a second time.
func twice(m lab.PathManager) error {
	e := pm.Endpoint{Address: netip.MustParseAddr("192.0.2.1")}
	if err := m.AddEndpoint(e); err != nil {
		return err
	}
	return errors.Join(m.AddEndpoint(e), m.FlushEndpoints())
}

// beyondLimit sets a limit that is too high.
func beyondLimit(m lab.PathManager) error {
	n := uint32(9)
	return m.SetLimits(pm.LimitsUpdate{Subflows: &n})
}

// listenerEvent makes a listener and closes it, and looks for the event.
func listenerEvent(kind pm.EventKind) func(*prober) error {
	return func(p *prober) error {
		ln, err := p.host.Listen(context.Background(), lab.ListenOptions{Address: netip.AddrPortFrom(loopback, 0)})
		if err != nil {
			return err
		}
		if err := ln.Close(); err != nil {
			return err
		}
		events, err := p.host.Events()
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(events, func(e lab.Event) bool { return e.Kind == kind }) {
			return fmt.Errorf("the kernel sends no event %s", kind)
		}
		return nil
	}
}

// endpointFlag adds an endpoint with the flag and looks whether the kernel acts on it. Kernels up to 6.18 keep flags that they
// do not know, so what they show of the endpoint says nothing; but only a kernel that knows laminar counts such endpoints.
func endpointFlag(f pm.Flags) func(*prober) error {
	return func(p *prober) error {
		manager := p.host.PathManager()
		if err := manager.AddEndpoint(pm.Endpoint{Address: netip.MustParseAddr("192.0.2.1"), Flags: f}); err != nil {
			return err
		}
		if f == pm.FlagLaminar {
			c, err := p.client.Conn()
			if err == nil && c.Info.EndpLaminarMax == 0 {
				err = errors.New("the kernel does not count such endpoints")
			}
			return errors.Join(err, manager.FlushEndpoints())
		}
		e, err := manager.Endpoints()
		if err == nil && (len(e) != 1 || e[0].Flags != f) {
			err = fmt.Errorf("the kernel did not keep the flag: %v", e)
		}
		return errors.Join(err, manager.FlushEndpoints())
	}
}

// firewall tries to add rules to the host, and removes them.
func firewall(rules ...lab.FirewallRule) func(*prober) error {
	return func(p *prober) error {
		for _, r := range rules {
			if _, err := p.host.Firewall().Add(r); err != nil {
				return err
			}
		}
		return p.host.Firewall().Flush()
	}
}

// tracking tries a rule that needs the state of connections, and to list them.
func tracking(p *prober) error {
	if err := firewall(lab.FirewallRule{Chain: "input", State: lab.FlowInvalid, Target: "drop"})(p); err != nil {
		return err
	}
	_, err := p.host.Firewall().Flows()
	return err
}

var nat = firewall(
	lab.FirewallRule{Chain: "postrouting", Target: "masquerade"},
	lab.FirewallRule{Chain: "prerouting", Target: "dnat", To: netip.MustParseAddr("192.0.2.1")},
)

// qdisc tries to put a queueing discipline on the loopback interface.
func qdisc(of func(netlink.QdiscAttrs) netlink.Qdisc) func(*prober) error {
	return func(p *prober) error {
		return p.host.real.Do(func() error {
			lo, err := netlink.LinkByName("lo")
			if err != nil {
				return err
			}
			q := of(netlink.QdiscAttrs{LinkIndex: lo.Attrs().Index, Handle: netlink.MakeHandle(1, 0), Parent: netlink.HANDLE_ROOT})
			if err := netlink.QdiscAdd(q); err != nil {
				return fmt.Errorf("queueing discipline %s: %w", q.Type(), err)
			}
			return netlink.QdiscDel(q)
		})
	}
}
