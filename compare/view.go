package compare

import (
	"cmp"
	"slices"
	"time"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Witness is one of the ways in which a lab is observed.
type Witness string

// The witnesses.
const (
	Verdict  Witness = "verdict" // of the case, with its message
	Events   Witness = "event"   // of path managers
	Options  Witness = "option"  // on the wire, with the flags SYN, FIN and RST
	Subflows Witness = "subflow" // connections and subflows that inet_diag shows in the end
	Settings Witness = "setting" // endpoints and limits in the end
	Counters Witness = "counter" // MPTcpExt counters that moved
	Errors   Witness = "error"   // of commands and sockets
)

var witnesses = []Witness{Verdict, Errors, Events, Options, Subflows, Settings, Counters}

// Seen is one thing that a witness saw.
type Seen struct {
	Witness Witness
	Of      string // what it is about; things of one kind and subject are in order
	Text    string
	Time    time.Duration // lab time; for what was read at the end, that of the end

	again bool   // it repeats an earlier one
	from  string // of a packet: who sent it
}

// View is what the witnesses saw in one lab.
type View struct {
	Result report.Result
	seen   map[subject][]Seen
	ports  ports
}

// wholeCase is what a verdict is about.
const wholeCase = "case"

// subject is what things are aligned by.
type subject struct {
	witness Witness
	of      string
}

// newView puts what a case has left into words that two backends share.
func newView(r report.Result, refused []refusal) *View {
	v := &View{Result: r, seen: map[subject][]Seen{}}
	end := time.Duration(0)
	if n := len(r.Timeline); n > 0 {
		end = r.Timeline[n-1].Time
	}
	v.add(Seen{Witness: Verdict, Of: wholeCase, Text: verdict(r), Time: end})
	for _, x := range refused {
		v.add(Seen{Witness: Errors, Of: x.host, Text: x.text(), Time: x.time})
	}
	if r.Snapshot == nil {
		return v
	}
	v.ports = listened(r.Snapshot)
	for _, n := range r.Snapshot.Nodes {
		v.addEvents(n)
		v.addConns(n, end)
		v.addSettings(n, end)
		v.addCounters(n, end)
	}
	v.addPackets(r.Snapshot.Links)
	return v
}

// add takes the next thing that a witness saw.
func (v *View) add(s Seen) {
	k := subject{s.Witness, s.Of}
	v.seen[k] = append(v.seen[k], s)
}

func verdict(r report.Result) string {
	if r.Verdict == report.Passed || r.Verdict == report.Skipped {
		return string(r.Verdict)
	}
	return string(r.Verdict) + ": " + constant(r.Message)
}

// subjects are those of either view, in order.
func subjects(a, b *View) []subject {
	var all []subject
	for k := range a.seen {
		all = append(all, k)
	}
	for k := range b.seen {
		if _, both := a.seen[k]; !both {
			all = append(all, k)
		}
	}
	slices.SortFunc(all, func(x, y subject) int {
		return cmp.Or(
			cmp.Compare(slices.Index(witnesses, x.witness), slices.Index(witnesses, y.witness)),
			cmp.Compare(x.of, y.of),
		)
	})
	return all
}
