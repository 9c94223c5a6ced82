package compare

import (
	"fmt"
	"slices"
)

// Different are the cases with differences that no race explains.
func (r *Report) Different() []*Case {
	return slices.DeleteFunc(slices.Clone(r.Cases), func(c *Case) bool { return len(c.Unexplained()) == 0 })
}

// Count is how often a race was tolerated.
type Count struct {
	Race  Race
	Count int
}

// Tolerated are the races that were tolerated, in the order of [Races].
func (r *Report) Tolerated() []Count {
	n := map[string]int{}
	for _, c := range r.Cases {
		for _, d := range c.Differences {
			n[d.Race]++
		}
	}
	var counts []Count
	for _, x := range races {
		if n[x.Name] > 0 {
			counts = append(counts, Count{x, n[x.Name]})
		}
	}
	return counts
}

// Skipped are the cases that could not be compared.
func (r *Report) Skipped() []*Case {
	return slices.DeleteFunc(slices.Clone(r.Cases), func(c *Case) bool { return c.Skipped() == "" })
}

// String is the score: "1397 of 1399 cases the same on both backends, 1 skipped".
func (r *Report) String() string {
	skipped := len(r.Skipped())
	compared := len(r.Cases) - skipped
	text := fmt.Sprintf("%d of %d case%s the same on both backends", compared-len(r.Different()), compared, on(compared != 1, "s"))
	if skipped > 0 {
		text += fmt.Sprintf(", %d skipped", skipped)
	}
	return text
}
