package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/pm"
)

// To the kernel, a path manager in userspace works as soon as anybody listens to path-manager events, in any network namespace of
// the machine (mptcp_userspace_pm_active in net/mptcp/pm_netlink.c): genl_has_listeners knows no namespaces. What a host does
// without one can be seen only when nobody listens.

var errNobodyListens = errors.New("the lab listens to no events, since its case asked to be alone")

// nobodyListens reports who listens to path-manager events, if somebody does: another lab of this backend, a program, or
// somebody who cannot be found, in a namespace without any process.
func (b *Backend) nobodyListens(ctx context.Context) error {
	if n := b.listeners.Load(); n > 0 {
		return fmt.Errorf("the case cannot be alone: %d hosts of another lab listen to path-manager events", n)
	}
	if err := b.findListener(); err != nil {
		return err
	}
	active, err := b.userspaceActive(ctx)
	if err != nil {
		return fmt.Errorf("find out whether the case can be alone: %w", err)
	}
	if active {
		return errors.New("the case cannot be alone: somebody listens to path-manager events in a network namespace that no process is in, such as another run: wait for its end")
	}
	return nil
}

// userspaceActive asks the kernel whether it takes a path manager in userspace to be at work: only then it echoes an ADD_ADDR.
func (b *Backend) userspaceActive(ctx context.Context) (active bool, err error) {
	l := newLab(b, lab.Options{Alone: true, MaxHosts: 1, MaxEvents: defaultMaxEvents})
	defer func() { err = errors.Join(err, l.Close()) }()
	h, err := l.Host(ctx, "probe", lab.HostOptions{Sysctl: map[string]string{"net.mptcp.pm_type": "1"}})
	if err != nil {
		return false, err
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	listener, err := h.Listen(ctx, lab.ListenOptions{Address: netip.AddrPortFrom(loopback, 0)})
	if err != nil {
		return false, err
	}
	client, err := h.Dial(ctx, lab.DialOptions{Remote: listener.Address()})
	if err != nil {
		return false, err
	}
	server, err := listener.Accept(ctx)
	if err != nil {
		return false, err
	}
	for _, way := range [][2]lab.Socket{{client, server}, {server, client}} { // both ends then know that the other speaks MPTCP
		if err := way[0].Send(ctx, 1); err != nil {
			return false, err
		}
		if err := way[1].Receive(ctx, 1); err != nil {
			return false, err
		}
	}
	conn, err := client.Conn()
	if err != nil {
		return false, err
	}
	announced := pm.Endpoint{Address: netip.MustParseAddr("127.0.0.2"), ID: 1, Flags: pm.FlagSignal}
	if err := h.PathManager().Announce(conn.Token, announced); err != nil {
		return false, err
	}
	answered, err := l.Wait(ctx, goneWithin, func() (bool, error) {
		c, err := h.Counters()
		active = c["EchoAddTx"] > 0
		return active || c["AddAddrDrop"] > 0, err
	})
	if err == nil && !answered {
		err = errors.New("the kernel neither echoes nor drops an ADD_ADDR")
	}
	return active, err
}

// findListener finds a program that listens, for the error.
func (b *Backend) findListener() error {
	tables, err := filepath.Glob("/proc/[0-9]*/net/netlink")
	if err != nil {
		return err
	}
	seen := map[string]bool{} // namespaces
	for _, table := range tables {
		process := strings.Split(table, "/")[2]
		ns, err := os.Readlink("/proc/" + process + "/ns/net")
		if err != nil || seen[ns] {
			continue // it has ended, or is another user's
		}
		seen[ns] = true
		text, err := os.ReadFile(table)
		if err != nil {
			continue
		}
		if port, listens := listenerIn(string(text), b.family.Events); listens {
			return fmt.Errorf("the case cannot be alone: a program listens to path-manager events (netlink port %s in the network namespace of process %s): end it", port, process)
		}
	}
	return nil
}

// listenerIn finds a socket in a table of netlink sockets (/proc/net/netlink) that is in a group of generic netlink: its port.
// The table shows the first 32 groups only.
func listenerIn(table string, group uint32) (port string, found bool) {
	for line := range strings.Lines(table) {
		fields := strings.Fields(line)
		if len(fields) < 4 || fields[1] != strconv.Itoa(unix.NETLINK_GENERIC) {
			continue
		}
		groups, err := strconv.ParseUint(fields[3], 16, 32)
		if err == nil && group >= 1 && group <= 32 && groups&(1<<(group-1)) != 0 {
			return fields[2], true
		}
	}
	return "", false
}
