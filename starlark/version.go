package starlark

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.starlark.net/starlark"
)

// versions is a requirement on the kernel's version: one of several ranges must hold.
type versions []versionRange

// versionRange is such as ">=6.1.107,<6.2": all of its bounds must hold.
type versionRange []bound

// bound is one comparison with a version.
type bound struct {
	text string
	op   string
	want []int
}

var boundPattern = regexp.MustCompile(`^(>=|<=|==|<|>)\s*(\d+(?:\.\d+){0,2})$`)

var releasePattern = regexp.MustCompile(`^\d+(\.\d+){0,2}`)

var versionsKind = kindOf(`a version of the kernel such as ">=5.17" or ">=6.1.107,<6.2", or a list of them`, toVersions)

func toVersions(v starlark.Value) (versions, error) {
	if s, ok := v.(starlark.String); ok {
		r, err := parseVersionRange(string(s))
		return versions{r}, err
	}
	list, ok := v.(starlark.Iterable)
	if !ok || starlark.Len(list) == 0 {
		return nil, errWrongKind
	}
	var all versions
	for item := range starlark.Elements(list) {
		s, ok := item.(starlark.String)
		if !ok {
			return nil, errWrongKind
		}
		r, err := parseVersionRange(string(s))
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

func parseVersionRange(s string) (versionRange, error) {
	var r versionRange
	for _, part := range strings.Split(s, ",") {
		m := boundPattern.FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return nil, errWrongKind
		}
		want, err := numbers(m[2])
		if err != nil {
			return nil, errWrongKind
		}
		r = append(r, bound{text: m[0], op: m[1], want: want})
	}
	return r, nil
}

// String is the requirement as a script would write it, with "or" between the ranges.
func (v versions) String() string {
	var ranges []string
	for _, r := range v {
		var bounds []string
		for _, b := range r {
			bounds = append(bounds, b.text)
		}
		ranges = append(ranges, strings.Join(bounds, ","))
	}
	return strings.Join(ranges, " or ")
}

// hold tells whether a release such as "6.18.44-generic" is in one of the ranges. One without a patch level is the last of its
// series.
func (v versions) hold(release string) (bool, error) {
	have, err := numbers(releasePattern.FindString(release))
	if err != nil {
		return false, fmt.Errorf("the kernel's version is not known (%q)", release)
	}
	for len(have) < 3 {
		have = append(have, math.MaxInt)
	}
	return slices.ContainsFunc(v, func(r versionRange) bool {
		return !slices.ContainsFunc(r, func(b bound) bool { return !b.holds(have) })
	}), nil
}

// holds compares; parts that the bound leaves out do not count.
func (b bound) holds(have []int) bool {
	c := slices.Compare(have[:len(b.want)], b.want)
	switch b.op {
	case ">=":
		return c >= 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	case "<":
		return c < 0
	}
	return c == 0
}

func numbers(s string) ([]int, error) {
	var ns []int
	for _, part := range strings.Split(s, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, err
		}
		ns = append(ns, n)
	}
	return ns, nil
}
