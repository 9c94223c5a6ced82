package pathmanager

import (
	"fmt"
	"net/netip"
	"strings"
	"syscall"
)

// sources are the functions of Linux 6.18 that the rules stand for.
var sources = map[string]string{
	"add_addr_announce":   "mptcp_pm_create_subflow_or_signal_addr (net/mptcp/pm_kernel.c)",
	"add_addr_blocked":    "mptcp_pm_create_subflow_or_signal_addr (net/mptcp/pm_kernel.c)",
	"add_addr_busy":       "mptcp_pm_add_addr_received (net/mptcp/pm.c)",
	"add_addr_connected":  "mptcp_pm_nl_add_addr_received (net/mptcp/pm_kernel.c)",
	"add_addr_foreign_id": "mptcp_pm_add_addr_received (net/mptcp/pm.c)",
	"add_addr_limit":      "mptcp_pm_add_addr_received (net/mptcp/pm.c)",
	"add_addr_lost":       "mptcp_pm_add_addr_signal (net/mptcp/pm.c)",
	"add_addr_no_source":  "fill_local_addresses_vec (net/mptcp/pm_kernel.c)",
	"add_addr_once":       "mptcp_pm_alloc_anno_list (net/mptcp/pm.c)",
	"add_addr_retransmit": "mptcp_pm_add_timer (net/mptcp/pm.c)",
	"add_addr_stalled":    "mptcp_pm_remove_anno_addr (net/mptcp/pm_kernel.c)",
	"add_addr_too_large":  "mptcp_pm_add_addr_signal (net/mptcp/pm.c)",
	"add_addr_unheard":    "mptcp_pm_add_addr_received (net/mptcp/pm.c)",
	"c_flag":              "fill_remote_addresses_vec (net/mptcp/pm_kernel.c)",
	"endpoint_early":      "mptcp_nl_add_subflow_or_signal_addr (net/mptcp/pm_kernel.c)",
	"families":            "mptcp_pm_addr_families_match (net/mptcp/pm.c)",
	"implicit":            "mptcp_pm_nl_get_local_id (net/mptcp/pm_kernel.c)",
	"initial_endpoint":    "mptcp_pm_create_subflow_or_signal_addr (net/mptcp/pm_kernel.c)",
	"join_error":          "__mptcp_subflow_connect (net/mptcp/subflow.c)",
	"join_open":           "__mptcp_subflow_connect (net/mptcp/subflow.c)",
	"join_port":           "mptcp_pm_sport_in_anno_list (net/mptcp/pm.c)",
	"join_refused":        "mptcp_pm_allow_new_subflow (net/mptcp/pm.c)",
	"mp_prio":             "mptcp_pm_mp_prio_send_ack (net/mptcp/pm.c)",
	"next_endpoint":       "mptcp_pm_subflow_check_next (net/mptcp/pm.c)",
	"no_more_work":        "mptcp_pm_nl_check_work_pending (net/mptcp/pm_kernel.c)",
	"no_ack":              "mptcp_pm_addr_send_ack (net/mptcp/pm.c)",
	"rm_addr":             "mptcp_pm_remove_addr (net/mptcp/pm.c)",
	"rm_addr_busy":        "mptcp_pm_rm_addr_received (net/mptcp/pm.c)",
	"rm_addr_received":    "mptcp_pm_rm_addr_or_subflow (net/mptcp/pm.c)",
	"rm_subflow":          "mptcp_pm_rm_addr_or_subflow (net/mptcp/pm.c)",
	"signal_busy":         "mptcp_pm_announce_addr (net/mptcp/pm.c)",
	"subflow_limit":       "mptcp_pm_create_subflow_or_signal_addr (net/mptcp/pm_kernel.c)",
}

// verdict is a comparison and what it says.
type verdict struct{ test, why string }

