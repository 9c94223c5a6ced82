package kernel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/live"
	"github.com/mptcp-lab/mptcp-lab/netns"
)

// realLab is one lab on the kernel.
type realLab struct {
	backend *Backend
	options lab.Options
	seen    notifier
	record  *record
	live    *live.Record // for people who look in; nil: nobody is to

	life context.Context // ends when the lab is closed
	end  context.CancelCauseFunc

	// building is held while a node or a link is made, and by Close, so that nothing can be made that Close misses.
	building   sync.Mutex
	nodes      map[string]node     // by name
	interfaces map[string][]string // names that are taken, by node, in order of attachment
	middle     *netns.Middle       // of the links that are more than cables; nil: there is none

	mu       sync.Mutex // over all below; never held while the kernel is asked for something
	hosts    []*host
	switches []*bridge
	links    []*link
	open     map[any]func() error // sockets and listeners, with what ends each at once
	using    sync.WaitGroup       // of what may block or enters a namespace

	noting sync.Mutex // over host.noted of every host
}

func newLab(b *Backend, o lab.Options) *realLab {
	l := &realLab{
		backend:    b,
		options:    o,
		seen:       newNotifier(),
		record:     newRecord(o.MaxEvents),
		nodes:      map[string]node{},
		interfaces: map[string][]string{},
		open:       map[any]func() error{},
	}
	l.life, l.end = context.WithCancelCause(context.Background())
	return l
}

// within is ctx ended by the closing of the lab, too, which waits for the function to be called. The error tells that the lab is
// closed already.
func (l *realLab) within(ctx context.Context) (context.Context, func(), error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.life.Err() != nil {
		return nil, nil, errClosed
	}
	l.using.Add(1)
	ctx, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(l.life, func() { cancel(errClosed) })
	return ctx, func() { stop(); cancel(nil); l.using.Done() }, nil
}

func (l *realLab) Host(_ context.Context, name string, o lab.HostOptions) (lab.Host, error) {
	l.building.Lock()
	defer l.building.Unlock()
	if err := l.admits(name); err != nil {
		return nil, err
	}
	h, err := newHost(l, name, o)
	if err != nil {
		return nil, fmt.Errorf("host %s: %w", name, tooManyFiles(err))
	}
	l.nodes[name] = h
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts = append(l.hosts, h)
	return h, nil
}

func (l *realLab) Switch(_ context.Context, name string) (lab.Node, error) {
	l.building.Lock()
	defer l.building.Unlock()
	if err := l.admits(name); err != nil {
		return nil, err
	}
	sw, err := netns.NewSwitch(l.backend.registry)
	if err != nil {
		return nil, fmt.Errorf("switch %s: %w", name, err)
	}
	b := &bridge{Switch: sw, name: name}
	l.nodes[name] = b
	l.mu.Lock()
	defer l.mu.Unlock()
	l.switches = append(l.switches, b)
	return b, nil
}

