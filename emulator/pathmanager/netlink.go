package pathmanager

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/mdlayher/netlink"

	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// The attributes of an address nest (MPTCP_PM_ADDR_ATTR_*).
const (
	addrFamily = 1
	addrID     = 2
	addrAddr4  = 3
	addrAddr6  = 4
	addrPort   = 5
	addrFlags  = 6
	addrIfIdx  = 7
)

// The address families of Linux.
const (
	familyIPv4 = 2
	familyIPv6 = 10
)

// The commands that ip-mptcp(8) does not send (enum mptcp_pm_cmds).
const (
	cmdAnnounce       ipmptcp.Cmd = 8
	cmdRemove         ipmptcp.Cmd = 9
	cmdSubflowCreate  ipmptcp.Cmd = 10
	cmdSubflowDestroy ipmptcp.Cmd = 11
)

// What the parser of attributes says, which checks them before any command sees them (lib/nlattr.c).
const (
	textPolicy      = "Attribute failed policy validation"
	textRange       = "binary attribute size out of range"
	textUnknown     = "Unknown attribute type"
	textUnsupported = "Unsupported attribute"
	textLength      = "invalid attribute length"
	textNested      = "NLA_F_NESTED is missing"
)

// command is a command of the family: the attributes that it looks at, and what it does. It passes over all other attributes,
// whatever they are; only the list of endpoints is parsed strictly.
type command struct {
	policy    []attr
	userspace bool // it came with path managers in userspace
	lists     bool // it can be asked for a list
	do        func(*Manager, request) *refusal
	ask       func(*Manager, ipmptcp.Request, request) (ipmptcp.Reply, *refusal)
}

// commands are those of mptcp_pm_gen.c.
var commands = map[ipmptcp.Cmd]command{
	ipmptcp.CmdAddAddr:    {policy: []attr{attrAddr}, do: (*Manager).doAdd},
	ipmptcp.CmdDelAddr:    {policy: []attr{attrAddr}, do: (*Manager).doDelete},
	ipmptcp.CmdGetAddr:    {policy: []attr{attrAddr, attrToken}, lists: true, ask: (*Manager).askAddr},
	ipmptcp.CmdFlushAddrs: {policy: []attr{attrAddr}, do: (*Manager).doFlush},
	ipmptcp.CmdSetLimits:  {policy: []attr{attrRcvAddAddrs, attrSubflows}, do: (*Manager).doSetLimits},
	ipmptcp.CmdGetLimits:  {policy: []attr{attrRcvAddAddrs, attrSubflows}, ask: (*Manager).askLimits},
	ipmptcp.CmdSetFlags:   {policy: []attr{attrAddr, attrToken, attrAddrRemote}, do: (*Manager).doSetFlags},
	cmdAnnounce:           {policy: []attr{attrAddr, attrToken}, userspace: true, do: (*Manager).doAnnounce},
	cmdRemove:             {policy: []attr{attrToken, attrLocID}, userspace: true, do: (*Manager).doRemove},
	cmdSubflowCreate:      {policy: []attr{attrAddr, attrToken, attrAddrRemote}, userspace: true, do: (*Manager).doCreate},
	cmdSubflowDestroy:     {policy: []attr{attrAddr, attrToken, attrAddrRemote}, userspace: true, do: (*Manager).doDestroy},
}

// Do answers a request as netlink encodes it, for [ipmptcp.Manager]. A refusal is an *[ipmptcp.Refusal].
func (m *Manager) Do(r ipmptcp.Request) (ipmptcp.Reply, error) {
	reply, refused := m.dispatch(r)
	if refused != nil {
		return ipmptcp.Reply{}, m.answer(refused)
	}
	return reply, nil
}

