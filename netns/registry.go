package netns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

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
	ns   *Namespace
	conn *conn
}

// connectionSlots is the size of the table of connections of a host: enough for thousands of connections.
const connectionSlots = "4096"

// NewRegistry makes a registry.
func NewRegistry() (*Registry, error) {
	ns, c, err := newConnected(nil, func() error {
		return writeIfExists("net.ipv4.tcp_child_ehash_entries", connectionSlots)
	})
	if err != nil {
		return nil, fmt.Errorf("new registry: %w", err)
	}
	return &Registry{ns: ns, conn: c}, nil
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
