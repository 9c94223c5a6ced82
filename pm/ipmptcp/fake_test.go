package ipmptcp

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"syscall"
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// fake is a network namespace with two interfaces and a path manager that answers as it is told.
type fake struct {
	absent bool // there is no path manager

	replies []Reply // to the requests, in order; the last again and again
	err     error   // of every request

	requests []Request // what was asked
	buffers  []int
	lists    int // how often the interfaces were listed
	links    []Link

	listen  error
	events  [][]Message
	errors  []error // behind the events
	entered []string
}

func (f *fake) Open(_ context.Context, receiveBuffer int) (Manager, error) {
	f.buffers = append(f.buffers, receiveBuffer)
	if f.absent {
		return nil, &Refusal{Errno: syscall.ENOENT}
	}
	return f, nil
}

func (f *fake) Named(_ context.Context, name string) (Namespace, error) {
	f.entered = append(f.entered, name)
	if name != "blue" {
		return nil, fmt.Errorf("Cannot open network namespace %q: No such file or directory", name)
	}
	return f, nil
}

func (f *fake) Do(_ context.Context, r Request) (Reply, error) {
	f.requests = append(f.requests, r)
	var reply Reply
	if len(f.replies) > 0 {
		reply = f.replies[0]
	}
	if len(f.replies) > 1 {
		f.replies = f.replies[1:]
	}
	return reply, f.err
}

func (f *fake) Links(context.Context) ([]Link, error) {
	f.lists++
	if f.links == nil {
		return []Link{{Index: 1, Name: "lo"}, {Index: 10, Name: "e0", AltNames: []string{"uplink"}}}, nil
	}
	return f.links, nil
}

func (f *fake) Listen(context.Context) (Listener, error) {
	if f.listen != nil {
		return nil, f.listen
	}
	return f, nil
}

func (f *fake) Receive(ctx context.Context) ([]Message, error) {
	if len(f.events) > 0 {
		m := f.events[0]
		f.events = f.events[1:]
		return m, nil
	}
	if len(f.errors) > 0 {
		err := f.errors[0]
		f.errors = f.errors[1:]
		return nil, err
	}
	<-ctx.Done()
	return nil, ctx.Err()
}

func (f *fake) Close() error { return nil }

// outcome is what a command did.
type outcome struct {
	stdout, stderr string
	status         int
}

// with is a command on the fake.
func (f *fake) with(c Command) *Command {
	c.Namespace = f
	return &c
}

// run runs the words of a line, which are divided by blanks.
func (f *fake) run(t *testing.T, line string, c Command) outcome {
	t.Helper()
	o, _ := f.runWords(t, strings.Fields(line), c)
	return o
}

func (f *fake) runWords(t *testing.T, words []string, c Command) (outcome, Result) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	r := f.with(c).Run(t.Context(), words)
	return outcome{stdout.String(), stderr.String(), r.Status}, r
}

// endpoint is the kernel's description of an endpoint.
func endpoint(t testing.TB, e pm.Endpoint) Message {
	t.Helper()
	return nest(t, func(n *netlink.AttributeEncoder) error {
		n.Uint16(addrFamily, map[bool]uint16{true: familyIPv4, false: familyIPv6}[e.Address.Is4()])
		n.Uint16(addrPort, e.Port)
		n.Uint8(addrID, e.ID)
		n.Uint32(addrFlags, uint32(e.Flags))
		if e.IfIndex != 0 {
			n.Int32(addrIfIdx, e.IfIndex)
		}
		if e.Address.Is4() {
			n.Bytes(addrAddr4, e.Address.AsSlice())
		} else {
			n.Bytes(addrAddr6, e.Address.AsSlice())
		}
		return nil
	})
}

// nest is a message with an ADDR nest.
func nest(t testing.TB, encode func(*netlink.AttributeEncoder) error) Message {
	t.Helper()
	e := netlink.NewAttributeEncoder()
	e.Nested(attrAddr, encode)
	attrs, err := e.Encode()
	require.NoError(t, err)
	return Message{Cmd: uint8(CmdGetAddr), Attrs: attrs}
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	require.NoError(t, err)
	return b
}

// files are those of -batch.
func files(all map[string]string) func(string) (io.ReadCloser, error) {
	return func(name string) (io.ReadCloser, error) {
		content, ok := all[name]
		if !ok {
			return nil, syscall.ENOENT
		}
		return io.NopCloser(strings.NewReader(content)), nil
	}
}
