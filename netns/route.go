package netns

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

const (
	firstTable    = 1000    // of source routing
	rulePriority  = 1000    // of source rules: before those of the main table
	peerMetric    = 1 << 20 // of the default route to the peer: after all others
	noRouteMetric = 1 << 21 // of the unreachable default route
)

// The next hops that stand for the other end of a link.
var (
	peer4 = netip.AddrFrom4([4]byte{169, 254, 0, 1})
	peer6 = netip.MustParseAddr("fe80::1")
)

func peerOf(a netip.Addr) netip.Addr {
	if a.Is4() {
		return peer4
	}
	return peer6
}

// AddRoute adds a route: without a source, to the main table and to those of the addresses of its interface; with one, to
// the table of that address only. Without an interface, that whose subnet has the next hop is taken.
func (h *Host) AddRoute(r lab.Route) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := r.Validate(); err != nil {
		return err
	}
	i, err := h.routeInterface(r)
	if err != nil {
		return fmt.Errorf("%s: %w", r, err)
	}
	rule, err := h.sourceTable(r)
	if err != nil {
		return err
	}
	// One after the other: the main table tells whether the next hop can be reached, and the others would take any.
	for _, request := range append(rule, h.routeRequests(i, r)...) {
		if err := h.conn.do(request); err != nil {
			return err
		}
	}
	i.routes = append(i.routes, r)
	return nil
}

// sourceTable makes the table of a route with a source, which the addresses of a router lack.
func (h *Host) sourceTable(r lab.Route) ([]request, error) {
	if !r.Source.IsValid() {
		return nil, nil
	}
	a := h.addressOf(r.Source)
	if a == nil {
		return nil, fmt.Errorf("%s: the host does not have address %s", r, r.Source)
	}
	if a.table != 0 {
		return nil, nil
	}
	a.table = h.newTable()
	return []request{a.rule(unix.RTM_NEWRULE)}, nil
}

// routeInterface is the interface of a route.
func (h *Host) routeInterface(r lab.Route) (*iface, error) {
	if r.Interface != "" {
		return h.find(r.Interface)
	}
	if !r.Via.IsValid() {
		return nil, fmt.Errorf("want a next hop or an interface")
	}
	for _, a := range h.addresses {
		if a.prefix.Contains(r.Via) {
			return a.iface, nil
		}
	}
	return nil, fmt.Errorf("next hop %s is in no subnet of the host", r.Via)
}

// routeRequests add a route to each table that it belongs in.
func (h *Host) routeRequests(i *iface, r lab.Route) []request {
	var requests []request
	if !r.Source.IsValid() {
		requests = append(requests, i.route(unix.RTM_NEWROUTE, unix.RT_TABLE_MAIN, 0, r))
	}
	for _, a := range h.addresses {
		if belongs(i, r, a) {
			requests = append(requests, i.route(unix.RTM_NEWROUTE, a.table, 0, r))
		}
	}
	return requests
}

// belongs tells whether a route of interface i is to be in the table of an address.
func belongs(i *iface, r lab.Route, a *address) bool {
	if a.table == 0 {
		return false
	}
	if r.Source.IsValid() {
		return r.Source == a.prefix.Addr()
	}
	return i == a.iface && sameFamily(a.prefix.Addr(), r.Destination.Addr())
}

// sourceRouting adds or deletes (RTM_NEWRULE, RTM_NEWROUTE or RTM_DELRULE, RTM_DELROUTE) the rule and table of an address.
func (h *Host) sourceRouting(rule, route int, a *address) []request {
	if a.table == 0 {
		return nil
	}
	requests := append([]request{a.rule(rule)}, a.lastResorts(route)...)
	for _, i := range h.interfaces {
		for _, r := range i.routes {
			if belongs(i, r, a) {
				requests = append(requests, i.route(route, a.table, 0, r))
			}
		}
	}
	return requests
}

// rule makes packets from the address use its table.
func (a *address) rule(kind int) request {
	m := nl.NewRtMsg() // struct fib_rule_hdr has the same layout
	m.Family = uint8(family(a.prefix.Addr()))
	m.Src_len = uint8(a.prefix.Addr().BitLen())
	m.Table = unix.RT_TABLE_UNSPEC
	m.Scope = 0
	m.Type = unix.RTN_UNICAST // FR_ACT_TO_TBL
	return newRequest(fmt.Sprintf("source rule of %s", a.prefix.Addr()), kind, createFlags(kind), m,
		octets(nl.FRA_SRC, a.prefix.Addr().AsSlice()), u32(nl.FRA_TABLE, a.table), u32(nl.FRA_PRIORITY, rulePriority))
}

