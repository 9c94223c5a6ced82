// Package netns makes real hosts: network namespaces of this machine with interfaces, addresses, routes and sysctls,
// joined by veth links and bridges. It does so over netlink from within one process. It knows nothing of MPTCP sockets
// or path managers: sockets are made by others, inside [Namespace.Do].
//
// # Nothing is left behind
//
// A [Namespace] has no name and no mount: it lives as long as a file descriptor of this process, a thread or a socket
// refers to it. Whatever ends the process, a SIGKILL included, ends the lab. [Namespace.DestroySockets] resets the
// kernel's own sockets, which would pin it (unsent data on a link that is down), and a [Registry] tells which
// namespaces the kernel has not taken down yet.
//
// # Source routing
//
// A packet leaves by the link that its source address belongs to, also when the destination lies in the subnet of
// another link. Hosts (not routers, which route by destination) have for every address
//
//	a rule:  from ADDRESS lookup TABLE
//	TABLE:   SUBNET dev ETH                                 the subnet of the address, on a [Switch]
//	         DESTINATION via GATEWAY dev ETH onlink         each route added on this interface, or with this source
//	         default via PEER dev ETH onlink                the other end of the link, with a high metric
//	         unreachable default                            so that it never falls back to another link
//
// PEER is 169.254.0.1 or fe80::1, which no interface has: permanent neighbour entries map both to the MAC address of
// the link's other end. The packet thus reaches the host or router at the other end without ARP or neighbour
// discovery for an address that this end does not own (which IPv6 hosts would not answer), and a host takes what is
// addressed to any of its addresses, while a router forwards it. On a [Switch] there is no single other end, and the
// last resort is the link itself: "default dev ETH". For IPv4 any host of the segment answers for all its addresses;
// for IPv6 only for those on the segment, so that others need a route with a gateway.
//
// The addresses of the two ends of a link are permanent neighbours of each other too, so that nothing is asked for on a
// link: the kernel has room for 1024 answers on the whole machine, which a few hundred links would use up, to the harm
// of the machine's own. On a [Switch] hosts ask, as on any Ethernet.
//
// Sockets that are not bound to an address follow the main table, which has the connected subnets and the routes added
// without a source, as everywhere. An interface set down and up again gets its addresses and routes back.
//
// # Ready at once
//
// When a function returns, what it made can be used: both ends of a link transmit (the kernel activates the queue of the
// second end from a work queue, and packets sent before that are lost), and IPv6 addresses answer neighbour discovery
// (their multicast group is joined from another one). There is no duplicate address detection.
package netns
