package coverage

import (
	"context"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// manager is the path manager of a recorded host: it notes each command, and passes it on.
type manager struct {
	lab.PathManager
	lab *watched
}

func (m manager) AddEndpoint(e pm.Endpoint) error {
	m.lab.add(Command, endpointAdd)
	m.lab.flags(e.Flags)
	return m.PathManager.AddEndpoint(e)
}

func (m manager) DeleteEndpoint(e pm.Endpoint) error {
	m.lab.add(Command, endpointDelete)
	return m.PathManager.DeleteEndpoint(e)
}

func (m manager) ChangeEndpoint(e pm.Endpoint) error {
	m.lab.add(Command, endpointChange)
	m.lab.flags(e.Flags)
	return m.PathManager.ChangeEndpoint(e)
}

func (m manager) Endpoint(id uint8) (pm.Endpoint, error) {
	m.lab.add(Command, endpointShow)
	return m.PathManager.Endpoint(id)
}

func (m manager) Endpoints() ([]pm.Endpoint, error) {
	m.lab.add(Command, endpointShow)
	return m.PathManager.Endpoints()
}

func (m manager) FlushEndpoints() error {
	m.lab.add(Command, endpointFlush)
	return m.PathManager.FlushEndpoints()
}

func (m manager) Limits() (pm.Limits, error) {
	m.lab.add(Command, limitsShow)
	return m.PathManager.Limits()
}

func (m manager) SetLimits(l pm.LimitsUpdate) error {
	m.lab.add(Command, limitsSet)
	return m.PathManager.SetLimits(l)
}

func (m manager) Announce(token uint32, local pm.Endpoint) error {
	m.lab.add(Command, announce)
	return m.PathManager.Announce(token, local)
}

func (m manager) Remove(token uint32, id uint8) error {
	m.lab.add(Command, remove)
	return m.PathManager.Remove(token, id)
}

func (m manager) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	m.lab.add(Command, subflowCreate)
	return m.PathManager.SubflowCreate(token, local, remote)
}

func (m manager) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	m.lab.add(Command, subflowDestroy)
	return m.PathManager.SubflowDestroy(token, local, remote)
}

func (m manager) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	m.lab.add(Command, subflowChange)
	return m.PathManager.SetFlags(token, local, remote, flags)
}

func (m manager) Address(token uint32, id uint8) (pm.Endpoint, error) {
	m.lab.add(Command, addressesShow)
	return m.PathManager.Address(token, id)
}

func (m manager) Addresses(token uint32) ([]pm.Endpoint, error) {
	m.lab.add(Command, addressesShow)
	return m.PathManager.Addresses(token)
}

// namespace is a recorded host as the command ip-mptcp(8) sees it.
type namespace struct {
	ipmptcp.Namespace
	host *host
}

func (n namespace) Open(ctx context.Context, receiveBuffer int) (ipmptcp.Manager, error) {
	m, err := n.Namespace.Open(ctx, receiveBuffer)
	if err != nil {
		return nil, err
	}
	return ipManager{m, n.host}, nil
}

type ipManager struct {
	ipmptcp.Manager
	host *host
}

// ipCommands are the requests of ip-mptcp(8).
var ipCommands = map[ipmptcp.Cmd]string{
	ipmptcp.CmdAddAddr:    endpointAdd,
	ipmptcp.CmdDelAddr:    endpointDelete,
	ipmptcp.CmdGetAddr:    endpointShow,
	ipmptcp.CmdFlushAddrs: endpointFlush,
	ipmptcp.CmdSetLimits:  limitsSet,
	ipmptcp.CmdGetLimits:  limitsShow,
	ipmptcp.CmdSetFlags:   endpointChange,
}

// Do implements [ipmptcp.Manager]. The flags of an endpoint are read back, for the request is in the kernel's encoding.
func (m ipManager) Do(ctx context.Context, r ipmptcp.Request) (ipmptcp.Reply, error) {
	w := m.host.lab
	w.add(Command, ipCommands[r.Cmd])
	reply, err := m.Manager.Do(ctx, r)
	if r.Cmd == ipmptcp.CmdAddAddr || r.Cmd == ipmptcp.CmdSetFlags {
		if w.takeEndpoints(m.host.Host) != nil {
			w.recorder.missed(w.name)
		}
	}
	return reply, err
}
