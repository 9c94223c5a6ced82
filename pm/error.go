package pm

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"

	"github.com/mdlayher/netlink"
)

var (
	// ErrNotSupported tells that the kernel was built without MPTCP or is older than 5.6.
	ErrNotSupported = errors.New("this kernel has no MPTCP path manager (CONFIG_MPTCP)")

	// ErrNoEvents tells that the kernel is older than 5.12, or that Config.Family lacks the group.
	ErrNoEvents = errors.New("this kernel sends no path-manager events (Linux 5.12 and newer do)")

	// ErrOverrun tells that events were lost, because they were not received fast enough.
	// The monitor stays usable: what is still queued, and what comes later, can be received.
	ErrOverrun = errors.New("events were lost: the receive buffer was full")

	// ErrInterrupted tells that the table of endpoints changed during every attempt to list it.
	ErrInterrupted = errors.New("the table kept changing while it was read")
)

// Error is the kernel's refusal of a request. errors.Is finds its Errno, and through it fs.ErrExist and the like.
type Error struct {
	Op      string        // what was asked: "add endpoint 10.0.2.1 signal"
	Errno   syscall.Errno // why not, by the number that Linux has: see the type [Errno]
	Message string        // the kernel's own words (extended acknowledgement); may be empty
	Attr    string        // the attribute of the request that the kernel objects to: "SUBFLOWS"; may be empty
}

// Error says what was asked and why it was refused:
// "add endpoint 10.0.2.1: file exists: too many addresses or duplicate one: -17".
func (e *Error) Error() string {
	parts := []string{e.Op, Errno(e.Errno).Error()}
	if e.Message != "" {
		parts = append(parts, e.Message)
	}
	text := strings.Join(parts, ": ")
	if e.Errno == eperm {
		text += " (this needs CAP_NET_ADMIN over the network namespace)"
	}
	return text
}

// Unwrap returns the error number, as an [Errno].
func (e *Error) Unwrap() error { return Errno(e.Errno) }

// newError tells what was being done, and turns an error number with what the kernel said about it into an [Error].
// The attributes are those of the request.
func newError(op string, err error, attrs []byte) error {
	err = closedOr(err)
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("%s: %w", op, err)
	}
	e := &Error{Op: op, Errno: errno}
	var reply *netlink.OpError
	if errors.As(err, &reply) {
		e.Message = reply.Message
		e.Attr = attrAt(attrs, reply.Offset)
	}
	return e
}

// closedOr returns fs.ErrClosed for the error number that package socket gives for a socket that was closed.
func closedOr(err error) error {
	if errors.Is(err, ebadf) {
		return fs.ErrClosed
	}
	return err
}

// attrAt names the attribute of a request that holds the byte at offset, which counts from the start of the message.
func attrAt(attrs []byte, offset int) string {
	const headers = 16 + 4 // struct nlmsghdr, struct genlmsghdr
	list, err := netlink.UnmarshalAttributes(attrs)
	if err != nil {
		return ""
	}
	start := headers
	for _, a := range list {
		end := start + (int(a.Length)+3)&^3 // attributes begin at multiples of 4
		if start <= offset && offset < end {
			return requestAttrs[a.Type&^netlink.Nested]
		}
		start = end
	}
	return ""
}
