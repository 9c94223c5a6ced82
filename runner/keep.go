package runner

import (
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// keeper decides which lab stays open for Config.Keep, and counts those that stay open because their case never returned.
type keeper struct {
	mu        sync.Mutex
	wanted    bool
	left      int // cases not judged yet
	c         report.Case
	lab       lab.Lab // nil: none kept
	abandoned int
}

// judged tells that an attempt ended, and whether its lab is kept; if so, the keeper closes it.
func (k *keeper) judged(a *attempt, v report.Verdict, l lab.Lab) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.left--
	if !k.wanted || k.lab != nil || l == nil || a.abandoned {
		return false
	}
	if !bad(v) && k.left > 0 {
		return false
	}
	k.c, k.lab = a.c.Case, l
	return true
}

// abandon tells that nobody waits for the attempt any more.
func (k *keeper) abandon(a *attempt) {
	k.mu.Lock()
	defer k.mu.Unlock()
	a.abandoned = true
	k.abandoned++
}
