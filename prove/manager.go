package prove

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// manager is the path manager of a host of a faulty lab.
type manager struct {
	lab.PathManager
	probe *probe
	lost  []pm.Endpoint // that were not added, and are shown all the same
}

// local is an endpoint as it reaches the kernel.
func (m *manager) local(c command, e pm.Endpoint) pm.Endpoint {
	return alter(m.probe, e, func(f *Fault) (pm.Endpoint, bool) {
		if !f.endpoint.is(c) {
			return e, false
		}
		return f.endpoint.become(e), true
	})
}

// shown is an endpoint as it is shown.
func (m *manager) shown(e pm.Endpoint) pm.Endpoint {
	return alter(m.probe, e, func(f *Fault) (pm.Endpoint, bool) {
		if f.shown == nil {
			return e, false
		}
		return f.shown(e), true
	})
}

// AddEndpoint implements [lab.PathManager].
func (m *manager) AddEndpoint(e pm.Endpoint) error {
	if !m.probe.ignores(endpointAdd) {
		return m.probe.forgive(m.PathManager.AddEndpoint(m.local(endpointAdd, e)))
	}
	all, err := m.Endpoints()
	if err != nil {
		return err
	}
	for e.ID == 0 || slices.ContainsFunc(all, func(x pm.Endpoint) bool { return x.ID == e.ID }) {
		e.ID++
	}
	m.lost = append(m.lost, e)
	return nil
}

// DeleteEndpoint implements [lab.PathManager].
func (m *manager) DeleteEndpoint(e pm.Endpoint) error {
	if m.probe.ignores(endpointDelete) {
		return nil
	}
	e = m.local(endpointDelete, e)
	if i := slices.IndexFunc(m.lost, func(x pm.Endpoint) bool { return e.ID != 0 && x.ID == e.ID }); i >= 0 {
		m.lost = slices.Delete(m.lost, i, i+1)
		return nil
	}
	return m.probe.forgive(m.PathManager.DeleteEndpoint(e))
}

// ChangeEndpoint implements [lab.PathManager].
func (m *manager) ChangeEndpoint(e pm.Endpoint) error {
	if m.probe.ignores(endpointChange) {
		return nil
	}
	return m.probe.forgive(m.PathManager.ChangeEndpoint(m.local(endpointChange, e)))
}

// FlushEndpoints implements [lab.PathManager].
func (m *manager) FlushEndpoints() error {
	if m.probe.ignores(endpointFlush) {
		return nil
	}
	m.lost = nil
	return m.probe.forgive(m.PathManager.FlushEndpoints())
}

// Endpoint implements [lab.PathManager].
func (m *manager) Endpoint(id uint8) (pm.Endpoint, error) {
	for _, e := range m.lost {
		if e.ID == id {
			return e, nil
		}
	}
	e, err := m.PathManager.Endpoint(id)
	if err != nil {
		return e, m.probe.forgive(err)
	}
	return m.shown(e), nil
}

// Endpoints implements [lab.PathManager].
func (m *manager) Endpoints() ([]pm.Endpoint, error) {
	all, err := m.PathManager.Endpoints()
	if err != nil {
		return nil, err
	}
	shown := make([]pm.Endpoint, len(all), len(all)+len(m.lost))
	for i, e := range all {
		shown[i] = m.shown(e)
	}
	return append(shown, m.lost...), nil
}

// Limits implements [lab.PathManager].
func (m *manager) Limits() (pm.Limits, error) {
	l, err := m.PathManager.Limits()
	return alter(m.probe, l, func(f *Fault) (pm.Limits, bool) {
		if f.told == nil {
			return l, false
		}
		return f.told(l), true
	}), err
}