// explain tells the host a reason; the text goes on behind the host's name.
func (c *Connection) explain(rule, test, format string, args ...any) {
	m := c.manager
	m.host.Explain(Reason{
		Token:  c.conn.Info().Token,
		Rule:   rule,
		Test:   test,
		Text:   m.host.Name() + " " + fmt.Sprintf(format, args...),
		Source: sources[rule],
	})
}

// sampled says why a new connection takes no announced address.
func (c *Connection) sampled() verdict {
	if c.acceptLimit() == 0 {
		return verdict{"limit_add_addr_accepted 0 > 0", "its limit of accepted addresses was 0 when the connection was made"}
	}
	return verdict{"limit_extra_subflows 0 > 0", "its limit of subflows was 0 when the connection was made"}
}

// filled says why a connection takes no more announced addresses.
func (c *Connection) filled() verdict {
	if accepted, limit := c.addAddrAccepted, c.acceptLimit(); accepted >= limit {
		return verdict{
			fmt.Sprintf("add_addr_accepted %d >= limit_add_addr_accepted %d", accepted, limit),
			fmt.Sprintf("accepted %d of at most %d announced addresses", accepted, limit),
		}
	}
	return c.full()
}

// full says that a connection has all the subflows that it may have.
func (c *Connection) full() verdict {
	return verdict{
		fmt.Sprintf("extra_subflows %d >= limit_extra_subflows %d", c.extraSubflows, c.limit()),
		fmt.Sprintf("it had %d of at most %d extra subflows", c.extraSubflows, c.limit()),
	}
}

func (c *Connection) explainIgnored(a AddAddr) {
	if a.ID == 0 && c.manager.has(ForeignID0) {
		c.explain("add_addr_foreign_id", fmt.Sprintf("%s == %s", addressPort(a.addrPort()), addressPort(c.conn.Info().Remote)),
			"ignored %s: ID 0 is the peer's initial address, which is another", describeAddr(a))
		return
	}
	c.explain("add_addr_limit", c.closedBy.test, "ignored %s: %s", describeAddr(a), c.closedBy.why)
}

func (c *Connection) explainBusy(a AddAddr) {
	c.explain("add_addr_busy", "ADD_ADDR_RECEIVED is pending",
		"dropped %s without an echo: the one before was not handled yet; the peer sends it again", describeAddr(a))
}

func (c *Connection) explainUnheard(a AddAddr) {
	c.explain("add_addr_unheard", "listeners of mptcp_pm_events > 0",
		"dropped %s without an echo: the connection is left to userspace, and nobody listens to events", describeAddr(a))
}

func (c *Connection) explainConnected(a AddAddr) {
	c.explain("add_addr_connected", "a subflow to the address is alive",
		"opened no subflow for %s: there is one to that address", describeAddr(a))
}

func (c *Connection) explainNoLocal(a AddAddr) {
	c.explain("add_addr_no_source", "local addresses for it: 0",
		"opened no subflow for %s: no endpoint is of its family, free and meant for announced addresses", describeAddr(a))
}

func (c *Connection) explainAnnounce(a AddAddr) {
	c.explain("add_addr_announce", fmt.Sprintf("add_addr_signaled %d <= endp_signal_max %d", c.addAddrSignaled, c.signalMax()),
		"announces %s: it is the first signal endpoint that this connection has not used", describeAddr(a))
}

func (c *Connection) explainBlocked() {
	c.explain("add_addr_blocked", "MPTCP_ADD_ADDR_SIGNAL is set",
		"waits with the next announcement and all subflows: %s was not sent yet", describeAddr(c.local))
}

func (c *Connection) explainRetransmission(a *announcement) {
	c.explain("add_addr_retransmit", fmt.Sprintf("retrans_times %d <= %d", a.sent, retransmissions),
		"sends %s again: no echo came (%d of %d)", describeAddr(a.AddAddr), a.sent, retransmissions)
}

func (c *Connection) explainTooLarge(a AddAddr, room int) {
	c.explain("add_addr_too_large", fmt.Sprintf("remaining %d < %d", room, a.size()),
		"cannot send %s: the option needs %d bytes, and a segment has %d left", describeAddr(a), a.size(), max(room, 0))
}

