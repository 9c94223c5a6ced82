// Package pm speaks to the MPTCP path manager of a Linux kernel: the generic netlink family "mptcp_pm".
//
// A [Client] adds, deletes, changes and lists the endpoints of one network namespace and reads and sets its limits, as
// ip-mptcp(8) does. A [Monitor] receives the events of the connections of one network namespace. The plain types
// [Endpoint], [Flags], [Limits] and [Event] need no kernel; they print in the words of ip-mptcp(8).
//
// Where net.mptcp.path_manager is userspace (before Linux 6.15: where pm_type is 1) as a connection is made, the endpoints
// and limits do not apply to it. A program that has a Monitor and a Client is its path manager: events tell the token,
// and with it Client.Announce, Remove, SubflowCreate, SubflowDestroy, SetFlags, Address and Addresses are the commands
// announce, remove, subflow-create, subflow-destroy, set-flags and get-addr. An IPv6 socket's events tell IPv4 addresses
// mapped into IPv6, and the commands take them so. Joins of the peer are accepted only while somebody listens to events.
//
// The package decides nothing by itself: what an endpoint may be and which limits are allowed, the kernel says, and an
// [Error] carries its errno and its text, and knows the rule behind them ([Error.Rule]). It starts no connections and
// makes no namespaces.
//
// Numbers and names are those of Documentation/netlink/specs/mptcp_pm.yaml in the kernel's tree.
package pm
