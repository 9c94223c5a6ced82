package compare

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/mptcp-lab/mptcp-lab/lab"
	"github.com/mptcp-lab/mptcp-lab/report"
)

// small makes a view of what a witness saw.
func small(all ...Seen) *View {
	v := &View{Result: report.Result{Verdict: report.Passed}, seen: map[subject][]Seen{}}
	for _, s := range all {
		v.add(s)
	}
	return v
}

func option(of, text string) Seen { return Seen{Witness: Options, Of: of, Text: text, from: "server"} }

func again(s Seen) Seen { s.again = true; return s }

func counter(of, n string) Seen { return Seen{Witness: Counters, Of: of, Text: n} }

func subflow(of, text string) Seen { return Seen{Witness: Subflows, Of: of, Text: text} }

func did(v *View, actions ...string) *View {
	for _, a := range actions {
		v.Result.Timeline = append(v.Result.Timeline, lab.Entry{Kind: lab.KindAction, Text: a})
	}
	return v
}

// Each race is tolerated where it is one, and what looks like it is not.
func TestRaces(t *testing.T) {
	add, echo := option("c", "ADD_ADDR id 1 10.0.2.2"), option("c", "ADD_ADDR id 1 10.0.2.2 echo")
	stuck := Seen{Witness: Errors, Of: "client", Text: "send: not done within 100ms"}
	rst := option("d", "RST")
	tests := []struct {
		race             string // that explains every difference; empty: there is an unexplained one
		kernel, emulator *View
	}{
		{"repetition", small(add, again(add)), small(add)},
		{"repetition", small(add, again(add), counter("h AddAddrTx", "2")), small(add, counter("h AddAddrTx", "1"))},
		{"", small(add), small()},
		{"", small(add, counter("h AddAddrTx", "2")), small(add, counter("h AddAddrTx", "1"))},
		{"two signals at once", small(counter("h RmAddr", "1"), counter("h RmAddrDrop", "1")), small(counter("h RmAddr", "2"))},
		{"", small(counter("h RmAddr", "1")), small(counter("h RmAddr", "2"))},
		{"vehicle", small(option("c", "RM_ADDR [1]")), small(option("d", "RM_ADDR [1]"))},
		{"vehicle", small(add, echo), small(echo, add)},
		{"", small(option("c", "MP_PRIO B")), small(option("d", "MP_PRIO B"))},
		{"", small(option("c", "RM_ADDR [1]")), small(option("d", "RM_ADDR [2]"))},
		{"first data", small(option("c", "MP_CAPABLE key both keys data 1")), small()},
		{"", small(option("c", "MP_CAPABLE key both keys")), small()},
		{"course of data", small(counter("h OFOQueue", "3")), small()},
		{"course of data", small(counter("h DuplicateData", "3"), subflow("x received", "17")), small(subflow("x received", "12"))},
		{"", small(subflow("x received", "17")), small(subflow("x received", "12"))},
		{"", small(counter("h MPRstTx", "3")), small()},
		{"data not acknowledged yet", small(subflow("x acked", "17")), small(subflow("x acked", "12"))},
		{"room of a receiver", small(stuck, subflow("x received", "17")), small(stuck, subflow("x received", "12"))},
		{"stale subflows", small(counter("h SubflowStale", "1")), small()},
		{"segment on its way", small(rst), small()},
		{"", small(option("d", "RST MP_TCPRST flags 0: unspecified")), small()},
		{
			"reset or end", small(rst, Seen{Witness: Events, Of: "x", Text: "[SF_CLOSED] locid=1 error=104"}),
			small(rst, Seen{Witness: Events, Of: "x", Text: "[SF_CLOSED] locid=1"}),
		},
		{
			"", small(Seen{Witness: Events, Of: "x", Text: "[SF_CLOSED] locid=1 error=104"}),
			small(Seen{Witness: Events, Of: "x", Text: "[SF_CLOSED] locid=1"}),
		},
		{"withdrawn or ended", small(subflow("x info", "a=1 add_addr_accepted=1")), small(subflow("x info", "a=1 add_addr_accepted=0"))},
		{"", small(subflow("x info", "a=2 add_addr_accepted=1")), small(subflow("x info", "a=1 add_addr_accepted=0"))},
		{"device of an accepted subflow", small(subflow("x", "ESTAB flags=Jec")), small(subflow("x", "ESTAB flags=Jec dev eth2"))},
		{"", small(subflow("x", "ESTAB flags=Jjec")), small(subflow("x", "ESTAB flags=Jjec dev eth2"))},
		{
			"both announce", small(add, Seen{Witness: Options, Of: "y", Text: "ADD_ADDR id 2 10.0.2.1", from: "client"}, option("z", "SYN MP_JOIN id 4")),
			small(add, Seen{Witness: Options, Of: "y", Text: "ADD_ADDR id 2 10.0.2.1", from: "client"}),
		},
		{"", small(add, option("z", "SYN MP_JOIN id 4")), small(add)},
		{"course of the script", did(small(add), "transfer", "transfer"), did(small(), "transfer")},
		{"", did(small(add), "transfer"), did(small(), "transfer")},
		{"", did(small(stuck), "transfer", "transfer"), did(small(), "transfer")},
	}
	tried := map[string]bool{}
	for _, test := range tests {
		found := differences(test.kernel, test.emulator)
		require.NotEmpty(t, found, test.race)
		races := map[string]bool{}
		for _, d := range found {
			races[d.Race] = true
		}
		if test.race == "" {
			require.Contains(t, races, "", "%+v", found)
			continue
		}
		require.Equal(t, map[string]bool{test.race: true}, races, "%+v", found)
		tried[test.race] = true
	}
	for _, r := range Races() {
		require.True(t, tried[r.Name], "nothing tries the race %q", r.Name)
		require.NotEmpty(t, r.Clause, r.Name)
		require.NotEmpty(t, r.Why, r.Name)
	}
}
