// Package pm speaks to the MPTCP path manager of a Linux kernel: the generic netlink family "mptcp_pm".
//
// A [Client] adds, deletes, changes and lists the endpoints of one network namespace and reads and sets its limits, as
// ip-mptcp(8) does. A [Monitor] receives the events of the connections of one network namespace. The plain types
// [Endpoint], [Flags], [Limits] and [Event] need no kernel; they print in the words of ip-mptcp(8).
//
// The package decides nothing by itself: what an endpoint may be and which limits are allowed, the kernel says, and an
// [Error] carries its errno and its text. It starts no connections and makes no namespaces.
//
// Numbers and names are those of Documentation/netlink/specs/mptcp_pm.yaml in the kernel's tree.
package pm
