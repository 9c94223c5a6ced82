//go:build linux

package forward

import (
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mptcp-lab/mptcp-lab/impair"
)

// lane is one direction of the link. It belongs to the thread.
type lane struct {
	direction Direction
	from, to  int // packet sockets
	line      *impair.Line
	perPacket bool // the line must see single packets

	order    []*frame             // waiting, in order of arrival; the first has no verdict yet
	held     map[*Packet]struct{} // by the filter
	out      *outbound
	drained  time.Duration // when there was last nothing to read
	counters Counters
	refused  error // what the kernel last said to a frame that was sent, nil: it took it
}

// gigabit is the rate in bits per second from which on a large frame may be sent as a lump: it takes half a millisecond.
const gigabit = 1_000_000_000

// needsPackets tells whether an impairment is about single packets of the wire.
func needsPackets(i impair.Impairment) bool {
	return i.Loss > 0 || i.Burst.P > 0 || i.Duplicate > 0 || i.Reorder > 0 || i.Corrupt > 0 ||
		i.Rate > 0 && i.Rate < gigabit
}

func (l *lane) set(i impair.Impairment) error {
	if err := l.line.Set(i); err != nil {
		return err
	}
	l.perPacket = needsPackets(i)
	return nil
}

// queue lets a frame enter the link, or wait its turn.
func (l *lane) queue(f *Forwarder, x *frame) {
	if len(l.order) == 0 && !x.waits() {
		f.enter(x)
		return
	}
	l.order = append(l.order, x)
	l.counters.Waiting += uint64(x.packets)
}

func (x *frame) waits() bool { return x.packet != nil && x.packet.state == waiting }

// flush lets the frames enter that wait for no verdict any more.
func (l *lane) flush(f *Forwarder) {
	for len(l.order) > 0 && !l.order[0].waits() {
		x := l.order[0]
		l.order[0] = nil
		l.order = l.order[1:]
		l.counters.Waiting -= uint64(x.packets)
		f.enter(x)
	}
}

// remove takes a frame out of those that wait.
func (l *lane) remove(x *frame) {
	i := slices.Index(l.order, x)
	l.order = slices.Delete(l.order, i, i+1)
	l.counters.Waiting -= uint64(x.packets)
}

// send sends what is in the outbound batch.
func (l *lane) send(f *Forwarder) {
	if l.out.n == 0 {
		return
	}
	l.out.send(l.to, func(x *frame, err error) {
		l.refused = err
		if err != nil {
			f.drop(x, DropRefused)
			return
		}
		l.counters.Forwarded += uint64(x.packets)
		f.pool.put(x)
	})
}

// countLost asks the kernel for frames that it had no room for.
func (l *lane) countLost() error {
	if l.from < 0 {
		return nil // closed, and counted then
	}
	n, err := kernelDrops(l.from)
	l.counters.Lost += n
	return err
}

// lost is the error of frames that the kernel had no room for.
func (l *lane) lost() error {
	if l.counters.Lost == 0 {
		return nil
	}
	return fmt.Errorf("%s: %d frames were lost before they could be read: the receive buffer was full; raise "+
		"net.core.rmem_max, or run as root", l.direction, l.counters.Lost)
}

// drain drops all that is under way, apart from what is in the heap.
func (l *lane) drain(f *Forwarder) {
	for _, x := range l.order {
		f.drop(x, DropClosed)
	}
	for p := range l.held {
		p.state = decided
		f.drop(p.frame, DropClosed)
	}
	l.order, l.held = nil, nil
	l.counters.Waiting, l.counters.Held = 0, 0
}

// ignorable are errors of reading that say nothing about the socket: interrupted, the interface went down, nothing there.
func ignorable(err error) bool {
	return err == unix.EINTR || err == unix.ENETDOWN || err == unix.EAGAIN
}

// unreadable is the error of a frame that has no virtio header (packet_rcv_vnet in net/packet/af_packet.c), and is gone.
func unreadable(err error) bool { return err == unix.EINVAL }