// lastResorts are what the table of an address holds without any route added.
func (a *address) lastResorts(kind int) []request {
	if a.table == 0 {
		return nil
	}
	all := lab.Route{Destination: netip.PrefixFrom(anyAddress(a.prefix.Addr()), 0)}
	toPeer := all
	var requests []request
	if a.iface.far != nil {
		toPeer.Via = peerOf(a.prefix.Addr())
		if kind == unix.RTM_NEWROUTE { // the entry serves all addresses, and goes with the interface
			requests = append(requests, a.iface.neighbour(toPeer.Via))
		}
	}
	requests = append(requests, a.iface.route(kind, a.table, peerMetric, toPeer), unreachable(kind, a.table, all))
	if a.iface.far == nil && !a.prefix.IsSingleIP() {
		requests = append(requests, a.iface.route(kind, a.table, 0, lab.Route{Destination: a.prefix.Masked()}))
	}
	return requests
}

// route adds or deletes a route by this interface in a table; metric 0 is the kernel's default.
func (i *iface) route(kind int, table, metric uint32, r lab.Route) request {
	m := routeMessage(r.Destination)
	attrs := append([]nl.NetlinkRequestData{m}, routeAttributes(r.Destination, table, metric)...)
	attrs = append(attrs, u32(unix.RTA_OIF, uint32(i.index)))
	switch {
	case !r.Via.IsValid():
		m.Scope = unix.RT_SCOPE_LINK
	case sameFamily(r.Via, r.Destination.Addr()):
		attrs = append(attrs, octets(unix.RTA_GATEWAY, r.Via.AsSlice()))
	default:
		attrs = append(attrs, octets(unix.RTA_VIA, append(nl.Uint16Attr(unix.AF_INET6), r.Via.AsSlice()...)))
	}
	// The main table tells which next hops are on the link; in a source table nothing could.
	if table != unix.RT_TABLE_MAIN && r.Via.IsValid() && !r.Via.IsLinkLocalUnicast() || r.Via == peer4 {
		m.Flags = unix.RTNH_F_ONLINK
	}
	return newRequest(r.String()+" dev "+i.name, kind, createFlags(kind), attrs...)
}

// unreachable ends a table. Unlike the other routes there it stays when the interface goes down.
func unreachable(kind int, table uint32, r lab.Route) request {
	m := routeMessage(r.Destination)
	m.Type = unix.RTN_UNREACHABLE
	attrs := append([]nl.NetlinkRequestData{m}, routeAttributes(r.Destination, table, noRouteMetric)...)
	return newRequest("unreachable "+r.String(), kind, createFlags(kind), attrs...)
}

func routeMessage(destination netip.Prefix) *nl.RtMsg {
	m := nl.NewRtMsg()
	m.Family = uint8(family(destination.Addr()))
	m.Dst_len = uint8(destination.Bits())
	m.Table = unix.RT_TABLE_UNSPEC
	m.Protocol = unix.RTPROT_STATIC
	return m
}

func routeAttributes(destination netip.Prefix, table, metric uint32) []nl.NetlinkRequestData {
	attrs := []nl.NetlinkRequestData{u32(unix.RTA_TABLE, table)}
	if destination.Bits() > 0 {
		attrs = append(attrs, octets(unix.RTA_DST, destination.Addr().AsSlice()))
	}
	if metric != 0 {
		attrs = append(attrs, u32(unix.RTA_PRIORITY, metric))
	}
	return attrs
}

// createFlags are the flags of a request that creates or deletes.
func createFlags(kind int) int {
	if kind == unix.RTM_NEWROUTE || kind == unix.RTM_NEWRULE {
		return unix.NLM_F_CREATE | unix.NLM_F_EXCL
	}
	return 0
}

func (h *Host) newTable() uint32 {
	h.tables++
	return firstTable + h.tables
}

func (h *Host) addressOf(a netip.Addr) *address {
	n := slices.IndexFunc(h.addresses, func(x *address) bool { return x.prefix.Addr() == a })
	if n < 0 {
		return nil
	}
	return h.addresses[n]
}

func anyAddress(a netip.Addr) netip.Addr {
	if a.Is4() {
		return netip.IPv4Unspecified()
	}
	return netip.IPv6Unspecified()
}
