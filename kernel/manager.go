package kernel

import (
	"net/netip"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// manager is the path manager of a host; its socket is opened by the first request. Errors name the host.
type manager struct{ host *host }

func (m manager) do(request func(*pm.Client) error) error {
	c, err := m.host.manager.get()
	if err == nil {
		err = request(c)
	}
	return m.host.on(err)
}

// ask is do for a request with an answer.
func ask[T any](m manager, request func(*pm.Client) (T, error)) (answer T, err error) {
	err = m.do(func(c *pm.Client) (err error) {
		answer, err = request(c)
		return err
	})
	return answer, err
}

func (m manager) AddEndpoint(e pm.Endpoint) error {
	if e.Port != 0 {
		m.host.ports.Store(true)
	}
	return m.do(func(c *pm.Client) error { return c.AddEndpoint(e) })
}

func (m manager) DeleteEndpoint(e pm.Endpoint) error {
	return m.do(func(c *pm.Client) error { return c.DeleteEndpoint(e) })
}

func (m manager) ChangeEndpoint(e pm.Endpoint) error {
	return m.do(func(c *pm.Client) error { return c.ChangeEndpoint(e) })
}

func (m manager) FlushEndpoints() error { return m.do((*pm.Client).FlushEndpoints) }

func (m manager) SetLimits(u pm.LimitsUpdate) error {
	return m.do(func(c *pm.Client) error { return c.SetLimits(u) })
}

func (m manager) Endpoint(id uint8) (pm.Endpoint, error) {
	return ask(m, func(c *pm.Client) (pm.Endpoint, error) { return c.Endpoint(id) })
}

func (m manager) Endpoints() ([]pm.Endpoint, error) { return ask(m, (*pm.Client).Endpoints) }

func (m manager) Limits() (pm.Limits, error) { return ask(m, (*pm.Client).Limits) }

func (m manager) Announce(token uint32, local pm.Endpoint) error {
	return m.do(func(c *pm.Client) error { return c.Announce(token, local) })
}

func (m manager) Remove(token uint32, id uint8) error {
	return m.do(func(c *pm.Client) error { return c.Remove(token, id) })
}

func (m manager) SubflowCreate(token uint32, local pm.Endpoint, remote netip.AddrPort) error {
	return m.do(func(c *pm.Client) error { return c.SubflowCreate(token, local, remote) })
}

func (m manager) SubflowDestroy(token uint32, local, remote netip.AddrPort) error {
	return m.do(func(c *pm.Client) error { return c.SubflowDestroy(token, local, remote) })
}

func (m manager) SetFlags(token uint32, local, remote netip.AddrPort, flags pm.Flags) error {
	return m.do(func(c *pm.Client) error { return c.SetFlags(token, local, remote, flags) })
}

func (m manager) Address(token uint32, id uint8) (pm.Endpoint, error) {
	return ask(m, func(c *pm.Client) (pm.Endpoint, error) { return c.Address(token, id) })
}

func (m manager) Addresses(token uint32) ([]pm.Endpoint, error) {
	return ask(m, func(c *pm.Client) ([]pm.Endpoint, error) { return c.Addresses(token) })
}
