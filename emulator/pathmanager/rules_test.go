package pathmanager

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// outcome is what is seen of a connection in the end.
type outcome struct {
	sent   []string
	opened []string
	info   lab.Info // but for the limits and maxima, which follow from the set-up
	counts map[string]int
	said   map[string]string // rule to a text of it
}

// rule is one rule of the path manager: a host that is set up, what happens to a connection of it, and what is seen.
type rule struct {
	name    string
	release string // "": 6.18
	side    Side
	denied  bool // the peer set the C flag
	setUp   func(*world)
	happen  func(*link)
	want    outcome
}

// check runs a row.
func (r rule) check(t *testing.T) {
	w := newWorld(r.release)
	w.T = t
	if r.setUp != nil {
		r.setUp(w)
	}
	l := connecting(w, r.side, r.denied)
	l.establish()
	if r.happen != nil {
		r.happen(l)
	}
	require.Equal(t, r.want.sent, l.sent)
	require.Equal(t, r.want.opened, l.opened)
	require.Equal(t, r.want.info, variable(l.counters()))
	counts := r.want.counts
	if counts == nil {
		counts = map[string]int{}
	}
	require.Equal(t, counts, w.counts)
	for rule, text := range r.want.said {
		require.Contains(t, w.told(rule), text)
	}
	for _, reason := range w.reasons {
		require.NotEmpty(t, reason.Source, reason.Rule)
	}
}

// What is added between the handshake and full establishment is not looked at, unless there was something to do before.
func TestTooEarly(t *testing.T) {
	tests := []struct {
		name  string
		setUp func(*world)
		early func(*world)
		want  []string
	}{
		{"an endpoint", func(*world) {}, func(w *world) { w.endpoint("10.0.2.2", "subflow") }, nil},
		{
			"an endpoint beside another",
			func(w *world) { w.endpoint("10.0.3.2", "subflow") }, func(w *world) { w.endpoint("10.0.2.2", "subflow") },
			[]string{"10.0.3.2/1 > 10.0.1.1:5000/0", "10.0.2.2/2 > 10.0.1.1:5000/0"},
		},
		{
			"a limit",
			func(w *world) { w.limits(0, 0); w.endpoint("10.0.2.2", "subflow") }, func(w *world) { w.limits(0, 8) }, nil,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld("")
			tt.setUp(w)
			l := connecting(w, Opened, false)
			tt.early(w)
			require.Empty(t, l.opened)
			l.establish()
			require.Equal(t, tt.want, l.opened)
		})
	}
}

// A join to a near peer is established while the run that opened it goes on, and gets another run; one to a far peer comes when
// the limit is known to be reached, and the second address is not announced.
func TestNearAndFar(t *testing.T) {
	for answer, want := range map[time.Duration][]string{
		40 * time.Microsecond: {"add 2 10.0.3.2", "add 3 10.0.4.2"},
		5 * time.Millisecond:  {"add 2 10.0.3.2"},
	} {
		w := newWorld("")
		w.limits(0, 1)
		w.endpoint("10.0.2.2", "subflow")
		w.endpoint("10.0.3.2", "signal")
		w.endpoint("10.0.4.2", "signal")
		l := connecting(w, Opened, false)
		l.answer = answer
		l.establish()
		l.pass(100 * time.Millisecond)
		require.Equal(t, want, l.sent)
	}
}

// variable is what of a connection's counters is its own.
func variable(i lab.Info) lab.Info {
	return lab.Info{
		ExtraSubflows: i.ExtraSubflows, AddAddrSignaled: i.AddAddrSignaled, AddAddrAccepted: i.AddAddrAccepted, LocalAddrUsed: i.LocalAddrUsed,
	}
}
