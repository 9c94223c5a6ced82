package pathmanager

// Change is something that the path manager does in one way up to a release, and in another from then on.
type Change int

// The changes in order of their releases; the table below tells what each is.
const (
	RmAddrLists Change = iota
	RemoveID0
	CFlag
	Fullmesh
	TwoSubflows
	IDBitmap
	Implicit
	FullmeshToggle
	Userspace
	ServerSideAttr
	InitialAccounting
	AddErrnos
	ListenerEvents
	FamilyRules
	UserspaceFamilies
	ErrorNumbers
	RemoveUserspaceID0
	TokenLists
	CountAfterConnect
	TwoBackupFlags
	SignalAndSubflow
	PortWithoutSubflow
	RmAddrOnce
	IDsComeBack
	ForeignID0
	SkipConnected
	InitialReadded
	FullmeshChecks
	Texts
	OnlyHMacFailures
	JoinRejected
	NoRetransmission
	FlushKeepsLimits
	DenyJoinFlag
	Laminar
	CFlagClient
	MeshBeyond
	NoMappingIsMiddlebox
	AdaptiveTimer
	ServerSideFlag
	FlagMask
	FullmeshOnly
	AvoidRemoved
	SignalAccounting
	IDsAlwaysComeBack
	RetransmitID0
	BlockedRetry
	PrioOnActive
	SkipTooLarge
	PureAcks
	AbortedJoins
)

// lts612 and lts61 are releases of the series 6.12 and 6.1 whose sources were read, Debian's. Something that is ported back may have
// come with an earlier one of the series. lts66 is one of their time; it was not read, but what went back to 6.1 went there first.
var (
	lts612 = Version{6, 12, 95}
	lts66  = Version{6, 6, 142}
	lts61  = Version{6, 1, 176}
)

