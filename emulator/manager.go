package emulator

import (
	"context"
	"errors"
	"fmt"
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// manager is the path manager of a host. Errors name the host.
type manager struct{ host *host }

// PathManager implements [lab.Host].
func (h *host) PathManager() lab.PathManager { return manager{h} }

func (m manager) of() *pathmanager.Manager { return m.host.mptcp.Manager }

// to is of for a change.
func (m manager) to() *pathmanager.Manager {
	m.host.lab.act()
	return m.of()
}

func (m manager) AddEndpoint(e pm.Endpoint) error    { return m.host.on(m.to().AddEndpoint(e)) }
func (m manager) DeleteEndpoint(e pm.Endpoint) error { return m.host.on(m.to().DeleteEndpoint(e)) }
func (m manager) ChangeEndpoint(e pm.Endpoint) error { return m.host.on(m.to().ChangeEndpoint(e)) }
func (m manager) FlushEndpoints() error              { return m.host.on(m.to().FlushEndpoints()) }
func (m manager) SetLimits(u pm.LimitsUpdate) error  { return m.host.on(m.to().SetLimits(u)) }

func (m manager) Endpoint(id uint8) (pm.Endpoint, error) {
	e, err := m.of().Endpoint(id)
	return e, m.host.on(err)
}

func (m manager) Endpoints() ([]pm.Endpoint, error) {
	list, err := m.of().Endpoints()
	return list, m.host.on(err)
}

func (m manager) Limits() (pm.Limits, error) {
	l, err := m.of().Limits()
	return l, m.host.on(err)
}

func (m manager) Announce(token uint32, local pm.Endpoint) error {
	return m.host.on(m.to().Announce(token, local))
}

func (m manager) Remove(token uint32, id uint8) error { return m.host.on(m.to().Remove(token, id)) }

func (m manager) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	return m.host.on(m.to().SubflowCreate(token, local, remote))
}

func (m manager) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	return m.host.on(m.to().SubflowDestroy(token, local, remote))
}

func (m manager) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	return m.host.on(m.to().SetFlags(token, local, remote, flags))
}

func (m manager) Address(token uint32, id uint8) (pm.Endpoint, error) {
	e, err := m.of().Address(token, id)
	return e, m.host.on(err)
}

func (m manager) Addresses(token uint32) ([]pm.Endpoint, error) {
	list, err := m.of().Addresses(token)
	return list, m.host.on(err)
}

// ipNamespace is a host as the command ip-mptcp(8) sees it.
type ipNamespace struct{ host *host }

// IPNamespace implements [lab.Host].
func (h *host) IPNamespace() ipmptcp.Namespace { return ipNamespace{h} }

func (n ipNamespace) Open(context.Context, int) (ipmptcp.Manager, error) { return ipManager(n), nil }

func (ipNamespace) Named(_ context.Context, name string) (ipmptcp.Namespace, error) {
	text := fmt.Sprintf("Cannot open network namespace %q: No such file or directory", name) // as ip says it
	return nil, errors.New(text)
}

// ipManager is the path manager as that command speaks to it.
type ipManager struct{ host *host }

func (m ipManager) Do(_ context.Context, r ipmptcp.Request) (ipmptcp.Reply, error) {
	m.host.lab.act()
	return m.host.mptcp.Manager.Do(r)
}

func (m ipManager) Links(context.Context) ([]ipmptcp.Link, error) {
	links := []ipmptcp.Link{{Index: 1, Name: "lo"}}
	for _, i := range m.host.model.Interfaces() {
		links = append(links, ipmptcp.Link{Index: i.Index, Name: i.Name})
	}
	return links, nil
}

// Listen subscribes to events, for as long as the context lives.
func (m ipManager) Listen(ctx context.Context) (ipmptcp.Listener, error) {
	x := &monitor{host: m.host}
	m.host.monitors = append(m.host.monitors, x)
	return x, nil
}

func (ipManager) Close() error { return nil }

// monitor receives events.
type monitor struct {
	host    *host
	waiting []pm.Event
}

// Receive implements [ipmptcp.Listener].
func (m *monitor) Receive(ctx context.Context) ([]ipmptcp.Message, error) {
	if err := m.host.lab.world.Until(ctx, func() bool { return len(m.waiting) > 0 }); err != nil {
		return nil, err
	}
	var messages []ipmptcp.Message
	for _, e := range m.waiting {
		messages = append(messages, pathmanager.EncodeEvent(e))
	}
	m.waiting = nil
	return messages, nil
}
