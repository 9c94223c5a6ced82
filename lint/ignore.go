package lint

import (
	"regexp"
	"slices"
	"strings"

	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

var ignoreComment = regexp.MustCompile(`#\s*lint:\s*ignore\b(.*)$`)

// ignored is a comment that silences one rule on a line.
type ignored struct {
	rule          string
	line          int // that it is about
	at            int // that it stands in
	column, width int
	used          bool
}

// ignore takes away what comments silence, and reports comments that silence nothing.
func (c *checker) ignore() {
	comments := c.comments()
	c.found = slices.DeleteFunc(c.found, func(f Finding) bool {
		for _, i := range comments {
			if i.rule == f.Rule && i.line == f.Line {
				i.used = true
				return true
			}
		}
		return false
	})
	var names []string
	for _, r := range Rules() {
		names = append(names, r.Name)
	}
	for _, i := range comments {
		f := Finding{
			File: c.m.Name, Line: i.at, Column: i.column, EndLine: i.at, EndColumn: i.column + i.width, Rule: ignoreRule,
			Message: "nothing is found here by " + i.rule, Help: "take the comment away",
		}
		switch {
		case i.rule == "":
			f.Message, f.Help = "the comment names no rule", "name it: # lint: ignore unused-load"
		case !slices.Contains(names, i.rule):
			f.Message, f.Help = "there is no rule "+i.rule+lang.DidYouMean(i.rule, names), "mptcp-lab lint --rules lists them"
		case i.used:
			continue
		}
		c.found = append(c.found, f)
	}
}

func (c *checker) comments() []*ignored {
	var all []*ignored
	for n, line := range strings.Split(string(c.m.Text), "\n") {
		m := ignoreComment.FindStringSubmatchIndex(strings.TrimRight(line, "\r"))
		if m == nil {
			continue
		}
		about := n + 1
		if strings.TrimSpace(line[:m[0]]) == "" {
			about++
		}
		for rule := range strings.SplitSeq(line[m[2]:m[3]], ",") {
			all = append(all, &ignored{
				rule: strings.TrimSpace(rule), line: about, at: n + 1,
				column: len([]rune(line[:m[0]])) + 1, width: len([]rune(line[m[0]:m[1]])),
			})
		}
	}
	return all
}
