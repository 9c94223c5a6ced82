package starlark

import (
	"fmt"
	"runtime/metrics"
	"sync/atomic"
	"time"
)

const heapMetric = "/memory/classes/heap/objects:bytes"

// memoryInterval is how often the heap is looked at: a script that doubles its data takes longer than this from the
// bound of one operation (see guard.go) to the bound of all.
const memoryInterval = 5 * time.Millisecond

// memoryWatch looks at the heap of the process while a script runs.
type memoryWatch struct {
	resting atomic.Bool
	resumed chan struct{} // a rest has ended, which the watch may not have begun yet
	done    chan struct{}
}

// watchMemory calls stop when the heap of the process has more than limit bytes, until it is closed. The interpreter counts no
// memory, so the bound is one for all scripts that run at once.
func watchMemory(limit uint64, stop func(reason string)) *memoryWatch {
	w := &memoryWatch{resumed: make(chan struct{}, 1), done: make(chan struct{})}
	go w.watch(limit, stop)
	return w
}

func (w *memoryWatch) watch(limit uint64, stop func(reason string)) {
	tick := time.NewTicker(memoryInterval)
	defer tick.Stop()
	sample := []metrics.Sample{{Name: heapMetric}}
	for {
		select {
		case <-w.done:
			return
		case <-tick.C:
		}
		if w.resting.Load() {
			tick.Stop()
			select {
			case <-w.done:
				return
			case <-w.resumed:
			}
			tick.Reset(memoryInterval)
			continue
		}
		metrics.Read(sample)
		if sample[0].Value.Uint64() > limit {
			stop(fmt.Sprintf("more than %d MiB of memory in use by scripts", limit>>20))
			return
		}
	}
}

// rest tells that the script waits, and makes nothing until resume is called: minutes may go by.
func (w *memoryWatch) rest() { w.resting.Store(true) }

func (w *memoryWatch) resume() {
	w.resting.Store(false)
	select {
	case w.resumed <- struct{}{}:
	default:
	}
}

func (w *memoryWatch) close() { close(w.done) }
