package pathmanager

import (
	"encoding/binary"
	"math/bits"
	"net/netip"

	"github.com/mdlayher/netlink"

	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// emit makes an event, if anybody listens.
func (m *Manager) emit(e pm.Event) {
	if m.host.Listened() {
		m.host.Emit(e)
	}
}

// emitConnection makes CREATED or ESTABLISHED (mptcp_event_created).
func (c *Connection) emitConnection(kind pm.EventKind) {
	info := c.conn.Info()
	e := between(kind, info.Local, info.Remote)
	e.Token, e.Has = info.Token, e.Has|pm.AttrToken|pm.AttrLocalID|pm.AttrRemoteID
	m := c.manager
	if c.side == Accepted && m.has(ServerSideAttr) {
		e.ServerSide, e.Has = true, e.Has|pm.AttrServerSide
	}
	if c.side == Accepted && m.has(ServerSideFlag) {
		e.Flags |= pm.EventFlagServerSide
	}
	if c.denied && m.has(DenyJoinFlag) {
		e.Flags |= pm.EventFlagDenyJoinID0
	}
	if e.Flags != 0 {
		e.Has |= pm.AttrFlags
	}
	m.emit(e)
}

// emitSubflow makes SUB_ESTABLISHED, SUB_CLOSED or SUB_PRIORITY (mptcp_event_put_token_and_ssk).
func (c *Connection) emitSubflow(kind pm.EventKind, s SubflowInfo) {
	conn := c.conn.Info()
	e := between(kind, s.Local, s.Remote)
	e.Has |= pm.AttrToken | pm.AttrLocalID | pm.AttrRemoteID | pm.AttrBackup
	e.Token, e.LocalID, e.RemoteID, e.Backup = conn.Token, s.LocalID, s.RemoteID, s.Backup
	if s.IfIndex != 0 {
		e.IfIndex, e.Has = s.IfIndex, e.Has|pm.AttrIfIndex
	}
	if s.Error != 0 && conn.State == Established {
		e.Error, e.Has = s.Error, e.Has|pm.AttrError
	}
	if s.Reset && kind == pm.EventSubClosed {
		e.ResetReason, e.Has = uint32(s.ResetReason), e.Has|pm.AttrResetReason|pm.AttrResetFlags
		if s.ResetTransient {
			e.ResetFlags = 1
		}
	}
	c.manager.emit(e)
}

// emitAnnounced makes ANNOUNCED, which comes without the family.
func (c *Connection) emitAnnounced(a AddAddr) {
	info := c.conn.Info()
	port := a.Port
	if port == 0 {
		port = info.Remote.Port()
	}
	e := pm.Event{
		Kind: pm.EventAnnounced, Has: pm.AttrToken | pm.AttrRemoteID | pm.AttrRemotePort | pm.AttrRemoteAddr4,
		Token: info.Token, RemoteID: a.ID, Remote: netip.AddrPortFrom(a.Address, port),
	}
	if !a.Address.Is4() {
		e.Has ^= pm.AttrRemoteAddr4 | pm.AttrRemoteAddr6
	}
	c.manager.emit(e)
}

// emitRemoved makes REMOVED.
func (c *Connection) emitRemoved(id uint8) {
	c.manager.emit(pm.Event{
		Kind: pm.EventRemoved, Has: pm.AttrToken | pm.AttrRemoteID,
		Token: c.conn.Info().Token, RemoteID: id,
	})
}

// ListenerCreated tells that an MPTCP socket listens. Those of endpoints tell it themselves.
func (m *Manager) ListenerCreated(local netip.AddrPort) {
	m.emitListener(pm.EventListenerCreated, local)
}

// ListenerClosed tells that an MPTCP socket listens no more.
func (m *Manager) ListenerClosed(local netip.AddrPort) { m.emitListener(pm.EventListenerClosed, local) }

func (m *Manager) emitListener(kind pm.EventKind, local netip.AddrPort) {
	if !m.has(ListenerEvents) {
		return
	}
	e := pm.Event{Kind: kind, Has: pm.AttrFamily | pm.AttrLocalAddr4 | pm.AttrLocalPort, Local: local}
	if !local.Addr().Is4() {
		e.Has ^= pm.AttrLocalAddr4 | pm.AttrLocalAddr6
	}
	m.emit(e)
}

// between is an event about a pair of addresses, which have the family of their socket.
func between(kind pm.EventKind, local, remote netip.AddrPort) pm.Event {
	e := pm.Event{Kind: kind, Has: pm.AttrFamily | pm.AttrLocalPort | pm.AttrRemotePort, Local: local, Remote: remote}
	if local.Addr().Is4() {
		e.Has |= pm.AttrLocalAddr4 | pm.AttrRemoteAddr4
	} else {
		e.Has |= pm.AttrLocalAddr6 | pm.AttrRemoteAddr6
	}
	return e
}

// eventOrder is the order in which the kernel writes attributes (mptcp_event_put_token_and_ssk, mptcp_event_created).
var eventOrder = []pm.Attrs{
	pm.AttrToken, pm.AttrServerSide, pm.AttrFlags, pm.AttrFamily, pm.AttrLocalAddr4, pm.AttrLocalAddr6, pm.AttrRemoteAddr4,
	pm.AttrRemoteAddr6, pm.AttrLocalPort, pm.AttrRemotePort, pm.AttrLocalID, pm.AttrRemoteID, pm.AttrBackup, pm.AttrIfIndex,
	pm.AttrError, pm.AttrResetReason, pm.AttrResetFlags,
}

// oneAddressOrder is that of events about one address (mptcp_event_addr_announced, mptcp_event_pm_listener).
var oneAddressOrder = []pm.Attrs{
	pm.AttrToken, pm.AttrRemoteID, pm.AttrFamily, pm.AttrLocalPort, pm.AttrRemotePort, pm.AttrLocalAddr4, pm.AttrLocalAddr6,
	pm.AttrRemoteAddr4, pm.AttrRemoteAddr6,
}

// encoders write the attributes of events.
var encoders = map[pm.Attrs]func(*netlink.AttributeEncoder, uint16, pm.Event){
	pm.AttrToken:       func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint32(n, e.Token) },
	pm.AttrServerSide:  func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint8(n, flag(e.ServerSide)) },
	pm.AttrFlags:       func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint16(n, e.Flags) },
	pm.AttrFamily:      func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint16(n, familyOf(e.Local.Addr())) },
	pm.AttrLocalAddr4:  encodeLocal,
	pm.AttrLocalAddr6:  encodeLocal,
	pm.AttrRemoteAddr4: encodeRemote,
	pm.AttrRemoteAddr6: encodeRemote,
	pm.AttrLocalPort:   func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Bytes(n, bigEndian(e.Local.Port())) },
	pm.AttrRemotePort:  func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Bytes(n, bigEndian(e.Remote.Port())) },
	pm.AttrLocalID:     func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint8(n, e.LocalID) },
	pm.AttrRemoteID:    func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint8(n, e.RemoteID) },
	pm.AttrBackup:      func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint8(n, flag(e.Backup)) },
	pm.AttrIfIndex:     func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Int32(n, e.IfIndex) },
	pm.AttrError:       func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint8(n, uint8(e.Error)) },
	pm.AttrResetReason: func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint32(n, e.ResetReason) },
	pm.AttrResetFlags:  func(a *netlink.AttributeEncoder, n uint16, e pm.Event) { a.Uint32(n, e.ResetFlags) },
}

