package lab

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
)

// Record keeps what was observed and noted in one lab, for a backend. Its methods may be called from any goroutine.
type Record struct {
	limit int // events and packets kept, together

	mu      sync.Mutex                 // over all below
	entries []entry                    // in the order in which they came
	events  map[string]*series[Event]  // by host
	packets map[string]*series[Packet] // by link
	kept    int
}

// entry is something on the timeline; its text is made when somebody wants it.
type entry struct {
	Entry
	of fmt.Stringer // nil: the entry has its text
}

// series is what was observed at one place, as far as the record had room for it. It only grows.
type series[T any] struct {
	kept    []T
	dropped int
}

// NewRecord is an empty record that keeps so many events and packets, together.
func NewRecord(limit int) *Record {
	return &Record{limit: limit, events: map[string]*series[Event]{}, packets: map[string]*series[Packet]{}}
}

// Note puts an entry on the timeline.
func (r *Record) Note(e Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.entries = append(grown(r.entries), entry{Entry: e})
}

// AddEvent keeps an event of a host, and counts it when the record is full.
func (r *Record) AddEvent(host string, e Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if add(r, r.events, host, e) {
		r.entries = append(grown(r.entries), entry{Entry{Time: e.Time, Host: host, Kind: KindEvent}, e})
	}
}

// AddPacket keeps a packet under its link, and counts it when the record is full.
func (r *Record) AddPacket(p Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if add(r, r.packets, p.Link, p) {
		r.entries = append(grown(r.entries), entry{Entry{Time: p.Time, Host: p.From + " > " + p.To, Kind: KindPacket}, p})
	}
}

// add keeps x, or counts it when the record is full.
func add[T any](r *Record, logs map[string]*series[T], place string, x T) bool {
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
	l.kept = append(grown(l.kept), x)
	return true
}

// grown makes room for one more, and when there is none for twice as many: append would copy a long record more often.
func grown[T any](s []T) []T {
	if len(s) < cap(s) {
		return s
	}
	return slices.Grow(s, max(16, len(s)))
}

// EventsOf are the events of a host that were kept; the error tells that others were not.
func (r *Record) EventsOf(host string) ([]Event, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return get(r, r.events, host)
}

// PacketsOf are the packets of a link that were kept; the error tells that others were not.
func (r *Record) PacketsOf(link string) ([]Packet, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return get(r, r.packets, link)
}

func get[T any](r *Record, logs map[string]*series[T], place string) ([]T, error) {
	l := logs[place]
	switch {
	case l == nil:
		return nil, nil
	case l.dropped > 0:
		return slices.Clip(l.kept), fmt.Errorf("%d were not kept: a lab keeps at most %d packets and events", l.dropped, r.limit)
	}
	return slices.Clip(l.kept), nil
}

// Timeline is everything, in order of time; what has the same time is in the order in which it came.
func (r *Record) Timeline() []Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := make([]Entry, len(r.entries))
	for i, e := range r.entries {
		all[i] = e.Entry
		if e.of != nil {
			all[i].Text = e.of.String()
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return cmp.Compare(a.Time, b.Time) }) // what a rule held came late
	dropped := 0
	for _, l := range r.packets {
		dropped += l.dropped
	}
	for _, l := range r.events {
		dropped += l.dropped
	}
	if dropped > 0 {
		all = append(all, Entry{
			Time: all[len(all)-1].Time, Kind: KindStep,
			Text: fmt.Sprintf("%d more packets and events were not kept: at most %d are", dropped, r.limit),
		})
	}
	return all
}
