package kernel

import (
	"fmt"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// node is what a link needs of what it attaches to.
type node interface {
	lab.Node
	endpoint(iface string) netns.Endpoint
}

var (
	_ node = (*host)(nil)
	_ node = (*bridge)(nil)
)

// nextInterface is eth1, eth2, … by the number of names that a node has, past those of them that a script gave.
func nextInterface(taken []string) string {
	for i := len(taken) + 1; ; i++ {
		if name := fmt.Sprintf("eth%d", i); !slices.Contains(taken, name) {
			return name
		}
	}
}

func (h *host) endpoint(iface string) netns.Endpoint {
	return netns.Endpoint{Host: h.real, Name: iface}
}

// bridge is a switch of the lab.
type bridge struct {
	*netns.Switch
	name string
}

// Name implements [lab.Node].
func (b *bridge) Name() string { return b.name }

func (b *bridge) endpoint(iface string) netns.Endpoint {
	return netns.Endpoint{Switch: b.Switch, Name: iface}
}

func (b *bridge) close() error {
	if err := b.Close(); err != nil {
		return fmt.Errorf("switch %s: %w", b.name, err)
	}
	return nil
}
