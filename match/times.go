package match

import (
	"errors"

	"github.com/mptcp-lab/mptcp-lab/wire"
)

// Times picks among the packets that match, by their number in order: the first has the number 1. Unset fields ask for
// nothing; all others must hold, so that After 5 and Every 2 pick the 6th, 8th, 10th and so on.
type Times struct {
	Nth   uint // only this one
	First uint // this many from the first on
	Every uint // those whose number is a multiple of this
	After uint // those whose number is greater
}

// Validate tells of fields that together make no sense.
func (t Times) Validate() error {
	switch {
	case t.Nth != 0 && t != Times{Nth: t.Nth}:
		return errors.New("nth picks one packet: first, every and after have no say beside it")
	case t.First != 0 && t.First <= t.After:
		return errors.New("first ends before after begins, so that no packet is picked")
	case t.First != 0 && t.Every > t.First:
		return errors.New("every is greater than first, so that no packet is picked")
	}
	return nil
}

// Includes reports whether the packet of that number is picked.
func (t Times) Includes(number uint) bool {
	return (t.Nth == 0 || number == t.Nth) &&
		(t.First == 0 || number <= t.First) &&
		(t.Every == 0 || number%t.Every == 0) &&
		number > t.After
}

// Selector says which packets of a sequence are meant. Its zero value means all.
type Selector struct {
	Match Match
	Times Times
}

// Validate tells what in the selector makes no sense, or keeps it from ever meaning a packet.
func (s Selector) Validate() error {
	if err := s.Match.Validate(); err != nil {
		return err
	}
	return s.Times.Validate()
}

// Counter follows a sequence of packets with a selector that is valid. It is not for concurrent use.
type Counter struct {
	Selector
	seen uint
}

// Selects reports whether the next packet of the sequence, which passes in that direction, is meant. It need not be called
// for packets whose class already tells that they do not match (see [Match.MayMatch]).
func (c *Counter) Selects(p wire.Packet, d Direction) bool {
	if !c.Match.Matches(p, d) {
		return false
	}
	c.seen++
	return c.Times.Includes(c.seen)
}

// Seen is how many packets have matched so far, whether they were meant or not. 0 at the end of a test tells of a selector
// that was never put to it.
func (c *Counter) Seen() uint { return c.seen }
