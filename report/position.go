package report

import (
	"regexp"
	"strconv"
	"strings"
)

// Position is a place in a script.
type Position struct {
	File string
	Line int
}

// position is how a line of a message begins that says where something happened, and how it names the calls that led there.
var position = regexp.MustCompile(`(?m)^(?: *called at )?([^\s:][^:\n]*\.star):(\d+)(?:: | in |$)`)

// Position is the line of the case's own script at which it failed, or else the line of its def. Of a check in a function
// that was loaded from another script, it is the call of that function.
func (r Result) Position() Position {
	for _, at := range position.FindAllStringSubmatch(r.Message, -1) {
		if line, err := strconv.Atoi(at[2]); err == nil && at[1] == r.Case.File {
			return Position{File: at[1], Line: line}
		}
	}
	return Position{File: r.Case.File, Line: r.Case.Line}
}

// Script is the part of a case's ID before its name, as it was given to the command: "scenarios/limits.star".
func (c Case) Script() string {
	script, _, _ := strings.Cut(c.ID, "::")
	return script
}

// Name is the part of a case's ID after its script: "test_over_limit[family=ipv4]".
func (c Case) Name() string {
	_, name, found := strings.Cut(c.ID, "::")
	if !found {
		return c.ID
	}
	return name
}

// firstLine is the beginning of a message, for where there is room for one line.
func firstLine(message string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(message), "\n")
	return printable(strings.ReplaceAll(line, "\t", " "))
}
