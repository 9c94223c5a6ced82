package pathmanager

// counters are the MPTcpExt counters in the kernel's order (net/mptcp/mib.h), with the release that has each first. RcvPruned,
// which came with 5.13 and went with 6.19, is left out.
var counters = []struct {
	name  string
	since Version
}{
	{"MPCapableSYNRX", Version{5, 7, 0}},
	{"MPCapableSYNTX", Version{5, 13, 0}},
	{"MPCapableSYNACKRX", Version{5, 13, 0}},
	{"MPCapableACKRX", Version{5, 7, 0}},
	{"MPCapableFallbackACK", Version{5, 7, 0}},
	{"MPCapableFallbackSYNACK", Version{5, 7, 0}},
	{"MPCapableSYNTXDrop", Version{6, 12, 0}},
	{"MPCapableSYNTXDisabled", Version{6, 12, 0}},
	{"MPCapableEndpAttempt", Version{6, 11, 0}},
	{"MPFallbackTokenInit", Version{5, 13, 0}},
	{"MPTCPRetrans", Version{5, 7, 0}},
	{"MPJoinNoTokenFound", Version{5, 7, 0}},
	{"MPJoinSynRx", Version{5, 7, 0}},
	{"MPJoinSynBackupRx", Version{6, 11, 0}},
	{"MPJoinSynAckRx", Version{5, 7, 0}},
	{"MPJoinSynAckBackupRx", Version{6, 11, 0}},
	{"MPJoinSynAckHMacFailure", Version{5, 7, 0}},
	{"MPJoinAckRx", Version{5, 7, 0}},
	{"MPJoinAckHMacFailure", Version{5, 7, 0}},
	{"MPJoinRejected", Version{6, 16, 0}},
	{"MPJoinSynTx", Version{6, 12, 0}},
	{"MPJoinSynTxCreatSkErr", Version{6, 12, 0}},
	{"MPJoinSynTxBindErr", Version{6, 12, 0}},
	{"MPJoinSynTxConnectErr", Version{6, 12, 0}},
	{"DSSNotMatching", Version{5, 7, 0}},
	{"DSSCorruptionFallback", Version{6, 11, 0}},
	{"DSSCorruptionReset", Version{6, 11, 0}},
	{"InfiniteMapTx", Version{5, 19, 0}},
	{"InfiniteMapRx", Version{5, 7, 0}},
	{"DSSNoMatchTCP", Version{5, 13, 0}},
	{"DataCsumErr", Version{5, 13, 0}},
	{"OFOQueueTail", Version{5, 10, 0}},
	{"OFOQueue", Version{5, 10, 0}},
	{"OFOMerge", Version{5, 10, 0}},
	{"NoDSSInWindow", Version{5, 10, 0}},
	{"DuplicateData", Version{5, 10, 0}},
	{"AddAddr", Version{5, 10, 0}},
	{"AddAddrTx", Version{6, 5, 0}},
	{"AddAddrTxDrop", Version{6, 5, 0}},
	{"EchoAdd", Version{5, 10, 0}},
	{"EchoAddTx", Version{6, 5, 0}},
	{"EchoAddTxDrop", Version{6, 5, 0}},
	{"PortAdd", Version{5, 12, 0}},
	{"AddAddrDrop", Version{5, 18, 0}},
	{"MPJoinPortSynRx", Version{5, 12, 0}},
	{"MPJoinPortSynAckRx", Version{5, 12, 0}},
	{"MPJoinPortAckRx", Version{5, 12, 0}},
	{"MismatchPortSynRx", Version{5, 12, 0}},
	{"MismatchPortAckRx", Version{5, 12, 0}},
	{"RmAddr", Version{5, 10, 0}},
	{"RmAddrDrop", Version{5, 18, 0}},
	{"RmAddrTx", Version{6, 5, 0}},
	{"RmAddrTxDrop", Version{6, 5, 0}},
	{"RmSubflow", Version{5, 10, 0}},
	{"MPPrioTx", Version{5, 12, 0}},
	{"MPPrioRx", Version{5, 12, 0}},
	{"MPFailTx", Version{5, 15, 0}},
	{"MPFailRx", Version{5, 15, 0}},
	{"MPFastcloseTx", Version{5, 18, 0}},
	{"MPFastcloseRx", Version{5, 18, 0}},
	{"MPRstTx", Version{5, 18, 0}},
	{"MPRstRx", Version{5, 18, 0}},
	{"SubflowStale", Version{5, 15, 0}},
	{"SubflowRecover", Version{5, 15, 0}},
	{"SndWndShared", Version{5, 19, 0}},
	{"RcvWndShared", Version{5, 19, 0}},
	{"RcvWndConflictUpdate", Version{5, 19, 0}},
	{"RcvWndConflict", Version{5, 19, 0}},
	{"MPCurrEstab", Version{6, 7, 0}},
	{"Blackhole", Version{6, 12, 0}},
	{"MPCapableDataFallback", Version{6, 16, 0}},
	{"MD5SigFallback", Version{6, 16, 0}},
	{"DssFallback", Version{6, 16, 0}},
	{"SimultConnectFallback", Version{6, 16, 0}},
	{"FallbackFailed", Version{6, 16, 0}},
	{"WinProbe", Version{6, 18, 0}},
}

// Counters are the names of the MPTcpExt counters of the release, in the kernel's order. No other is counted.
func (v Version) Counters() []string {
	var names []string
	for _, c := range counters {
		if !v.before(c.since) {
			names = append(names, c.name)
		}
	}
	return names
}
