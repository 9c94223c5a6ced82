package kernel

import (
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// record is what was observed and noted in one lab, and its clock.
type record struct {
	*lab.Record
	epoch time.Time
}

func newRecord(limit int) *record { return &record{Record: lab.NewRecord(limit), epoch: time.Now()} }

func (r *record) now() time.Duration { return time.Since(r.epoch) }

// at converts a kernel time stamp, which is of the wall clock, to lab time.
func (r *record) at(stamp time.Time) time.Duration {
	now := time.Now()
	elapsed := now.Sub(r.epoch)
	return stamp.Sub(r.epoch.Round(0)) - clockStep(now.Round(0).Sub(r.epoch.Round(0)), elapsed)
}

// clockStep is by how much the wall clock was set during a time: more went by on it than on the monotonic one. A small
// difference comes from reading them one after the other.
func clockStep(wall, monotonic time.Duration) time.Duration {
	const reading = 50 * time.Millisecond
	if step := wall - monotonic; step.Abs() > reading {
		return step
	}
	return 0
}