// EncodeEvent is an event as the kernel sends it, for [ipmptcp.Listener].
func EncodeEvent(e pm.Event) ipmptcp.Message {
	order := eventOrder
	switch e.Kind {
	case pm.EventAnnounced, pm.EventListenerCreated, pm.EventListenerClosed:
		order = oneAddressOrder
	}
	return message(ipmptcp.Cmd(e.Kind), func(a *netlink.AttributeEncoder) {
		for _, attr := range order {
			if e.Has.Contains(attr) {
				encoders[attr](a, uint16(bits.TrailingZeros32(uint32(attr))), e) // bit n is attribute number n
			}
		}
	})
}

func encodeLocal(a *netlink.AttributeEncoder, n uint16, e pm.Event) {
	a.Bytes(n, e.Local.Addr().AsSlice())
}

func encodeRemote(a *netlink.AttributeEncoder, n uint16, e pm.Event) {
	a.Bytes(n, e.Remote.Addr().AsSlice())
}

func bigEndian(port uint16) []byte { return binary.BigEndian.AppendUint16(nil, port) }

func flag(set bool) uint8 {
	if set {
		return 1
	}
	return 0
}

func familyOf(a netip.Addr) uint16 {
	if a.Is4() {
		return familyIPv4
	}
	return familyIPv6
}
