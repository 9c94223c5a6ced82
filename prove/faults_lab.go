package prove

// labFaults are about hosts, links and sockets.
var labFaults = []Fault{
	{Name: "sysctl not set", Effect: "A sysctl keeps its value.", ignores: sysctl},
	{Name: "link not taken down or up", Effect: "A link stays as it is.", ignores: linkUp},
	{Name: "interface not taken down or up", Effect: "An interface stays as it is.", ignores: interfaceUp},
	{Name: "address not added", Effect: "An address is not added to a host that exists.", ignores: addressAdd},
	{Name: "address not deleted", Effect: "An address of a host stays.", ignores: addressDelete},
	{Name: "route not added", Effect: "A route is not added to a host.", ignores: routeAdd},
	{Name: "mtu not set", Effect: "A link keeps its MTU.", ignores: linkMTU},
	{Name: "rule of a link not in force", Effect: "A rule of a link decides on no packet.", ignores: linkRule},
	{Name: "link not impaired", Effect: "A link neither loses nor delays what the script wants lost or late.", ignores: linkImpair},
	{Name: "frame not injected", Effect: "A link does not send what the script made up.", ignores: linkInject},
	{Name: "firewall rule not in force", Effect: "A rule of a firewall is not there.", ignores: firewallAdd},
	{Name: "firewall rule not deleted", Effect: "The rules of a firewall stay.", ignores: firewallDelete},
	{Name: "flows not forgotten", Effect: "A firewall keeps the connections that it tracks.", ignores: flowsDelete},
	{Name: "connection not aborted", Effect: "A socket is not reset.", ignores: socketAbort},
	{Name: "socket option not set", Effect: "A socket keeps the value of an option.", ignores: socketOption},
	{Name: "stream not ended", Effect: "The end of a stream is not sent.", ignores: socketShutdown},
	{Name: "socket or listener not closed", Effect: "A socket or listener stays open.", ignores: socketClose},
}
