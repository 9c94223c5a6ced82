package kernel

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// record keeps what was observed and noted in one lab. Its methods may be called from any goroutine.
type record struct {
	epoch time.Time
	limit int // events and packets kept, together

	mu      sync.Mutex
	notes   []lab.Entry
	events  map[string]*series[lab.Event]  // by host
	packets map[string]*series[lab.Packet] // by link
	kept    int
}

// series is what was observed at one place, as far as the record had room for it. It only grows.
type series[T any] struct {
	kept    []T
	dropped int
}

func newRecord(limit int) *record {
	return &record{
		epoch:   time.Now(),
		limit:   limit,
		events:  map[string]*series[lab.Event]{},
		packets: map[string]*series[lab.Packet]{},
	}
}

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

func (r *record) note(e lab.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, e)
}

func (r *record) addEvent(host string, e lab.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(r, r.events, host, e)
}

func (r *record) addPacket(p lab.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	add(r, r.packets, p.Link, p)
}

// add keeps x, or counts it when the record is full.
func add[T any](r *record, logs map[string]*series[T], place string, x T) {
	l := logs[place]
	if l == nil {
		l = &series[T]{}
		logs[place] = l
	}
	if r.kept >= r.limit {
		l.dropped++
		return
	}
	r.kept++
	l.kept = append(l.kept, x)
}

// eventsOf are the events of a host that were kept; the error tells that others were not.
func (r *record) eventsOf(host string) ([]lab.Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return get(r, r.events, host)
}

// packetsOf are the packets of a link that were kept; the error tells that others were not.
func (r *record) packetsOf(link string) ([]lab.Packet, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return get(r, r.packets, link)
}

func get[T any](r *record, logs map[string]*series[T], place string) ([]T, error) {
	l := logs[place]
	switch {
	case l == nil:
		return nil, nil
	case l.dropped > 0:
		return slices.Clip(l.kept), fmt.Errorf("%d were not kept: a lab keeps at most %d packets and events", l.dropped, r.limit)
	}
	return slices.Clip(l.kept), nil
}

// timeline merges everything, in order of time; what has the same time keeps the order note, packet, event.
func (r *record) timeline() []lab.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.notes)
	dropped := 0
	for _, link := range slices.Sorted(maps.Keys(r.packets)) {
		dropped += r.packets[link].dropped
		for _, p := range r.packets[link].kept {
			all = append(all, lab.Entry{Time: p.Time, Host: p.From + " > " + p.To, Kind: lab.KindPacket, Text: p.String()})
		}
	}
	for _, host := range slices.Sorted(maps.Keys(r.events)) {
		dropped += r.events[host].dropped
		for _, e := range r.events[host].kept {
			all = append(all, lab.Entry{Time: e.Time, Host: host, Kind: lab.KindEvent, Text: e.String()})
		}
	}
	slices.SortStableFunc(all, func(a, b lab.Entry) int { return cmp.Compare(a.Time, b.Time) })
	if dropped > 0 {
		all = append(all, lab.Entry{
			Time: r.now(), Kind: lab.KindStep,
			Text: fmt.Sprintf("%d more packets and events were not kept: at most %d are", dropped, r.limit),
		})
	}
	return all
}

// movedText lists counters in order of name: "MPJoinAckRx +1, MPJoinSynRx +1".
func movedText(moved lab.Counters) string {
	parts := make([]string, 0, len(moved))
	for name, n := range moved {
		parts = append(parts, fmt.Sprintf("%s %+d", name, int64(n)))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
