//go:build linux

package forward

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/impair"
)

// Config is what a forwarder joins, and how it begins.
type Config struct {
	// In runs a function in the namespace that has both interfaces, as the Do of a netns.Namespace; nil: in that of the calling thread.
	In   func(func() error) error
	A, B string // the interfaces

	AToB, BToA impair.Impairment
	Seed       uint64 // of all random decisions; each direction has its own
	Filter     *Filter
	Observe    func(Decision) // called on the thread of the forwarder; may be nil

	// Limit is how many bytes of memory the frames under way may take; 0: 1 GiB. What comes beyond is dropped.
	Limit int

	// Accurate makes the thread wake up before a frame is due, and then watch the clock. This takes a good part of a CPU while frames are
	// under way. With real-time scheduling, which only the machine's root gets, it brings most frames to within 10 µs.
	Accurate bool
}

const defaultLimit = 1 << 30

// Forwarder joins two interfaces, until it is closed.
type Forwarder struct {
	config   Config
	epoch    time.Time    // all times are counted from it
	tid      atomic.Int64 // of the thread, 0 when it has ended
	realtime bool         // scheduling of the thread
	done     chan struct{}

	mu     sync.Mutex // over these three
	waker  *waker     // nil when the thread has ended, which alone sleeps on it and needs no lock for that
	inbox  []func()   // for the thread to run
	closed bool       // nothing more goes into the inbox: the thread is to end, or has ended

	// The rest belongs to the thread, and once that has ended to those who hold mu.
	lanes  [2]*lane
	in     *inbound
	pool   pool
	heap   heap
	lead   time.Duration // see minLead
	filter *Filter
	err    error // that ended the thread, or of the filter
}

// Open starts forwarding. It needs CAP_NET_RAW in the user namespace that the interfaces belong to, and Linux 5.11 or later.
func Open(c Config) (*Forwarder, error) {
	f := &Forwarder{config: c, epoch: time.Now(), done: make(chan struct{}), filter: c.Filter, lead: minLead}
	if err := f.open(); err != nil {
		return nil, fmt.Errorf("forward between %s and %s: %w", c.A, c.B, err)
	}
	started := make(chan struct{})
	go f.run(started)
	<-started
	return f, nil
}

func (f *Forwarder) open() (err error) {
	c := &f.config
	if c.Limit == 0 {
		c.Limit = defaultLimit
	}
	if c.Limit < 0 {
		return fmt.Errorf("limit of %d bytes: want 0 or more", c.Limit)
	}
	if c.In == nil {
		c.In = func(fn func() error) error { return fn() }
	}
	for d, i := range []impair.Impairment{c.AToB, c.BToA} {
		direction := Direction(d)
		f.lanes[d] = &lane{
			direction: direction, from: -1, to: -1,
			line: impair.NewLine(2*c.Seed + uint64(d)), held: map[*Packet]struct{}{}, out: newOutbound(),
		}
		if err := f.lanes[d].set(i); err != nil {
			return fmt.Errorf("%s: %w", direction, err)
		}
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.closeFiles())
		}
	}()
	if err := c.In(f.openSockets); err != nil {
		return err
	}
	if f.waker, err = newWaker(f.lanes[AToB].from, f.lanes[BToA].from); err != nil {
		return err
	}
	f.in = newInbound(&f.pool)
	return nil
}

func (f *Forwarder) openSockets() error {
	ab, ba := f.lanes[AToB], f.lanes[BToA]
	a, err := openSocket(f.config.A)
	if err != nil {
		return err
	}
	ab.from, ba.to = a, a
	b, err := openSocket(f.config.B)
	if err != nil {
		return err
	}
	ab.to, ba.from = b, b
	return nil
}

func (f *Forwarder) closeFiles() error {
	var errs []error
	for _, l := range f.lanes {
		if l.from >= 0 {
			errs = append(errs, unix.Close(l.from))
		}
		l.from, l.to = -1, -1
	}
	if f.waker != nil {
		errs = append(errs, f.waker.close())
		f.waker = nil
	}
	return errors.Join(errs...)
}

// do runs fn on the thread, and returns when it has run. After Close it does not run.
func (f *Forwarder) do(fn func()) error {
	if int64(unix.Gettid()) == f.tid.Load() { // called by the filter or the observer; nobody else runs on this thread
		fn()
		return nil
	}
	ran := make(chan struct{})
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return fmt.Errorf("forward between %s and %s: %w", f.config.A, f.config.B, fs.ErrClosed)
	}
	f.inbox = append(f.inbox, func() { fn(); close(ran) })
	f.waker.kick()
	f.mu.Unlock()
	<-ran
	return nil
}

// try is do for what can fail.
func (f *Forwarder) try(fn func() error) (err error) {
	if closed := f.do(func() { err = fn() }); closed != nil {
		return closed
	}
	return err
}

// read is do for what can be read after Close, too.
func (f *Forwarder) read(fn func()) {
	if f.do(fn) == nil {
		return
	}
	<-f.done
	f.mu.Lock()
	defer f.mu.Unlock()
	fn()
}

// Set changes the impairment of a direction, for all packets that arrive afterwards.
func (f *Forwarder) Set(d Direction, i impair.Impairment) error {
	if err := f.try(func() error { return f.lanes[d].set(i) }); err != nil {
		return fmt.Errorf("%s: %w", d, err)
	}
	return nil
}

// SetFilter puts a filter in place of the one there is; nil is none. Packets that wait or are held remain so until they are decided.
func (f *Forwarder) SetFilter(filter *Filter) error { return f.do(func() { f.filter = filter }) }

// Inject sends a frame to the interface that a direction leads to, at once: no filter and no impairment see it. The
// frame begins with the Ethernet header, and its checksums are sent as they are.
func (f *Forwarder) Inject(d Direction, b []byte) error {
	if err := checkFrame(b); err != nil {
		return fmt.Errorf("inject %s: %w", d, err)
	}
	if err := f.try(func() error { return f.inject(f.lanes[d], b) }); err != nil {
		return fmt.Errorf("inject %s: %w", d, err)
	}
	return nil
}

// Counters are the counts of a direction. They remain readable after Close.
func (f *Forwarder) Counters(d Direction) (c Counters) {
	f.read(func() {
		f.countLost()
		c = f.lanes[d].counters
	})
	return c
}

// Err is what went wrong so far: frames that the kernel had no room for, a verdict that makes no sense, or an error that ended
// the forwarding.
func (f *Forwarder) Err() (err error) {
	f.read(func() {
		f.countLost()
		err = f.failure()
	})
	return err
}

// Realtime tells whether the thread got real-time scheduling.
func (f *Forwarder) Realtime() bool { return f.realtime }

// Close stops forwarding, and returns Err. Packets that are under way are dropped, as Counters tells. Closing twice is no error.
func (f *Forwarder) Close() error {
	f.mu.Lock()
	f.closed = true
	if f.waker != nil {
		f.waker.kick()
	}
	f.mu.Unlock()
	<-f.done
	return f.Err()
}
