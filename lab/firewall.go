package lab

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Firewall decides what a host takes, sends and forwards, translates addresses, and tracks connections as far as one of its rules
// needs that. It is of the host alone, and ends with it.
type Firewall interface {
	// Add puts a rule behind those of its chain. A packet goes through a chain until a rule decides on it; without one it passes.
	Add(r FirewallRule) (FirewallEntry, error)
	// Delete removes a rule; connections that it has translated stay so.
	Delete(e FirewallEntry) error
	// Rules are all rules, chain by chain, with what they have counted.
	Rules() ([]FirewallEntry, error)
	// Flush removes all rules.
	Flush() error

	// Flows are the tracked connections (conntrack(8)), of which there are none before a rule needs them.
	Flows() ([]Flow, error)
	// DeleteFlows forgets those that are selected, and tells how many: what a firewall or NAT does that times out or restarts.
	DeleteFlows(s FlowSelector) (int, error)
}

// FirewallRule is a rule to be. A zero field of what it matches means any.
type FirewallRule struct {
	Chain                       string // of what the host takes ("input"), sends ("output"), forwards ("forward"), or the target's own
	InInterface, OutInterface   string // by which a packet came, and leaves
	Protocol                    string // "tcp", "udp", "icmp" or "icmpv6"
	Source, Destination         netip.Prefix
	SourcePort, DestinationPort PortRange
	State                       FlowState // what the tracked connection of a packet may be
	Mark                        uint32    // of the packet, such as the SO_MARK of its socket

	Target     string     // "accept", "drop", "reject", "masquerade", "snat" or "dnat"
	RejectWith string     // of reject: one of RejectAnswers
	To         netip.Addr // of snat and dnat
	ToPort     PortRange  // of snat: the source ports to take from; of dnat: the new destination port
}

// FirewallEntry is a rule that exists.
type FirewallEntry struct {
	Chain          string
	Handle         uint64 // its number in the kernel
	Text           string // as nft(8) writes it
	Packets, Bytes uint64 // that it has decided on; of a translation: the first packet of each connection
}

// PortRange is some ports, both ends included. Its zero value means none in particular.
type PortRange struct{ First, Last uint16 }

// ParsePortRange reads "8001" or "1024-2048".
func ParsePortRange(s string) (r PortRange, err error) {
	first, last, isRange := strings.Cut(s, "-")
	if r.First, err = parsePort(first); err != nil {
		return PortRange{}, fmt.Errorf("ports %q: %w", s, err)
	}
	r.Last = r.First
	if isRange {
		if r.Last, err = parsePort(last); err != nil {
			return PortRange{}, fmt.Errorf("ports %q: %w", s, err)
		}
	}
	if r.Last < r.First {
		return PortRange{}, fmt.Errorf("ports %q: %d is less than %d", s, r.Last, r.First)
	}
	return r, nil
}

// parsePort takes no sign and no leading zero, so that each port has one spelling.
func parsePort(s string) (uint16, error) {
	var n uint32
	for _, c := range []byte(s) {
		if c < '0' || c > '9' || n > 0xffff || n == 0 && c == '0' {
			n = 0
			break
		}
		n = 10*n + uint32(c-'0')
	}
	if n == 0 || n > 0xffff {
		return 0, errors.New("not a port from 1 to 65535, or two of them with a hyphen between")
	}
	return uint16(n), nil
}

// String is "8001" or "1024-2048".
func (r PortRange) String() string {
	if r.First == r.Last {
		return fmt.Sprint(r.First)
	}
	return fmt.Sprintf("%d-%d", r.First, r.Last)
}

// FlowState is a set of states of tracked connections, as nft(8) names them.
type FlowState uint8

// The states.
const (
	FlowNew         FlowState = 1 << iota // no packet has come back yet
	FlowEstablished                       // packets were seen both ways
	FlowRelated                           // it belongs to another one, as an ICMP error does
	FlowInvalid                           // it cannot be part of any that is known
)

var flowStates = []string{"new", "established", "related", "invalid"}

