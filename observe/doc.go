// Package observe shows what a kernel says about MPTCP in one network namespace, by four means that know nothing of
// each other: inet_diag ([Diag]), the MPTcpExt counters ([CounterFile]), the socket options of a connection
// ([MPTCPInfo], [FullInfo]) and the packets on an interface ([Capture]). A scenario is believed when they agree.
//
// Whatever opens something ([OpenDiag], [OpenCounters], [OpenCapture]) opens it in the network namespace of the calling
// thread; the object may then be used from any thread.
//
// It is not for changing anything: sockets are made in package traffic, hosts in package netns, and endpoints in
// package pm. It does not decode packets either; package wire does.
package observe
