package why

// rules are the chain from the connection to the established subflow, in order.
var rules = []Rule{
	// The connection.
	{"fallback", "Is the connection MPTCP?", fallback},
	{"closing", "Is the connection open at both ends?", closing},
	{"established", "Has the client heard of its peer since the handshake?", established},
	{"family", "Can a socket of this family have such a subflow?", family},
	{"address", "Do the hosts have these addresses?", address},

	// What the path managers are told.
	{"path_manager", "Is the path manager of the client the kernel's?", pathManager},
	{"endpoint_limit", "Is there room for another endpoint?", endpointLimit},
	{"side", "Is the endpoint on the right side?", side},
	{"endpoint", "Is there an endpoint?", endpoint},
	{"flag", "Has the endpoint the flag for it?", flag},

	// The announcement of the server's address.
	{"add_addr_echoed", "Were the announcements before it echoed?", addAddrEchoed},
	{"add_addr_sent", "Was the address announced?", addAddrSent},
	{"add_addr_arrived", "Did the ADD_ADDR arrive?", addAddrArrived},
	{"add_addr_hmac", "Did the client believe the ADD_ADDR?", addAddrHMAC},
	{"add_addr_accepted", "Does the client accept announced addresses?", addAddrAccepted},

	// The client's decision.
	{"limits", "Does the client's limit of subflows leave room?", limits},
	{"c_flag", "Does the server take joins to its initial address?", cFlag},
	{"source", "Is this the address that the client would join from?", source},
	{"route", "Is there a route?", route},
	{"join_sent", "Has the client sent an MP_JOIN?", joinSent},

	// The handshake.
	{"source_rule", "Do packets leave by the interface that has their source address?", sourceRule},
	{"rp_filter", "Do the hosts take packets of this source by this interface?", rpFilter},
	{"firewall", "Do the firewalls of the hosts let it pass?", firewall},
	{"join_arrived", "Did the MP_JOIN arrive as it was sent?", joinArrived},
	{"listener", "Does a socket listen at the address?", listener},
	{"join_answered", "Was the MP_JOIN answered?", joinAnswered},
	{"join_hmac", "Do the HMACs hold?", joinHMAC},
	{"answer_arrived", "Did the answers arrive as they were sent?", answerArrived},
	{"peer_limits", "Does the server's limit of subflows leave room?", peerLimits},
	{"closed", "Has the subflow not ended?", closed},

	// What is left to know.
	{"peer", "What does only the peer know?", onlyPeer},
	{"unexplained", "Does any rule explain it?", unexplained},
}

// Rules are all rules, in the order in which they are asked.
func Rules() []Rule { return append([]Rule(nil), rules...) }
