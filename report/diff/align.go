package diff

import (
	"cmp"
	"slices"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Row is an entry of both timelines, or of one of them.
type Row struct {
	A, B *report.LineEntry // nil: that run has none

	at float64 // where it stands among the rows: the time in A, or that of its neighbour in the lane
}

// Same tells whether both runs have the entry.
func (r Row) Same() bool { return r.A != nil && r.B != nil }

// Align lays two timelines side by side, lane by lane, in the order of time of the first one.
func Align(a, b []report.LineEntry) []Row {
	reasons := hasReasons(a) && hasReasons(b)
	lanesA, order := lanes(entries(a, reasons), nil)
	lanesB, order := lanes(entries(b, reasons), order)
	var rows []Row
	for _, lane := range order {
		rows = append(rows, alignLane(lanesA[lane], lanesB[lane])...)
	}
	slices.SortStableFunc(rows, func(x, y Row) int { return cmp.Compare(x.at, y.at) })
	return rows
}

// lanes sorts entries into their lanes, and adds the names of new ones to the order of lanes.
func lanes(all []entry, order []string) (map[string][]entry, []string) {
	by := map[string][]entry{}
	for _, e := range all {
		if !slices.Contains(order, e.lane) {
			order = append(order, e.lane)
		}
		by[e.lane] = append(by[e.lane], e)
	}
	return by, order
}

// alignLane aligns the entries of a lane by the longest common subsequence of what they say.
func alignLane(a, b []entry) []Row {
	var rows []Row
	at := 0.0
	if len(a) > 0 {
		at = a[0].Time // what only B begins with stands before it
	}
	for _, p := range common(a, b) {
		row := Row{}
		if p.a >= 0 {
			row.A, at = &a[p.a].LineEntry, a[p.a].Time
		}
		if p.b >= 0 {
			row.B = &b[p.b].LineEntry
		}
		if len(a) == 0 {
			at = b[p.b].Time
		}
		row.at = at
		rows = append(rows, row)
	}
	return rows
}

// pair are the indices of entries that stand in one row; -1: there is none.
type pair struct{ a, b int }

// maxEdits bounds the search for the shortest difference: beyond it, a lane has nothing in common but its beginning.
const maxEdits = 2000

// common aligns two sequences by Myers' algorithm: an O(ND) difference algorithm and its variations (1986).
func common(a, b []entry) []pair {
	n, m := len(a), len(b)
	limit := min(n+m, maxEdits)
	reach := make([]int, 2*limit+3) // the furthest x on each diagonal x-y, from -limit-1 on
	var history [][]int
	for d := 0; d <= limit; d++ {
		history = append(history, slices.Clone(reach))
		for k := -d; k <= d; k += 2 {
			i := k + limit + 1
			x := reach[i-1] + 1
			if k == -d || k != d && reach[i-1] < reach[i+1] {
				x = reach[i+1]
			}
			y := x - k
			for x < n && y < m && a[x].says == b[y].says {
				x, y = x+1, y+1
			}
			reach[i] = x
			if x >= n && y >= m {
				return trace(history, limit, n, m)
			}
		}
	}
	return apart(a, b)
}

// trace walks the way back from the end of both sequences.
func trace(history [][]int, limit, x, y int) []pair {
	var pairs []pair
	for d := len(history) - 1; d >= 0; d-- {
		reach, k := history[d], x-y
		i := k + limit + 1
		before := k - 1
		if k == -d || k != d && reach[i-1] < reach[i+1] {
			before = k + 1
		}
		fromX := 0
		if d > 0 {
			fromX = reach[before+limit+1]
		}
		fromY := fromX - before
		if d == 0 {
			fromY = 0
		}
		for x > fromX && y > fromY {
			x, y = x-1, y-1
			pairs = append(pairs, pair{x, y})
		}
		switch {
		case d > 0 && x > fromX:
			x--
			pairs = append(pairs, pair{x, -1})
		case d > 0:
			y--
			pairs = append(pairs, pair{-1, y})
		}
	}
	slices.Reverse(pairs)
	return pairs
}

// apart pairs what both begin with, and leaves the rest alone.
func apart(a, b []entry) []pair {
	var pairs []pair
	same := 0
	for same < min(len(a), len(b)) && a[same].says == b[same].says {
		pairs = append(pairs, pair{same, same})
		same++
	}
	for i := same; i < len(a); i++ {
		pairs = append(pairs, pair{i, -1})
	}
	for i := same; i < len(b); i++ {
		pairs = append(pairs, pair{-1, i})
	}
	return pairs
}
