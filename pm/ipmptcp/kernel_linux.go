package ipmptcp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// The generic netlink family, and its group of events.
const (
	familyName = "mptcp_pm"
	eventGroup = "mptcp_pm_events"
)

// filterSkipStats leaves the statistics out of a list of interfaces (RTEXT_FILTER_SKIP_STATS).
const filterSkipStats = 1 << 3

// Open connects to the kernel's path manager.
func (k Kernel) Open(ctx context.Context, receiveBuffer int) (Manager, error) {
	conn, err := netlink.Dial(unix.NETLINK_GENERIC, &netlink.Config{NetNS: k.NetNS})
	if err != nil {
		return nil, fmt.Errorf("open a generic netlink socket: %w", err)
	}
	// Kernels before 4.12 have no texts, and a receive buffer of another size does no harm.
	_ = conn.SetOption(netlink.ExtendedAcknowledge, true)
	_ = conn.SetReadBuffer(receiveBuffer)
	m := &kernelManager{netns: k.NetNS, conn: conn}
	if err := m.resolve(ctx); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return m, nil
}

// Named opens a namespace that "ip netns" made.
func (Kernel) Named(_ context.Context, name string) (Namespace, error) {
	file, err := os.Open("/var/run/netns/" + name)
	if err != nil {
		return nil, usageError("Cannot open network namespace %s: %s", quote(name), errorText(err))
	}
	ns := namedKernel{file}
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: int(file.Fd())})
	if err != nil {
		return nil, errors.Join(usageError("setting the network namespace %s failed: %s", quote(name), errorText(err)), file.Close())
	}
	return ns, conn.Close()
}

// namedKernel is a namespace that lives as long as its file is held; the file is closed when nobody holds it any more.
type namedKernel struct{ file *os.File }

func (k namedKernel) Open(ctx context.Context, receiveBuffer int) (Manager, error) {
	m, err := Kernel{NetNS: int(k.file.Fd())}.Open(ctx, receiveBuffer)
	if err != nil {
		return nil, err
	}
	m.(*kernelManager).file = k.file
	return m, nil
}

func (k namedKernel) Named(ctx context.Context, name string) (Namespace, error) {
	return Kernel{}.Named(ctx, name)
}

// kernelManager is the kernel's path manager, through one socket.
type kernelManager struct {
	netns  int
	file   *os.File // holds netns, if it was opened by name
	conn   *netlink.Conn
	family uint16
	group  uint32 // of events
}

// Close closes the socket.
func (m *kernelManager) Close() error { return m.conn.Close() }

// resolve asks for the numbers of the family and of its group.
func (m *kernelManager) resolve(ctx context.Context) error {
	e := netlink.NewAttributeEncoder()
	e.String(unix.CTRL_ATTR_FAMILY_NAME, familyName)
	name, err := e.Encode()
	if err != nil {
		return err
	}
	reply, err := m.exchange(ctx, unix.GENL_ID_CTRL, unix.CTRL_CMD_GETFAMILY, netlink.Request, name)
	if err != nil {
		return err
	}
	for _, message := range reply.Messages {
		d, err := netlink.NewAttributeDecoder(message.Attrs)
		if err != nil {
			return err
		}
		for d.Next() {
			switch d.Type() {
			case unix.CTRL_ATTR_FAMILY_ID:
				m.family = d.Uint16()
			case unix.CTRL_ATTR_MCAST_GROUPS:
				d.Nested(m.findGroup)
			}
		}
		if err := d.Err(); err != nil {
			return err
		}
	}
	return nil
}

func (m *kernelManager) findGroup(groups *netlink.AttributeDecoder) error {
	for groups.Next() {
		var name string
		var id uint32
		groups.Nested(func(group *netlink.AttributeDecoder) error {
			for group.Next() {
				switch group.Type() {
				case unix.CTRL_ATTR_MCAST_GRP_NAME:
					name = group.String()
				case unix.CTRL_ATTR_MCAST_GRP_ID:
					id = group.Uint32()
				}
			}
			return nil
		})
		if name == eventGroup {
			m.group = id
		}
	}
	return nil
}

// Do sends a request and receives the answer.
func (m *kernelManager) Do(ctx context.Context, r Request) (Reply, error) {
	flags := netlink.Request
	switch {
	case r.Dump:
		flags |= netlink.Dump
	case !r.answered():
		flags |= netlink.Acknowledge
	}
	return m.exchange(ctx, m.family, uint8(r.Cmd), flags, r.Attrs)
}

