// Package forward is a link in user space: it takes the Ethernet frames that reach one interface and sends them on the other,
// in both directions, late, twice, damaged or not at all, as package impair or a [Filter] decides. It needs no
// module of the kernel (netem) and no privilege beyond those of a user namespace.
//
// # Topology
//
// A link between two hosts becomes two veth pairs that meet in a hidden namespace:
//
//	host A  eth1 == a  hidden namespace  b == eth1  host B
//	                    \  Forwarder  /
//
// Interfaces a and b are up and have no addresses; IPv6 is off there, so that the hidden namespace says nothing of its own.
// Whoever makes the namespace does all that (package netns); a [Forwarder] only opens a packet socket on each of a and b.
// Captures at the hosts tell the truth: what a host receives passes its interface when it is delivered, not before.
//
// # Large frames
//
// Hosts on veth pairs send frames of up to 64 KiB which no network would carry: the kernel leaves it to the interface to
// cut them into packets (generic segmentation offload), and their checksums to be filled in. While a link only
// delays, they pass whole, in both senses the fastest way. As soon as single packets matter (loss, duplication,
// reordering, corruption, a rate below 1 Gbit/s, or a filter that wants the frame) they are cut as the
// kernel's tcp_gso_segment does: each packet has the headers and all TCP options of the whole, so that each carries the MPTCP
// mapping of the whole, too. [Counters] count packets of the wire either way.
//
// # Time
//
// The delay of a frame counts from when the kernel received it, not from when this program read it. A frame that is due is
// sent by a thread of its own, which the kernel wakes with a timer; see [Config] for how much more precise it can be made,
// and [Calibrate] for what is reached.
package forward
