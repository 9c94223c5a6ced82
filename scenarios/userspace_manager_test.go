//go:build linux

package scenarios_test

import (
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// altered is a path manager of which some commands are others; those that are nil are as they were.
type altered struct {
	lab.PathManager
	announce func(token uint32, local pm.Endpoint) error
	remove   func(token uint32, id uint8) error
	create   func(token uint32, local pm.Endpoint, remote netip.AddrPort) error
	destroy  func(token uint32, local, remote netip.AddrPort) error
	setFlags func(token uint32, local, remote netip.AddrPort, flags pm.Flags) error
	list     func(token uint32) ([]pm.Endpoint, error)
	add      func(pm.Endpoint) error
	del      func(pm.Endpoint) error
	change   func(pm.Endpoint) error
	flush    func() error
	limits   func() (pm.Limits, error)
}

// Announce implements [lab.PathManager].
func (m altered) Announce(token uint32, local pm.Endpoint) error {
	if m.announce == nil {
		return m.PathManager.Announce(token, local)
	}
	return m.announce(token, local)
}

// Remove implements [lab.PathManager].
func (m altered) Remove(token uint32, id uint8) error {
	if m.remove == nil {
		return m.PathManager.Remove(token, id)
	}
	return m.remove(token, id)
}

// SubflowCreate implements [lab.PathManager].
func (m altered) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	if m.create == nil {
		return m.PathManager.SubflowCreate(token, local, remote)
	}
	return m.create(token, local, remote)
}

// SubflowDestroy implements [lab.PathManager].
func (m altered) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	if m.destroy == nil {
		return m.PathManager.SubflowDestroy(token, local, remote)
	}
	return m.destroy(token, local, remote)
}

// SetFlags implements [lab.PathManager].
func (m altered) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	if m.setFlags == nil {
		return m.PathManager.SetFlags(token, local, remote, flags)
	}
	return m.setFlags(token, local, remote, flags)
}

// Addresses implements [lab.PathManager].
func (m altered) Addresses(token uint32) ([]pm.Endpoint, error) {
	if m.list == nil {
		return m.PathManager.Addresses(token)
	}
	return m.list(token)
}

// AddEndpoint implements [lab.PathManager].
func (m altered) AddEndpoint(e pm.Endpoint) error {
	if m.add == nil {
		return m.PathManager.AddEndpoint(e)
	}
	return m.add(e)
}

// DeleteEndpoint implements [lab.PathManager].
func (m altered) DeleteEndpoint(e pm.Endpoint) error {
	if m.del == nil {
		return m.PathManager.DeleteEndpoint(e)
	}
	return m.del(e)
}

// ChangeEndpoint implements [lab.PathManager].
func (m altered) ChangeEndpoint(e pm.Endpoint) error {
	if m.change == nil {
		return m.PathManager.ChangeEndpoint(e)
	}
	return m.change(e)
}

// FlushEndpoints implements [lab.PathManager].
func (m altered) FlushEndpoints() error {
	if m.flush == nil {
		return m.PathManager.FlushEndpoints()
	}
	return m.flush()
}

// Limits implements [lab.PathManager].
func (m altered) Limits() (pm.Limits, error) {
	if m.limits == nil {
		return m.PathManager.Limits()
	}
	return m.limits()
}

// The commands of a path manager in userspace that come to nothing, as if they had been obeyed.

func announceSwallowed(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, announce: func(uint32, pm.Endpoint) error { return nil }}
}

func removeSwallowed(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, remove: func(uint32, uint8) error { return nil }}
}

func createSwallowed(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, create: func(uint32, pm.Endpoint, netip.AddrPort) error { return nil }}
}

func destroySwallowed(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, destroy: func(uint32, netip.AddrPort, netip.AddrPort) error { return nil }}
}

func setFlagsSwallowed(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, setFlags: func(uint32, netip.AddrPort, netip.AddrPort, pm.Flags) error { return nil }}
}

func listLeftEmpty(m lab.PathManager) lab.PathManager {
	return altered{PathManager: m, list: func(uint32) ([]pm.Endpoint, error) { return nil, nil }}
}

// locallyAs makes the local address of announcements and of new subflows another one on its way to the kernel.
func locallyAs(become func(pm.Endpoint) pm.Endpoint) func(lab.PathManager) lab.PathManager {
	return func(m lab.PathManager) lab.PathManager {
		return altered{
			PathManager: m,
			announce:    func(token uint32, local pm.Endpoint) error { return m.Announce(token, become(local)) },
			create: func(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
				return m.SubflowCreate(token, become(local), remote)
			},
		}
	}
}

func withAnotherID(e pm.Endpoint) pm.Endpoint {
	e.ID++
	return e
}

func withoutPort(e pm.Endpoint) pm.Endpoint {
	e.Port = 0
	return e
}

func withoutInterface(e pm.Endpoint) pm.Endpoint {
	e.IfIndex = 0
	return e
}

func withoutBackup(e pm.Endpoint) pm.Endpoint {
	e.Flags &^= pm.FlagBackup
	return e
}

// forgiving is a path manager that takes what the kernel refuses.
type forgiving struct{ lab.PathManager }

func newForgiving(m lab.PathManager) lab.PathManager { return forgiving{m} }

// Announce implements [lab.PathManager].
func (m forgiving) Announce(token uint32, local pm.Endpoint) error {
	_ = m.PathManager.Announce(token, local)
	return nil
}

// Remove implements [lab.PathManager].
func (m forgiving) Remove(token uint32, id uint8) error {
	_ = m.PathManager.Remove(token, id)
	return nil
}

// SubflowCreate implements [lab.PathManager].
func (m forgiving) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	_ = m.PathManager.SubflowCreate(token, local, remote)
	return nil
}

// SubflowDestroy implements [lab.PathManager].
func (m forgiving) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	_ = m.PathManager.SubflowDestroy(token, local, remote)
	return nil
}

// SetFlags implements [lab.PathManager].
func (m forgiving) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	_ = m.PathManager.SetFlags(token, local, remote, flags)
	return nil
}

// Address implements [lab.PathManager].
func (m forgiving) Address(token uint32, id uint8) (pm.Endpoint, error) {
	e, _ := m.PathManager.Address(token, id)
	return e, nil
}

// Addresses implements [lab.PathManager].
func (m forgiving) Addresses(token uint32) ([]pm.Endpoint, error) {
	list, _ := m.PathManager.Addresses(token)
	return list, nil
}

// AddEndpoint implements [lab.PathManager].
func (m forgiving) AddEndpoint(e pm.Endpoint) error {
	_ = m.PathManager.AddEndpoint(e)
	return nil
}

// DeleteEndpoint implements [lab.PathManager].
func (m forgiving) DeleteEndpoint(e pm.Endpoint) error {
	_ = m.PathManager.DeleteEndpoint(e)
	return nil
}

// ChangeEndpoint implements [lab.PathManager].
func (m forgiving) ChangeEndpoint(e pm.Endpoint) error {
	_ = m.PathManager.ChangeEndpoint(e)
	return nil
}

// Endpoint implements [lab.PathManager].
func (m forgiving) Endpoint(id uint8) (pm.Endpoint, error) {
	e, _ := m.PathManager.Endpoint(id)
	return e, nil
}

// SetLimits implements [lab.PathManager].
func (m forgiving) SetLimits(l pm.LimitsUpdate) error {
	_ = m.PathManager.SetLimits(l)
	return nil
}
