package knowledge

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

const solMPTCP = 284 // include/linux/socket.h

// option is a socket option to be tried on MPTCP sockets.
type option struct {
	name          string
	level, number int
}

// options are those that MPTCP sockets had to learn one by one, so that it differs between kernels (net/mptcp/sockopt.c).
var options = []option{
	{"MPTCP_INFO", solMPTCP, 1},
	{"MPTCP_TCPINFO", solMPTCP, 2},
	{"MPTCP_SUBFLOW_ADDRS", solMPTCP, 3},
	{"MPTCP_FULL_INFO", solMPTCP, 4},
	{"TCP_NODELAY", unix.SOL_TCP, unix.TCP_NODELAY},
	{"TCP_MAXSEG", unix.SOL_TCP, unix.TCP_MAXSEG},
	{"TCP_CORK", unix.SOL_TCP, unix.TCP_CORK},
	{"TCP_KEEPIDLE", unix.SOL_TCP, unix.TCP_KEEPIDLE},
	{"TCP_KEEPINTVL", unix.SOL_TCP, unix.TCP_KEEPINTVL},
	{"TCP_KEEPCNT", unix.SOL_TCP, unix.TCP_KEEPCNT},
	{"TCP_SYNCNT", unix.SOL_TCP, unix.TCP_SYNCNT},
	{"TCP_LINGER2", unix.SOL_TCP, unix.TCP_LINGER2},
	{"TCP_DEFER_ACCEPT", unix.SOL_TCP, unix.TCP_DEFER_ACCEPT},
	{"TCP_WINDOW_CLAMP", unix.SOL_TCP, unix.TCP_WINDOW_CLAMP},
	{"TCP_INFO", unix.SOL_TCP, unix.TCP_INFO},
	{"TCP_QUICKACK", unix.SOL_TCP, unix.TCP_QUICKACK},
	{"TCP_CONGESTION", unix.SOL_TCP, unix.TCP_CONGESTION},
	{"TCP_USER_TIMEOUT", unix.SOL_TCP, unix.TCP_USER_TIMEOUT},
	{"TCP_FASTOPEN", unix.SOL_TCP, unix.TCP_FASTOPEN},
	{"TCP_NOTSENT_LOWAT", unix.SOL_TCP, unix.TCP_NOTSENT_LOWAT},
	{"TCP_SAVE_SYN", unix.SOL_TCP, unix.TCP_SAVE_SYN},
	{"TCP_FASTOPEN_CONNECT", unix.SOL_TCP, unix.TCP_FASTOPEN_CONNECT},
	{"TCP_ULP", unix.SOL_TCP, unix.TCP_ULP},
	{"TCP_FASTOPEN_KEY", unix.SOL_TCP, unix.TCP_FASTOPEN_KEY},
	{"TCP_FASTOPEN_NO_COOKIE", unix.SOL_TCP, unix.TCP_FASTOPEN_NO_COOKIE},
	{"TCP_INQ", unix.SOL_TCP, unix.TCP_INQ},
	{"TCP_IS_MPTCP", unix.SOL_TCP, 43},
	{"IP_TOS", unix.SOL_IP, unix.IP_TOS},
	{"IP_FREEBIND", unix.SOL_IP, unix.IP_FREEBIND},
	{"IP_TRANSPARENT", unix.SOL_IP, unix.IP_TRANSPARENT},
	{"IP_BIND_ADDRESS_NO_PORT", unix.SOL_IP, unix.IP_BIND_ADDRESS_NO_PORT},
	{"IP_LOCAL_PORT_RANGE", unix.SOL_IP, 51},
	{"IPV6_V6ONLY", unix.SOL_IPV6, unix.IPV6_V6ONLY},
	{"IPV6_TRANSPARENT", unix.SOL_IPV6, unix.IPV6_TRANSPARENT},
	{"IPV6_FREEBIND", unix.SOL_IPV6, unix.IPV6_FREEBIND},
	{"IPV6_TCLASS", unix.SOL_IPV6, unix.IPV6_TCLASS},
}

// askOptions tries to read and to set each option on a fresh socket: a kernel that knows an option may still refuse a value,
// but with another error.
func askOptions() ([]Item, error) {
	var items []Item
	for _, o := range options {
		family := unix.AF_INET
		if o.level == unix.SOL_IPV6 {
			family = unix.AF_INET6
		}
		fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_MPTCP)
		if err != nil {
			return nil, fmt.Errorf("MPTCP socket: %w", err)
		}
		how := ""
		if _, err := unix.GetsockoptString(fd, o.level, o.number); knows(err) {
			how = "get"
		}
		if knows(unix.SetsockoptInt(fd, o.level, o.number, 1)) {
			how = join(how, "set")
		}
		_ = unix.Close(fd)
		if how != "" {
			items = append(items, Item{Option, o.name, how})
		}
	}
	return items, nil
}

func knows(err error) bool {
	return !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOPROTOOPT)
}

func join(a, b string) string {
	if a == "" {
		return b
	}
	return a + ", " + b
}
