//go:build linux

package forward

import (
	"fmt"
	"runtime"
	"time"

	"github.com/mptcp-lab/mptcp-lab/impair"
)

// An accurate forwarder stops sleeping some time before a frame is due, as a timer wakes a thread up late: some 50 µs, and
// more where a hypervisor has put the CPU to sleep. This lead follows what was lately seen, within these bounds.
const (
	minLead = 500 * time.Microsecond
	maxLead = 1000 * time.Microsecond
)

// run forwards until the forwarder is closed. Its thread ends with it.
func (f *Forwarder) run(started chan<- struct{}) {
	runtime.LockOSThread() // for good: the thread has been changed
	f.prepare()
	close(started)
	for f.turn() {
		if err := f.sleep(); err != nil {
			f.stop(err)
		}
	}
	f.end()
}

// turn does all that can be done now; false after Close.
func (f *Forwarder) turn() bool {
	for more := true; more; {
		f.deliver()
		if !f.runInbox() {
			return false
		}
		more = false
		for _, l := range f.lanes {
			full, err := f.take(l)
			if err != nil {
				f.stop(err)
			}
			more = more || full
		}
		f.deliver()
	}
	return true
}

func (f *Forwarder) now() time.Duration { return time.Since(f.epoch) }

// sleep waits for the next thing to do.
func (f *Forwarder) sleep() error {
	next := f.heap.head()
	if next == nil {
		return f.waker.sleep(forever)
	}
	left := next.due - f.now()
	if !f.config.Accurate {
		if left <= 0 {
			return nil
		}
		return f.waker.sleep(left)
	}
	if left > f.lead {
		err := f.waker.sleep(left - f.lead)
		f.adjustLead(f.now() - (next.due - f.lead))
		return err
	}
	for f.now() < next.due {
	}
	return nil
}

// adjustLead learns from a sleep that lasted longer than asked; one that lasted shorter was ended by something to read.
func (f *Forwarder) adjustLead(late time.Duration) {
	if late > 0 {
		f.lead = min(maxLead, max(minLead, late*5/4, f.lead*15/16))
	}
}

// runInbox runs what other goroutines ask for; false after Close.
func (f *Forwarder) runInbox() bool {
	f.mu.Lock()
	inbox, closed := f.inbox, f.closed
	f.inbox = nil
	f.mu.Unlock()
	for _, fn := range inbox {
		fn()
	}
	return !closed
}

// take reads one batch of a direction; full tells that there may be more.
func (f *Forwarder) take(l *lane) (full bool, err error) {
	begun := f.now()
	n, err := f.in.receive(l.from)
	now := time.Now() // after all of them
	if err != nil && !ignorable(err) {
		if !unreadable(err) {
			return false, fmt.Errorf("read %s: %w", l.direction, err)
		}
		l.counters.Received++
		l.counters.Dropped[DropUnread]++
		return true, nil
	}
	for i := range n {
		x, stamp := f.in.take(&f.pool, i)
		if x == nil {
			l.counters.Received++
			l.counters.Dropped[DropUnread]++
			continue
		}
		x.lane, x.packets = l, 1
		x.arrived = f.arrival(l, now, stamp)
		f.accept(x)
	}
	if n < batchSize {
		l.drained = begun
	}
	return n == batchSize, nil
}

// arrival is when a frame read before now arrived. The kernel's stamp is of a clock that can be set: it holds
// within the time since there was last nothing to read.
func (f *Forwarder) arrival(l *lane, now, stamp time.Time) time.Duration {
	at := now.Sub(f.epoch)
	if stamp.IsZero() {
		return at
	}
	age := now.Round(0).Sub(stamp)
	return max(l.drained, at-max(0, age))
}

// accept takes a frame that was read.
func (f *Forwarder) accept(x *frame) {
	l, filter := x.lane, f.filter
	g, large, err := x.gso()
	x.wire = len(x.ethernet()) - ethernetHeader
	if large {
		x.packets, x.wire = g.count(x.ethernet()), g.wireBytes(x.ethernet())
	}
	l.counters.Received += uint64(x.packets)
	switch {
	case f.pool.used > f.config.Limit:
		f.drop(x, DropLimit)
	case filter == nil || !filter.wants(l.direction, x.ethernet()):
		l.queue(f, x)
	case err != nil:
		f.drop(x, DropUnread)
	case large:
		f.cut(x, g, func(piece *frame) {
			if filter.wants(l.direction, piece.ethernet()) {
				f.judge(filter, piece)
			} else {
				l.queue(f, piece)
			}
		})
	default:
		f.judge(filter, x)
	}
}

