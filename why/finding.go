package why

import (
	"fmt"
	"strings"
)

// Finding is the cause why a pair of addresses is no subflow.
type Finding struct {
	Pair
	Rule     string   // its name: "add_addr_accepted"
	Question string   // what the rule asks: "Does client accept announced addresses?"
	Sentence string   // the answer
	Evidence []string // what was observed: "client: limits add_addr_accepted 0 subflows 2"
	Remedy   string   // a line of a script, or what else to do
	Host     string   // where Command is to be run
	Command  string   // what does the same on a real host: "ip mptcp limits set add_addr_accepted 1"; empty: there is none
}

// Lines are the finding as reports have it.
func (f Finding) Lines() []string {
	lines := []string{fmt.Sprintf("no subflow %s: %s", f.Pair, f.Sentence), "rule: " + f.Rule + " (" + f.Question + ")"}
	for _, e := range f.Evidence {
		lines = append(lines, "seen: "+e)
	}
	if f.Remedy != "" {
		lines = append(lines, "remedy: "+f.Remedy)
	}
	if f.Command != "" {
		lines = append(lines, fmt.Sprintf("on a real host (%s): %s", f.Host, f.Command))
	}
	return lines
}

// String is the lines of the finding.
func (f Finding) String() string { return strings.Join(f.Lines(), "\n") }

// Rule is one cause.
type Rule struct {
	Name     string
	Question string
	// find returns what is wrong; nil: nothing is, as far as was observed.
	find func(s *Seen) *Finding
}

// Walk asks the rules one after the other, and returns what the first that is broken has found. It is false if the pair is a
// subflow.
func Walk(s *Seen) (Finding, bool) {
	if s.exists() {
		return Finding{}, false
	}
	for _, r := range rules {
		if f := r.find(s); f != nil {
			f.Pair, f.Rule, f.Question = s.Pair, r.Name, r.Question
			return *f, true
		}
	}
	panic("the last rule finds something always")
}