// ParseFlowState reads "new" or "established,related".
func ParseFlowState(s string) (FlowState, error) {
	var state FlowState
	for word := range strings.SplitSeq(s, ",") {
		i := slices.Index(flowStates, strings.TrimSpace(word))
		if i < 0 {
			return 0, fmt.Errorf("state %q: not one of %s", word, strings.Join(flowStates, ", "))
		}
		state |= 1 << i
	}
	return state, nil
}

// String is "established,related"; empty for none.
func (s FlowState) String() string {
	var words []string
	for i, word := range flowStates {
		if s&(1<<i) != 0 {
			words = append(words, word)
		}
	}
	return strings.Join(words, ",")
}

// RejectAnswers are what reject can answer, as nft(8) names them.
func RejectAnswers() []string {
	return []string{TCPReset, "port-unreachable", "host-unreachable", "no-route", "admin-prohibited"}
}

// TCPReset is the answer of RejectAnswers that is a reset rather than an ICMP error.
const TCPReset = "tcp-reset"

// chainInterfaces is which of a packet's two interfaces a chain knows.
var chainInterfaces = map[string]struct{ in, out bool }{
	"input":       {in: true},
	"output":      {out: true},
	"forward":     {true, true},
	"prerouting":  {in: true},
	"postrouting": {out: true},
}

// targetChains are the chains that each target may be in.
var targetChains = map[string][]string{
	"accept":     {"input", "output", "forward"},
	"drop":       {"input", "output", "forward"},
	"reject":     {"input", "output", "forward"},
	"masquerade": {"postrouting"},
	"snat":       {"postrouting"},
	"dnat":       {"prerouting"},
}

// Validate tells what is contradictory in a rule.
func (r FirewallRule) Validate() error {
	for _, check := range []func() error{r.checkChain, r.checkProtocol, r.checkFamily, r.checkTarget} {
		if err := check(); err != nil {
			return fmt.Errorf("firewall rule %s: %w", r, err)
		}
	}
	return nil
}

func (r FirewallRule) checkChain() error {
	chains, known := targetChains[r.Target]
	if !known {
		return fmt.Errorf("no target is named %q", r.Target)
	}
	if !slices.Contains(chains, r.Chain) {
		return fmt.Errorf("%s cannot be in the chain %q: it is for %s", r.Target, r.Chain, strings.Join(chains, ", "))
	}
	knows := chainInterfaces[r.Chain]
	if r.InInterface != "" && !knows.in {
		return fmt.Errorf("the chain %s does not know by which interface a packet came: say oif, not iif", r.Chain)
	}
	if r.OutInterface != "" && !knows.out {
		return fmt.Errorf("the chain %s does not know by which interface a packet leaves: say iif, not oif", r.Chain)
	}
	return nil
}

func (r FirewallRule) checkProtocol() error {
	ports := r.SourcePort != PortRange{} || r.DestinationPort != PortRange{} || r.ToPort != PortRange{}
	switch r.Protocol {
	case "tcp", "udp":
		return nil
	case "", "icmp", "icmpv6":
		if ports {
			return fmt.Errorf("only tcp and udp have ports, protocol is %q", r.Protocol)
		}
		return nil
	}
	return fmt.Errorf("protocol %q is not one of tcp, udp, icmp, icmpv6", r.Protocol)
}

// Family is the version of IP that a rule is for: 4, 6, or 0 for both.
func (r FirewallRule) Family() int {
	if r.Protocol == "icmp" {
		return 4
	}
	if r.Protocol == "icmpv6" {
		return 6
	}
	for _, a := range r.addresses() {
		if a.IsValid() {
			return versionOf(a)
		}
	}
	return 0
}

func (r FirewallRule) addresses() []netip.Addr {
	return []netip.Addr{r.Source.Addr(), r.Destination.Addr(), r.To}
}

func versionOf(a netip.Addr) int {
	if a.Is4() {
		return 4
	}
	return 6
}

func (r FirewallRule) checkFamily() error {
	family := r.Family()
	for _, a := range r.addresses() {
		if !a.IsValid() {
			continue
		}
		if a.Is4In6() {
			return fmt.Errorf("%s is an IPv4 address written as IPv6: say %s", a, a.Unmap())
		}
		if versionOf(a) != family {
			return fmt.Errorf("%s is not of IPv%d, as the rest of the rule is", a, family)
		}
	}
	return nil
}