func (m *kernelManager) exchange(ctx context.Context, family uint16, cmd uint8, flags netlink.HeaderFlags, attrs []byte) (Reply, error) {
	request := netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(family), Flags: flags},
		Data:   append([]byte{cmd, version, 0, 0}, attrs...),
	}
	sent, err := m.conn.Send(request)
	if err != nil {
		return Reply{}, err
	}
	c := collector{seq: sent.Header.Sequence, dump: flags&netlink.Dump == netlink.Dump}
	for {
		messages, err := m.receive(ctx)
		if err != nil {
			return c.reply, err
		}
		for _, message := range messages {
			if last, err := c.take(message); last || err != nil {
				return c.reply, err
			}
		}
	}
}

// receive waits for one datagram.
func (m *kernelManager) receive(ctx context.Context) ([]message, error) {
	stop := context.AfterFunc(ctx, func() { _ = m.conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	raw, err := m.conn.SyscallConn()
	if err != nil {
		return nil, err
	}
	var datagram []byte
	var failed error
	err = raw.Read(func(fd uintptr) bool {
		datagram, failed = receive(int(fd))
		return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
	})
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case err != nil:
		return nil, err
	case failed != nil:
		return nil, failed
	}
	return splitMessages(datagram)
}

// receive takes a datagram of any size.
func receive(fd int) ([]byte, error) {
	size, _, err := unix.Recvfrom(fd, nil, unix.MSG_PEEK|unix.MSG_TRUNC|unix.MSG_DONTWAIT)
	if err != nil {
		return nil, err
	}
	b := make([]byte, size)
	n, _, err := unix.Recvfrom(fd, b, unix.MSG_DONTWAIT)
	return b[:max(n, 0)], err
}

// Listen joins the group of events, with the same socket.
func (m *kernelManager) Listen(context.Context) (Listener, error) {
	if m.group == 0 {
		return nil, unix.ENOENT
	}
	if err := m.conn.JoinGroup(m.group); err != nil {
		return nil, err
	}
	return kernelListener{m}, nil
}

type kernelListener struct{ m *kernelManager }

// Receive waits for events.
func (l kernelListener) Receive(ctx context.Context) ([]Message, error) {
	for {
		messages, err := l.m.receive(ctx)
		if err != nil {
			return nil, err
		}
		var events []Message
		for _, message := range messages {
			if message.typ != l.m.family {
				continue
			}
			event, err := message.generic()
			if err != nil {
				return events, err
			}
			events = append(events, event)
		}
		if len(events) > 0 {
			return events, nil
		}
	}
}

// Links lists the interfaces.
func (m *kernelManager) Links(context.Context) ([]Link, error) {
	conn, err := netlink.Dial(unix.NETLINK_ROUTE, &netlink.Config{NetNS: m.netns})
	runtime.KeepAlive(m.file)
	if err != nil {
		return nil, fmt.Errorf("open a route netlink socket: %w", err)
	}
	defer conn.Close()
	e := netlink.NewAttributeEncoder()
	e.Uint32(unix.IFLA_EXT_MASK, filterSkipStats)
	mask, err := e.Encode()
	if err != nil {
		return nil, err
	}
	replies, err := conn.Execute(netlink.Message{
		Header: netlink.Header{Type: unix.RTM_GETLINK, Flags: netlink.Request | netlink.Dump},
		Data:   append(make([]byte, unix.SizeofIfInfomsg), mask...),
	})
	if err != nil {
		return nil, fmt.Errorf("list interfaces: %w", err)
	}
	links := make([]Link, 0, len(replies))
	for _, reply := range replies {
		l, err := parseLink(reply.Data)
		if err != nil {
			return nil, fmt.Errorf("list interfaces: %w", err)
		}
		links = append(links, l)
	}
	return links, nil
}

// parseLink reads an answer to RTM_GETLINK.
func parseLink(data []byte) (Link, error) {
	if len(data) < unix.SizeofIfInfomsg {
		return Link{}, errMalformed
	}
	l := Link{Index: int32(binary.NativeEndian.Uint32(data[4:]))}
	d, err := netlink.NewAttributeDecoder(data[unix.SizeofIfInfomsg:])
	if err != nil {
		return Link{}, err
	}
	for d.Next() {
		switch d.Type() {
		case unix.IFLA_IFNAME:
			l.Name = d.String()
		case unix.IFLA_PROP_LIST:
			d.Nested(l.readAltNames)
		}
	}
	return l, d.Err()
}

func (l *Link) readAltNames(list *netlink.AttributeDecoder) error {
	for list.Next() {
		if list.Type() == unix.IFLA_ALT_IFNAME {
			l.AltNames = append(l.AltNames, list.String())
		}
	}
	return nil
}