func (c *Connection) explainLost(a AddAddr) {
	c.explain("add_addr_lost", "skb_is_tcp_pure_ack is false",
		"lost %s: it was taken for a segment with data, which cannot carry it", describeAddr(a))
}

func (c *Connection) explainSlot(option, counter, which string) {
	c.explain("signal_busy", fmt.Sprintf("addr_signal %#x", uint8(c.signal)),
		"dropped the %s of %s (%s): another signal waits to be sent", option, which, counter)
}

func (c *Connection) explainNoSubflow() {
	c.explain("no_ack", "__mptcp_subflow_active is false for all subflows",
		"cannot send its signals yet: no subflow is active; they go with the next ACK")
}

func (c *Connection) explainWithdrawal(ids []uint8) {
	c.explain("rm_addr", "addr_signal 0", "withdraws %s with a RM_ADDR", describeIDs(ids))
}

func (c *Connection) explainRmBusy(ids []uint8) {
	c.explain("rm_addr_busy", "RM_ADDR_RECEIVED is pending",
		"lost the RM_ADDR of %s: the one before was not handled yet, and a RM_ADDR is sent once", describeIDs(ids))
}

func (c *Connection) explainRemoved(id uint8, closed int) {
	c.explain("rm_addr_received", fmt.Sprintf("subflows with remote_id %d: %d", id, closed),
		"closed %d subflow(s) to the peer's address id %d, which a RM_ADDR withdrew", closed, id)
}

func (c *Connection) explainClosing(s SubflowInfo) {
	c.explain("rm_subflow", fmt.Sprintf("local_id %d", s.LocalID),
		"closes the subflow %s: the endpoint of its local address was removed or changed", describePair(s.Local, s.Remote))
}

func (c *Connection) explainPrio(s SubflowInfo, backup bool) {
	word := "no backup any more"
	if backup {
		word = "a backup"
	}
	c.explain("mp_prio", "first subflow from the endpoint's address",
		"tells the peer with MP_PRIO that the subflow %s is %s", describePair(s.Local, s.Remote), word)
}

func (c *Connection) explainConnect(j Join) {
	which := fmt.Sprintf("%s, local id %d", describePair(j.Local, j.Remote), j.LocalID)
	if j.Local.Addr().IsUnspecified() {
		which = fmt.Sprintf("to %s, from where routing says", addressPort(j.Remote))
	}
	c.explain("join_open", fmt.Sprintf("extra_subflows %d, limit_extra_subflows %d", c.extraSubflows, c.limit()),
		"opens a subflow %s: it is number %d beside the initial one", which, c.extraSubflows)
}

// explainRest tells of endpoints that a connection will not look at by itself any more.
func (c *Connection) explainRest(unused int) {
	c.explain("no_more_work", fmt.Sprintf("extra_subflows %d == limit_extra_subflows %d", c.extraSubflows, c.limit()),
		"leaves %d endpoint(s) unused, signal ones too: it has all the %d extra subflows that it may have", unused, c.limit())
}

func (c *Connection) explainOnce(a AddAddr) {
	c.explain("add_addr_once", "add_addr_timeout 0",
		"sends %s once, and announces nothing else until its echo comes: there is no time-out", describeAddr(a))
}

func (c *Connection) explainStalled(e *entry) {
	c.explain("add_addr_stalled", "the announcement had no echo",
		"does not go on to the next announcement: %s was deleted before its echo came", e.Endpoint)
}

func (c *Connection) explainConnectError(j Join, errno syscall.Errno) {
	c.explain("join_error", fmt.Sprintf("error %d", -int(errno)),
		"could not open the subflow %s (error %d); if it came from an endpoint, that counts as used all the same",
		describePair(j.Local, j.Remote), int(errno))
}

