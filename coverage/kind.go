package coverage

import (
	"slices"
	"strconv"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Kind is a kind of thing that a run may exercise.
type Kind string

// The kinds.
const (
	Counter     Kind = "counter"         // MPTcpExt, that was not 0
	Event       Kind = "event"           // of the path manager
	Attribute   Kind = "event attribute" // MPTCP_ATTR_*
	Command     Kind = "command"         // to the path manager, granted or not
	Flag        Kind = "endpoint flag"   // of an endpoint that was asked for, or that the kernel made
	Option      Kind = "option"          // of MPTCP, in a packet that its link has kept (see lab.Packet)
	ResetReason Kind = "reset reason"    // of MP_TCPRST, in such a packet
	Sysctl      Kind = "sysctl"          // that was set
)

// Kinds are all kinds, in the order of reports.
func Kinds() []Kind {
	return []Kind{Counter, Event, Attribute, Command, Flag, Option, ResetReason, Sysctl}
}

// Known are the names of a kind that there are, as of Linux 6.18: what a run has not exercised of them is worth knowing.
func Known(k Kind) []string { return slices.Clone(known[k]) }

var known = map[Kind][]string{
	Counter: counterNames(),
	Event: texts(
		pm.EventCreated, pm.EventEstablished, pm.EventClosed, pm.EventAnnounced, pm.EventRemoved, pm.EventSubEstablished,
		pm.EventSubClosed, pm.EventSubPriority, pm.EventListenerCreated, pm.EventListenerClosed,
	),
	// TIMEOUT is missing, since no kernel sends it.
	Attribute: texts(
		pm.AttrToken, pm.AttrFamily, pm.AttrLocalID, pm.AttrRemoteID, pm.AttrLocalAddr4, pm.AttrLocalAddr6, pm.AttrRemoteAddr4,
		pm.AttrRemoteAddr6, pm.AttrLocalPort, pm.AttrRemotePort, pm.AttrBackup, pm.AttrError, pm.AttrFlags, pm.AttrIfIndex,
		pm.AttrResetReason, pm.AttrResetFlags, pm.AttrServerSide,
	),
	Command: {
		endpointAdd, endpointDelete, endpointChange, endpointShow, endpointFlush, limitsSet, limitsShow,
		announce, remove, subflowCreate, subflowDestroy, subflowChange, addressesShow,
	},
	Flag: texts(pm.FlagSignal, pm.FlagSubflow, pm.FlagBackup, pm.FlagFullmesh, pm.FlagImplicit, pm.FlagLaminar),
	Option: {
		wire.NameMPCapable, wire.NameMPJoin, wire.NameDSS, wire.NameAddAddr, wire.NameRemoveAddr, wire.NameMPPrio,
		wire.NameMPFail, wire.NameFastClose, wire.NameTCPRst,
	},
	ResetReason: resetReasons(
		wire.ResetUnspecified, wire.ResetMPTCPError, wire.ResetResources, wire.ResetProhibited, wire.ResetOutstandingData,
		wire.ResetPerformance, wire.ResetMiddlebox,
	),
	Sysctl: {
		"net.mptcp.add_addr_timeout", "net.mptcp.allow_join_initial_addr_port", "net.mptcp.blackhole_timeout",
		"net.mptcp.checksum_enabled", "net.mptcp.close_timeout", "net.mptcp.enabled", "net.mptcp.path_manager", "net.mptcp.pm_type",
		"net.mptcp.scheduler", "net.mptcp.stale_loss_cnt", "net.mptcp.syn_retrans_before_tcp_fallback",
	},
}

// The commands, in the words of ip-mptcp(8) and, for those to one connection, of the language.
const (
	endpointAdd    = "endpoint add"
	endpointDelete = "endpoint delete"
	endpointChange = "endpoint change"
	endpointShow   = "endpoint show"
	endpointFlush  = "endpoint flush"
	limitsSet      = "limits set"
	limitsShow     = "limits show"
	announce       = "announce"
	remove         = "remove"
	subflowCreate  = "subflow create"
	subflowDestroy = "subflow destroy"
	subflowChange  = "subflow change"
	addressesShow  = "addresses"
)

func texts[T interface{ String() string }](values ...T) []string {
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = v.String()
	}
	return names
}

func resetReasons(reasons ...wire.ResetReason) []string {
	names := make([]string, len(reasons))
	for i, r := range reasons {
		names[i] = reasonText(r)
	}
	return names
}

// reasonText is such as "2 lack of resources".
func reasonText(r wire.ResetReason) string { return strconv.Itoa(int(r)) + " " + r.String() }

func counterNames() []string {
	var names []string
	for _, c := range lab.KnownCounters() {
		names = append(names, c.Name)
	}
	return names
}
