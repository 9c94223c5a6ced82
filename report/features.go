package report

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mptcp-lab/mptcp-lab/lab"
)

// WriteFeatures writes what a backend can do: a group for each first word of the names, a line for each feature, and
// below what is missing why, and how to get it.
func WriteFeatures(w io.Writer, f lab.Features) error {
	var groups []string
	width := 0
	for _, x := range f.List {
		if g := group(x.Name); !slices.Contains(groups, g) {
			groups = append(groups, g)
		}
		width = max(width, len(x.Name))
	}
	var b strings.Builder
	for _, g := range groups {
		fmt.Fprintf(&b, "\n%s\n", g)
		for _, x := range f.List {
			if group(x.Name) == g {
				writeFeature(&b, x, width)
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func writeFeature(b *strings.Builder, x lab.Feature, width int) {
	state := "OK"
	if !x.OK {
		state = "missing"
	}
	fmt.Fprintf(b, "  %-7s  %-*s  %s\n", state, width, x.Name, x.Meaning)
	if x.OK {
		return
	}
	indent := strings.Repeat(" ", 13+width)
	for _, line := range []struct{ title, text string }{{"why: ", x.Reason}, {"remedy: ", x.Remedy}} {
		if line.text != "" {
			fmt.Fprintf(b, "%s%s%s\n", indent, line.title, indentRest(line.text, indent+"  "))
		}
	}
}

func group(name string) string {
	first, _, _ := strings.Cut(name, ".")
	return first
}
