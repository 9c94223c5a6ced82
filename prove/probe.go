package prove

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/match"
)

// probe is one run of a case. It watches some faults: those that would take effect it remembers, and the one in force does.
// It may be used by several goroutines.
type probe struct {
	watched  []*Fault
	inForce  *Fault        // one of them; nil: none
	patience time.Duration // how long anything in the lab may take at most; 0: as long as the case gives it
	carried  bool          // every link is carried in user space, as the fault of a packet needs it

	lab lab.Lab // that of the case, whose time counts; set once it is open

	mu      sync.Mutex
	struck  map[*Fault]bool
	longest time.Duration // that anything took
}

// strikes remembers that a fault would take effect here, and tells whether it does.
func (p *probe) strikes(f *Fault) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.struck == nil {
		p.struck = map[*Fault]bool{}
	}
	p.struck[f] = true
	return f == p.inForce
}

// has tells whether a fault would have taken effect so far.
func (p *probe) has(f *Fault) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck[f]
}

// asked are the faults about which something may still be learned: not those that are known to take effect and are not in force.
func (p *probe) asked(yield func(*Fault) bool) {
	for _, f := range p.watched {
		if (f == p.inForce || !p.has(f)) && !yield(f) {
			return
		}
	}
}

// ignores tells whether a command is to be answered and not obeyed.
func (p *probe) ignores(c command) bool {
	for f := range p.asked {
		if f.ignores == c && p.strikes(f) {
			return true
		}
	}
	return false
}

// alter is x as the fault in force makes it. The function says what a fault makes of x, or that it is about something else.
func alter[T any](p *probe, x T, by func(*Fault) (T, bool)) T {
	for f := range p.asked {
		if y, ok := by(f); ok && !reflect.DeepEqual(x, y) && p.strikes(f) {
			return y
		}
	}
	return x
}

// forgive is the error of a command of the path manager, unless refusals are passed over.
func (p *probe) forgive(err error) error {
	if err == nil {
		return nil
	}
	for f := range p.asked {
		if f.forgives && p.strikes(f) {
			return nil
		}
	}
	return err
}

// took remembers how long something took.
func (p *probe) took(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.longest = max(p.longest, d)
}

// within bounds what takes time in a lab by the patience, and remembers how long it took when the returned function is called.
func (p *probe) within(ctx context.Context) (context.Context, func()) {
	began, cancel := p.lab.Now(), context.CancelFunc(func() {})
	if p.patience > 0 {
		why := fmt.Errorf("not done within %s, which is long beside what the case took without a fault", p.patience)
		ctx, cancel = p.lab.Timeout(ctx, p.patience, why)
	}
	return ctx, func() {
		cancel()
		p.took(p.lab.Now() - began)
	}
}

// idle is a rule that selects nothing.
var idle = match.Match{Flags: match.RST, Option: "UNKNOWN", Payload: new(true)}

// watch puts the fault in force on a new link, if it is one of packets.
func (p *probe) watch(ctx context.Context, l lab.Link) error {
	if p.carried {
		return l.AddRule(ctx, &lab.Rule{
			Name: "nothing", Select: match.Selector{Match: idle},
			Judge: func(lab.Packet, []byte, func(lab.Verdict) error) lab.Verdict { return lab.Verdict{} },
		})
	}
	f := p.inForce
	if f == nil || f.packet == nil {
		return nil
	}
	return l.AddRule(ctx, &lab.Rule{
		Name: "fault: " + f.Name, Select: match.Selector{Match: f.packet.match},
		Judge: func(_ lab.Packet, frame []byte, _ func(lab.Verdict) error) lab.Verdict {
			v, struck := f.packet.judge(frame)
			if struck {
				p.strikes(f)
			}
			return v
		},
	})
}

// look finds the faults of packets that would have taken effect, by what links have recorded.
func (p *probe) look(links []lab.Link) {
	for _, l := range links {
		packets, _ := l.Packets() // those that were not lost
		for f := range p.asked {
			if f.packet != nil && f.packet.among(packets) {
				p.strikes(f)
			}
		}
	}
}

// among tells whether one of the packets of a link may be meant.
func (f *packetFault) among(packets []lab.Packet) bool {
	if f.bulk {
		return len(packets) > 0
	}
	for _, p := range packets {
		if f.match.Matches(p.Packet, match.AToB) {
			return true
		}
	}
	return false
}
