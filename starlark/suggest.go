package starlark

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// DidYouMean is " (did you mean X?)" for the name nearest to a misspelt one, or empty when none is near.
func DidYouMean(name string, known []string) string {
	if best := nearest(name, known); best != "" {
		return " (did you mean " + best + "?)"
	}
	return ""
}

// nearest returns the known name with the fewest edits to name, as long as they are less than half of it; empty when there is none.
func nearest(name string, known []string) string {
	best, least := "", (len(name)+1)/2
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of insertions, deletions and replacements of a byte that turn a into b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replace := diagonal
			if a[i] != b[j] {
				replace++
			}
			diagonal = row[j+1]
			row[j+1] = min(replace, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func quoted(names []string) []string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = strconv.Quote(n)
	}
	return q
}
