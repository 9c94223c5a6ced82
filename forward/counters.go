//go:build linux

package forward

import (
	"fmt"
	"time"

	"github.com/mptcp-lab/mptcp-lab/impair"
)

// Reason says why a packet was dropped.
type Reason uint8

// The reasons.
const (
	NotDropped  Reason = iota
	DropLoss           // impair.DropLoss
	DropBurst          // impair.DropBurst
	DropQueue          // impair.DropQueue
	DropFilter         // the filter said so
	DropLimit          // the forwarder holds as much as it may, see Config.Limit
	DropUnread         // the frame cannot be read or cut into packets: longer than 64 KiB, tunnelled, malformed
	DropRefused        // the far interface did not take it: it is down, or its MTU is smaller
	DropClosed         // it was under way when the forwarder was closed
	reasons
)

var reasonNames = [reasons]string{
	NotDropped:  "not dropped",
	DropLoss:    "loss",
	DropBurst:   "burst loss",
	DropQueue:   "queue full",
	DropFilter:  "filter",
	DropLimit:   "too much under way",
	DropUnread:  "unreadable",
	DropRefused: "refused by the far interface",
	DropClosed:  "link closed",
}

// lineReasons are the reasons of a line.
var lineReasons = map[impair.DropReason]Reason{
	impair.DropLoss:  DropLoss,
	impair.DropBurst: DropBurst,
	impair.DropQueue: DropQueue,
}

func (r Reason) String() string {
	if r >= reasons {
		return fmt.Sprintf("reason %d", uint8(r))
	}
	return reasonNames[r]
}

// Counters count the packets of one direction as they are on the wire: a large frame counts as the packets that it stands for. At any time
//
//	Received + Injected + Duplicated == Forwarded + all Dropped + InFlight + Waiting + Held
type Counters struct {
	Received   uint64 // from the near interface
	Injected   uint64 // by Inject
	Duplicated uint64 // made by the impairment or the filter
	Forwarded  uint64 // to the far interface
	Dropped    [reasons]uint64
	Corrupted  uint64 // packets with a bit flipped by the impairment

	InFlight uint64 // now: decided, but not yet due
	Waiting  uint64 // now: for a verdict, or behind one that does
	Held     uint64 // now: by the filter

	// Lost are frames that the kernel had no room for before the forwarder read them, which is a failure of the forwarder (see
	// Forwarder.Err). They are in none of the above.
	Lost uint64
}

// DroppedTotal is the sum of Dropped.
func (c Counters) DroppedTotal() (n uint64) {
	for _, d := range c.Dropped {
		n += d
	}
	return n
}

// Decision is what became of a frame, for an observer. A frame that the far interface refuses is reported twice: as on its way,
// and as dropped.
type Decision struct {
	Direction Direction
	Arrived   time.Time
	Frame     []byte // from the Ethernet header; not to be changed, and valid during the call
	Packets   int    // that the frame stands for

	Dropped   Reason    // unless NotDropped, nothing below is set
	Due       time.Time // to be sent to the far interface
	Copies    int       // more of it
	Corrupted bool      // one bit was flipped, as Frame shows
	Overtakes bool      // it skips the delay
}
