package coverage

import (
	"cmp"
	"maps"
	"slices"
	"sync"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// Recorder remembers what happens in the labs of the backends that it wraps, and in which cases. The zero value is empty and
// ready.
type Recorder struct {
	mu       sync.Mutex
	cases    set                     // by the names of their labs
	seen     map[Kind]map[string]set // the cases in which something was exercised, by its name
	counters set                     // that hosts have; empty: no host was asked
	partial  set                     // cases of which not everything is known
}

type set = map[string]bool

// Wrap returns a backend that does as b does, and whose labs are recorded.
func (r *Recorder) Wrap(b lab.Backend) lab.Backend { return backend{b, r} }

// opened tells of a lab.
func (r *Recorder) opened(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cases == nil {
		r.cases, r.seen, r.counters, r.partial = set{}, map[Kind]map[string]set{}, set{}, set{}
	}
	r.cases[name] = true
}

// add tells that a case has exercised something.
func (r *Recorder) add(name string, k Kind, items ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, item := range items {
		if r.seen[k] == nil {
			r.seen[k] = map[string]set{}
		}
		if r.seen[k][item] == nil {
			r.seen[k][item] = set{}
		}
		r.seen[k][item][name] = true
	}
}

// counted adds a reading of counters.
func (r *Recorder) counted(name string, c lab.Counters) {
	r.mu.Lock()
	for counter := range c {
		r.counters[counter] = true
	}
	r.mu.Unlock()
	for counter, n := range c {
		if n != 0 {
			r.add(name, Counter, counter)
		}
	}
}

// missed tells that something could not be read in a case.
func (r *Recorder) missed(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.partial[name] = true
}

// Report is what was recorded.
type Report struct {
	Cases   []string `json:"cases"`             // that were run, by ID, sorted
	Partial []string `json:"partial,omitempty"` // of them those whose record has gaps
	Groups  []Group  `json:"groups"`            // one for each kind
}

// Group is what was recorded of one kind.
type Group struct {
	Kind  Kind   `json:"kind"`
	Items []Item `json:"items"` // the known ones in their order, then others, sorted
}

// Item is one thing of its kind, and the cases that have exercised it: none, if it never was.
type Item struct {
	Name  string   `json:"name"`
	Cases []string `json:"cases"`
}

// Exercised is how many items of the group at least one case has exercised.
func (g Group) Exercised() int { return len(g.Items) - len(g.Never()) }

// Never are the names of the items that no case has exercised.
func (g Group) Never() []string {
	var names []string
	for _, item := range g.Items {
		if len(item.Cases) == 0 {
			names = append(names, item.Name)
		}
	}
	return names
}

// Report returns what was recorded so far.
func (r *Recorder) Report() Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	report := Report{Cases: sorted(r.cases), Partial: sorted(r.partial)}
	for _, k := range Kinds() {
		report.Groups = append(report.Groups, Group{Kind: k, Items: r.items(k)})
	}
	return report
}

func (r *Recorder) items(k Kind) []Item {
	names := Known(k)
	if k == Counter && len(r.counters) > 0 { // which differ by kernel
		names = slices.DeleteFunc(names, func(name string) bool { return !r.counters[name] })
		names = appendMissing(names, r.counters)
	}
	names = appendMissing(names, r.seen[k])
	items := make([]Item, len(names))
	for i, name := range names {
		items[i] = Item{Name: name, Cases: sorted(r.seen[k][name])}
	}
	return items
}

// appendMissing adds the keys that a list lacks, sorted.
func appendMissing[V any](list []string, keys map[string]V) []string {
	for _, key := range sorted(keys) {
		if !slices.Contains(list, key) {
			list = append(list, key)
		}
	}
	return list
}

// sorted are the keys of a map; never nil, so that JSON has a list.
func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	keys := slices.AppendSeq(make([]K, 0, len(m)), maps.Keys(m))
	slices.Sort(keys)
	return keys
}
