package netns

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// settleTime bounds the waits for work that the kernel has put off; it normally takes microseconds.
const settleTime = 5 * time.Second

// conn speaks rtnetlink with one namespace. The messages are encoded with package nl; they are sent through
// mdlayher/netlink, which batches and reads the kernel's extended acks.
type conn struct {
	ns   *Namespace
	mu   sync.Mutex // one exchange at a time
	sock *netlink.Conn
}

// request is a netlink message and what it does, for error messages.
type request struct {
	what    string
	message netlink.Message
	ignored []syscall.Errno
}

// newRequest makes a request of a fixed header and attributes.
func newRequest(what string, kind, flags int, parts ...nl.NetlinkRequestData) request {
	var data []byte
	for _, p := range parts {
		data = append(data, p.Serialize()...)
	}
	return request{what: what, message: netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(kind), Flags: netlink.Request | netlink.HeaderFlags(flags)},
		Data:   data,
	}}
}

// ignoring returns the request such that these errors count as success.
func (r request) ignoring(errno ...syscall.Errno) request {
	r.ignored = errno
	return r
}

// failure is err as the error of the request, nil when it is to be ignored.
func (r request) failure(err error) error {
	var errno syscall.Errno
	if errors.As(err, &errno) && slices.Contains(r.ignored, errno) {
		return nil
	}
	return fmt.Errorf("%s: %w", r.what, kernelError(err))
}

// kernelError drops the plumbing from an error of mdlayher/netlink, and keeps the errno and the extended ack.
func kernelError(err error) error {
	var op *netlink.OpError
	if !errors.As(err, &op) {
		return err
	}
	if op.Message == "" {
		return op.Err
	}
	return fmt.Errorf("%w (%s)", op.Err, op.Message)
}

func dial(family int) (*netlink.Conn, error) {
	sock, err := netlink.Dial(family, &netlink.Config{Strict: true})
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", kernelError(err))
	}
	return sock, nil
}

// dialRoute opens the rtnetlink socket of ns, into which the calling thread has entered.
func dialRoute(ns *Namespace) (*conn, error) {
	sock, err := dial(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, err
	}
	return &conn{ns: ns, sock: sock}, nil
}

func (c *conn) close() error { return c.sock.Close() }

// do sends the requests in one message to the kernel, which carries out all of them in order, also after an error.
func (c *conn) do(requests ...request) error {
	if len(requests) == 0 {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return transact(c.sock, requests)
}

// transact sends requests and returns the first error, which explains those that follow. Only the last request asks for an
// acknowledgement: the kernel reports errors anyway.
func transact(sock *netlink.Conn, requests []request) error {
	messages := make([]netlink.Message, len(requests))
	for i, r := range requests {
		messages[i] = r.message
	}
	last := len(messages) - 1
	messages[last].Header.Flags |= netlink.Acknowledge
	sent, err := sock.SendMessages(messages)
	if err != nil {
		return fmt.Errorf("%s: %w", requests[0].what, kernelError(err))
	}
	var first error
	for {
		replies, err := sock.Receive()
		seq, err := answered(replies, err)
		if seq == 0 {
			return fmt.Errorf("%s: %w", requests[0].what, kernelError(err))
		}
		i := int(seq - sent[0].Header.Sequence)
		if i < 0 || i > last {
			continue
		}
		if err != nil && first == nil {
			first = requests[i].failure(err)
		}
		if i == last {
			return first
		}
	}
}

// answered tells which request a reply belongs to: 0 when the socket itself failed.
func answered(replies []netlink.Message, err error) (uint32, error) {
	if err == nil {
		return replies[len(replies)-1].Header.Sequence, nil
	}
	var op *netlink.OpError
	if errors.As(err, &op) {
		return op.Sequence, err
	}
	return 0, err
}

// get sends one request and returns what the kernel answers: one message, or all of a dump.
func (c *conn) get(r request) ([]netlink.Message, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return query(c.sock, r)
}

// query does get on a socket. A dump that a change has interrupted is taken again.
func query(sock *netlink.Conn, r request) ([]netlink.Message, error) {
	for {
		replies, err := sock.Execute(r.message)
		if err != nil {
			return nil, r.failure(err)
		}
		interrupted := slices.ContainsFunc(replies, func(m netlink.Message) bool {
			return m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
		})
		if !interrupted {
			return replies, nil
		}
	}
}

// quickLooks is how often a condition is looked at before notifications are subscribed to: what the kernel leaves to a work queue
// is mostly done within some 50 µs, in which no socket for them can be opened.
const quickLooks = 6

// until evaluates done until it holds, each time that something was sent to the multicast group.
func (c *conn) until(ctx context.Context, group uint32, done func() (bool, error)) error {
	for range quickLooks {
		if ok, err := done(); ok || err != nil {
			return err
		}
	}
	var watch *netlink.Conn
	err := c.ns.Do(func() (err error) {
		watch, err = dial(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return err
	}
	defer watch.Close()
	if err := watch.JoinGroup(group); err != nil {
		return fmt.Errorf("join rtnetlink group %d: %w", group, kernelError(err))
	}
	stop := context.AfterFunc(ctx, func() { _ = watch.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		if _, err := watch.Receive(); ctx.Err() != nil {
			return context.Cause(ctx)
		} else if err != nil && !errors.Is(err, unix.ENOBUFS) { // lost notifications: look again
			return fmt.Errorf("receive from rtnetlink group %d: %w", group, kernelError(err))
		}
	}
}

// settle is until with a bound, for what the kernel does by itself.
func (c *conn) settle(what string, group uint32, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeoutCause(context.Background(), settleTime,
		fmt.Errorf("not within %s", settleTime))
	defer cancel()
	if err := c.until(ctx, group, done); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

// Attributes of netlink messages.

func u8(kind int, v uint8) *nl.RtAttr      { return nl.NewRtAttr(kind, []byte{v}) }
func u32(kind int, v uint32) *nl.RtAttr    { return nl.NewRtAttr(kind, nl.Uint32Attr(v)) }
func text(kind int, v string) *nl.RtAttr   { return nl.NewRtAttr(kind, nl.ZeroTerminated(v)) }
func octets(kind int, v []byte) *nl.RtAttr { return nl.NewRtAttr(kind, v) }
func nest(kind int, children ...nl.NetlinkRequestData) *nl.RtAttr {
	var data []byte
	for _, c := range children {
		data = append(data, c.Serialize()...)
	}
	return nl.NewRtAttr(kind|unix.NLA_F_NESTED, data)
}
