// Package ipmptcp is the command "ip mptcp" of ip-mptcp(8), as iproute2 7.1 has it: its words, the messages that it sends,
// what it prints and its exit status, byte for byte. Any Go program can run it.
//
// A [Command] reads the words that follow "ip" and works on a [Namespace]: that of a [Kernel], or one that a program models.
// The seam between the two is narrow: requests and replies of the generic netlink family "mptcp_pm" as the kernel encodes
// them, the names of network interfaces, and events. The words, the requests and the printing need no Linux.
//
// The package starts no process, reads no environment, opens no file and ends no program by itself; a Command says where all
// of these come from. Objects of ip(8) other than mptcp are unknown to it. To drive a path manager from Go, package pm is
// the better tool.
package ipmptcp
