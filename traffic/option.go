//go:build linux

package traffic

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// ErrNoOption tells that no option of a socket has that name.
var ErrNoOption = errors.New("no such socket option")

// options are the options of lab.SocketOptions that are a number or a text, by name.
var options = map[string]struct{ level, number int }{
	"SO_KEEPALIVE":      {unix.SOL_SOCKET, unix.SO_KEEPALIVE},
	"SO_MARK":           {unix.SOL_SOCKET, unix.SO_MARK},
	"SO_PRIORITY":       {unix.SOL_SOCKET, unix.SO_PRIORITY},
	"SO_PROTOCOL":       {unix.SOL_SOCKET, unix.SO_PROTOCOL},
	"SO_RCVBUF":         {unix.SOL_SOCKET, unix.SO_RCVBUF},
	"SO_SNDBUF":         {unix.SOL_SOCKET, unix.SO_SNDBUF},
	"IP_TOS":            {unix.SOL_IP, unix.IP_TOS},
	"IP_TRANSPARENT":    {unix.SOL_IP, unix.IP_TRANSPARENT},
	"IPV6_TCLASS":       {unix.SOL_IPV6, unix.IPV6_TCLASS},
	"IPV6_TRANSPARENT":  {unix.SOL_IPV6, unix.IPV6_TRANSPARENT},
	"TCP_CONGESTION":    {unix.SOL_TCP, unix.TCP_CONGESTION},
	"TCP_CORK":          {unix.SOL_TCP, unix.TCP_CORK},
	"TCP_FASTOPEN":      {unix.SOL_TCP, unix.TCP_FASTOPEN},
	"TCP_INQ":           {unix.SOL_TCP, unix.TCP_INQ},
	"TCP_IS_MPTCP":      {unix.SOL_TCP, 43},
	"TCP_KEEPIDLE":      {unix.SOL_TCP, unix.TCP_KEEPIDLE},
	"TCP_NODELAY":       {unix.SOL_TCP, unix.TCP_NODELAY},
	"TCP_NOTSENT_LOWAT": {unix.SOL_TCP, unix.TCP_NOTSENT_LOWAT},
	"TCP_ULP":           {unix.SOL_TCP, unix.TCP_ULP},
}

// counts are the options that ioctl(2) reads.
var counts = map[string]uint{"FIONREAD": unix.TIOCINQ, "SIOCOUTQ": unix.SIOCOUTQ, "SIOCOUTQNSD": unix.SIOCOUTQNSD}

// Option reads an option of lab.SocketOptions that is a number or a text. The error wraps the kernel's errno, or ErrNoOption.
func (s *Socket) Option(name string) (value any, err error) {
	return value, s.control("read "+name, func(fd int) (err error) {
		value, err = getOption(fd, name)
		return err
	})
}

// SetOption sets an option. The error wraps the kernel's errno, or ErrNoOption.
func (s *Socket) SetOption(o lab.SocketOption) error {
	return s.control("set "+o.Name, func(fd int) error { return setOption(fd, o) })
}

// control does something with the descriptor, and says in an error what it was.
func (s *Socket) control(what string, do func(fd int) error) error {
	raw, err := s.conn.SyscallConn()
	var failed error
	if err == nil {
		err = raw.Control(func(fd uintptr) { failed = do(int(fd)) })
	}
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("%s of the connection from %v to %v: %w", what, s.local, s.remote, bare(err))
	}
	return nil
}

func getOption(fd int, name string) (any, error) {
	if request, ok := counts[name]; ok {
		return unix.IoctlGetInt(fd, request)
	}
	option, ok := options[name]
	if !ok {
		return nil, ErrNoOption
	}
	if isText(name) {
		return unix.GetsockoptString(fd, option.level, option.number)
	}
	return unix.GetsockoptInt(fd, option.level, option.number)
}

func setOption(fd int, o lab.SocketOption) error {
	option, ok := options[o.Name]
	if !ok {
		return ErrNoOption
	}
	switch v := o.Value.(type) {
	case int:
		return unix.SetsockoptInt(fd, option.level, option.number, v)
	case string:
		return unix.SetsockoptString(fd, option.level, option.number, v)
	}
	return fmt.Errorf("%w: a value of type %T", syscall.EINVAL, o.Value)
}

func isText(name string) bool {
	for _, k := range lab.SocketOptions() {
		if k.Name == name {
			return k.Text
		}
	}
	return false
}

// setOptions sets the options of a socket that is neither connected nor listening.
func setOptions(f *os.File, all []lab.SocketOption) error {
	for _, o := range all {
		if err := setOption(int(f.Fd()), o); err != nil {
			return fmt.Errorf("set %s: %w", o.Name, err)
		}
	}
	return nil
}
