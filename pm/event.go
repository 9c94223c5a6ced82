package pm

import (
	"net/netip"
	"syscall"
)

// EventKind is the number of a path-manager event: the genl command of its message.
type EventKind uint8

// The events (include/uapi/linux/mptcp_pm.h).
const (
	EventCreated         EventKind = 1
	EventEstablished     EventKind = 2
	EventClosed          EventKind = 3
	EventAnnounced       EventKind = 6
	EventRemoved         EventKind = 7
	EventSubEstablished  EventKind = 10
	EventSubClosed       EventKind = 11
	EventSubPriority     EventKind = 13
	EventListenerCreated EventKind = 15
	EventListenerClosed  EventKind = 16
)

// Event is one message of the mptcp_pm_events group. Has tells which attributes the message carried.
type Event struct {
	Kind        EventKind
	Has         Attrs
	Token       uint32
	Local       netip.AddrPort // SADDR, SPORT
	Remote      netip.AddrPort // DADDR, DPORT
	LocalID     uint8
	RemoteID    uint8
	Backup      bool // asked by the peer
	Error       syscall.Errno
	Flags       uint16 // bit 0: the peer denies joins to its initial address; bit 1: server side
	IfIndex     int32
	ResetReason uint32
	ResetFlags  uint32
	ServerSide  bool
}

// Attrs is a set of event attributes: bit n is attribute number n.
type Attrs uint32
