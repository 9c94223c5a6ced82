package netns

import (
	"errors"
	"fmt"
	"runtime"

	vnetns "github.com/vishvananda/netns"
)

// Namespace is an anonymous network namespace, held by a file descriptor.
type Namespace struct {
	handle vnetns.NsHandle
}

// New makes an empty namespace. It needs CAP_SYS_ADMIN in the current user namespace (see [Privileged] and [Reexec]).
func New() (*Namespace, error) {
	return newNamespace(nil, func() error { return nil })
}

// newNamespace makes a namespace and runs setup on the thread that is in it. Of its parent, if any, the namespace takes over
// what the kernel hands on, in place of the current one.
func newNamespace(parent *Namespace, setup func() error) (*Namespace, error) {
	ns := &Namespace{handle: vnetns.None()}
	err := visit(func() (err error) {
		if parent != nil {
			if err := vnetns.Set(parent.handle); err != nil {
				return fmt.Errorf("enter network namespace: %w", err)
			}
		}
		ns.handle, err = vnetns.New()
		return err
	}, setup)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a network namespace: %w", err), ns.Close())
	}
	return ns, nil
}

// At is the namespace that a file descriptor refers to. The descriptor remains the caller's.
func At(fd int) *Namespace { return &Namespace{handle: vnetns.NsHandle(fd)} }

// Do runs fn on a thread that is in the namespace, so that the sockets which fn makes belong to it, and returns its error.
// Goroutines that fn starts do not run in the namespace.
func (ns *Namespace) Do(fn func() error) error {
	return visit(func() error {
		if err := vnetns.Set(ns.handle); err != nil {
			return fmt.Errorf("enter network namespace: %w", err)
		}
		return nil
	}, fn)
}

// FD is the file descriptor of the namespace, -1 when it is closed.
func (ns *Namespace) FD() int { return int(ns.handle) }

// Close lets go of the namespace. The kernel takes it down, with all its interfaces, when nothing else refers to it; this
// happens later, in batches (see [Registry.WaitGone]). Closing twice is no error.
func (ns *Namespace) Close() error {
	if !ns.handle.IsOpen() {
		return nil
	}
	return ns.handle.Close()
}

// visit calls enter and fn on a thread of the caller's goroutine, and brings the thread home. A thread that cannot return, as in a
// user namespace which does not own the original network namespace, stays locked to the goroutine and ends with it.
func visit(enter, fn func() error) (err error) {
	runtime.LockOSThread()
	home, err := vnetns.Get()
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open the current network namespace: %w", err)
	}
	defer home.Close()
	defer func() {
		if e := vnetns.Set(home); e != nil {
			err = errors.Join(err, fmt.Errorf("return to the network namespace of the program: %w", e))
			return
		}
		runtime.UnlockOSThread()
	}()
	if err := enter(); err != nil {
		return err
	}
	return fn()
}
