package pathmanager

import (
	"net/netip"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mptcp-lab/mptcp-lab/pm"
)

// world is a host that only remembers what its path manager does, with a clock that stands until it is moved.
type world struct {
	*testing.T // that runs
	m          *Manager
	now        time.Duration
	timers     []*timer
	events     []pm.Event
	deaf       bool // nobody listens to events
	counts     map[string]int
	reasons    []Reason
	own        []netip.Addr     // where listeners can be, besides loopback
	listened   []netip.AddrPort // where they are
}

type timer struct {
	at      time.Duration
	f       func()
	stopped bool
}

// newWorld is a host with that release; without one, with 6.18.
func newWorld(release string) *world {
	if release == "" {
		release = "6.18"
	}
	w := &world{counts: map[string]int{}}
	w.own = []netip.Addr{ip("224.0.0.1"), ip("0.0.0.0")}
	w.m = New(w, version(release))
	return w
}

func version(release string) Version {
	v, err := ParseVersion(release)
	if err != nil {
		panic(err)
	}
	return v
}

var (
	ip     = netip.MustParseAddr
	ipPort = netip.MustParseAddrPort
)

func (w *world) Name() string                { return "client" }
func (w *world) Emit(e pm.Event)             { w.events = append(w.events, e) }
func (w *world) Listened() bool              { return !w.deaf }
func (w *world) Count(counter string, n int) { w.counts[counter] += n }
func (w *world) Explain(r Reason)            { w.reasons = append(w.reasons, r) }

func (w *world) After(d time.Duration, f func()) func() {
	t := &timer{at: w.now + d, f: f}
	w.timers = append(w.timers, t)
	return func() { t.stopped = true }
}

// ListenJoins refuses what bind would refuse.
func (w *world) ListenJoins(local netip.AddrPort) (func(), syscall.Errno) {
	if a := local.Addr().Unmap(); !a.IsLoopback() && !slices.Contains(w.own, a) {
		return nil, 99
	}
	clash := func(a netip.AddrPort) bool {
		any := a.Addr() == netip.IPv4Unspecified() || local.Addr() == netip.IPv4Unspecified()
		return a.Port() == local.Port() && (sameAddress(a.Addr(), local.Addr()) || any && isIPv4(a.Addr()) && isIPv4(local.Addr()))
	}
	if slices.ContainsFunc(w.listened, clash) {
		return nil, 98
	}
	w.listened = append(w.listened, local)
	return func() { w.listened = slices.DeleteFunc(w.listened, func(a netip.AddrPort) bool { return a == local }) }, 0
}

// pass moves the clock, and runs what is due in order of time.
func (w *world) pass(d time.Duration) {
	end := w.now + d
	for {
		var next *timer
		for _, t := range w.timers {
			if !t.stopped && t.at <= end && (next == nil || t.at < next.at) {
				next = t
			}
		}
		if next == nil {
			w.now = end
			return
		}
		w.now, next.stopped = next.at, true
		next.f()
	}
}

// settle lets the workers run.
func (w *world) settle() { w.pass(time.Millisecond) }
