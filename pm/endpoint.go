package pm

import "net/netip"

// Endpoint is an entry of the in-kernel path manager's table, or the local address of a userspace command.
type Endpoint struct {
	ID      uint8      // 0: not given; the kernel picks one
	Address netip.Addr // may be zero when the ID says which
	Port    uint16     // host order; 0: none
	Flags   Flags
	IfIndex int32 // 0: any interface
}

// Flags are the MPTCP_PM_ADDR_FLAG_* bits.
type Flags uint32

// The endpoint flags (include/uapi/linux/mptcp_pm.h).
const (
	FlagSignal   Flags = 1 << 0
	FlagSubflow  Flags = 1 << 1
	FlagBackup   Flags = 1 << 2
	FlagFullmesh Flags = 1 << 3
	FlagImplicit Flags = 1 << 4
	FlagLaminar  Flags = 1 << 5
)
