//go:build linux

package scenarios_test

import (
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// limitsAs makes each limit that is set another one on its way to the kernel; nil: it is not set at all.
func limitsAs(become func(*uint32) *uint32) func(lab.PathManager) lab.PathManager {
	return func(m lab.PathManager) lab.PathManager { return wrongLimits{m, become} }
}

type wrongLimits struct {
	lab.PathManager
	become func(*uint32) *uint32
}

// SetLimits implements [lab.PathManager].
func (m wrongLimits) SetLimits(l pm.LimitsUpdate) error {
	return m.PathManager.SetLimits(pm.LimitsUpdate{
		AddAddrAccepted: m.become(l.AddAddrAccepted),
		Subflows:        m.become(l.Subflows),
	})
}

func unset(*uint32) *uint32 { return nil }

// less is one less, but for 0.
func less(limit *uint32) *uint32 {
	if limit == nil || *limit == 0 {
		return limit
	}
	n := *limit - 1
	return &n
}

// more is one more, but for the greatest that the kernel takes (MPTCP_PM_ADDR_MAX in net/mptcp/protocol.h).
func more(limit *uint32) *uint32 {
	const most = 8
	if limit == nil || *limit >= most {
		return limit
	}
	n := *limit + 1
	return &n
}

// without drops flags of each endpoint on its way to the kernel.
func without(flags pm.Flags) func(lab.PathManager) lab.PathManager {
	return func(m lab.PathManager) lab.PathManager { return fewerFlags{m, flags} }
}

type fewerFlags struct {
	lab.PathManager
	dropped pm.Flags
}

// AddEndpoint implements [lab.PathManager].
func (m fewerFlags) AddEndpoint(e pm.Endpoint) error {
	e.Flags &^= m.dropped
	return m.PathManager.AddEndpoint(e)
}

// ChangeEndpoint implements [lab.PathManager].
func (m fewerFlags) ChangeEndpoint(e pm.Endpoint) error {
	e.Flags &^= m.dropped
	return m.PathManager.ChangeEndpoint(e)
}

// leftOut takes endpoints and shows them, but the kernel's path manager has none of them.
type leftOut struct {
	lab.PathManager
	shown []pm.Endpoint
}

func newLeftOut(m lab.PathManager) lab.PathManager { return &leftOut{PathManager: m} }

// AddEndpoint implements [lab.PathManager].
func (m *leftOut) AddEndpoint(e pm.Endpoint) error {
	if e.ID == 0 {
		e.ID = uint8(len(m.shown) + 1)
	}
	m.shown = append(m.shown, e)
	return nil
}

// Endpoints implements [lab.PathManager].
func (m *leftOut) Endpoints() ([]pm.Endpoint, error) { return m.shown, nil }