func (m *Manager) dispatch(r ipmptcp.Request) (ipmptcp.Reply, *refusal) {
	c, ok := commands[r.Cmd]
	if !ok || r.Dump && !c.lists || !m.knows(c) {
		return ipmptcp.Reply{}, &refusal{errno: eopnotsupp}
	}
	q, refused := parseRequest(r, c.policy)
	switch {
	case refused != nil:
		return ipmptcp.Reply{}, refused
	case c.ask != nil:
		return c.ask(m, r, q)
	}
	return ipmptcp.Reply{}, c.do(m, q)
}

// knows tells whether the release has a command.
func (m *Manager) knows(c command) bool { return !c.userspace || m.has(Userspace) }

func (m *Manager) askAddr(r ipmptcp.Request, q request) (ipmptcp.Reply, *refusal) {
	if r.Dump {
		all, refused := m.doList(q)
		return replyOf(all...), refused
	}
	e, refused := m.doGet(q)
	return replyOf(e), refused
}

func (m *Manager) askLimits(ipmptcp.Request, request) (ipmptcp.Reply, *refusal) {
	return limitsReply(m.limits), nil
}

// attribute is one attribute of a message.
type attribute struct {
	number  uint16
	nested  bool
	payload []byte
}

// parseAttributes reads attributes up to the first that is malformed.
func parseAttributes(b []byte) []attribute {
	const header = 4
	var all []attribute
	for len(b) >= header {
		size := int(binary.NativeEndian.Uint16(b))
		if size < header || size > len(b) {
			break
		}
		number := binary.NativeEndian.Uint16(b[2:])
		all = append(all, attribute{
			number:  number &^ uint16(netlink.Nested|netlink.NetByteOrder),
			nested:  number&uint16(netlink.Nested) != 0,
			payload: b[header:size],
		})
		b = b[min((size+3)&^3, len(b)):]
	}
	return all
}

// The sizes of attributes that are numbers or IPv4 addresses. Longer ones are taken, shorter ones refused.
var (
	sizes     = map[attr]int{attrRcvAddAddrs: 4, attrSubflows: 4, attrToken: 4, attrLocID: 1}
	addrSizes = map[uint16]int{addrFamily: 2, addrID: 1, addrAddr4: 4, addrPort: 2, addrFlags: 4, addrIfIdx: 4}
)

// parseRequest reads the attributes that the command looks at. Of two with the same number the last counts.
func parseRequest(r ipmptcp.Request, policy []attr) (request, *refusal) {
	var q request
	for _, a := range parseAttributes(r.Attrs) {
		number := attr(a.number)
		known := slices.Contains(policy, number)
		if r.Dump {
			if refused := a.checkStrictly(known); refused != nil {
				return request{}, refused
			}
		}
		switch {
		case !known:
			continue
		case len(a.payload) < sizes[number]:
			return request{}, refuse(erange, number, textPolicy)
		}
		var refused *refusal
		switch number {
		case attrAddr:
			q.local, refused = parseNest(a.payload, r.Dump)
		case attrAddrRemote:
			q.remote, refused = parseNest(a.payload, r.Dump)
		case attrToken:
			q.token = parseUint32(a.payload)
		case attrRcvAddAddrs:
			q.limits.AddAddrAccepted = parseUint32(a.payload)
		case attrSubflows:
			q.limits.Subflows = parseUint32(a.payload)
		case attrLocID:
			q.id = &a.payload[0]
		}
		if refused != nil {
			return request{}, refused
		}
	}
	return q, nil
}

// checkStrictly checks an attribute of a request for the list of endpoints.
func (a attribute) checkStrictly(known bool) *refusal {
	nest := attr(a.number) == attrAddr
	switch {
	case a.number == 0 || attr(a.number) > attrToken:
		return refuse(einval, 0, textUnknown)
	case !known:
		return refuse(einval, 0, textUnsupported)
	case nest && !a.nested:
		return refuse(einval, 0, textNested)
	case !nest && len(a.payload) != sizes[attr(a.number)]:
		return refuse(einval, 0, textLength)
	}
	return nil
}

func parseUint32(b []byte) *uint32 {
	value := binary.NativeEndian.Uint32(b)
	return &value
}

