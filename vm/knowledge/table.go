package knowledge

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// WriteText writes what one kernel knows, for people.
func (k Kernel) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "Linux %s\n", k.Release)
	for _, kind := range Kinds {
		fmt.Fprintf(&b, "\n%ss\n", kind)
		for _, i := range k.Items {
			if i.Kind == kind {
				fmt.Fprintf(&b, "  %s\n", strings.TrimRight(fmt.Sprintf("%-36s %s", i.Name, i.Value), " "))
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// WriteMarkdown writes a table for each kind of knowledge, with a column for each kernel. A cell is what the kernel says more
// of the thing, or yes; it is empty where the kernel does not know it.
func WriteMarkdown(w io.Writer, kernels []Kernel) error {
	var b strings.Builder
	for _, kind := range Kinds {
		title := string(kind)
		fmt.Fprintf(&b, "\n## %ss\n\n| %s |", strings.ToUpper(title[:1])+title[1:], kind)
		for _, k := range kernels {
			fmt.Fprintf(&b, " %s |", short(k.Release))
		}
		b.WriteString("\n|" + strings.Repeat(" --- |", len(kernels)+1) + "\n")
		for _, name := range names(kernels, kind) {
			fmt.Fprintf(&b, "| `%s` |", name)
			for _, k := range kernels {
				fmt.Fprintf(&b, " %s |", cell(k, kind, name))
			}
			b.WriteString("\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func cell(k Kernel, kind Kind, name string) string {
	i, ok := k.Find(kind, name)
	switch {
	case !ok:
		return ""
	case i.Value == "":
		return "yes"
	default:
		return strings.ReplaceAll(i.Value, "|", `\|`)
	}
}

// names are those of a kind on all kernels: the newest kernel's in its order, and what it lost after what went before it there.
func names(kernels []Kernel, kind Kind) []string {
	var all []string
	for _, k := range slices.Backward(kernels) {
		at := 0
		for _, i := range k.Items {
			if i.Kind != kind {
				continue
			}
			if found := slices.Index(all, i.Name); found >= 0 {
				at = found + 1
				continue
			}
			all = slices.Insert(all, at, i.Name)
			at++
		}
	}
	return all
}

// short is a release without what a distribution adds to it.
func short(release string) string {
	end := strings.IndexFunc(release, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end < 0 {
		return release
	}
	return release[:end]
}
