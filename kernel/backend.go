package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/forward"
	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/live"
	"github.com/mptcp-lab/mptcp-lab/netns"
	"github.com/mptcp-lab/mptcp-lab/observe"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// The bounds of one lab where its options give none.
const (
	defaultMaxHosts  = 2048
	defaultMaxEvents = 100_000
)

// goneWithin is how long closed namespaces may take to leave the kernel: it frees them in batches, some 10 to 100 ms each.
const goneWithin = 20 * time.Second

// Backend makes labs of this machine's kernel. Its methods may be called from any goroutine.
type Backend struct {
	release   release
	family    pm.Family
	registry  *netns.Registry
	supply    *supply          // of hosts
	stamping  *observe.Capture // see keepStamping
	features  func() lab.Features
	delays    [2]atomic.Bool // whether links delayed, and whether as precisely as the machine can
	guard     guard
	listeners atomic.Int64 // to events, of all labs
	close     func() error
}

var _ lab.Backend = (*Backend)(nil)

// Open finds out whether this process can build labs on the kernel, and says why when it cannot: it needs network
// namespaces, MPTCP and the mptcp_pm family.
func Open(ctx context.Context) (*Backend, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	release, err := kernelRelease()
	if err != nil {
		return nil, err
	}
	if err := mptcpSockets(); err != nil {
		return nil, err
	}
	family, err := pm.LookupFamily()
	if err != nil {
		return nil, err
	}
	raiseFiles()
	registry, err := netns.NewRegistry()
	if errors.Is(err, unix.EPERM) {
		return nil, fmt.Errorf("hosts need CAP_SYS_ADMIN and CAP_NET_ADMIN, of root or in a user namespace: %w", err)
	}
	if err != nil {
		return nil, err
	}
	b := &Backend{release: release, family: family, registry: registry}
	if err := b.keepStamping(ctx); err != nil {
		return nil, errors.Join(err, registry.Close())
	}
	b.supply = newSupply(registry)
	b.features = sync.OnceValue(func() lab.Features { return probe(b) })
	b.close = sync.OnceValue(b.letGo)
	return b, nil
}

// Name implements [lab.Backend].
func (b *Backend) Name() string { return "kernel" }

// Describe implements [lab.Backend].
func (b *Backend) Describe() string {
	who := "root"
	if netns.InUserNamespace() {
		who = "root of a user namespace"
	} else if os.Geteuid() != 0 {
		who = fmt.Sprintf("uid %d with the needed capabilities", os.Geteuid())
	}
	return fmt.Sprintf("Linux %s, %s", b.release.name, who)
}

// Features implements [lab.Backend]. The first call probes the kernel, in a namespace of its own.
func (b *Backend) Features() lab.Features { return b.features() }

// Open implements [lab.Backend].
func (b *Backend) Open(ctx context.Context, o lab.Options) (lab.Lab, error) {
	if o.Alone {
		if err := b.nobodyListens(ctx); err != nil {
			return nil, err
		}
	}
	if o.MaxHosts == 0 {
		o.MaxHosts = defaultMaxHosts
	}
	if o.MaxEvents == 0 {
		o.MaxEvents = defaultMaxEvents
	}
	l := newLab(b, o)
	var err error
	if l.live, err = live.Open(o.Name); err != nil {
		return nil, fmt.Errorf("open a lab: %w", tooManyFiles(err))
	}
	b.supply.opens()
	return l, nil
}

// Measured implements [lab.Backend].
func (b *Backend) Measured(ctx context.Context) ([]string, error) {
	const delay, probes = time.Millisecond, 200
	var lines []string
	for i, words := range []string{"links", "accurate links"} {
		if !b.delays[i].Load() {
			continue
		}
		reached, err := forward.Calibrate(ctx, delay, probes, i == 1)
		if err != nil {
			return nil, fmt.Errorf("how precisely %s delay: %w", words, err)
		}
		lines = append(lines, words+": "+reached.String())
	}
	return lines, nil
}

// Close waits until the kernel has let go of every namespace that a lab made; one that stays is an error, and so is a lab that
// is still open. Closing again returns the same.
func (b *Backend) Close() error { return b.close() }

func (b *Backend) letGo() error {
	ctx, cancel := context.WithTimeout(context.Background(), goneWithin)
	defer cancel()
	unused := b.supply.close()
	err := b.registry.WaitGone(ctx)
	if err != nil {
		err = fmt.Errorf("namespaces left in the kernel: %w", err)
	}
	return errors.Join(unused, err, b.guard.close(), b.stamping.Close(), b.registry.Close())
}

// mptcpSockets reports why this kernel makes no MPTCP socket, if it does not. It asks in the current namespace, where
// net.mptcp.enabled may be 0; a lab's namespaces start with 1, so ENOPROTOOPT is no obstacle.
func mptcpSockets() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
	if err == nil {
		return unix.Close(fd)
	}
	if errors.Is(err, unix.ENOPROTOOPT) {
		return nil
	}
	return fmt.Errorf("this kernel has no MPTCP sockets (needs Linux 5.6 or later with CONFIG_MPTCP): %w", err)
}
