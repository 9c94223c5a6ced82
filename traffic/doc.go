// Package traffic makes real connections inside a network namespace: listening sockets, connections and verified transfers
// over MPTCP (RFC 8684) and plain TCP.
//
// # Sockets
//
// [Listen] and [Dial] open the socket in the namespace of the caller's choice and hand it to package net, so that all
// waiting is done by Go's poller: an idle connection costs no thread and no goroutine. Only socket(2) runs in the
// namespace. A socket stays in the namespace that it was created in, so that bind, listen and connect may follow from
// any thread, and a connect that hangs keeps no thread there.
//
// socket(2) is called here, rather than through SetMultipathTCP of net.Dialer and net.ListenConfig, because those start
// again with a plain TCP socket after any error of the MPTCP one. A refused connect would put a second SYN, without
// MP_CAPABLE, on a wire that is being watched, and its errno would be lost. They also learn once per process, in
// whichever namespace happens to ask first, whether IPv6 works. Here an MPTCP socket is MPTCP or an error.
//
// Keepalive probes and Nagle's algorithm are off on every connection, so that the packets on the wire are those that the
// script asked for.
//
// # The pattern
//
// Each direction of a connection carries its own pseudo-random stream, given by a seed and by who sends. The byte at
// any position can be computed from the position alone, so [Socket.Receive] verifies every byte and a difference is
// reported with its offset. [Socket.Sums] are running checksums of all bytes moved, to compare both ends as well.
// Connections with the same seed carry the same bytes: give them seeds of their own where data of one may show up in
// another.
//
// # What it is not
//
// The package looks at no subflow and no path-manager event, and at no socket option that tells of subflows (package observe
// does, through [Socket.SyscallConn]), makes no namespace and drives no path manager.
package traffic