// SetLimits implements [lab.PathManager]. Limits that are there already make no difference.
func (m *manager) SetLimits(l pm.LimitsUpdate) error {
	now, err := m.PathManager.Limits()
	if err != nil {
		return err
	}
	differs := l.Subflows != nil && *l.Subflows != now.Subflows || l.AddAddrAccepted != nil && *l.AddAddrAccepted != now.AddAddrAccepted
	if differs && m.probe.ignores(limitsSet) {
		return nil
	}
	return m.probe.forgive(m.PathManager.SetLimits(alter(m.probe, l, func(f *Fault) (pm.LimitsUpdate, bool) {
		if f.limits == nil {
			return l, false
		}
		return f.limits(now, l), true
	})))
}

// Announce implements [lab.PathManager].
func (m *manager) Announce(token uint32, local pm.Endpoint) error {
	if m.probe.ignores(announce) {
		return nil
	}
	return m.probe.forgive(m.PathManager.Announce(token, m.local(announce, local)))
}

// Remove implements [lab.PathManager].
func (m *manager) Remove(token uint32, id uint8) error {
	if m.probe.ignores(remove) {
		return nil
	}
	return m.probe.forgive(m.PathManager.Remove(token, id))
}

// SubflowCreate implements [lab.PathManager].
func (m *manager) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	if m.probe.ignores(subflowCreate) {
		return nil
	}
	return m.probe.forgive(m.PathManager.SubflowCreate(token, m.local(subflowCreate, local), remote))
}

// SubflowDestroy implements [lab.PathManager].
func (m *manager) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	if m.probe.ignores(subflowDestroy) {
		return nil
	}
	return m.probe.forgive(m.PathManager.SubflowDestroy(token, local, remote))
}

// SetFlags implements [lab.PathManager].
func (m *manager) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	if m.probe.ignores(subflowSetFlags) {
		return nil
	}
	return m.probe.forgive(m.PathManager.SetFlags(token, local, remote, flags))
}

// Address implements [lab.PathManager].
func (m *manager) Address(token uint32, id uint8) (pm.Endpoint, error) {
	e, err := m.PathManager.Address(token, id)
	if err != nil {
		return e, m.probe.forgive(err)
	}
	return m.shown(e), nil
}

// Addresses implements [lab.PathManager].
func (m *manager) Addresses(token uint32) ([]pm.Endpoint, error) {
	all, err := m.PathManager.Addresses(token)
	if err != nil {
		return all, m.probe.forgive(err)
	}
	for i, e := range all {
		all[i] = m.shown(e)
	}
	return all, nil
}

// ipNamespace is a host of a faulty lab as the command ip-mptcp(8) sees it.
type ipNamespace struct {
	ipmptcp.Namespace
	probe *probe
}

// Open implements [ipmptcp.Namespace].
func (n ipNamespace) Open(ctx context.Context, receiveBuffer int) (ipmptcp.Manager, error) {
	m, err := n.Namespace.Open(ctx, receiveBuffer)
	if err != nil {
		return nil, err
	}
	return ipManager{m, n.probe}, nil
}

// ipManager takes the commands of ip-mptcp(8).
type ipManager struct {
	ipmptcp.Manager
	probe *probe
}

// ipCommands are the requests of ip-mptcp(8) that faults can ignore.
var ipCommands = map[ipmptcp.Cmd]command{
	ipmptcp.CmdAddAddr:    endpointAdd,
	ipmptcp.CmdDelAddr:    endpointDelete,
	ipmptcp.CmdFlushAddrs: endpointFlush,
	ipmptcp.CmdSetFlags:   endpointChange,
	ipmptcp.CmdSetLimits:  limitsSet,
}

// Do implements [ipmptcp.Manager].
func (m ipManager) Do(ctx context.Context, r ipmptcp.Request) (ipmptcp.Reply, error) {
	c, known := ipCommands[r.Cmd]
	if known && m.probe.ignores(c) {
		return ipmptcp.Reply{}, nil
	}
	reply, err := m.Manager.Do(ctx, r)
	var refusal *ipmptcp.Refusal
	if known && errors.As(err, &refusal) {
		err = m.probe.forgive(err)
	}
	return reply, err
}
