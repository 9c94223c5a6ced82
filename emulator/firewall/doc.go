// Package firewall models the packet filter of a host, its address translation, and the tracking of connections that both need, as
// nf_tables and conntrack of Linux do it.
//
// Connections are tracked as soon as a rule asks for their state or translates addresses. Of TCP it knows which segments can begin a
// connection, and follows its states; it checks no windows. Only TCP and ICMP errors about it are known, for nothing else is sent
// in a model.
package firewall
