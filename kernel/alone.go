package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// To the kernel, a path manager in userspace works as soon as anybody listens to path-manager events, in any network namespace of
// the machine (mptcp_userspace_pm_active in net/mptcp/pm_netlink.c): genl_has_listeners knows no namespaces. What a host does
// without one can be seen only when nobody listens.

var errNobodyListens = errors.New("the lab listens to no events, since its case asked to be alone")

// nobodyListens reports who listens to path-manager events, if somebody is known to: another lab of this backend, or a
// program. A program's listener in a namespace without any process is not seen.
func (b *Backend) nobodyListens() error {
	if n := b.listeners.Load(); n > 0 {
		return fmt.Errorf("the case cannot be alone: %d hosts of another lab listen to path-manager events", n)
	}
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
