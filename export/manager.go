package export

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// manager is the path manager of a recorded host.
type manager struct {
	lab.PathManager
	host *host
}

// mptcp adds a command of ip-mptcp(8), which ended with err.
func (h *host) mptcp(err error, words ...string) {
	h.lab.with(func(s *script) { s.try(err, "%s mptcp %s", h.ip(), strings.Join(words, " ")) })
}

// words are the endpoint in those of ip-mptcp(8), the flags excepted.
func (h *host) words(e pm.Endpoint) (words []string) {
	if e.Address.IsValid() {
		words = append(words, e.Address.String())
	}
	if e.IfIndex != 0 {
		dev, known := h.devices[e.IfIndex]
		if !known {
			dev = fmt.Sprintf("if%d", e.IfIndex)
		}
		words = append(words, "dev", quote(dev))
	}
	if e.ID != 0 {
		words = append(words, "id", fmt.Sprint(e.ID))
	}
	if e.Port != 0 {
		words = append(words, "port", fmt.Sprint(e.Port))
	}
	return words
}

// added notes an endpoint that was added.
func (h *host) added(e pm.Endpoint, err error) {
	words := append([]string{"endpoint add"}, h.words(e)...)
	if e.Flags != 0 {
		words = append(words, e.Flags.String())
	}
	h.mptcp(err, words...)
}

// deleted notes an endpoint that was deleted.
func (h *host) deleted(e pm.Endpoint, err error) {
	words := []string{"endpoint delete id", fmt.Sprint(e.ID)}
	if e.Address.IsValid() && e.ID == 0 {
		words = append(words, e.Address.String())
	}
	h.mptcp(err, words...)
}

// changed notes an endpoint that was changed.
func (h *host) changed(e pm.Endpoint, err error) {
	e.IfIndex = 0
	if e.ID != 0 { // which says it all; ip takes either
		e.Address, e.Port = netip.Addr{}, 0
	}
	words := append([]string{"endpoint change"}, h.words(e)...)
	for _, f := range []struct {
		flag pm.Flags
		word string
	}{{pm.FlagBackup, "backup"}, {pm.FlagFullmesh, "fullmesh"}} {
		word := f.word
		if e.Flags&f.flag == 0 {
			word = "no" + word
		}
		words = append(words, word)
	}
	h.mptcp(err, words...)
}

// limited notes limits that were set.
func (h *host) limited(l pm.LimitsUpdate, err error) {
	if l != (pm.LimitsUpdate{}) {
		h.mptcp(err, "limits set", l.String())
	}
}

func (m manager) AddEndpoint(e pm.Endpoint) error {
	err := m.PathManager.AddEndpoint(e)
	m.host.added(e, err)
	return err
}

func (m manager) DeleteEndpoint(e pm.Endpoint) error {
	err := m.PathManager.DeleteEndpoint(e)
	m.host.deleted(e, err)
	return err
}

func (m manager) ChangeEndpoint(e pm.Endpoint) error {
	err := m.PathManager.ChangeEndpoint(e)
	m.host.changed(e, err)
	return err
}

func (m manager) FlushEndpoints() error {
	err := m.PathManager.FlushEndpoints()
	m.host.mptcp(err, "endpoint flush")
	return err
}

func (m manager) SetLimits(l pm.LimitsUpdate) error {
	err := m.PathManager.SetLimits(l)
	m.host.limited(l, err)
	return err
}

// userspace notes a command that iproute2 does not have.
func (m manager) userspace(format string, args ...any) {
	m.host.lab.skipping("%s: path manager in userspace: %s", m.host.Name(), fmt.Sprintf(format, args...))
}

func (m manager) Announce(token uint32, local pm.Endpoint) error {
	m.userspace("announce %v", local)
	return m.PathManager.Announce(token, local)
}

func (m manager) Remove(token uint32, id uint8) error {
	m.userspace("remove id %d", id)
	return m.PathManager.Remove(token, id)
}

func (m manager) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	m.userspace("subflow create from %v to %v", local, remote)
	return m.PathManager.SubflowCreate(token, local, remote)
}

func (m manager) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	m.userspace("subflow destroy from %v to %v", local, remote)
	return m.PathManager.SubflowDestroy(token, local, remote)
}

func (m manager) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	m.userspace("subflow change from %v to %v: flags %v", local, remote, flags)
	return m.PathManager.SetFlags(token, local, remote, flags)
}

// ipNamespace is a recorded host as the command ip-mptcp(8) sees it.
type ipNamespace struct {
	ipmptcp.Namespace
	host *host
}

// Open implements [ipmptcp.Namespace].
func (n ipNamespace) Open(ctx context.Context, receiveBuffer int) (ipmptcp.Manager, error) {
	m, err := n.Namespace.Open(ctx, receiveBuffer)
	if err != nil {
		return nil, err
	}
	return ipManager{m, n.host}, nil
}

// ipManager takes the commands of ip-mptcp(8).
type ipManager struct {
	ipmptcp.Manager
	host *host
}

// Do implements [ipmptcp.Manager].
func (m ipManager) Do(ctx context.Context, r ipmptcp.Request) (ipmptcp.Reply, error) {
	reply, err := m.Manager.Do(ctx, r)
	e, named := r.Endpoint()
	note := map[ipmptcp.Cmd]func(pm.Endpoint, error){
		ipmptcp.CmdAddAddr: m.host.added, ipmptcp.CmdDelAddr: m.host.deleted, ipmptcp.CmdSetFlags: m.host.changed,
	}[r.Cmd]
	switch {
	case note != nil && named:
		note(e, err)
	case note != nil:
		m.host.lab.skipping("%s: command %d of ip-mptcp(8) that names no endpoint", m.host.Name(), r.Cmd)
	case r.Cmd == ipmptcp.CmdSetLimits:
		m.host.limited(r.Limits(), err)
	case r.Cmd == ipmptcp.CmdFlushAddrs:
		m.host.mptcp(err, "endpoint flush")
	}
	return reply, err
}
