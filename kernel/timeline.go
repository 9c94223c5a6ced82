package kernel

import (
	"fmt"
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
	events  map[string][]lab.Event  // by host
	packets map[string][]lab.Packet // by link
	kept    int
	dropped int
}

func newRecord(limit int) *record {
	return &record{
		epoch:   time.Now(),
		limit:   limit,
		events:  map[string][]lab.Event{},
		packets: map[string][]lab.Packet{},
	}
}

func (r *record) now() time.Duration { return time.Since(r.epoch) }

// at converts a kernel time stamp, which has no monotonic part, to lab time.
func (r *record) at(t time.Time) time.Duration { return t.Sub(r.epoch.Round(0)) }

func (r *record) note(e lab.Entry) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notes = append(r.notes, e)
}

// full reports whether the record has reached its limit, counting what it turns away. The caller holds mu.
func (r *record) full() bool {
	if r.kept >= r.limit {
		r.dropped++
		return true
	}
	r.kept++
	return false
}

func (r *record) addEvent(host string, e lab.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.full() {
		r.events[host] = append(r.events[host], e)
	}
}

func (r *record) addPacket(p lab.Packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.full() {
		r.packets[p.Link] = append(r.packets[p.Link], p)
	}
}

func (r *record) eventsOf(host string) []lab.Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.events[host])
}

func (r *record) packetsOf(link string) []lab.Packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.packets[link])
}

// timeline merges everything, in order of time; what has the same time keeps the order note, packet, event.
func (r *record) timeline() []lab.Entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := slices.Clone(r.notes)
	for _, packets := range r.packets {
		for _, p := range packets {
			all = append(all, lab.Entry{Time: p.Time, Host: p.From + " > " + p.To, Kind: lab.KindPacket, Text: p.String()})
		}
	}
	for host, events := range r.events {
		for _, e := range events {
			all = append(all, lab.Entry{Time: e.Time, Host: host, Kind: lab.KindEvent, Text: e.String()})
		}
	}
	if r.dropped > 0 {
		all = append(all, lab.Entry{
			Time: r.now(), Kind: lab.KindStep,
			Text: fmt.Sprintf("%d more packets and events were not kept: at most %d are", r.dropped, r.limit),
		})
	}
	sort.SliceStable(all, func(i, j int) bool { return all[i].Time < all[j].Time })
	return all
}

// movedText lists counters in order of name: "MPJoinSynRx +1, MPJoinAckRx +1".
func movedText(moved lab.Counters) string {
	parts := make([]string, 0, len(moved))
	for name, n := range moved {
		parts = append(parts, fmt.Sprintf("%s %+d", name, int64(n)))
	}
	sort.Strings(parts)
	return strings.Join(parts, ", ")
}
