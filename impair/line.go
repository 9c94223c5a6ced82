package impair

import (
	"fmt"
	"math"
	"math/bits"
	"math/rand/v2"
	"time"
)

// Line is one direction of a link. Use [NewLine]. It is not for concurrent use.
type Line struct {
	set    Impairment
	random *rand.PCG

	bad     bool    // state of the Burst model
	jitter  float64 // of the packet before, as a draw from the normal distribution
	counter int     // packets since one was last chosen to overtake

	free    time.Duration // when the line has sent all that it took
	waiting []sending     // what it has not yet sent, in order
	backlog int           // bytes in waiting
	last    time.Duration // when the last packet that did not overtake arrives
}

// sending is a packet that the line took.
type sending struct {
	until  time.Duration // its last bit is sent
	length int
}

// DropReason says why a packet was dropped.
type DropReason uint8

// The reasons for which a line drops packets.
const (
	NotDropped DropReason = iota
	DropLoss              // by Loss
	DropBurst             // by Burst
	DropQueue             // there was no room in the queue
)

var dropReasons = [...]string{NotDropped: "not dropped", DropLoss: "loss", DropBurst: "burst loss", DropQueue: "queue full"}

func (r DropReason) String() string {
	if int(r) >= len(dropReasons) {
		return fmt.Sprintf("drop reason %d", uint8(r))
	}
	return dropReasons[r]
}

// Fate is what becomes of a packet.
type Fate struct {
	Drop        DropReason    // unless NotDropped, nothing else is set
	At          time.Duration // it arrives
	Overtakes   bool          // it skipped the delay
	Corrupt     bool          // bit Bit is flipped, also in the duplicate
	Bit         int           // counted from the most significant bit of the first byte
	Duplicate   bool          // a second one arrives
	DuplicateAt time.Duration // not before At
}

// NewLine returns a perfect line, whose random decisions all follow from the seed.
func NewLine(seed uint64) *Line {
	const stream = 0x6d70746370 // any constant
	return &Line{random: rand.NewPCG(seed, stream)}
}

// Set changes how the line behaves from the next packet on. Those that it took already keep their fates, and none overtakes
// them because the delay became shorter.
func (l *Line) Set(i Impairment) error {
	if err := i.Validate(); err != nil {
		return err
	}
	if i.Burst.P == 0 {
		l.bad = false
	}
	l.set = i
	return nil
}

// Impairment is how the line behaves now.
func (l *Line) Impairment() Impairment { return l.set }

// draws are the random numbers of one packet. Each has one purpose, used or not: this keeps the decisions apart.
type draws struct {
	loss, state, burst, duplicate, reorder, corrupt, bit, jitter uint64
}

func (l *Line) draw() draws {
	next := l.random.Uint64
	return draws{
		loss: next(), state: next(), burst: next(), duplicate: next(),
		reorder: next(), corrupt: next(), bit: next(), jitter: next(),
	}
}

// unit is a number within (0, 1).
func unit(draw uint64) float64 { return (float64(draw>>11) + 0.5) / (1 << 53) }

// hit tells whether something of that probability happens.
func hit(draw uint64, probability float64) bool { return unit(draw) < probability }

// Pass decides about the next packet, which reaches the line at a time counted from any fixed moment, with a length in
// bytes. A time before that of an earlier packet does not let it arrive before that one.
func (l *Line) Pass(at time.Duration, length int) Fate {
	d := l.draw()
	if reason := l.lose(d); reason != NotDropped {
		return Fate{Drop: reason}
	}
	fate := Fate{Overtakes: l.overtake(d), Corrupt: length > 0 && hit(d.corrupt, l.set.Corrupt)}
	delay := l.delay(d)
	if fate.Overtakes {
		delay = 0
	}
	sent, ok := l.send(at, length)
	if !ok {
		return Fate{Drop: DropQueue}
	}
	fate.At = l.arrive(sent+delay, fate.Overtakes)
	if fate.Corrupt {
		bit, _ := bits.Mul64(d.bit, uint64(length)*8)
		fate.Bit = int(bit)
	}
	if hit(d.duplicate, l.set.Duplicate) {
		if sent, ok := l.send(at, length); ok {
			fate.Duplicate, fate.DuplicateAt = true, l.arrive(sent+delay, fate.Overtakes)
		}
	}
	return fate
}

// lose decides whether the packet is lost on the way.
func (l *Line) lose(d draws) DropReason {
	burst := l.loseInBurst(d) // also when it is lost anyway, as the state goes from packet to packet
	switch {
	case hit(d.loss, l.set.Loss):
		return DropLoss
	case burst:
		return DropBurst
	}
	return NotDropped
}

// loseInBurst decides by the state before the packet, and moves to the next state.
func (l *Line) loseInBurst(d draws) bool {
	b := l.set.Burst
	if b.P == 0 {
		return false
	}
	loss, change := b.LossGood, b.P
	if l.bad {
		loss, change = b.LossBad, b.R
	}
	if hit(d.state, change) {
		l.bad = !l.bad
	}
	return hit(d.burst, loss)
}

// overtake decides whether the packet skips the delay (netem_enqueue in net/sched/sch_netem.c).
func (l *Line) overtake(d draws) bool {
	if l.set.Reorder == 0 {
		return false
	}
	if l.counter < l.set.Gap-1 || !hit(d.reorder, l.set.Reorder) {
		l.counter++
		return false
	}
	l.counter = 0
	return true
}

// delay is that of the packet, with its jitter.
func (l *Line) delay(d draws) time.Duration {
	if l.set.Jitter == 0 {
		return l.set.Delay
	}
	u := unit(d.jitter)
	if rho := l.set.Correlation; rho > 0 {
		l.jitter = rho*l.jitter + math.Sqrt(1-rho*rho)*normalQuantile(u)
		u = normalFraction(l.jitter)
	}
	return max(0, l.set.Delay+time.Duration(float64(l.set.Jitter)*l.set.Distribution.quantile(u)))
}

// send is when the last bit of the packet is on the line; false when the queue has no room for it.
func (l *Line) send(at time.Duration, length int) (time.Duration, bool) {
	for len(l.waiting) > 0 && l.waiting[0].until <= at {
		l.backlog -= l.waiting[0].length
		l.waiting = l.waiting[1:]
	}
	if l.set.Queue > 0 && l.backlog > 0 && l.backlog+length > l.set.Queue {
		return 0, false
	}
	start := max(at, l.free)
	if l.set.Rate == 0 {
		l.free = start
		return start, true
	}
	l.free = start + transmission(length, l.set.Rate)
	l.waiting = append(l.waiting, sending{until: l.free, length: length})
	l.backlog += length
	return l.free, true
}

// transmission is how long so many bytes take at a rate in bits per second.
func transmission(length int, rate int64) time.Duration {
	return time.Duration(int64(length) * 8 * int64(time.Second) / rate)
}

// arrive keeps the order of the packets that do not overtake.
func (l *Line) arrive(at time.Duration, overtakes bool) time.Duration {
	if overtakes {
		return at
	}
	l.last = max(l.last, at)
	return l.last
}
