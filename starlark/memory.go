package starlark

import (
	"fmt"
	"runtime/metrics"
	"time"
)

const heapMetric = "/memory/classes/heap/objects:bytes"

// memoryInterval is how often the heap is looked at: a script that doubles its data takes longer than this from the
// bound of one operation (see guard.go) to the bound of all.
const memoryInterval = 5 * time.Millisecond

// watchMemory calls stop when the heap of the process has more than limit bytes, until the returned function is called.
// The interpreter counts no memory, so the bound is one for all scripts that run at once.
func watchMemory(limit uint64, stop func(reason string)) func() {
	done := make(chan struct{})
	go func() {
		tick := time.NewTicker(memoryInterval)
		defer tick.Stop()
		sample := []metrics.Sample{{Name: heapMetric}}
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				metrics.Read(sample)
				if sample[0].Value.Uint64() > limit {
					stop(fmt.Sprintf("more than %d MiB of memory in use by scripts", limit>>20))
					return
				}
			}
		}
	}()
	return func() { close(done) }
}
