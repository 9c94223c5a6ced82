package netns

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	vnetlink "github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// flowFamilies are the address families of flows: one is listed after the other, and flows of both cannot be deleted at once.
var flowFamilies = []vnetlink.InetFamily{nl.FAMILY_V4, nl.FAMILY_V6}

// Flows implements [lab.Firewall].
func (f Firewall) Flows() (flows []lab.Flow, err error) {
	err = f.conntrack(func(h *vnetlink.Handle, family vnetlink.InetFamily) error {
		tracked, err := h.ConntrackTableList(vnetlink.ConntrackTable, family)
		for _, t := range tracked {
			flows = append(flows, flowOf(t))
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list tracked connections: %w", err)
	}
	return flows, nil
}

// DeleteFlows implements [lab.Firewall].
func (f Firewall) DeleteFlows(s lab.FlowSelector) (deleted int, err error) {
	err = f.conntrack(func(h *vnetlink.Handle, family vnetlink.InetFamily) error {
		n, err := h.ConntrackDeleteFilters(vnetlink.ConntrackTable, family, flowFilter(s))
		deleted += int(n)
		return err
	})
	if err != nil {
		return deleted, fmt.Errorf("delete tracked connections: %w", err)
	}
	return deleted, nil
}

// conntrack calls do for each family, with a socket in the host. The library is not told the namespace: it would take the current
// one in place of that of a closed host.
func (f Firewall) conntrack(do func(*vnetlink.Handle, vnetlink.InetFamily) error) error {
	var h *vnetlink.Handle
	err := f.host.Do(func() (err error) {
		h, err = vnetlink.NewHandle(unix.NETLINK_NETFILTER)
		return err
	})
	if err != nil {
		return firewallError(err)
	}
	defer h.Close()
	for _, family := range flowFamilies {
		if err := do(h, family); err != nil {
			return firewallError(err)
		}
	}
	return nil
}

// flowFilter makes the library ask a selector.
type flowFilter lab.FlowSelector

var _ vnetlink.CustomConntrackFilter = flowFilter{}

// MatchConntrackFlow implements [vnetlink.CustomConntrackFilter].
func (f flowFilter) MatchConntrackFlow(t *vnetlink.ConntrackFlow) bool {
	return lab.FlowSelector(f).Selects(flowOf(t))
}

// tcpStates are the names of enum tcp_conntrack (include/uapi/linux/netfilter/nf_conntrack_tcp.h), as conntrack(8) shows them.
var tcpStates = []string{
	"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK", "TIME_WAIT", "CLOSE", "SYN_SENT2",
}

func flowOf(t *vnetlink.ConntrackFlow) lab.Flow {
	flow := lab.Flow{Protocol: protocolName(t.Forward.Protocol), Original: flowEnds(t.Forward), Reply: flowEnds(t.Reverse)}
	if tcp, ok := t.ProtoInfo.(*vnetlink.ProtoInfoTCP); ok && int(tcp.State) < len(tcpStates) {
		flow.State = tcpStates[tcp.State]
	}
	return flow
}

func protocolName(number uint8) string {
	for name, n := range protocolNumbers {
		if n == number {
			return name
		}
	}
	return strconv.Itoa(int(number))
}

func flowEnds(t vnetlink.IPTuple) lab.FlowEnds {
	return lab.FlowEnds{Source: flowEnd(t.SrcIP, t.SrcPort), Destination: flowEnd(t.DstIP, t.DstPort)}
}

func flowEnd(ip net.IP, port uint16) netip.AddrPort {
	a, _ := netip.AddrFromSlice(ip)
	return netip.AddrPortFrom(a.Unmap(), port)
}
