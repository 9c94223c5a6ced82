package observe

import (
	"time"
	"unsafe"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// mptcpInfo is struct mptcp_info (include/uapi/linux/mptcp.h) as of Linux 6.18. Fields were only ever added at its end
// or in its holes, so an older kernel's struct is a prefix of it and a newer one's begins with it.
type mptcpInfo struct {
	ExtraSubflows        uint8
	AddAddrSignaled      uint8
	AddAddrAccepted      uint8
	LimitExtraSubflows   uint8
	EndpSignalMax        uint8
	LimitAddAddrAccepted uint8
	_                    [2]byte
	Flags                uint32
	Token                uint32
	WriteSeq             uint64
	SndUna               uint64
	RcvNxt               uint64
	LocalAddrUsed        uint8
	EndpSubflowMax       uint8
	ChecksumEnabled      uint8
	_                    byte
	Retransmits          uint32
	BytesRetrans         uint64
	BytesSent            uint64
	BytesReceived        uint64
	BytesAcked           uint64
	SubflowsTotal        uint8
	EndpLaminarMax       uint8
	_                    [2]byte
	LastDataSent         uint32 // milliseconds ago, as the two below
	LastDataRecv         uint32
	LastAckRecv          uint32
}

// infoFallback is MPTCP_INFO_FLAG_FALLBACK.
const infoFallback = 1 << 0

// decodeInfo reads a struct mptcp_info of any length: what a kernel does not know is zero, what this package does not
// know is ignored.
func decodeInfo(b []byte) lab.Info {
	i := fromBytes[mptcpInfo](b)
	return lab.Info{
		ExtraSubflows:        i.ExtraSubflows,
		AddAddrSignaled:      i.AddAddrSignaled,
		AddAddrAccepted:      i.AddAddrAccepted,
		LimitExtraSubflows:   i.LimitExtraSubflows,
		EndpSignalMax:        i.EndpSignalMax,
		LimitAddAddrAccepted: i.LimitAddAddrAccepted,
		Flags:                i.Flags,
		Token:                i.Token,
		WriteSeq:             i.WriteSeq,
		SndUna:               i.SndUna,
		RcvNxt:               i.RcvNxt,
		LocalAddrUsed:        i.LocalAddrUsed,
		EndpSubflowMax:       i.EndpSubflowMax,
		ChecksumEnabled:      i.ChecksumEnabled != 0,
		Retransmits:          i.Retransmits,
		BytesRetrans:         i.BytesRetrans,
		BytesSent:            i.BytesSent,
		BytesReceived:        i.BytesReceived,
		BytesAcked:           i.BytesAcked,
		SubflowsTotal:        i.SubflowsTotal,
		EndpLaminarMax:       i.EndpLaminarMax,
		LastDataSent:         milliseconds(i.LastDataSent),
		LastDataRecv:         milliseconds(i.LastDataRecv),
		LastAckRecv:          milliseconds(i.LastAckRecv),
	}
}

func milliseconds(n uint32) time.Duration { return time.Duration(n) * time.Millisecond }

// fromBytes copies b into a kernel struct T, which has no pointers: the rest of a short b is zero, of a long one dropped.
func fromBytes[T any](b []byte) T {
	var t T
	copy(asBytes(&t), b)
	return t
}

// asBytes is the memory of a kernel struct without pointers.
func asBytes[T any](t *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(t)), unsafe.Sizeof(*t)) }
