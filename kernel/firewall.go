package kernel

import (
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// hostFirewall is the firewall of a host; its errors say of which one.
type hostFirewall struct {
	real netns.Firewall
	host *host
}

// Firewall implements [lab.Host].
func (h *host) Firewall() lab.Firewall { return hostFirewall{h.real.Firewall(), h} }

func (f hostFirewall) Add(r lab.FirewallRule) (lab.FirewallEntry, error) {
	e, err := f.real.Add(r)
	return e, f.host.on(err)
}

func (f hostFirewall) Delete(e lab.FirewallEntry) error { return f.host.on(f.real.Delete(e)) }

func (f hostFirewall) Rules() ([]lab.FirewallEntry, error) {
	rules, err := f.real.Rules()
	return rules, f.host.on(err)
}

func (f hostFirewall) Flush() error { return f.host.on(f.real.Flush()) }

func (f hostFirewall) Flows() ([]lab.Flow, error) {
	flows, err := f.real.Flows()
	return flows, f.host.on(err)
}

func (f hostFirewall) DeleteFlows(s lab.FlowSelector) (int, error) {
	n, err := f.real.DeleteFlows(s)
	return n, f.host.on(err)
}
