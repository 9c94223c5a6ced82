// Package snapshot keeps what a lab shows at the end of a case: its topology, and of each host the path manager's settings,
// the connections, events and counters, and of each link the packets. It is what reports that draw need beside a result.
//
// It sees the lab only through package lab's interface, and so works on every backend. It judges nothing: what could not be
// read is missing, with the reason.
package snapshot