// parseNest reads an address (mptcp_pm_parse_pm_addr_attr). Flags, interface and port count also without a family. Sizes are
// checked at once, the address when a command reads it.
func parseNest(b []byte, strictly bool) (*nest, *refusal) {
	n := &nest{}
	payloads := map[uint16][]byte{}
	for _, a := range parseAttributes(b) {
		size := addrSizes[a.number]
		switch {
		case strictly && (a.number == 0 || a.number > addrIfIdx):
			return nil, refuse(einval, 0, textUnknown)
		case strictly && size != 0 && len(a.payload) != size:
			return nil, refuse(einval, 0, textLength)
		case len(a.payload) < size:
			return nil, refuse(erange, 0, textPolicy)
		case a.number == addrAddr6 && len(a.payload) != 16:
			return nil, refuse(erange, 0, textRange)
		}
		payloads[a.number] = a.payload
		switch a.number {
		case addrID:
			n.ID = a.payload[0]
		case addrPort:
			n.Port = binary.NativeEndian.Uint16(a.payload)
		case addrFlags:
			n.Flags = pm.Flags(binary.NativeEndian.Uint32(a.payload))
		case addrIfIdx:
			n.IfIndex = int32(binary.NativeEndian.Uint32(a.payload))
		}
	}
	if family, ok := payloads[addrFamily]; ok {
		n.malformed = n.parseAddress(payloads, binary.NativeEndian.Uint16(family))
	}
	return n, nil
}

func (n *nest) parseAddress(payloads map[uint16][]byte, family uint16) *refusal {
	var payload []byte
	switch family {
	case familyIPv4:
		payload = payloads[addrAddr4]
	case familyIPv6:
		payload = payloads[addrAddr6]
	default:
		return refuse(einval, 0, "unknown address family")
	}
	if payload == nil {
		return refuse(einval, 0, "missing address data")
	}
	size := map[uint16]int{familyIPv4: 4, familyIPv6: 16}[family]
	n.Address, _ = netip.AddrFromSlice(payload[:size])
	return nil
}

// replyOf describes endpoints as the kernel does (mptcp_nl_fill_addr).
func replyOf(all ...pm.Endpoint) ipmptcp.Reply {
	var reply ipmptcp.Reply
	for _, e := range all {
		reply.Messages = append(reply.Messages, message(ipmptcp.CmdGetAddr, func(a *netlink.AttributeEncoder) {
			a.Nested(uint16(attrAddr), func(n *netlink.AttributeEncoder) error {
				describe(n, e)
				return nil
			})
		}))
	}
	return reply
}

func describe(n *netlink.AttributeEncoder, e pm.Endpoint) {
	family, address := uint16(familyIPv4), uint16(addrAddr4)
	if !e.Address.Is4() {
		family, address = familyIPv6, addrAddr6
	}
	n.Uint16(addrFamily, family)
	n.Uint16(addrPort, e.Port)
	n.Uint8(addrID, e.ID)
	n.Uint32(addrFlags, uint32(e.Flags))
	if e.IfIndex != 0 {
		n.Int32(addrIfIdx, e.IfIndex)
	}
	n.Bytes(address, e.Address.AsSlice())
}

func limitsReply(l pm.Limits) ipmptcp.Reply {
	return ipmptcp.Reply{Messages: []ipmptcp.Message{message(ipmptcp.CmdGetLimits, func(a *netlink.AttributeEncoder) {
		a.Uint32(uint16(attrRcvAddAddrs), l.AddAddrAccepted)
		a.Uint32(uint16(attrSubflows), l.Subflows)
	})}}
}

// message is a message of these attributes. Encoding them cannot fail: none is too long.
func message(cmd ipmptcp.Cmd, encode func(*netlink.AttributeEncoder)) ipmptcp.Message {
	a := netlink.NewAttributeEncoder()
	encode(a)
	attrs, err := a.Encode()
	if err != nil {
		panic(err)
	}
	return ipmptcp.Message{Cmd: uint8(cmd), Attrs: attrs}
}
