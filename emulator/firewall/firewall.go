package firewall

import (
	"fmt"
	"slices"
	"syscall"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// Firewall is that of one host. It implements [lab.Firewall], and [network.Filter].
type Firewall struct {
	// Loose tells whether a connection is taken up in the middle (net.netfilter.nf_conntrack_tcp_loose).
	Loose func() bool

	host    *network.Host
	rules   map[string][]*rule // by chain
	handles uint64
	flows   []*flow
	current context // of the packet that is on its way through the host
}

var (
	_ lab.Firewall   = (*Firewall)(nil)
	_ network.Filter = (*Firewall)(nil)
)

// rule is a rule in force.
type rule struct {
	lab.FirewallRule
	entry lab.FirewallEntry
}

// chains are those of the model, in the order of a listing.
var chains = []string{"input", "output", "forward", "prerouting", "postrouting"}

// New gives a host its firewall, which lets everything pass until it has rules.
func New(host *network.Host, loose func() bool) *Firewall {
	return &Firewall{host: host, Loose: loose, rules: map[string][]*rule{}}
}

// Add implements [lab.Firewall].
func (f *Firewall) Add(r lab.FirewallRule) (lab.FirewallEntry, error) {
	if err := r.Validate(); err != nil {
		return lab.FirewallEntry{}, err
	}
	for _, name := range []string{r.InInterface, r.OutInterface} {
		if name == "" || name == "lo" {
			continue
		}
		if _, err := f.host.Interface(name); err != nil {
			return lab.FirewallEntry{}, err
		}
	}
	const firstHandle = 2 // as the chain has the one before
	f.handles++
	x := &rule{r, lab.FirewallEntry{Chain: r.Chain, Handle: f.handles + firstHandle - 1, Text: r.String()}}
	f.rules[r.Chain] = append(f.rules[r.Chain], x)
	f.host.Filter = f
	return x.entry, nil
}

// Delete implements [lab.Firewall].
func (f *Firewall) Delete(e lab.FirewallEntry) error {
	rules := f.rules[e.Chain]
	n := slices.IndexFunc(rules, func(x *rule) bool { return x.entry.Handle == e.Handle })
	if n < 0 {
		const enoent pm.Errno = 2
		return fmt.Errorf("firewall rule %s: it is not there any more: %w", e.Text, enoent)
	}
	f.rules[e.Chain] = slices.Delete(slices.Clone(rules), n, n+1)
	return nil
}

// Rules implements [lab.Firewall].
func (f *Firewall) Rules() ([]lab.FirewallEntry, error) {
	var all []lab.FirewallEntry
	for _, chain := range chains {
		for _, x := range f.rules[chain] {
			all = append(all, x.entry)
		}
	}
	return all, nil
}

// Flush implements [lab.Firewall].
func (f *Firewall) Flush() error {
	clear(f.rules)
	return nil
}

// tracks tells whether a rule needs the state of connections.
func (f *Firewall) tracks() bool {
	if len(f.rules["prerouting"])+len(f.rules["postrouting"]) > 0 {
		return true
	}
	for _, rules := range f.rules {
		if slices.ContainsFunc(rules, func(x *rule) bool { return x.State != 0 }) {
			return true
		}
	}
	return false
}

// context is what is known of a packet.
type context struct {
	flow  *flow // nil: it belongs to none
	reply bool  // it goes the other way than the flow's first packet
	state lab.FlowState
}

// filterChains are the chains that may refuse packets, by hook.
var filterChains = map[network.Hook]string{network.Input: "input", network.Output: "output", network.Forward: "forward"}

// Hook implements [network.Filter].
func (f *Firewall) Hook(at network.Hook, packet []byte, m network.Meta) (bool, syscall.Errno) {
	if at == network.Prerouting || at == network.Output {
		f.current = f.track(packet)
	}
	now := f.current
	if at == network.Prerouting {
		f.translateDestination(now, packet, m)
	}
	if chain := filterChains[at]; chain != "" && !f.filter(chain, packet, m, now) {
		return false, network.EPERM
	}
	if at == network.Postrouting {
		f.translateSource(now, packet, m)
	}
	if at == network.Postrouting || at == network.Input {
		f.confirm(now)
	}
	return true, 0
}

// filter asks the rules of a chain about a packet.
func (f *Firewall) filter(chain string, packet []byte, m network.Meta, c context) bool {
	for _, x := range f.rules[chain] {
		if !x.matches(packet, m, c.state) {
			continue
		}
		x.entry.Packets++
		x.entry.Bytes += uint64(len(packet))
		switch x.Target {
		case "accept":
			return true
		case "reject":
			f.reject(x, packet, m.In)
		}
		f.current = c
		return false
	}
	return true
}
