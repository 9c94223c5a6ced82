package lab

import "slices"

// KnownCounter is a counter that some release of Linux has.
type KnownCounter struct {
	Name   string   // without the prefix MPTcpExt
	Since  string   // the first release that has it: "5.7"
	Stable []string // releases of older series that have it too, from these on: "6.1.176"
}

// KnownCounters are the MPTcpExt counters in the kernel's order (net/mptcp/mib.h). RcvPruned is left out: it came with 5.13 and went
// with 6.19.
func KnownCounters() []KnownCounter { return slices.Clone(mib) }

// stable are releases of older series that have what was ported back from 6.11: the sources of 6.1.176 were read, and 6.6.142 is of
// its time.
var stable = []string{"6.1.176", "6.6.142"}

var mib = []KnownCounter{
	{"MPCapableSYNRX", "5.7", nil},
	{"MPCapableSYNTX", "5.13", nil},
	{"MPCapableSYNACKRX", "5.13", nil},
	{"MPCapableACKRX", "5.7", nil},
	{"MPCapableFallbackACK", "5.7", nil},
	{"MPCapableFallbackSYNACK", "5.7", nil},
	{"MPCapableSYNTXDrop", "6.12", nil},
	{"MPCapableSYNTXDisabled", "6.12", nil},
	{"MPCapableEndpAttempt", "6.11", stable},
	{"MPFallbackTokenInit", "5.13", nil},
	{"MPTCPRetrans", "5.7", nil},
	{"MPJoinNoTokenFound", "5.7", nil},
	{"MPJoinSynRx", "5.7", nil},
	{"MPJoinSynBackupRx", "6.11", stable},
	{"MPJoinSynAckRx", "5.7", nil},
	{"MPJoinSynAckBackupRx", "6.11", stable},
	{"MPJoinSynAckHMacFailure", "5.7", nil},
	{"MPJoinAckRx", "5.7", nil},
	{"MPJoinAckHMacFailure", "5.7", nil},
	{"MPJoinRejected", "6.16", nil},
	{"MPJoinSynTx", "6.12", nil},
	{"MPJoinSynTxCreatSkErr", "6.12", nil},
	{"MPJoinSynTxBindErr", "6.12", nil},
	{"MPJoinSynTxConnectErr", "6.12", nil},
	{"DSSNotMatching", "5.7", nil},
	{"DSSCorruptionFallback", "6.11", stable},
	{"DSSCorruptionReset", "6.11", stable},
	{"InfiniteMapTx", "5.19", nil},
	{"InfiniteMapRx", "5.7", nil},
	{"DSSNoMatchTCP", "5.13", nil},
	{"DataCsumErr", "5.13", nil},
	{"OFOQueueTail", "5.10", nil},
	{"OFOQueue", "5.10", nil},
	{"OFOMerge", "5.10", nil},
	{"NoDSSInWindow", "5.10", nil},
	{"DuplicateData", "5.10", nil},
	{"AddAddr", "5.10", nil},
	{"AddAddrTx", "6.5", nil},
	{"AddAddrTxDrop", "6.5", nil},
	{"EchoAdd", "5.10", nil},
	{"EchoAddTx", "6.5", nil},
	{"EchoAddTxDrop", "6.5", nil},
	{"PortAdd", "5.12", nil},
	{"AddAddrDrop", "5.18", nil},
	{"MPJoinPortSynRx", "5.12", nil},
	{"MPJoinPortSynAckRx", "5.12", nil},
	{"MPJoinPortAckRx", "5.12", nil},
	{"MismatchPortSynRx", "5.12", nil},
	{"MismatchPortAckRx", "5.12", nil},
	{"RmAddr", "5.10", nil},
	{"RmAddrDrop", "5.18", nil},
	{"RmAddrTx", "6.5", nil},
	{"RmAddrTxDrop", "6.5", nil},
	{"RmSubflow", "5.10", nil},
	{"MPPrioTx", "5.12", nil},
	{"MPPrioRx", "5.12", nil},
	{"MPFailTx", "5.15", nil},
	{"MPFailRx", "5.15", nil},
	{"MPFastcloseTx", "5.18", nil},
	{"MPFastcloseRx", "5.18", nil},
	{"MPRstTx", "5.18", nil},
	{"MPRstRx", "5.18", nil},
	{"SubflowStale", "5.15", nil},
	{"SubflowRecover", "5.15", nil},
	{"SndWndShared", "5.19", nil},
	{"RcvWndShared", "5.19", nil},
	{"RcvWndConflictUpdate", "5.19", nil},
	{"RcvWndConflict", "5.19", nil},
	{"MPCurrEstab", "6.7", nil},
	{"Blackhole", "6.12", nil},
	{"MPCapableDataFallback", "6.17", nil},
	{"MD5SigFallback", "6.17", nil},
	{"DssFallback", "6.17", nil},
	{"SimultConnectFallback", "6.17", nil},
	{"FallbackFailed", "6.17", nil},
	{"WinProbe", "6.18", nil},
}
