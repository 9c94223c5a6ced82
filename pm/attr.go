package pm

// The names of the generic netlink family and of its group of events.
const (
	familyName = "mptcp_pm"
	eventGroup = "mptcp_pm_events"
)

// command is a command of the family (enum mptcp_pm_cmds).
type command uint8

const (
	cmdAddAddr        command = 1
	cmdDelAddr        command = 2
	cmdGetAddr        command = 3
	cmdFlushAddrs     command = 4
	cmdSetLimits      command = 5
	cmdGetLimits      command = 6
	cmdSetFlags       command = 7
	cmdAnnounce       command = 8
	cmdRemove         command = 9
	cmdSubflowCreate  command = 10
	cmdSubflowDestroy command = 11
)

// The attributes of requests and replies (MPTCP_PM_ATTR_*).
const (
	attrAddr        = 1
	attrRcvAddAddrs = 2
	attrSubflows    = 3
	attrToken       = 4 // host order; big-endian only on the wire
	attrLocID       = 5
	attrAddrRemote  = 6
)

// requestAttrs names the attributes of requests, by number.
var requestAttrs = map[uint16]string{
	attrAddr:        "ADDR",
	attrRcvAddAddrs: "RCV_ADD_ADDRS",
	attrSubflows:    "SUBFLOWS",
	attrToken:       "TOKEN",
	attrLocID:       "LOC_ID",
	attrAddrRemote:  "ADDR_REMOTE",
}

// The attributes of an address nest (MPTCP_PM_ADDR_ATTR_*).
const (
	addrFamily = 1
	addrID     = 2
	addrAddr4  = 3
	addrAddr6  = 4
	addrPort   = 5 // host order, unlike the ports of events
	addrFlags  = 6
	addrIfIdx  = 7
)

// The address families as Linux numbers them, whatever system this package is built for.
const (
	familyIPv4 = 2
	familyIPv6 = 10
)
