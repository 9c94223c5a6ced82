package report

import "strings"

// Question is one that a script asks before something happens, for a reader to predict, and answers when it has happened.
type Question struct {
	Text     string
	Choices  []string // one of which is the answer; nil: any may be
	Topology string   // the lab when it was asked, drawn as text
	Form     Form     // of the answer; empty: the case ended before it came
	Answer   []string // what the script says that it is: one, or the items of a list
	Seen     []string // what it was: the same, unless the case failed here
	Why      string   // it is so
}

// Form is what an answer looks like.
type Form string

// The forms of answers.
const (
	FormNumber   Form = "number"
	FormTruth    Form = "truth" // "yes" or "no"
	FormText     Form = "text"
	FormList     Form = "list"     // in any order
	FormSubflows Form = "subflows" // "10.0.1.1 > 10.0.1.2", in any order
)

// Words are the items of an answer as a text.
func Words(items []string) string {
	if len(items) == 0 {
		return "none"
	}
	return strings.Join(items, ", ")
}
