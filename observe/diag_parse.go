//go:build linux

package observe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"unsafe"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// sockID is struct inet_diag_sockid (include/uapi/linux/inet_diag.h).
type sockID struct {
	SrcPort [2]byte // network order
	DstPort [2]byte // network order
	Src     [16]byte
	Dst     [16]byte
	IfIndex uint32 // of the device that the socket is bound to
	Cookie  [2]uint32
}

// diagMsg is struct inet_diag_msg.
type diagMsg struct {
	Family  uint8
	State   uint8
	Timer   uint8
	Retrans uint8
	ID      sockID
	Expires uint32
	RQueue  uint32
	WQueue  uint32
	UID     uint32
	Inode   uint32
}

// request is struct inet_diag_req, of the message type TCPDIAG_GETSOCK. The newer inet_diag_req_v2 asks for one address
// family at a time; this one walks the kernel's table, which is what a dump costs, once for both.
type request struct {
	Family     uint8 // of no effect
	SrcLen     uint8
	DstLen     uint8
	Extensions uint8 // 1 << (attribute - 1) asks for it
	ID         sockID
	States     uint32
	Tables     uint32
}

const (
	tcpDiagGetSock = 18 // TCPDIAG_GETSOCK
	reqProtocol    = 3  // INET_DIAG_REQ_PROTOCOL: IPPROTO_MPTCP does not fit in the 8 bits of the other ways to say it
)

// dumpRequest asks for INET_DIAG_INFO, and so for INET_DIAG_ULP_INFO too, which has no bit of its own.
func dumpRequest(protocol, states uint32) (netlink.Message, error) {
	attributes := netlink.NewAttributeEncoder()
	attributes.Uint32(reqProtocol, protocol)
	b, err := attributes.Encode()
	if err != nil {
		return netlink.Message{}, err
	}
	r := request{Family: unix.AF_INET, Extensions: 1 << (attrInfo - 1), States: states}
	return netlink.Message{
		Header: netlink.Header{Type: tcpDiagGetSock, Flags: netlink.Request | netlink.Dump},
		Data:   append(slices.Clone(asBytes(&r)), b...),
	}, nil
}

// oneRequest asks for the MPTCP socket with that token, which the kernel takes from the place of the cookie.
func oneRequest(token uint32) (netlink.Message, error) {
	m, err := dumpRequest(unix.IPPROTO_MPTCP, 0)
	if err != nil {
		return m, err
	}
	r := fromBytes[request](m.Data)
	r.ID.Cookie[0] = token
	copy(m.Data, asBytes(&r))
	m.Header.Flags = netlink.Request
	return m, nil
}

// Attributes of an answer, of its INET_DIAG_ULP_INFO, and of that one's INET_ULP_INFO_MPTCP.
const (
	attrInfo    = 2  // INET_DIAG_INFO
	attrULPInfo = 19 // INET_DIAG_ULP_INFO

	ulpName  = 1 // INET_ULP_INFO_NAME
	ulpMPTCP = 3 // INET_ULP_INFO_MPTCP

	subflowTokenRem = 1  // MPTCP_SUBFLOW_ATTR_TOKEN_REM
	subflowTokenLoc = 2  // MPTCP_SUBFLOW_ATTR_TOKEN_LOC
	subflowFlags    = 8  // MPTCP_SUBFLOW_ATTR_FLAGS
	subflowIDRem    = 9  // MPTCP_SUBFLOW_ATTR_ID_REM
	subflowIDLoc    = 10 // MPTCP_SUBFLOW_ATTR_ID_LOC
)

// MPTCP_SUBFLOW_FLAG_* of a subflow.
const (
	flagJoinRem          = 1 << 2
	flagJoinLoc          = 1 << 3
	flagBackupRem        = 1 << 4
	flagBackupLoc        = 1 << 5
	flagFullyEstablished = 1 << 6
)

// stateNames are the names of the TCP states (include/net/tcp_states.h) in the words of ss(8).
var stateNames = [...]string{
	1:  "ESTAB",
	2:  "SYN-SENT",
	3:  "SYN-RECV",
	4:  "FIN-WAIT-1",
	5:  "FIN-WAIT-2",
	6:  "TIME-WAIT",
	7:  "UNCONN",
	8:  "CLOSE-WAIT",
	9:  "LAST-ACK",
	10: "LISTEN",
	11: "CLOSING",
	12: "NEW-SYN-RECV",
	13: "BOUND-INACTIVE",
}

func stateName(state uint8) string {
	if int(state) < len(stateNames) && stateNames[state] != "" {
		return stateNames[state]
	}
	return fmt.Sprintf("state-%d", state)
}

