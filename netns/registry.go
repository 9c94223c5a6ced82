package netns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes of RTM_NEWNSID (include/uapi/linux/net_namespace.h).
const (
	netnsaNSID = 1
	netnsaFD   = 3
)

// Registry watches namespaces die, and makes them cheap to look into. It is a hidden namespace which knows the others by number:
// the kernel forgets a number when, and only when, it takes that namespace down.
//
// Hosts made under it have a table of TCP connections of their own. Without, their connections are in that of the whole
// machine, and each listing of them walks all of its slots: 1 ms for the usual 262144, some 20 µs for these.
type Registry struct {
	ns    *Namespace
	conn  *conn
	quiet [][2]string // the settings of hosts that their namespaces do not have from the start
}

// connectionSlots is the size of the table of connections of a host: enough for thousands of connections.
const connectionSlots = "4096"

// NewRegistry makes a registry.
func NewRegistry() (*Registry, error) {
	ns, c, err := newConnected(nil, func() error {
		return writeKnown([][2]string{{"net.ipv4.tcp_child_ehash_entries", connectionSlots}})
	})
	if err != nil {
		return nil, fmt.Errorf("new registry: %w", err)
	}
	r := &Registry{ns: ns, conn: c}
	if err := r.compareQuiet(); err != nil {
		return nil, fmt.Errorf("new registry: %w", errors.Join(err, r.Close()))
	}
	return r, nil
}

// compareQuiet finds out in a namespace made for it which settings hosts need to change: to write one in a new namespace
// takes some 50 µs, because the kernel makes its file first.
func (r *Registry) compareQuiet() error {
	sample, err := newNamespace(r.ns, func() error {
		for _, s := range quiet {
			value, err := ReadSysctl(s[0])
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return err
			}
			if !slices.Equal(strings.Fields(value), strings.Fields(s[1])) {
				r.quiet = append(r.quiet, s)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return sample.Close()
}

// Add makes the registry watch a namespace that was made without it. Adding one twice is no error.
func (r *Registry) Add(ns *Namespace) error {
	const anyNumber = 0xffffffff
	return r.conn.do(newRequest("number a network namespace", unix.RTM_NEWNSID, 0,
		nl.NewRtGenMsg(), u32(netnsaFD, uint32(ns.FD())), u32(netnsaNSID, anyNumber)).ignoring(unix.EEXIST))
}

// Do runs fn on a thread in the registry's own namespace, where nothing else happens (see [Namespace.Do]).
func (r *Registry) Do(fn func() error) error { return r.ns.Do(fn) }

// Alive are the numbers of those which the kernel has not taken down, in ascending order.
func (r *Registry) Alive() ([]int, error) {
	return r.ids(newRequest("list network namespaces", unix.RTM_GETNSID, unix.NLM_F_DUMP, nl.NewRtGenMsg()))
}

// WaitGone waits until none is alive. The error tells which are, if ctx ends before.
func (r *Registry) WaitGone(ctx context.Context) error {
	var alive []int
	err := r.conn.until(ctx, unix.RTNLGRP_NSID, func() (gone bool, err error) {
		alive, err = r.Alive()
		return len(alive) == 0, err
	})
	if err != nil {
		return fmt.Errorf("wait for network namespaces %v to go: %w", alive, err)
	}
	return nil
}

// Close removes the registry.
func (r *Registry) Close() error { return errors.Join(r.conn.close(), r.ns.Close()) }

// ids are the numbers in the answer to a request.
func (r *Registry) ids(request request) ([]int, error) {
	replies, err := r.conn.get(request)
	if err != nil {
		return nil, err
	}
	var ids []int
	for _, m := range replies {
		attrs, err := nl.ParseRouteAttr(m.Data[nl.NewRtGenMsg().Len():])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", request.what, err)
		}
		for _, a := range attrs {
			if a.Attr.Type == netnsaNSID {
				ids = append(ids, int(int32(binary.NativeEndian.Uint32(a.Value))))
			}
		}
	}
	slices.Sort(ids)
	return ids, nil
}
