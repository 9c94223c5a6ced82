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
	AllEndpoints
	IDBitmap
	Implicit
	FullmeshToggle
	Userspace
	ServerSideAttr
	InitialAccounting
	AddErrnos
	ListenerEvents
	FamilyRules
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
	JoinRejected
	NoRetransmission
	FlushKeepsLimits
	DenyJoinFlag
	Laminar
	CFlagClient
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

// changes is what changed where: the mainline release, and the stable ones of older series that have it too.
var changes = [...]struct {
	since     Version
	backports []Version
	what      string
}{
	RmAddrLists:        {since: Version{5, 13, 0}, what: "RM_ADDR carries up to 8 IDs; before, one"},
	RemoveID0:          {since: Version{5, 13, 0}, what: "deleting ID 0 withdraws the address of initial subflows"},
	CFlag:              {since: Version{5, 14, 0}, what: "the peer's C flag forbids subflows to its initial address"},
	Fullmesh:           {since: Version{5, 15, 0}, what: "endpoints with the flag fullmesh"},
	TwoSubflows:        {since: Version{5, 17, 0}, what: "2 extra subflows by default; before, none"},
	AllEndpoints:       {since: Version{5, 17, 0}, what: "all subflow endpoints are used at once; before, the next one when a join is over"},
	IDBitmap:           {since: Version{5, 17, 0}, what: "a connection remembers which IDs it has used; before, how many addresses it announced"},
	Implicit:           {since: Version{5, 18, 0}, what: "endpoints that the kernel makes itself are implicit and can be replaced; before, they had no flag"},
	FullmeshToggle:     {since: Version{5, 18, 0}, what: "fullmesh can be changed on an endpoint"},
	Userspace:          {since: Version{5, 19, 0}, what: "path managers in userspace"},
	ServerSideAttr:     {since: Version{5, 19, 0}, what: "CREATED and ESTABLISHED tell the server's side"},
	InitialAccounting:  {since: Version{6, 0, 0}, what: "the endpoint of the initial address is neither announced nor used again; its flag backup is sent"},
	AddErrnos:          {since: Version{6, 2, 0}, what: "refused endpoints are told apart: ERANGE, EBUSY, EEXIST; before, all EINVAL"},
	ListenerEvents:     {since: Version{6, 2, 0}, what: "events of listeners"},
	FamilyRules:        {since: Version{6, 3, 0}, what: "IPv6 connections may have IPv4 subflows, and IPv4 ones no IPv6 subflows"},
	RemoveUserspaceID0: {since: Version{6, 8, 0}, what: "a path manager in userspace can remove ID 0"},
	TokenLists:         {since: Version{6, 9, 0}, what: "the local addresses of a connection can be listed by its token"},
	CountAfterConnect:  {since: Version{6, 10, 0}, what: "an announced address counts as accepted when a subflow to it was started; before, at once"},
	TwoBackupFlags:     {since: Version{6, 11, 0}, what: "the SYN-ACK of a join carries the backup flag of the endpoint"},
	SignalAndSubflow:   {since: Version{6, 11, 0}, what: "an endpoint with signal and subflow is announced and used in one run"},
	PortWithoutSubflow: {since: Version{6, 11, 0}, what: "an endpoint with a port may not have the flag subflow"},
	RmAddrOnce:         {since: Version{6, 11, 0}, what: "RmAddr counts IDs; before, closed subflows"},
	IDsComeBack:        {since: Version{6, 11, 0}, what: "the ID of a deleted endpoint can be used again by live connections"},
	ForeignID0:         {since: Version{6, 11, 0}, what: "an ADD_ADDR of ID 0 with another address than the initial one is only echoed"},
	SkipConnected:      {since: Version{6, 11, 0}, what: "an announced address with a subflow to it gets no second one"},
	InitialReadded:     {since: Version{6, 11, 0}, what: "an endpoint added for the initial address has ID 0 on live connections"},
	FullmeshChecks:     {since: Version{6, 14, 0}, what: "a signal or implicit endpoint cannot be made fullmesh"},
	Texts:              {since: Version{6, 15, 0}, what: "the errors of mptcp_pm have a text for each rule, and name the attribute"},
	JoinRejected:       {since: Version{6, 16, 0}, what: "refused joins are counted as MPJoinRejected; before, MPJoinAckHMacFailure"},
	NoRetransmission:   {since: Version{6, 17, 0}, what: "add_addr_timeout 0 means no retransmission; before, at once"},
	FlushKeepsLimits:   {since: Version{6, 17, 0}, what: "flush keeps add_addr_accepted; before, it became 0"},
	DenyJoinFlag:       {since: Version{6, 17, 0}, what: "events tell of the peer's C flag, and late ADD_ADDRs with it are taken"},
	Laminar:            {since: Version{6, 18, 0}, what: "endpoints with the flag laminar"},
	CFlagClient:        {since: Version{6, 18, 0}, what: "with default limits the subflow endpoints go to the first address of a peer with the C flag"},
	AdaptiveTimer:      {since: Version{6, 18, 0}, what: "ADD_ADDR is sent again after TCP's RTO, then twice and four times that; before, each after add_addr_timeout"},
	ServerSideFlag:     {since: Version{6, 18, 0}, what: "the server's side is a flag of events, besides the attribute"},
	FlagMask:           {Version{6, 19, 0}, []Version{{6, 18, 9}}, "unknown endpoint flags are dropped; before, kept"},
	FullmeshOnly:       {since: Version{6, 19, 0}, what: "with a fullmesh endpoint of another family, an announced address gets no subflow from elsewhere"},
	AvoidRemoved:       {Version{7, 0, 0}, []Version{{6, 18, 17}}, "RM_ADDR goes over a subflow that is not being removed"},
	SignalAccounting:   {Version{7, 0, 0}, []Version{{6, 18, 17}}, "an endpoint with signal and subflow counts as used even if no subflow was possible"},
	IDsAlwaysComeBack:  {Version{7, 0, 0}, []Version{{6, 18, 17}}, "the ID of a deleted endpoint can always be used again"},
	RetransmitID0:      {Version{7, 1, 0}, []Version{{6, 18, 30}}, "an ADD_ADDR of ID 0 is sent again too"},
	BlockedRetry:       {Version{7, 1, 0}, []Version{{6, 18, 30}}, "a retransmission that finds another signal waiting comes back after its time-out; before, after 15 s"},
	PrioOnActive:       {Version{7, 1, 0}, []Version{{6, 18, 30}}, "MP_PRIO goes over an active subflow; before, over the first"},
	SkipTooLarge:       {Version{7, 1, 0}, []Version{{6, 18, 34}}, "an ADD_ADDR that fits on no segment gives way to the next address"},
	PureAcks:           {Version{7, 1, 0}, []Version{{6, 18, 36}}, "ADD_ADDR waits for a pure ACK; before, it could be lost on a segment with data"},
	AbortedJoins:       {Version{7, 2, 0}, []Version{{6, 18, 42}}, "a join that fails after it was accepted no longer counts"},
}

// String is what the change is.
func (c Change) String() string { return changes[c].what }
