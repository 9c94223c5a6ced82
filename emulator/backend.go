package emulator

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/mptcp-lab/mptcp-lab/emulator/pathmanager"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Options are those of [New].
type Options struct {
	// Kernel is the release of Linux that hosts are like, such as "6.1" or "6.18.44"; empty: [DefaultKernel].
	Kernel string
}

// DefaultKernel is the release that hosts are like by default.
const DefaultKernel = "6.18"

// The bounds of one lab where its options give none.
const (
	defaultMaxHosts  = 2048
	defaultMaxEvents = 100_000
)

// Backend makes labs of modelled hosts. Its methods may be called from any goroutine.
type Backend struct {
	version pathmanager.Version
	open    atomic.Int64 // labs
}

var _ lab.Backend = (*Backend)(nil)

// New returns a backend. The error tells that the release is not modelled.
func New(o Options) (*Backend, error) {
	if o.Kernel == "" {
		o.Kernel = DefaultKernel
	}
	v, err := pathmanager.ParseVersion(o.Kernel)
	if err != nil {
		return nil, err
	}
	return &Backend{version: v}, nil
}

// Name implements [lab.Backend].
func (b *Backend) Name() string { return "emulator" }

// Describe implements [lab.Backend].
func (b *Backend) Describe() string {
	return fmt.Sprintf("a model of Linux %s, in virtual time", b.version)
}

// Features implements [lab.Backend].
func (b *Backend) Features() lab.Features {
	return lab.Features{Kernel: b.version.String(), List: append(features(), pathmanager.Features(b.version)...)}
}

// Open implements [lab.Backend].
func (b *Backend) Open(ctx context.Context, o lab.Options) (lab.Lab, error) {
	if err := ctx.Err(); err != nil {
		return nil, context.Cause(ctx)
	}
	if o.MaxHosts == 0 {
		o.MaxHosts = defaultMaxHosts
	}
	if o.MaxEvents == 0 {
		o.MaxEvents = defaultMaxEvents
	}
	b.open.Add(1)
	return newLab(b, o), nil
}

// Measured implements [lab.Backend]: a model has nothing to be measured.
func (b *Backend) Measured(context.Context) ([]string, error) { return nil, nil }

// Close implements [lab.Backend]. A lab that is still open is an error.
func (b *Backend) Close() error {
	if n := b.open.Load(); n > 0 {
		return fmt.Errorf("%d labs are still open", n)
	}
	return nil
}

var errNoPrograms = errors.New("a modelled host runs no programs: this needs --backend=kernel")

// features are those that do not depend on the release.
func features() []lab.Feature {
	return []lab.Feature{
		{Name: "mptcp", OK: true, Meaning: "MPTCP sockets"},
		{Name: "ipv6", OK: true, Meaning: "scenarios over IPv6"},
		{Name: "inet_diag", OK: true, Meaning: "connections as inet_diag shows them"},
		{Name: "subflow_diag", OK: true, Meaning: "the subflows of a connection: ULP data in inet_diag"},
		{Name: "full_info", OK: true, Meaning: "MPTCP_FULL_INFO, one snapshot of a connection"},
		{Name: "capture", OK: true, Meaning: "what goes over the wire: packet sockets"},
		{Name: "user_namespaces", OK: true, Meaning: "running without root"},
		{Name: "nf_tables", OK: true, Meaning: "firewalls in hosts"},
		{Name: "reject", OK: true, Meaning: "firewalls that answer"},
		{Name: "conntrack", OK: true, Meaning: "firewalls that track connections"},
		{Name: "nat", OK: true, Meaning: "address translation in hosts"},
		missing("tbf", "rate limits in the kernel: the tbf queueing discipline"),
		missing("netem", "delay and loss in the kernel: the netem queueing discipline"),
	}
}

func missing(name, meaning string) lab.Feature {
	return lab.Feature{Name: name, Meaning: meaning, Reason: "modelled hosts do not have it", Remedy: "--backend=kernel"}
}
