package lsp

import (
	"errors"
	"strings"

	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// maxRepairs bounds how many lines are given up to make a broken script one that can be parsed.
const maxRepairs = 50

// repaired is a text whose lines that cannot be parsed do nothing. Lines keep their numbers. The line to be kept, counted from 1, is not
// given up. The text stays as it is when it is too broken.
func repaired(text string, keep int) string {
	lines := strings.Split(text, "\n")
	for range maxRepairs {
		_, err := lang.Parse("x.star", []byte(strings.Join(lines, "\n")))
		if err == nil {
			return strings.Join(lines, "\n")
		}
		var wrong *lang.ScriptError
		if !errors.As(err, &wrong) || !giveUp(lines, wrong.Problems[0].Line, keep) {
			return text
		}
	}
	return text
}

// giveUp takes away the line of an error, or the nearest one before it that is still there.
func giveUp(lines []string, line, keep int) bool {
	for n := min(line, len(lines)); n >= 1; n-- {
		body := strings.TrimLeft(lines[n-1], " \t")
		switch {
		case n == keep || body == "":
		case body == "pass":
			lines[n-1] = ""
			return true
		default:
			lines[n-1] = lines[n-1][:len(lines[n-1])-len(body)] + "pass"
			return true
		}
	}
	return false
}
