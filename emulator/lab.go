package emulator

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/mptcp-lab/mptcp-lab/emulator/network"
	"github.com/mptcp-lab/mptcp-lab/emulator/vtime"
	"github.com/mptcp-lab/mptcp-lab/lab"
)

// modelLab is one lab of modelled hosts.
type modelLab struct {
	backend *Backend
	options lab.Options
	world   *vtime.World
	net     *network.Net
	record  *lab.Record
	random  *rand.Rand

	nodes  map[string]lab.Node
	taken  map[string][]string // names of interfaces, by node, in order of attachment
	hosts  []*host
	links  []*link
	err    error // what a rule of a link could not do
	closed bool
	noting sync.Mutex // over host.noted of every host
}

var _ lab.Lab = (*modelLab)(nil)

var errClosed = errors.New("the lab is closed")

func newLab(b *Backend, o lab.Options) *modelLab {
	w := vtime.NewWorld()
	const stream = 0x656d756c61746f72 // any constant
	return &modelLab{
		backend: b, options: o, world: w, record: lab.NewRecord(o.MaxEvents),
		net:    &network.Net{Clock: &w.Clock, Seed: o.Seed},
		random: rand.New(rand.NewPCG(o.Seed, stream)),
		nodes:  map[string]lab.Node{}, taken: map[string][]string{},
	}
}

// Host implements [lab.Lab].
func (l *modelLab) Host(_ context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	if err := l.admits(name); err != nil {
		return nil, err
	}
	h, err := newHost(l, name, o)
	if err != nil {
		return nil, fmt.Errorf("host %s: new host: %w", name, err)
	}
	l.nodes[name] = h
	l.hosts = append(l.hosts, h)
	return h, nil
}

// bridge is a switch of the lab.
type bridge struct{ *network.Switch }

// Switch implements [lab.Lab].
func (l *modelLab) Switch(_ context.Context, name string) (lab.Node, error) {
	if err := l.admits(name); err != nil {
		return nil, err
	}
	b := &bridge{l.net.NewSwitch(name)}
	l.nodes[name] = b
	return b, nil
}

// admits reports why the lab takes no host or switch of that name, if it does not.
func (l *modelLab) admits(name string) error {
	switch _, taken := l.nodes[name]; {
	case l.closed:
		return fmt.Errorf("new node %s: %w", name, errClosed)
	case name == "":
		return errors.New("a host or switch needs a name")
	case taken:
		return fmt.Errorf("the lab already has a host or switch named %s", name)
	case len(l.nodes) >= l.options.MaxHosts:
		return fmt.Errorf("no room for %s: a lab has at most %d hosts and switches", name, l.options.MaxHosts)
	}
	return nil
}

// Alone implements [lab.Lab].
func (l *modelLab) Alone() bool { return l.options.Alone }

// Hosts implements [lab.Lab].
func (l *modelLab) Hosts() []lab.Host {
	hosts := make([]lab.Host, len(l.hosts))
	for i, h := range l.hosts {
		hosts[i] = h
	}
	return hosts
}

// Wait implements [lab.Lab].
func (l *modelLab) Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	if l.closed {
		return false, errClosed
	}
	expired := false
	if timeout < math.MaxInt64/2 {
		t := l.world.After(timeout, func() { expired = true })
		defer t.Stop()
	}
	result := false
	_, err := l.world.Settled(ctx, func() (done bool, err error) {
		if l.err != nil {
			return false, l.err
		}
		result, err = cond()
		return result || expired, err
	})
	return result, err
}

// What a script does takes time as on a real host, so that packets that are under way arrive meanwhile: a change to a host or
// a link this much, and a system call of a socket less.
const (
	change     = 100 * time.Microsecond
	systemCall = 20 * time.Microsecond
)

// act lets the time pass that a change takes.
func (l *modelLab) act() { l.pass(change) }

// pass lets time pass, but in a lab that is closed.
func (l *modelLab) pass(d time.Duration) {
	if l.closed {
		return
	}
	done := false
	l.world.After(d, func() { done = true })
	_ = l.world.Until(context.Background(), func() bool { return done }) // it comes
}

// Wake implements [lab.Lab].
func (l *modelLab) Wake() { l.world.Wake() }

// Together implements [lab.Lab].
func (l *modelLab) Together(ctx context.Context, do ...func(context.Context) error) error {
	return l.world.Together(ctx, do...)
}

// Timeout implements [lab.Lab].
func (l *modelLab) Timeout(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	return l.world.Timeout(ctx, d, cause)
}

// Now implements [lab.Lab].
func (l *modelLab) Now() time.Duration { return l.world.Now() }

// Note implements [lab.Lab]. Before a step, check, question or answer it notes the counters that have moved.
func (l *modelLab) Note(kind lab.EntryKind, host, text string) {
	switch kind {
	case lab.KindStep, lab.KindCheck, lab.KindPredict, lab.KindAnswer:
		l.noteCounters()
	}
	l.note(kind, host, text)
}

func (l *modelLab) note(kind lab.EntryKind, host, text string) {
	l.record.Note(lab.Entry{Time: l.Now(), Host: host, Kind: kind, Text: text})
}

// noteCounters puts the counters that moved since the last reading on the timeline.
func (l *modelLab) noteCounters() {
	l.noting.Lock()
	defer l.noting.Unlock()
	for _, h := range l.hosts {
		now := h.counters()
		if moved := now.Since(h.noted); len(moved) > 0 {
			l.note(lab.KindCounter, h.Name(), moved.Moved())
			h.noted = now
		}
	}
}

// Timeline implements [lab.Lab].
func (l *modelLab) Timeline() []lab.Entry {
	l.noteCounters()
	return l.record.Timeline()
}

// Close implements [lab.Lab]. Closing again does nothing.
func (l *modelLab) Close() error {
	if l.closed {
		return nil
	}
	l.closed = true
	l.backend.open.Add(-1)
	return nil
}

// fail keeps what a rule of a link could not do.
func (l *modelLab) fail(err error) {
	if l.err == nil {
		l.err = err
	}
}

// nextInterface is eth1, eth2, … by the number of names that a node has, past those of them that a script gave.
func nextInterface(taken []string) string {
	for i := len(taken) + 1; ; i++ {
		if name := fmt.Sprintf("eth%d", i); !slices.Contains(taken, name) {
			return name
		}
	}
}
