package pathmanager

import (
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// maxEndpoints bounds the table of endpoints, and each limit (MPTCP_PM_ADDR_MAX).
const maxEndpoints = 8

// Manager is the path manager of one host: its table of endpoints, its limits and settings, and its connections.
// Its methods, and those of its connections, are to be called one at a time.
type Manager struct {
	host     Host
	version  Version
	settings Settings

	table  []*entry // in the order in which the path manager walks it
	ids    [256]bool
	nextID uint8
	limits pm.Limits

	connections []*Connection // in order of creation; holes are nil
	gone        int           // how many holes there are
	tokens      map[uint32]*Connection
}

// entry is an endpoint of the table.
type entry struct {
	pm.Endpoint
	closeListener func() // of an endpoint with a port
}

// New returns the path manager of a host that has no endpoints yet.
func New(host Host, v Version) *Manager {
	m := &Manager{host: host, version: v, settings: defaultSettings(), nextID: 1, tokens: map[uint32]*Connection{}}
	if v.Has(TwoSubflows) {
		m.limits.Subflows = 2
	}
	return m
}

// Version is the release that is modelled.
func (m *Manager) Version() Version { return m.version }

func (m *Manager) has(c Change) bool { return m.version.Has(c) }

// count is how many endpoints have the flag (endp_signal_max and the like).
func (m *Manager) count(f pm.Flags) int {
	n := 0
	for _, e := range m.table {
		if e.Flags&f != 0 {
			n++
		}
	}
	return n
}

func (c *Connection) signalMax() int { return c.manager.count(pm.FlagSignal) }

func (c *Connection) subflowMax() int { return c.manager.count(pm.FlagSubflow) }

// byID returns the endpoint of that ID.
func (m *Manager) byID(id uint8) *entry {
	return m.find(func(e *entry) bool { return e.ID == id })
}

// byAddress returns the endpoint of that address, and of that port if it has one (__lookup_addr).
func (m *Manager) byAddress(a netip.AddrPort) *entry {
	return m.find(func(e *entry) bool { return e.at(a) })
}

// at tells whether the endpoint is that address, and that port if it has one.
func (e *entry) at(a netip.AddrPort) bool {
	return sameAddress(e.Address, a.Addr()) && (e.Port == 0 || e.Port == a.Port())
}

func (m *Manager) find(is func(*entry) bool) *entry {
	if i := slices.IndexFunc(m.table, is); i >= 0 {
		return m.table[i]
	}
	return nil
}

// live are the connections of one of the path managers, in order of creation. The kernel walks its table of tokens, whose order
// says nothing.
func (m *Manager) live(userspace bool) []*Connection {
	var all []*Connection
	for _, c := range m.connections {
		if c != nil && c.userspace == userspace {
			all = append(all, c)
		}
	}
	return all
}

// remember adds a connection to those of the host.
func (m *Manager) remember(c *Connection) {
	c.index = len(m.connections)
	m.connections = append(m.connections, c)
}

// forget removes a connection, and now and then the holes that others left.
func (m *Manager) forget(c *Connection) {
	m.connections[c.index] = nil
	m.gone++
	if m.gone <= len(m.connections)/2 {
		return
	}
	rest := slices.DeleteFunc(m.connections, func(c *Connection) bool { return c == nil })
	for i, c := range rest {
		c.index = i
	}
	m.connections, m.gone = rest, 0
}

// sameAddress compares as the kernel does: an IPv4 address is the same when it is mapped into IPv6.
func sameAddress(a, b netip.Addr) bool { return a.Unmap() == b.Unmap() }

// isIPv4 tells whether an address is IPv4, mapped or not.
func isIPv4(a netip.Addr) bool { return a.Is4() || a.Is4In6() }
