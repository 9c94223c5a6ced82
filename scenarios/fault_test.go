//go:build linux

package scenarios_test

import (
	"context"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/runner"
)

// fault is one thing that is wrong with the kernel of every host of a lab.
type fault struct {
	manager func(lab.PathManager) lab.PathManager // what drives the path manager; nil: as it is
	lost    option                                // what never reaches a host; zero: nothing
	unset   string                                // a sysctl that cannot be set
	told    func(lab.Event) (lab.Event, bool)     // what a host hears of an event, and whether of it at all; nil: as it is
	daemon  bool                                  // somebody listens to path-manager events in labs that are said to be alone
}

// under is a case with a fault, which its ID names first.
func (f fault) under(name string, c runner.Case) runner.Case {
	run := c.Run
	c.ID = faulted(name, c.ID)
	c.Run = func(ctx context.Context, l lab.Lab) runner.Outcome { return run(ctx, faultyLab{l, f}) }
	return c
}

func faulted(name, id string) string { return name + ": " + id }

// patience is how long a script waits for something under a fault.
const patience = 2 * time.Second

// faultyLab is a lab whose hosts have a fault.
type faultyLab struct {
	lab.Lab
	fault fault
}

// Host implements [lab.Lab].
func (l faultyLab) Host(ctx context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	h, err := l.Lab.Host(ctx, name, o)
	if err != nil {
		return nil, err
	}
	if l.fault.lost != (option{}) {
		if err := lose(h, l.fault.lost); err != nil {
			return nil, err
		}
	}
	manager := h.PathManager()
	if l.fault.manager != nil {
		manager = l.fault.manager(manager)
	}
	return faultyHost{Host: h, fault: l.fault, manager: manager}, nil
}

// Alone implements [lab.Lab].
func (l faultyLab) Alone() bool { return l.fault.daemon || l.Lab.Alone() }

// Wait implements [lab.Lab]. What a fault prevents does not come later.
func (l faultyLab) Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	return l.Lab.Wait(ctx, min(timeout, patience), cond)
}

// Link implements [lab.Lab]: what a backend links are nodes of its own.
func (l faultyLab) Link(ctx context.Context, a, b lab.End, o lab.LinkOptions) (lab.Link, error) {
	for _, end := range []*lab.End{&a, &b} {
		if h, ok := end.Node.(faultyHost); ok {
			end.Node = h.Host
		}
	}
	return l.Lab.Link(ctx, a, b, o)
}

// faultyHost is a host that is driven, and watched, through a fault.
type faultyHost struct {
	lab.Host
	fault   fault
	manager lab.PathManager
}

// PathManager implements [lab.Host].
func (h faultyHost) PathManager() lab.PathManager { return h.manager }

// SetSysctl implements [lab.Host].
func (h faultyHost) SetSysctl(name, value string) error {
	if name == h.fault.unset {
		return nil
	}
	return h.Host.SetSysctl(name, value)
}

// Events implements [lab.Host].
func (h faultyHost) Events() ([]lab.Event, error) {
	events, err := h.Host.Events()
	if h.fault.told == nil {
		return events, err
	}
	var told []lab.Event
	for _, e := range events {
		if e, ok := h.fault.told(e); ok {
			told = append(told, e)
		}
	}
	return told, err
}
