package kernel

import (
	"context"
	"errors"
	"fmt"

	"github.com/mptcp-lab/mptcp-lab/pm/ipmptcp"
)

// ipNamespace is a host as the command ip-mptcp(8) sees it. Of the machine's named namespaces it knows none.
type ipNamespace struct{ host *host }

// IPNamespace implements [lab.Host].
func (h *host) IPNamespace() ipmptcp.Namespace { return ipNamespace{h} }

func (n ipNamespace) Open(ctx context.Context, receiveBuffer int) (ipmptcp.Manager, error) {
	m, err := ipmptcp.Kernel{NetNS: n.host.real.FD()}.Open(ctx, receiveBuffer)
	if err != nil {
		return nil, err
	}
	return guardedManager{m, n.host}, nil
}

func (ipNamespace) Named(_ context.Context, name string) (ipmptcp.Namespace, error) {
	text := fmt.Sprintf("Cannot open network namespace %q: No such file or directory", name) // as ip says it
	return nil, errors.New(text)
}

// guardedManager remembers that endpoints with a port may exist.
type guardedManager struct {
	ipmptcp.Manager
	host *host
}

func (m guardedManager) Do(ctx context.Context, r ipmptcp.Request) (ipmptcp.Reply, error) {
	if r.Cmd == ipmptcp.CmdAddAddr { // it may have a port
		m.host.ports.Store(true)
	}
	return m.Manager.Do(ctx, r)
}
