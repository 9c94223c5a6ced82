package lesson

import (
	"strings"
	"unicode/utf8"
)

// paragraph is some lines of prose, or lines that are shown as they are.
type paragraph struct {
	lines    []string
	verbatim bool
}

// paragraphs cuts prose at its empty lines. What is indented is verbatim.
func paragraphs(prose string) []paragraph {
	var all []paragraph
	for text := range strings.SplitSeq(strings.TrimSpace(prose), "\n\n") {
		text = strings.Trim(text, "\n")
		if text == "" {
			continue
		}
		p := paragraph{lines: strings.Split(text, "\n"), verbatim: strings.HasPrefix(text, "    ")}
		if last := len(all) - 1; last >= 0 && p.verbatim && all[last].verbatim {
			all[last].lines = append(append(all[last].lines, ""), p.lines...)
			continue
		}
		all = append(all, p)
	}
	return all
}

// wrapped breaks a text into lines of about a width.
func wrapped(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, line)
}

// printable shows control characters as U+FFFD: scripts are not trusted with the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, strings.TrimRight(text, "\n"))
}
