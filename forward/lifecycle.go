//go:build linux

package forward

import (
	"errors"

	"golang.org/x/sys/unix"
)

// prepare makes the thread ready.
func (f *Forwarder) prepare() {
	f.tid.Store(int64(unix.Gettid()))
	f.realtime = sharpen()
}

// fail keeps an error for Err; the first says most.
func (f *Forwarder) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// stop makes the thread end because of an error.
func (f *Forwarder) stop(err error) {
	f.fail(err)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
}

// end accounts for what is still under way and lets go of everything.
func (f *Forwarder) end() {
	for _, l := range f.lanes {
		l.drain(f)
	}
	for f.heap.len() > 0 {
		x := f.heap.pop()
		x.lane.counters.InFlight -= uint64(x.packets)
		f.drop(x, DropClosed)
	}
	f.countLost()
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.closeFiles(); err != nil {
		f.fail(err)
	}
	f.in, f.pool = nil, pool{}
	f.tid.Store(0)
	close(f.done)
}

func (f *Forwarder) countLost() {
	for _, l := range f.lanes {
		if err := l.countLost(); err != nil {
			f.fail(err)
		}
	}
}

// failure is all that went wrong.
func (f *Forwarder) failure() error {
	return errors.Join(f.err, f.lanes[AToB].lost(), f.lanes[BToA].lost())
}
