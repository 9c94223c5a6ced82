package vtime

import (
	"container/heap"
	"time"
)

// Clock has a time, and a queue of functions to be called at certain times. Its zero value is ready. It is not for
// concurrent use.
type Clock struct {
	now   time.Duration
	made  uint64 // timers, to keep the order of those of one time
	queue queue
	steps uint64
}

// Timer is something that is to happen.
type Timer struct {
	clock *Clock
	at    time.Duration
	order uint64
	do    func()
	index int // in the queue; -1: it has happened or was stopped
}

// Now is the time since the clock was made.
func (c *Clock) Now() time.Duration { return c.now }

// Steps is how many things have happened.
func (c *Clock) Steps() uint64 { return c.steps }

// After calls do when d has passed: never at once, also not when d is 0 or less.
func (c *Clock) After(d time.Duration, do func()) *Timer {
	c.made++
	t := &Timer{clock: c, at: c.now + max(0, d), order: c.made, do: do}
	heap.Push(&c.queue, t)
	return t
}

// Stop keeps the timer from happening, and tells whether it was still to happen. Stopping a nil timer does nothing.
func (t *Timer) Stop() bool {
	if t == nil || t.index < 0 {
		return false
	}
	heap.Remove(&t.clock.queue, t.index)
	return true
}

// Pending tells whether the timer is still to happen.
func (t *Timer) Pending() bool { return t != nil && t.index >= 0 }

// At is when the timer happens.
func (t *Timer) At() time.Duration { return t.at }

// step lets the next thing happen, if there is one.
func (c *Clock) step() bool {
	if len(c.queue) == 0 {
		return false
	}
	t := heap.Pop(&c.queue).(*Timer)
	c.now = t.at
	c.steps++
	t.do()
	return true
}

// settled tells that nothing more happens at this time.
func (c *Clock) settled() bool { return len(c.queue) == 0 || c.queue[0].at > c.now }

// queue is a heap of timers, the next one first.
type queue []*Timer

func (q queue) Len() int { return len(q) }

func (q queue) Less(i, j int) bool {
	if q[i].at != q[j].at {
		return q[i].at < q[j].at
	}
	return q[i].order < q[j].order
}

func (q queue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

func (q *queue) Push(x any) {
	t := x.(*Timer)
	t.index = len(*q)
	*q = append(*q, t)
}

func (q *queue) Pop() any {
	old := *q
	t := old[len(old)-1]
	old[len(old)-1] = nil
	*q = old[:len(old)-1]
	t.index = -1
	return t
}
