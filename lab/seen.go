package lab

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Conn is one end's view of an MPTCP connection: a snapshot.
type Conn struct {
	Token    uint32 // local token; 0 on plain TCP
	Local    netip.AddrPort
	Remote   netip.AddrPort
	State    string // TCP state names of ss: "ESTAB", "FIN-WAIT-1", …
	Fallback bool   // plain TCP: never MPTCP, or fallen back
	Info     Info
	Subflows []Subflow // in order of creation, the initial one first while it lives
}

// Info is struct mptcp_info (include/uapi/linux/mptcp.h), in the kernel's newer names.
type Info struct {
	ExtraSubflows        uint8
	AddAddrSignaled      uint8
	AddAddrAccepted      uint8
	LimitExtraSubflows   uint8
	EndpSignalMax        uint8
	LimitAddAddrAccepted uint8
	Flags                uint32
	Token                uint32
	WriteSeq             uint64
	SndUna               uint64
	RcvNxt               uint64
	LocalAddrUsed        uint8
	EndpSubflowMax       uint8
	ChecksumEnabled      bool
	Retransmits          uint32
	BytesRetrans         uint64
	BytesSent            uint64
	BytesReceived        uint64
	BytesAcked           uint64
	SubflowsTotal        uint8
	EndpLaminarMax       uint8
	LastDataSent         time.Duration // ago
	LastDataRecv         time.Duration // ago
	LastAckRecv          time.Duration // ago
}

// Subflow is one TCP subflow as inet_diag shows it (INET_DIAG_ULP_INFO and tcp_info).
type Subflow struct {
	Local         netip.AddrPort // in the form of its socket: IPv4 is mapped into IPv6 where that is an IPv6 one
	Remote        netip.AddrPort
	LocalID       uint8
	RemoteID      uint8
	LocalToken    uint32
	RemoteToken   uint32 // only on subflows that this end opened
	State         string
	Join          bool   // made by MP_JOIN; false for the initial subflow
	Backup        bool   // asked by the peer
	RequestBackup bool   // asked by this end
	Established   bool   // fully established
	Flags         uint32 // MPTCP_SUBFLOW_FLAG_*
	Interface     string // bound device, if any
	BytesSent     uint64
	BytesAcked    uint64
	BytesReceived uint64
	BytesRetrans  uint64
}

// Event is a path-manager event of one host.
type Event struct {
	Time time.Duration // lab time
	pm.Event
}

// Counters are the MPTcpExt MIB counters of one host by name.
type Counters map[string]uint64

// Since returns by how much each counter has moved since the earlier reading; those that did not are left out. One that fell,
// as the gauge MPCurrEstab does, has the two's complement: int64 of it is negative.
func (c Counters) Since(earlier Counters) Counters {
	moved := Counters{}
	for name, v := range c {
		if v != earlier[name] {
			moved[name] = v - earlier[name]
		}
	}
	return moved
}

// Moved lists what Since returned, in order of name: "MPJoinAckRx +1, MPJoinSynRx +1".
func (c Counters) Moved() string {
	parts := make([]string, 0, len(c))
	for _, name := range slices.Sorted(maps.Keys(c)) {
		parts = append(parts, fmt.Sprintf("%s %+d", name, int64(c[name])))
	}
	return strings.Join(parts, ", ")
}

// Packet is a packet seen on a link: headers and MPTCP options, no payload. Kept are those that say something about the
// connection (SYN, FIN, RST, or an MPTCP option other than a bare DSS); segments of bulk data are only counted.
type Packet struct {
	Time time.Duration // lab time, from the kernel's stamp
	Link string
	From string // node that sent it into the link
	To   string // node at the other end
	Fate string // what a rule of the link did to it, with the rule; empty: it passed
	// Lost tells that the rule dropped it, and Changed that something else went on in its place.
	Lost, Changed bool
	Head          []byte // the beginning of its frame: see HeadOf
	wire.Packet
}

// maxHead is enough for the headers of a TCP segment: Ethernet with a tag, IPv4 and TCP with all their options, or IPv6.
const maxHead = 160

// HeadOf is the beginning of a frame with all its headers, as a forged packet needs it. It shares no memory with the frame.
func HeadOf(frame []byte) []byte { return bytes.Clone(frame[:min(len(frame), maxHead)]) }

// EntryKind says where a line of the timeline comes from.
type EntryKind string

// The kinds of timeline entries.
const (
	KindStep    EntryKind = "step"    // lab.step of the script
	KindAction  EntryKind = "action"  // what the script did: endpoint add, link down, connect
	KindEvent   EntryKind = "event"   // path-manager event
	KindPacket  EntryKind = "packet"  // on the wire
	KindCounter EntryKind = "counter" // counters that moved
	KindCheck   EntryKind = "check"   // a check and its result
	KindLink    EntryKind = "link"    // what a link did to a packet
	KindKernel  EntryKind = "kernel"  // kernel log
	KindReason  EntryKind = "why"     // a decision of a modelled path manager, and its reason
	KindPredict EntryKind = "predict" // what the script asks its reader to predict
	KindAnswer  EntryKind = "answer"  // what came of it, and why
)

// Entry is one line of the timeline.
type Entry struct {
	Time time.Duration // lab time
	Host string        // host, or "a > b" for a packet
	Kind EntryKind
	Text string
}

// String is the entry as reports print it: "  12.345ms client       event   SUB_ESTABLISHED …".
func (e Entry) String() string {
	return fmt.Sprintf("%10.3fms %-16s %-7s %s", float64(e.Time.Microseconds())/1000, e.Host, e.Kind, e.Text)
}
