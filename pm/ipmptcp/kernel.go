package ipmptcp

// Kernel is a network namespace of this machine. It is the zero value for that of the calling thread.
//
// Reading needs no privilege; writing and monitoring need CAP_NET_ADMIN over the network namespace, and a NetNS or a name
// CAP_SYS_ADMIN.
type Kernel struct {
	// NetNS is a file descriptor of the network namespace; 0 is that of the calling thread.
	NetNS int
}

var _ Namespace = Kernel{}
