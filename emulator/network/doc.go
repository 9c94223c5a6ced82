// Package network models what is below TCP in virtual time: hosts with interfaces, addresses, routes and source rules; routers;
// switches; and links that delay, lose, change and hold frames. What hosts exchange is real bytes: Ethernet frames with IP packets.
//
// Addresses are resolved without asking: the model has neither ARP nor neighbour discovery, as a lab's hosts have permanent
// neighbours. The package has no TCP: a host hands packets that are for it to whoever set [Host.Deliver].
package network
