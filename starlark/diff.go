package starlark

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// maxShown bounds one value in a message, in characters, and maxLines the lines of a difference.
const (
	maxShown = 400
	maxLines = 200
)

// shownText is a value in a message about a check.
func shownText(v starlark.Value) string { return cut(v.String(), maxShown) }

// difference says how a value that was seen differs from the expected one, in lines.
func difference(expected, seen starlark.Value) []string {
	switch e := expected.(type) {
	case *record:
		if s, ok := seen.(*record); ok && s.kind == e.kind {
			return fieldDifference(e, s)
		}
	case *starlark.Set:
		if s, ok := seen.(*starlark.Set); ok {
			missing, err1 := without(e, s)
			unexpected, err2 := without(s, e)
			if err1 == nil && err2 == nil {
				return setDifference(missing, unexpected, s)
			}
		}
	case starlark.IterableMapping, *starlark.List, starlark.Tuple:
		if expected.Type() == seen.Type() {
			return append([]string{"expected (-), seen (+):"}, lineDifference(listed(expected), listed(seen))...)
		}
	case starlark.String:
		if s, ok := seen.(starlark.String); ok && strings.Contains(string(e)+string(s), "\n") {
			return append([]string{"expected (-), seen (+):"}, lineDifference(strings.Split(string(e), "\n"), strings.Split(string(s), "\n"))...)
		}
	}
	return []string{"expected: " + shownText(expected), "seen:     " + shownText(seen)}
}

// fieldDifference lists the fields in which two records of one kind differ.
func fieldDifference(expected, seen *record) []string {
	lines := []string{"seen: " + shownText(seen)}
	for i, name := range expected.names {
		e, s := expected.values[i], seen.values[i]
		if equal, err := starlark.Equal(e, s); err != nil || !equal {
			lines = append(lines, fmt.Sprintf("%s: expected %s, seen %s", name, shownText(e), shownText(s)))
		}
	}
	return lines
}

// setDifference lists what is missing from a collection and what should not be in it.
func setDifference(missing, unexpected []starlark.Value, seen starlark.Iterable) []string {
	var lines []string
	for _, v := range missing {
		lines = append(lines, "missing:    "+shownText(v))
	}
	for _, v := range unexpected {
		lines = append(lines, "unexpected: "+shownText(v))
	}
	lines = append(lines, "seen:")
	return append(lines, indented(listed(seen))...)
}

// listed shows a collection by lines, one an item; any other value in one.
func listed(v starlark.Value) []string {
	var lines []string
	switch v := v.(type) {
	case starlark.IterableMapping:
		for _, kv := range v.Items() {
			if c, ok := v.(counters); ok && c.Counters[string(kv[0].(starlark.String))] == 0 {
				continue
			}
			lines = append(lines, shownText(kv[0])+": "+shownText(kv[1]))
		}
	case starlark.Iterable:
		for e := range starlark.Elements(v) {
			lines = append(lines, shownText(e))
		}
	default:
		return []string{shownText(v)}
	}
	if len(lines) == 0 {
		return []string{"(nothing)"}
	}
	return lines
}

func indented(lines []string) []string {
	if len(lines) == 0 {
		return []string{"  (none)"}
	}
	if len(lines) > maxLines {
		lines = append(lines[:maxLines:maxLines], fmt.Sprintf("… and %d more", len(lines)-maxLines))
	}
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = "  " + l
	}
	return out
}

// lineDifference merges two lists of lines along their longest common subsequence: "- " is only in a, "+ " only in b.
func lineDifference(a, b []string) []string {
	a, b = a[:min(len(a), maxLines)], b[:min(len(b), maxLines)]
	common := make([][]int, len(a)+1) // of the rests from i and j on
	for i := range common {
		common[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				common[i][j] = common[i+1][j+1] + 1
			} else {
				common[i][j] = max(common[i+1][j], common[i][j+1])
			}
		}
	}
	var lines []string
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			lines = append(lines, "  "+a[i])
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && common[i+1][j] >= common[i][j+1]:
			lines = append(lines, "- "+a[i])
			i++
		default:
			lines = append(lines, "+ "+b[j])
			j++
		}
	}
	return lines
}
