package compare

import (
	"slices"

	"github.com/mptcp-lab/mptcp-lab/report"
)

// Difference is something that was seen on one backend and not, or not in the same place, on the other.
type Difference struct {
	Witness  Witness
	Of       string // the host, connection or subflow that it is about
	Kernel   []Seen // seen there, where the other has what it has, or nothing
	Emulator []Seen // likewise
	Race     string // the name of the race that explains it; empty: unexplained
}

// differences lays two views side by side. Of a case that has not passed on both nothing more is asked.
func differences(kernel, emulator *View) []Difference {
	verdicts := []report.Verdict{kernel.Result.Verdict, emulator.Result.Verdict}
	switch passed := func(v report.Verdict) bool { return v == report.Passed }; {
	case slices.Contains(verdicts, report.Skipped):
		return nil
	case !passed(verdicts[0]) || !passed(verdicts[1]):
		k := subject{Verdict, wholeCase}
		return []Difference{{Witness: k.witness, Of: k.of, Kernel: kernel.seen[k], Emulator: emulator.seen[k]}}
	}
	var all []Difference
	for _, k := range subjects(kernel, emulator) {
		for _, h := range hunks(kernel.seen[k], emulator.seen[k]) {
			h.Witness, h.Of = k.witness, k.of
			h.Race = explain(h, kernel, emulator)
			all = append(all, h)
		}
	}
	return all
}

// hunks are the stretches in which two sequences differ, such that as much as possible of them is the same.
func hunks(a, b []Seen) []Difference {
	same := common(a, b)
	var all []Difference
	var hunk Difference
	flush := func() {
		if len(hunk.Kernel)+len(hunk.Emulator) > 0 {
			all = append(all, hunk)
			hunk = Difference{}
		}
	}
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		switch {
		case i < len(a) && j < len(b) && a[i].Text == b[j].Text:
			flush()
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && same[i+1][j] >= same[i][j+1]:
			hunk.Kernel = append(hunk.Kernel, a[i])
			i++
		default:
			hunk.Emulator = append(hunk.Emulator, b[j])
			j++
		}
	}
	flush()
	return all
}

// common is the table of how much the rests of two sequences have in common: at i and j, those of a[i:] and b[j:].
func common(a, b []Seen) [][]int {
	table := make([][]int, len(a)+1)
	for i := range table {
		table[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i].Text == b[j].Text {
				table[i][j] = table[i+1][j+1] + 1
				continue
			}
			table[i][j] = max(table[i+1][j], table[i][j+1])
		}
	}
	return table
}