func (c *Connection) explainLimit() {
	limit, used, most := c.limit(), c.localAddrUsed, c.subflowMax()
	if used < most && c.extraSubflows >= limit {
		c.explain("subflow_limit", fmt.Sprintf("extra_subflows %d >= limit_extra_subflows %d", c.extraSubflows, limit),
			"opens no more subflows: it has %d of at most %d beside the initial one", c.extraSubflows, limit)
	}
}

func (c *Connection) explainDenied(e *entry) {
	c.explain("c_flag", "remote_deny_join_id0 is set",
		"opened no subflow from %s: the peer denies joins to its initial address (C flag)", e.Endpoint)
}

func (c *Connection) explainFamilies(local, remote netip.Addr) {
	c.explain("families", fmt.Sprintf("%s and %s", local, remote),
		"opened no subflow from %s to %s: the connection cannot mix their families", local.Unmap(), remote.Unmap())
}

func (c *Connection) explainNext(s SubflowInfo) {
	c.explain("next_endpoint", fmt.Sprintf("extra_subflows %d < limit_extra_subflows %d", c.extraSubflows, c.limit()),
		"looks for the next endpoint: the subflow %s is closed", describePair(s.Local, s.Remote))
}

func (c *Connection) explainInitial(e *entry) {
	c.explain("initial_endpoint", fmt.Sprintf("mpc_endpoint_id %d", e.ID),
		"counts endpoint %s as used: it is the address of the initial subflow", e.Endpoint)
}

func (c *Connection) explainImplicit(a netip.Addr, id uint8, ok bool) {
	if ok {
		c.explain("implicit", "no endpoint has the address",
			"made the implicit endpoint id %d for %s, which needed an ID", id, a.Unmap())
		return
	}
	c.explain("implicit", fmt.Sprintf("endpoints %d >= %d", len(c.manager.table), maxEndpoints),
		"has no ID for %s: its table of endpoints is full", a.Unmap())
}

func (c *Connection) explainPort(local netip.AddrPort) {
	c.explain("join_port", "no announcement has the address and port",
		"refused a join to %s: it is not announced", addressPort(local))
}

func (c *Connection) explainRefusal() {
	const rule = "join_refused"
	switch limit, info := c.limit(), c.conn.Info(); {
	case info.State != Established:
		c.explain(rule, "state == TCP_ESTABLISHED", "refused a join: the connection is being closed")
	case !info.FullyEstablished:
		c.explain(rule, "fully_established", "refused a join: the connection is not fully established")
	case c.userspace:
		c.explain(rule, "listeners of mptcp_pm_events > 0",
			"refused a join: the connection is left to userspace, and nobody listens to events")
	case c.extraSubflows < limit:
		c.explain(rule, c.refusedBy.test,
			"refused a join: %s, and no subflow was closed since (now %d of %d)", c.refusedBy.why, c.extraSubflows, limit)
	default:
		c.explain(rule, fmt.Sprintf("extra_subflows %d < limit_extra_subflows %d", c.extraSubflows, limit),
			"refused a join: it has %d of at most %d extra subflows", c.extraSubflows, limit)
	}
}

func (c *Connection) explainTooEarly(e *entry) {
	c.explain("endpoint_early", "fully_established is false",
		"does not use the new endpoint %s on this connection yet: it is not fully established", e.Endpoint)
}

// describeAddr names an ADD_ADDR: "ADD_ADDR id 2 (10.0.3.1)".
func describeAddr(a AddAddr) string {
	return fmt.Sprintf("ADD_ADDR id %d (%s)", a.ID, addressPort(a.addrPort()))
}

func describeIDs(ids []uint8) string {
	words := make([]string, len(ids))
	for i, id := range ids {
		words[i] = fmt.Sprint(id)
	}
	return "id " + strings.Join(words, ", ")
}

func describePair(local, remote netip.AddrPort) string {
	return addressPort(local) + " > " + addressPort(remote)
}

// addressPort is an address, with its port if there is one.
func addressPort(a netip.AddrPort) string {
	address := a.Addr().Unmap()
	if a.Port() == 0 {
		return address.String()
	}
	return netip.AddrPortFrom(address, a.Port()).String()
}
