package lab

import (
	"time"

	"github.com/mptcp-lab/mptcp-lab/match"
)

// Rule says what a link does with some of the packets that enter it, before its impairment sees them.
type Rule struct {
	Name   string         // as the timeline shows it: `drop(option = "ADD_ADDR", nth = 1)`
	Select match.Selector // which packets; direction AToB is from the first of Link.Ends

	// Judge decides on a packet that is selected. The frame begins with the Ethernet header, has its checksums, and is valid
	// during the call and until the verdict. Judge is called for one packet after the other, on a goroutine of the link, where
	// nothing else moves meanwhile: what takes time answers ActionWait, and calls decide later, from any goroutine but before
	// Judge returns.
	Judge func(p Packet, frame []byte, decide func(Verdict) error) Verdict
}

// Action is what becomes of a packet.
type Action uint8

// The actions.
const (
	ActionPass Action = iota
	ActionDrop
	ActionWait // what follows in the same direction waits behind it, until it is decided
	ActionHold // it is put aside while what follows goes on, until it is decided
)

// Verdict is what a rule decides. Its zero value lets the packet pass.
type Verdict struct {
	Action Action
	Delay  time.Duration // beyond that of the link; other packets may overtake it
	Copies int           // how many more of it arrive
	Frame  []byte        // in place of the packet; nil: as it is
	Inject []Injection   // sent at once
	Note   string        // what was done, for the timeline: "dropped", "without MP_JOIN"
	Err    error         // what was asked for and cannot be done: it ends the case
}

// Injection is a frame that a link sends by itself.
type Injection struct {
	To    int // the end of the link that receives it: an index into Link.Ends
	Frame []byte
}

// Traffic counts the packets of one direction of a link that is not a plain cable, as they are on the wire: a large frame of a
// veth interface counts as the packets that it stands for.
type Traffic struct {
	Received   uint64 // from the sender
	Injected   uint64
	Duplicated uint64
	Delivered  uint64
	Corrupted  uint64
	Dropped    map[string]uint64 // by reason: "loss", "queue full", "filter"
	InFlight   uint64            // now
	Held       uint64            // now, by a rule, or waiting for its verdict
}