// admits reports why the lab takes no host or switch of that name, if it does not. A switch costs what a host costs, so the
// bound is over both.
func (l *realLab) admits(name string) error {
	switch _, taken := l.nodes[name]; {
	case l.life.Err() != nil:
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

func (l *realLab) Alone() bool { return l.options.Alone }

func (l *realLab) Hosts() []lab.Host {
	own := l.ownHosts()
	hosts := make([]lab.Host, len(own))
	for i, h := range own {
		hosts[i] = h
	}
	return hosts
}

func (l *realLab) ownHosts() []*host {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.hosts) // which only grows
}

func (l *realLab) ownLinks() []*link {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clip(l.links) // which only grows
}

func (l *realLab) Wait(ctx context.Context, timeout time.Duration, cond func() (bool, error)) (bool, error) {
	ctx, done, err := l.within(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	return l.seen.wait(ctx, timeout, func() (bool, error) {
		if err := l.linkFailure(); err != nil {
			return false, err
		}
		return cond()
	})
}

// linkFailure is what a rule of a link could not do.
func (l *realLab) linkFailure() error {
	for _, k := range l.ownLinks() {
		if e := k.emulation.Load(); e != nil {
			if err := e.failure(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *realLab) Wake() { l.seen.notify() }

// Together implements [lab.Lab]. The last one runs on the caller's goroutine, so that a panic of it is the caller's.
func (l *realLab) Together(ctx context.Context, do ...func(context.Context) error) error {
	if len(do) == 0 {
		return nil
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var (
		others sync.WaitGroup
		once   sync.Once
		first  error
	)
	run := func(f func(context.Context) error) {
		if err := f(ctx); err != nil {
			once.Do(func() { first = err; cancel(err) })
		}
	}
	for _, f := range do[:len(do)-1] {
		others.Go(func() { run(f) })
	}
	run(do[len(do)-1])
	others.Wait()
	return first
}

func (l *realLab) Timeout(ctx context.Context, d time.Duration, cause error) (context.Context, context.CancelFunc) {
	return context.WithTimeoutCause(ctx, d, cause)
}

func (l *realLab) Now() time.Duration { return l.record.now() }

// Note implements [lab.Lab]. Before a step, check, question or answer it takes the events that have happened and the counters that have moved,
// which else could be read, and so shown, after it.
func (l *realLab) Note(kind lab.EntryKind, host, text string) {
	switch kind {
	case lab.KindStep, lab.KindCheck, lab.KindPredict, lab.KindAnswer:
		l.takeEvents()
		l.noteCounters()
	}
	l.record.Note(lab.Entry{Time: l.Now(), Host: host, Kind: kind, Text: text})
}

// noteCounters puts the counters that moved since the last reading on the timeline. A host whose counters cannot be read
// has no line: the timeline is for people, and the checks read counters by themselves.
func (l *realLab) noteCounters() {
	l.noting.Lock()
	defer l.noting.Unlock()
	for _, h := range l.ownHosts() {
		now, err := h.Counters()
		if err != nil {
			continue
		}
		if moved := now.Since(h.noted); len(moved) > 0 {
			l.record.Note(lab.Entry{Time: l.Now(), Host: h.name, Kind: lab.KindCounter, Text: moved.Moved()})
		}
		h.noted = now
	}
}

func (l *realLab) Timeline() []lab.Entry {
	l.drain()
	l.noteCounters()
	return l.record.Timeline()
}

// drain takes in what the kernel has sent and captured so far: events first, so that each has the packets that caused it. What
// cannot be had is missing in the timeline; the checks that need it fail by themselves.
func (l *realLab) drain() {
	l.takeEvents()
	for _, k := range l.ownLinks() {
		_ = k.watcher().Drain()
	}
}

func (l *realLab) takeEvents() {
	for _, h := range l.ownHosts() {
		_ = h.takeEvents() // remembered as lost
	}
}

// track remembers a socket or listener until it is forgotten, and what ends it when the lab closes. In a lab that is closed
// already it ends at once.
func (l *realLab) track(x any, end func() error) error {
	l.mu.Lock()
	closed := l.life.Err() != nil
	if !closed {
		l.open[x] = end
	}
	l.mu.Unlock()
	if closed {
		return errors.Join(errClosed, end())
	}
	return nil
}

func (l *realLab) forget(x any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, x)
}

// Close implements [lab.Lab]. What waits in the lab ends with an error; closing again does nothing.
func (l *realLab) Close() error {
	l.building.Lock()
	defer l.building.Unlock()
	l.mu.Lock()
	closed, open := l.life.Err() != nil, l.open
	l.open = nil
	l.end(errClosed)
	l.mu.Unlock()
	if closed {
		return nil
	}
	var errs []error
	for _, end := range open {
		errs = append(errs, end())
	}
	l.using.Wait()
	l.takeEvents() // for the timeline
	for _, k := range l.links {
		errs = append(errs, k.close())
	}
	errs = append(errs, closeAll(l.hosts, func(h *host) error { return h.on(h.close()) }))
	for _, s := range l.switches {
		errs = append(errs, s.close())
	}
	if l.middle != nil {
		errs = append(errs, l.middle.Close())
	}
	if l.live != nil {
		errs = append(errs, l.live.Close())
	}
	return errors.Join(errs...)
}

// needMiddle makes the middle of links, unless there is one.
func (l *realLab) needMiddle() (err error) {
	if l.middle == nil {
		l.middle, err = netns.NewMiddle(l.backend.registry)
	}
	return err
}

// closeAll closes several things at once: most of it is waiting for the kernel.
func closeAll[T any](things []T, close func(T) error) error {
	errs := make([]error, len(things))
	var closing sync.WaitGroup
	for i, x := range things {
		closing.Go(func() { errs[i] = close(x) })
	}
	closing.Wait()
	return errors.Join(errs...)
}
