package runner

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// Selection picks cases by their IDs and tags. The zero value picks all.
type Selection struct {
	Filter string   // see Select
	Tags   []string // that a case must have or, behind "not ", must not have
	Shard  Shard
}

// Shard is one of several equal parts of a list of cases, so that machines may share a run. The zero value is the whole.
type Shard struct {
	Number int // from 1 to Of
	Of     int
}

// Select returns the cases that the selection picks, in their order.
//
// A filter is a text that an ID must contain or, with a * or ? in it, a glob that a part of it must match. Several, with
// spaces between them, must all hold; "not" before one turns it round: "limits not ipv6". The shard is taken of what the
// filter left.
func (s Selection) Select(cases []Case) ([]Case, error) {
	terms, err := parseFilter(s.Filter)
	if err != nil {
		return nil, err
	}
	if err := s.checkTags(cases); err != nil {
		return nil, err
	}
	var picked []Case
	n := 0
	for _, c := range cases {
		if !matchAll(terms, c.ID) || !s.tagged(c) {
			continue
		}
		if s.Shard.Of == 0 || n%s.Shard.Of == s.Shard.Number-1 {
			picked = append(picked, c)
		}
		n++
	}
	if n == 0 && len(cases) > 0 {
		return nil, fmt.Errorf("none of %d cases matches%s", len(cases), s.words())
	}
	return picked, nil
}

// words are those of the command line that say what was asked for.
func (s Selection) words() string {
	var b strings.Builder
	if s.Filter != "" {
		fmt.Fprintf(&b, " -k %q", s.Filter)
	}
	for _, tag := range s.Tags {
		fmt.Fprintf(&b, " --tag %q", tag)
	}
	return b.String()
}

// checkTags refuses a tag that no case has: then it is misspelt.
func (s Selection) checkTags(cases []Case) error {
	known := map[string]bool{}
	for _, c := range cases {
		for _, tag := range c.Tags {
			known[tag] = true
		}
	}
	for _, tag := range s.Tags {
		if name, _ := turned(tag); !known[name] {
			return fmt.Errorf("no case has the tag %q; there are: %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return nil
}

func (s Selection) tagged(c Case) bool {
	for _, tag := range s.Tags {
		if name, not := turned(tag); slices.Contains(c.Tags, name) == not {
			return false
		}
	}
	return true
}

// turned takes the "not" from a tag.
func turned(tag string) (name string, not bool) {
	name, not = strings.CutPrefix(tag, "not ")
	return strings.TrimSpace(name), not
}

// UnmarshalText reads "2/5": the second of five parts.
func (s *Shard) UnmarshalText(text []byte) error {
	number, of, found := strings.Cut(string(text), "/")
	n, err1 := strconv.Atoi(number)
	m, err2 := strconv.Atoi(of)
	if !found || err1 != nil || err2 != nil || n < 1 || n > m {
		return fmt.Errorf("shard %q: want NUMBER/OF, such as 2/5 for the second of five parts", text)
	}
	*s = Shard{Number: n, Of: m}
	return nil
}

type term struct {
	not     bool
	pattern string
}

func parseFilter(filter string) ([]term, error) {
	var terms []term
	not := false
	for word := range strings.FieldsSeq(filter) {
		if word == "not" {
			not = !not
			continue
		}
		terms = append(terms, term{not: not, pattern: word})
		not = false
	}
	if not {
		return nil, fmt.Errorf("filter %q: nothing follows \"not\"", filter)
	}
	return terms, nil
}

func matchAll(terms []term, id string) bool {
	for _, t := range terms {
		if glob("*"+t.pattern+"*", id) == t.not {
			return false
		}
	}
	return true
}

// glob matches * and ? over every byte of an ID, slashes and brackets among them: IDs hold both, so that path.Match,
// to which they are special, does not serve.
func glob(pattern, s string) bool {
	star, mark := -1, 0 // the last * seen, and where in s its match ends so far
	p, i := 0, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && (pattern[p] == '?' || pattern[p] == s[i]):
			p++
			i++
		case star >= 0: // let the last * take one byte more
			mark++
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
