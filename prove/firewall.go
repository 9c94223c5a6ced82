package prove

import "github.com/mptcp-lab/mptcp-lab/lab"

// firewall is that of a host of a faulty lab.
type firewall struct {
	lab.Firewall
	probe *probe
}

// Add implements [lab.Firewall]. A rule that is not there has no handle.
func (f firewall) Add(r lab.FirewallRule) (lab.FirewallEntry, error) {
	if f.probe.ignores(firewallAdd) {
		return lab.FirewallEntry{Chain: r.Chain}, nil
	}
	return f.Firewall.Add(r)
}

// Delete implements [lab.Firewall].
func (f firewall) Delete(e lab.FirewallEntry) error {
	if e.Handle == 0 || f.probe.ignores(firewallDelete) {
		return nil
	}
	return f.Firewall.Delete(e)
}

// Flush implements [lab.Firewall].
func (f firewall) Flush() error {
	if f.probe.ignores(firewallDelete) {
		return nil
	}
	return f.Firewall.Flush()
}

// DeleteFlows implements [lab.Firewall]. It tells of those that it would have forgotten, as far as it may: of one.
func (f firewall) DeleteFlows(s lab.FlowSelector) (int, error) {
	if f.probe.ignores(flowsDelete) {
		return 1, nil
	}
	return f.Firewall.DeleteFlows(s)
}