func (filter *Filter) wants(d Direction, b []byte) bool {
	return filter.Wants == nil || filter.Wants(d, b)
}

// cut hands out the packets of a large frame in place of it.
func (f *Forwarder) cut(x *frame, g gso, each func(*frame)) {
	whole := x.ethernet()
	for i := range x.packets {
		piece := f.pool.get(virtioHeader + g.payload + g.size)
		n := g.write(piece.buf[virtioHeader:], whole, i)
		piece.b = piece.buf[:virtioHeader+n]
		*piece.header() = virtioHdr{}
		piece.lane, piece.arrived, piece.packets, piece.wire = x.lane, x.arrived, 1, n-ethernetHeader
		each(piece)
	}
	f.pool.put(x)
}

// enter lets a frame, on which the filter has decided, enter the link.
func (f *Forwarder) enter(x *frame) {
	if x.packet != nil {
		v := x.packet.verdict
		x.packet = nil
		f.enterJudged(x, v)
		return
	}
	if !x.lane.perPacket {
		f.enterJudged(x, Verdict{})
		return
	}
	g, large, err := x.gso()
	switch {
	case large:
		f.cut(x, g, func(piece *frame) { f.enterJudged(piece, Verdict{}) })
	case err != nil || x.complete() != nil:
		f.drop(x, DropUnread)
	default:
		f.enterJudged(x, Verdict{})
	}
}

func (f *Forwarder) enterJudged(x *frame, v Verdict) {
	if v.Action == Drop {
		f.drop(x, DropFilter)
		return
	}
	if v.Frame != nil {
		x = f.replace(x, v.Frame)
	}
	fate := x.lane.line.Pass(x.arrived, x.wire)
	if fate.Drop != impair.NotDropped {
		f.drop(x, lineReasons[fate.Drop])
		return
	}
	if fate.Corrupt {
		x.flip(fate.Bit) // its checksum is complete, as the line may corrupt
		x.lane.counters.Corrupted++
	}
	copies := v.Copies
	if fate.Duplicate {
		copies++
	}
	f.observe(x, Decision{
		Due:       f.epoch.Add(fate.At + v.Delay),
		Copies:    copies,
		Corrupted: fate.Corrupt,
		Overtakes: fate.Overtakes,
	})
	f.push(x, fate.At+v.Delay)
	for range v.Copies {
		f.pushCopy(x, fate.At+v.Delay)
	}
	if fate.Duplicate {
		f.pushCopy(x, fate.DuplicateAt+v.Delay)
	}
}

// replace returns a frame with other bytes in place of x.
func (f *Forwarder) replace(x *frame, b []byte) *frame {
	y := f.pool.get(virtioHeader + len(b))
	y.setEthernet(b)
	y.lane, y.arrived, y.packets, y.wire = x.lane, x.arrived, 1, len(b)-ethernetHeader
	f.pool.put(x)
	return y
}

func (f *Forwarder) push(x *frame, due time.Duration) {
	x.due = due
	x.lane.counters.InFlight += uint64(x.packets)
	f.heap.push(x)
}

func (f *Forwarder) pushCopy(x *frame, due time.Duration) {
	x.lane.counters.Duplicated += uint64(x.packets)
	f.push(f.pool.copy(x), due)
}

// deliver sends what is due.
func (f *Forwarder) deliver() {
	if f.heap.len() == 0 {
		return
	}
	now := f.now()
	for x := f.heap.head(); x != nil && x.due <= now; x = f.heap.head() {
		f.heap.pop()
		x.lane.counters.InFlight -= uint64(x.packets)
		if x.lane.out.add(x) {
			x.lane.send(f)
		}
	}
	for _, l := range f.lanes {
		l.send(f)
	}
}

// inject sends a frame now.
func (f *Forwarder) inject(l *lane, b []byte) (failure error) {
	x := f.pool.get(virtioHeader + len(b))
	x.setEthernet(b)
	x.lane, x.packets = l, 1
	l.counters.Injected++
	l.out.add(x)
	l.send(f)
	return l.refused
}

// drop ends a frame.
func (f *Forwarder) drop(x *frame, why Reason) {
	x.lane.counters.Dropped[why] += uint64(x.packets)
	f.observe(x, Decision{Dropped: why})
	f.pool.put(x)
}

// observe tells the observer, if there is one.
func (f *Forwarder) observe(x *frame, d Decision) {
	if f.config.Observe == nil {
		return
	}
	d.Direction, d.Arrived, d.Frame, d.Packets = x.lane.direction, f.epoch.Add(x.arrived), x.ethernet(), x.packets
	f.config.Observe(d)
}
