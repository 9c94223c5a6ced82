package pm

import (
	"errors"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/mdlayher/genetlink"
	"github.com/mdlayher/genetlink/genltest"
	"github.com/mdlayher/netlink"
	"github.com/mdlayher/netlink/nltest"
	"github.com/stretchr/testify/require"
)

// reply is one message of the answer to a dump, with an endpoint.
func reply(t *testing.T, request netlink.Message, flags netlink.HeaderFlags, e Endpoint) netlink.Message {
	t.Helper()
	attrs, err := e.request()
	require.NoError(t, err)
	data, err := genetlink.Message{Header: genetlink.Header{Command: uint8(cmdGetAddr)}, Data: attrs}.MarshalBinary()
	require.NoError(t, err)
	return netlink.Message{
		Header: netlink.Header{Type: 42, Flags: flags, Sequence: request.Header.Sequence, PID: request.Header.PID},
		Data:   data,
	}
}

// interruptedDumps is a client whose first n lists are interrupted.
func interruptedDumps(t *testing.T, n int) *Client {
	t.Helper()
	conn := nltest.Dial(func(requests []netlink.Message) ([]netlink.Message, error) {
		if len(requests) == 0 {
			return nil, io.EOF
		}
		if n > 0 {
			n--
			return []netlink.Message{reply(t, requests[0], netlink.DumpInterrupted, Endpoint{ID: 9})}, nil
		}
		return []netlink.Message{reply(t, requests[0], 0, Endpoint{ID: 1})}, nil
	})
	return &Client{family: Family{ID: 42}, conn: genetlink.NewConn(conn)}
}

func TestInterruptedDumpIsRepeated(t *testing.T) {
	got, err := interruptedDumps(t, maxDumps-1).Endpoints()
	require.NoError(t, err)
	require.Equal(t, []Endpoint{{ID: 1}}, got)
}

func TestInterruptedDumpsEnd(t *testing.T) {
	_, err := interruptedDumps(t, maxDumps).Endpoints()
	require.ErrorIs(t, err, ErrInterrupted)
	require.ErrorContains(t, err, "list endpoints: ")
}

func TestKernelWithoutMPTCP(t *testing.T) {
	conn := genltest.Dial(func(genetlink.Message, netlink.Message) ([]genetlink.Message, error) {
		return nil, genltest.Error(int(syscall.ENOENT))
	})
	_, err := lookup(conn)
	require.ErrorIs(t, err, ErrNotSupported)
	require.EqualError(t, err, "look up family mptcp_pm: this kernel has no MPTCP path manager (CONFIG_MPTCP)")
}

func TestKernelWithoutEvents(t *testing.T) {
	require.ErrorIs(t, join(nil, Family{ID: 42}), ErrNoEvents)
}

func TestError(t *testing.T) {
	limits, err := LimitsUpdate{AddAddrAccepted: new(uint32(1)), Subflows: new(uint32(9))}.request()
	require.NoError(t, err)
	refusal := func(errno syscall.Errno, message string, offset int) error {
		return &netlink.OpError{Op: "receive", Err: errno, Message: message, Offset: offset}
	}
	tests := []struct {
		name string
		err  error
		want Error
		text string
	}{
		{
			"bare", refusal(syscall.EINVAL, "", 0),
			Error{Op: "set limits", Errno: syscall.EINVAL},
			"set limits: invalid argument",
		},
		{
			"with text and attribute", refusal(syscall.EINVAL, "limit greater than maximum (8)", 28),
			Error{Op: "set limits", Errno: syscall.EINVAL, Message: "limit greater than maximum (8)", Attr: "SUBFLOWS"},
			"set limits: invalid argument: limit greater than maximum (8)",
		},
		{
			"attribute beyond the end", refusal(syscall.EINVAL, "x", 36),
			Error{Op: "set limits", Errno: syscall.EINVAL, Message: "x"},
			"set limits: invalid argument: x",
		},
		{
			"not permitted", os.NewSyscallError("setsockopt", syscall.EPERM),
			Error{Op: "set limits", Errno: syscall.EPERM},
			"set limits: operation not permitted (this needs CAP_NET_ADMIN over the network namespace)",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := newError("set limits", tt.err, limits)
			require.Equal(t, &tt.want, got)
			require.EqualError(t, got, tt.text)
			require.ErrorIs(t, got, tt.want.Errno)
		})
	}
}

func TestErrorOfAClosedSocket(t *testing.T) {
	err := newError("get limits", os.NewSyscallError("sendmsg", syscall.EBADF), nil)
	require.ErrorIs(t, err, os.ErrClosed)
	require.False(t, errors.As(err, new(*Error)), "the kernel refused nothing")
}

func TestErrorWithoutNumber(t *testing.T) {
	err := newError("get limits", os.ErrClosed, nil)
	require.ErrorIs(t, err, os.ErrClosed)
	require.EqualError(t, err, "get limits: file already closed")
	require.False(t, errors.As(err, new(*Error)))
}