func (r FirewallRule) checkTarget() error {
	switch {
	case r.Target == "reject" && !slices.Contains(RejectAnswers(), r.RejectWith):
		return fmt.Errorf("reject cannot answer %q: it knows %s", r.RejectWith, strings.Join(RejectAnswers(), ", "))
	case r.RejectWith == TCPReset && r.Protocol != "tcp":
		return fmt.Errorf("%s answers tcp only, not protocol %q: say port-unreachable or another", TCPReset, r.Protocol)
	case (r.Target == "snat" || r.Target == "dnat") && !r.To.IsValid():
		return fmt.Errorf("%s needs the address to translate to", r.Target)
	case r.Target == "masquerade" && r.ToPort != PortRange{}:
		return errors.New("masquerade takes no ports: say snat, with the address")
	case r.Target == "dnat" && r.ToPort.First != r.ToPort.Last:
		return fmt.Errorf("dnat translates to one port, not to %s", r.ToPort)
	}
	return nil
}

// String is the rule as nft(8) writes it: "tcp dport 8001 ct state new drop".
func (r FirewallRule) String() string {
	ip := map[int]string{4: "ip", 6: "ip6"}[r.Family()]
	var words []string
	say := func(when bool, format string, args ...any) {
		if when {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	none := PortRange{}
	say(r.InInterface != "", "iifname %q", r.InInterface)
	say(r.OutInterface != "", "oifname %q", r.OutInterface)
	say(r.Source.IsValid(), "%s saddr %s", ip, prefixText(r.Source))
	say(r.Destination.IsValid(), "%s daddr %s", ip, prefixText(r.Destination))
	say(r.Protocol != "" && r.SourcePort == none && r.DestinationPort == none, "meta l4proto %s", protocolText(r.Protocol))
	say(r.SourcePort != none, "%s sport %s", r.Protocol, r.SourcePort)
	say(r.DestinationPort != none, "%s dport %s", r.Protocol, r.DestinationPort)
	say(r.State != 0, "ct state %s", r.State)
	say(r.Mark != 0, "meta mark %d", r.Mark)
	say(true, "%s", r.targetText(ip))
	return strings.Join(words, " ")
}

func (r FirewallRule) targetText(ip string) string {
	to := ""
	if r.ToPort != (PortRange{}) {
		to = ":" + r.ToPort.String()
	}
	switch r.Target {
	case "reject":
		if r.RejectWith == TCPReset {
			return "reject with tcp reset"
		}
		return "reject with icmpx " + r.RejectWith
	case "snat", "dnat":
		if to != "" && r.To.Is6() {
			return fmt.Sprintf("%s %s to [%s]%s", r.Target, ip, r.To, to)
		}
		return fmt.Sprintf("%s %s to %s%s", r.Target, ip, r.To, to)
	}
	return r.Target
}

// prefixText leaves out the length where it is that of one address.
func prefixText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.Masked().String()
}

func protocolText(name string) string { return strings.Replace(name, "icmpv6", "ipv6-icmp", 1) }

// Flow is a tracked connection, as conntrack(8) shows it. Where addresses are translated, Reply is not the reverse of Original.
type Flow struct {
	Protocol        string // "tcp"; its number where it has no name here
	State           string // of TCP: "ESTABLISHED"; else empty
	Original, Reply FlowEnds
}

// FlowEnds are the ends of a flow, as its packets of one direction have them on the side that they come from.
type FlowEnds struct{ Source, Destination netip.AddrPort }

// FlowSelector says which flows are meant, by their original direction. A zero field means any.
type FlowSelector struct {
	Protocol                    string
	Source, Destination         netip.Prefix
	SourcePort, DestinationPort PortRange
}

// Selects tells whether a flow is meant.
func (s FlowSelector) Selects(f Flow) bool {
	return (s.Protocol == "" || s.Protocol == f.Protocol) &&
		selects(s.Source, s.SourcePort, f.Original.Source) &&
		selects(s.Destination, s.DestinationPort, f.Original.Destination)
}

func selects(p netip.Prefix, ports PortRange, end netip.AddrPort) bool {
	return (!p.IsValid() || p.Contains(end.Addr())) &&
		(ports == PortRange{} || ports.First <= end.Port() && end.Port() <= ports.Last)
}
