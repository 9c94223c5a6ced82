package emulator

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// record keeps what was observed and noted in one lab. Its methods may be called from any goroutine.
type record struct {
	limit int // events and packets kept, together

	mu      sync.Mutex                     // over all below
	entries []entry                        // in the order in which they came
	events  map[string]*series[lab.Event]  // by host
	packets map[string]*series[lab.Packet] // by link
	kept    int
}

// entry is something on the timeline; its text is made when somebody wants it.
type entry struct {
	lab.Entry
	of fmt.Stringer // nil: the entry has its text
}

// series is what was observed at one place, as far as the record had room for it. It only grows.
type series[T any] struct {
	kept    []T
	dropped int
}

func newRecord(limit int) *record {
	return &record{limit: limit, events: map[string]*series[lab.Event]{}, packets: map[string]*series[lab.Packet]{}}
}

func (r *record) note(e lab.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(r.entries, entry{Entry: e})
}

func (r *record) addEvent(host string, e lab.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if add(r, r.events, host, e) {
		r.entries = append(r.entries, entry{lab.Entry{Time: e.Time, Host: host, Kind: lab.KindEvent}, e})
	}
}

func (r *record) addPacket(p lab.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if add(r, r.packets, p.Link, p) {
		r.entries = append(r.entries, entry{lab.Entry{Time: p.Time, Host: p.From + " > " + p.To, Kind: lab.KindPacket}, p})
	}
}

// add keeps x, or counts it when the record is full.
func add[T any](r *record, logs map[string]*series[T], place string, x T) bool {
	l := logs[place]
	if l == nil {
		l = &series[T]{}
		logs[place] = l
	}
	if r.kept >= r.limit {
		l.dropped++
		return false
	}
	r.kept++
	l.kept = append(l.kept, x)
	return true
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

// timeline is everything, in order of time; what has the same time is in the order in which it came.
func (r *record) timeline() []lab.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]lab.Entry, len(r.entries))
	for i, e := range r.entries {
		all[i] = e.Entry
		if e.of != nil {
			all[i].Text = e.of.String()
		}
	}
	slices.SortStableFunc(all, func(a, b lab.Entry) int { return cmp.Compare(a.Time, b.Time) }) // what a rule held came late
	dropped := 0
	for _, l := range r.packets {
		dropped += l.dropped
	}
	for _, l := range r.events {
		dropped += l.dropped
	}
	if dropped > 0 {
		all = append(all, lab.Entry{
			Time: all[len(all)-1].Time, Kind: lab.KindStep,
			Text: fmt.Sprintf("%d more packets and events were not kept: at most %d are", dropped, r.limit),
		})
	}
	return all
}

// movedText lists counters in order of name: "MPJoinAckRx +1, MPJoinSynRx +1".
func movedText(moved lab.Counters) string {
	parts := make([]string, 0, len(moved))
	for _, name := range slices.Sorted(maps.Keys(moved)) {
		parts = append(parts, fmt.Sprintf("%s %+d", name, int64(moved[name])))
	}
	return strings.Join(parts, ", ")
}