// socket is one answer of inet_diag: of an MPTCP socket, of one of its subflows, or of a TCP socket of its own.
type socket struct {
	Cookie    uint64
	Local     netip.AddrPort
	Remote    netip.AddrPort
	State     string
	IfIndex   uint32
	Interface string // the name of IfIndex, which parseSocket cannot know
	Info      []byte // mptcp_info or tcp_info by protocol; nil on TIME_WAIT and request sockets
	MPTCP     bool   // of a TCP socket: it is a subflow or a listener of MPTCP (its ULP is "mptcp")
	Subflow   subflowInfo
	order     uint64 // of creation; see sightings
}

// subflowInfo is what the MPTCP ULP says about a subflow.
type subflowInfo struct {
	TokenRem uint32
	TokenLoc uint32
	Flags    uint32
	IDRem    uint8
	IDLoc    uint8
}

// parseSocket decodes the payload of one answer.
func parseSocket(b []byte) (socket, error) {
	const size = int(unsafe.Sizeof(diagMsg{}))
	if len(b) < size {
		return socket{}, fmt.Errorf("inet_diag answer of %d bytes, want at least %d", len(b), size)
	}
	m := fromBytes[diagMsg](b)
	s := socket{
		Cookie:  uint64(m.ID.Cookie[1])<<32 | uint64(m.ID.Cookie[0]),
		State:   stateName(m.State),
		IfIndex: m.ID.IfIndex,
	}
	var err1, err2 error
	s.Local, err1 = addrPort(m.Family, m.ID.Src, m.ID.SrcPort)
	s.Remote, err2 = addrPort(m.Family, m.ID.Dst, m.ID.DstPort)
	if err := errors.Join(err1, err2); err != nil {
		return socket{}, err
	}
	if err := s.parseAttributes(b[size:]); err != nil {
		return socket{}, fmt.Errorf("attributes of %s > %s: %w", s.Local, s.Remote, err)
	}
	return s, nil
}

func (s *socket) parseAttributes(b []byte) error {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	for ad.Next() {
		switch ad.Type() {
		case attrInfo:
			s.Info = ad.Bytes()
		case attrULPInfo:
			ad.Nested(s.parseULP)
		}
	}
	return ad.Err()
}

func (s *socket) parseULP(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		switch ad.Type() {
		case ulpName:
			s.MPTCP = ad.String() == "mptcp"
		case ulpMPTCP:
			ad.Nested(s.Subflow.parse)
		}
	}
	return ad.Err()
}

func (i *subflowInfo) parse(ad *netlink.AttributeDecoder) error {
	for ad.Next() {
		switch ad.Type() {
		case subflowTokenRem:
			i.TokenRem = ad.Uint32()
		case subflowTokenLoc:
			i.TokenLoc = ad.Uint32()
		case subflowFlags:
			i.Flags = ad.Uint32()
		case subflowIDRem:
			i.IDRem = ad.Uint8()
		case subflowIDLoc:
			i.IDLoc = ad.Uint8()
		}
	}
	return ad.Err()
}

// subflow is the lab's view of a TCP socket.
func (s *socket) subflow() lab.Subflow {
	i, t := s.Subflow, fromBytes[unix.TCPInfo](s.Info)
	return lab.Subflow{
		Local:         s.Local,
		Remote:        s.Remote,
		LocalID:       i.IDLoc,
		RemoteID:      i.IDRem,
		LocalToken:    i.TokenLoc,
		RemoteToken:   i.TokenRem,
		State:         s.State,
		Join:          i.join(),
		Backup:        i.Flags&flagBackupRem != 0,
		RequestBackup: i.Flags&flagBackupLoc != 0,
		Established:   i.Flags&flagFullyEstablished != 0,
		Flags:         i.Flags,
		Interface:     s.Interface,
		BytesSent:     t.Bytes_sent,
		BytesAcked:    t.Bytes_acked,
		BytesReceived: t.Bytes_received,
		BytesRetrans:  t.Bytes_retrans,
	}
}

// join tells a subflow made by MP_JOIN, by either end, from the initial one.
func (i subflowInfo) join() bool { return i.Flags&(flagJoinRem|flagJoinLoc) != 0 }

// unmapped is an address as people write it. Subflows keep the form of their socket, IPv4 mapped into IPv6 where that is an IPv6 one,
// for the path manager's commands tell the two apart.
func unmapped(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr().Unmap(), a.Port()) }

func addrPort(family uint8, addr [16]byte, port [2]byte) (netip.AddrPort, error) {
	p := binary.BigEndian.Uint16(port[:])
	switch family {
	case unix.AF_INET:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(addr[:4])), p), nil
	case unix.AF_INET6:
		return netip.AddrPortFrom(netip.AddrFrom16(addr), p), nil
	}
	return netip.AddrPort{}, fmt.Errorf("inet_diag answer of address family %d", family)
}