// changes is what changed where: the mainline release, and the stable releases of older series that have it too. Of these the
// series 6.1, 6.12 and 6.18 were gone through, and 6.19 for what its reviews tell.
var changes = [...]struct {
	what      string
	since     Version
	backports []Version
}{
	RmAddrLists: {what: "RM_ADDR carries up to 8 IDs; before, one", since: Version{5, 13, 0}},
	RemoveID0:   {what: "deleting ID 0 withdraws the address of initial subflows", since: Version{5, 13, 0}},
	CFlag:       {what: "the peer's C flag forbids subflows to its initial address", since: Version{5, 14, 0}},
	Fullmesh:    {what: "endpoints with the flag fullmesh", since: Version{5, 15, 0}},
	TwoSubflows: {what: "2 extra subflows by default; before, none", since: Version{5, 17, 0}},
	IDBitmap: {
		what:  "a connection remembers which IDs it used, and uses all at once; before, a count, one in a run",
		since: Version{5, 17, 0},
	},
	Implicit: {
		what:  "endpoints that the kernel makes itself are implicit; before, they had no flag and stayed",
		since: Version{5, 18, 0},
	},
	FullmeshToggle: {what: "fullmesh can be changed on an endpoint", since: Version{5, 18, 0}},
	Userspace:      {what: "path managers in userspace", since: Version{5, 19, 0}},
	ServerSideAttr: {what: "CREATED and ESTABLISHED tell the server's side", since: Version{5, 19, 0}},
	InitialAccounting: {
		what:  "the endpoint of the initial address is not announced or used again; its flag backup is sent",
		since: Version{6, 0, 0},
	},
	AddErrnos: {
		what:  "refused endpoints are told apart (ERANGE, EBUSY, EEXIST); before, all were EINVAL",
		since: Version{6, 2, 0},
	},
	ListenerEvents: {what: "events of listeners", since: Version{6, 2, 0}},
	FamilyRules: {
		what:  "IPv6 connections may have IPv4 subflows, and IPv4 ones have no IPv6 subflows",
		since: Version{6, 3, 0},
	},
	UserspaceFamilies: {
		what:  "path managers in userspace open what FamilyRules allows",
		since: Version{6, 3, 0}, backports: []Version{lts61},
	},
	ErrorNumbers: {what: "the text of a refused endpoint has the number of the error", since: Version{6, 8, 0}},
	RemoveUserspaceID0: {
		what:  "a path manager in userspace can remove ID 0",
		since: Version{6, 8, 0}, backports: []Version{lts61, lts66},
	},
	TokenLists: {what: "the local addresses of a connection can be listed by its token", since: Version{6, 9, 0}},
	CountAfterConnect: {
		what:  "an announced address counts when a subflow to it was started; before, at once",
		since: Version{6, 10, 0}, backports: []Version{lts61, lts66},
	},
	TwoBackupFlags: {
		what:  "the SYN-ACK of a join carries the backup flag of the endpoint",
		since: Version{6, 11, 0}, backports: []Version{lts61, lts66},
	},
	SignalAndSubflow: {
		what:  "an endpoint with signal and subflow is announced and used in one run",
		since: Version{6, 11, 0}, backports: []Version{lts61, lts66},
	},
	PortWithoutSubflow: {
		what:  "an endpoint with a port may not have the flag subflow",
		since: Version{6, 11, 0}, backports: []Version{lts61, lts66},
	},
	RmAddrOnce: {
		what:  "RmAddr counts IDs; before, closed subflows",
		since: Version{6, 11, 0}, backports: []Version{lts61, lts66},
	},
	IDsComeBack: {
		what:  "the ID of a deleted endpoint can be used again by live connections",
		since: Version{6, 11, 0}, backports: []Version{lts61, lts66},
	},
	ForeignID0: {
		what:  "an ADD_ADDR of ID 0 with another address than the initial one is only echoed",
		since: Version{6, 11, 0}, backports: []Version{lts61, lts66},
	},
	SkipConnected: {
		what:  "an announced address with a subflow to it gets no second one",
		since: Version{6, 11, 0}, backports: []Version{lts61, lts66},
	},
	InitialReadded: {
		what:  "an endpoint added for the initial address has ID 0 on live connections",
		since: Version{6, 11, 0}, backports: []Version{lts61, lts66},
	},
	FullmeshChecks: {
		what:  "a signal or implicit endpoint cannot be made fullmesh",
		since: Version{6, 14, 0}, backports: []Version{lts61, lts66, lts612},
	},
	Texts: {what: "the errors of mptcp_pm have a text for each rule, and name the attribute", since: Version{6, 15, 0}},
	OnlyHMacFailures: {
		what:  "MPJoinAckHMacFailure counts wrong HMACs; before, all joins that were refused after their ACK",
		since: Version{6, 15, 0}, backports: []Version{lts61, lts66, lts612},
	},
	JoinRejected: {what: "refused joins are counted as MPJoinRejected", since: Version{6, 16, 0}},
	NoRetransmission: {
		what:  "add_addr_timeout 0 means no retransmission; before, at once",
		since: Version{6, 17, 0}, backports: []Version{lts61, lts66, lts612},
	},
	FlushKeepsLimits: {
		what:  "flush keeps add_addr_accepted; before, it became 0",
		since: Version{6, 17, 0}, backports: []Version{lts61, lts66, lts612},
	},
	DenyJoinFlag: {
		what:  "events tell of the peer's C flag, and late ADD_ADDRs with it are taken",
		since: Version{6, 17, 0}, backports: []Version{lts61, lts66, lts612},
	},
	Laminar: {what: "endpoints with the flag laminar", since: Version{6, 18, 0}},
	CFlagClient: {
		what:  "with default limits the subflow endpoints go to an address of a peer with the C flag",
		since: Version{6, 18, 0}, backports: []Version{lts61, lts66, lts612},
	},
	MeshBeyond: {
		what:  "an announced address is joined from the first fullmesh endpoint even at the limit; before, from where routing says",
		since: Version{6, 18, 0},
	},
	NoMappingIsMiddlebox: {
		what:  "a subflow that comes without mappings is reset for middlebox interference; before, for an error of MPTCP",
		since: Version{6, 18, 0},
	},
	AdaptiveTimer: {
		what:  "ADD_ADDR is sent again after TCP's RTO, doubled each time; before, after add_addr_timeout",
		since: Version{6, 18, 0},
	},
	ServerSideFlag: {what: "the server's side is a flag of events, besides the attribute", since: Version{6, 18, 0}},
	FlagMask: {
		what:  "unknown endpoint flags are dropped; before, kept",
		since: Version{6, 19, 0}, backports: []Version{lts61, lts66, lts612, {6, 18, 9}},
	},
	FullmeshOnly: {
		what:  "a fullmesh endpoint, even of another family, keeps announced addresses from other sources",
		since: Version{6, 19, 0},
	},
	AvoidRemoved: {
		what:  "RM_ADDR goes over a subflow that is not being removed",
		since: Version{7, 0, 0}, backports: []Version{lts61, lts66, lts612, {6, 18, 17}, {6, 19, 7}},
	},
	SignalAccounting: {
		what:  "an endpoint with signal and subflow counts as used even if no subflow was possible",
		since: Version{7, 0, 0}, backports: []Version{lts61, lts66, lts612, {6, 18, 17}, {6, 19, 7}},
	},
	IDsAlwaysComeBack: {
		what:  "the ID of a deleted endpoint can always be used again",
		since: Version{7, 0, 0}, backports: []Version{lts61, lts66, lts612, {6, 18, 17}, {6, 19, 7}},
	},
	RetransmitID0: {
		what:  "an ADD_ADDR of ID 0 is sent again too",
		since: Version{7, 1, 0}, backports: []Version{lts61, lts66, lts612, {6, 18, 30}},
	},
	BlockedRetry: {
		what:  "a retransmission that finds a signal waiting comes back after its time-out; before, after 15 s",
		since: Version{7, 1, 0}, backports: []Version{{6, 18, 30}},
	},
	PrioOnActive: {
		what:  "MP_PRIO goes over an active subflow; before, over the first",
		since: Version{7, 1, 0}, backports: []Version{lts61, lts66, lts612, {6, 18, 30}},
	},
	SkipTooLarge: {
		what:  "an ADD_ADDR that fits on no segment gives way to the next address",
		since: Version{7, 1, 0}, backports: []Version{lts61, lts66, lts612, {6, 18, 34}},
	},
	PureAcks: {
		what:  "ADD_ADDR waits for a pure ACK; before, it could be lost on a segment with data",
		since: Version{7, 1, 0}, backports: []Version{lts612, {6, 18, 36}},
	},
	AbortedJoins: {
		what:  "a join that fails after it was accepted no longer counts",
		since: Version{7, 2, 0}, backports: []Version{{6, 18, 42}},
	},
}

// String is what the change is.
func (c Change) String() string { return changes[c].what }
