package starlark

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// version is a requirement on the kernel's version, such as ">=5.17".
type version struct {
	text string
	op   string
	want []int
}

var versionPattern = regexp.MustCompile(`^(>=|<=|==|<|>)\s*(\d+(?:\.\d+){0,2})$`)

var releasePattern = regexp.MustCompile(`^\d+(\.\d+){0,2}`)

var versionKind = parsed(`a version of the kernel such as ">=5.17"`, parseVersion)

func parseVersion(s string) (version, error) {
	m := versionPattern.FindStringSubmatch(s)
	if m == nil {
		return version{}, fmt.Errorf("version %q: no comparison with a version", s)
	}
	want, err := numbers(m[2])
	return version{text: s, op: m[1], want: want}, err
}

// holds compares a release such as "6.18.44-generic"; parts that the requirement leaves out do not count.
func (v version) holds(release string) (bool, error) {
	have, err := numbers(releasePattern.FindString(release))
	if err != nil {
		return false, fmt.Errorf("the kernel's version is not known (%q)", release)
	}
	c := slices.Compare(have[:min(len(have), len(v.want))], v.want)
	switch v.op {
	case ">=":
		return c >= 0, nil
	case "<=":
		return c <= 0, nil
	case ">":
		return c > 0, nil
	case "<":
		return c < 0, nil
	}
	return c == 0, nil
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
