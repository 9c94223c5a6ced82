package lsp

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// hole stands for the word that is being typed, where the text around it is analysed.
const hole = "being_typed__"

// typed is what is being typed: the word up to the cursor, and what it is of.
type typed struct {
	place
	hole *syntax.Ident // where the word stands; nil when that could not be found out
}

// typing finds what is being typed at an offset: in the script as it is, if that can be parsed; or else in what is left of it without the
// broken lines, of whose own line all is left out but the expression whose attribute or argument is typed.
func (s *server) typing(d *document, at int) (typed, error) {
	start, end := wordAround(d.text, at)
	whole := d.text[:start] + hole + d.text[end:]
	for _, text := range []string{whole, inParts(alone(d.text, start, end)), inParts(whole)} {
		if _, err := lang.Parse("x.star", []byte(text)); err != nil {
			continue
		}
		m, err := s.variant(d, text)
		if err != nil {
			return typed{}, err
		}
		return inHole(m, text), nil
	}
	return typed{}, nil
}

// inParts is a text without its broken lines, in which the hole stays.
func inParts(text string) string {
	line, _ := fromOffset(text, strings.Index(text, hole))
	return repaired(text, int(line))
}

// inHole finds the hole in a script.
func inHole(m *analysis.Module, text string) typed {
	line, column := fromOffset(text, strings.Index(text, hole))
	t := typed{place: find(m, line, column)}
	if id := t.ident(); id != nil && id.Name == hole {
		t.hole = id
	}
	return t
}

// alone is a text in which what is typed stands alone on its line: as an attribute of the expression before it, as an argument of the
// call around it, or as nothing but a word.
func alone(text string, start, end int) string {
	from, statement := start, hole
	if open := openCall(text[:start]); open >= 0 && !strings.HasSuffix(text[:start], ".") {
		from = expressionBefore(text, open)
		statement = text[from:open] + "(" + hole + ")"
	} else if strings.HasSuffix(text[:start], ".") {
		from = expressionBefore(text, start-1)
		statement = text[from:start] + hole
	}
	lineStart := strings.LastIndexByte(text[:from], '\n') + 1
	indent := text[lineStart:]
	indent = indent[:len(indent)-len(strings.TrimLeft(indent, " \t"))]
	lineEnd := len(text)
	if i := strings.IndexByte(text[end:], '\n'); i >= 0 {
		lineEnd = end + i
	}
	// The lines that are left out stay as empty ones, so that all others keep their numbers.
	gone := strings.Count(text[from:start], "\n") - strings.Count(statement, "\n")
	return text[:lineStart] + indent + statement + strings.Repeat("\n", max(gone, 0)) + text[lineEnd:]
}

// wordAround is the word at an offset, from its start to its end.
func wordAround(text string, at int) (start, end int) {
	start, end = at, at
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(text[:start])
		if !inWord(r) {
			break
		}
		start -= size
	}
	for end < len(text) {
		r, size := utf8.DecodeRuneInString(text[end:])
		if !inWord(r) {
			break
		}
		end += size
	}
	return start, end
}

func inWord(r rune) bool { return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) }

// openCall is the parenthesis of the call that the end of a text is in; -1 when it is in none.
func openCall(text string) int {
	depth := 0
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case ')', ']', '}':
			depth++
		case '(', '[', '{':
			if depth--; depth >= 0 {
				continue
			}
			if text[i] != '(' || i == 0 || !inWord(rune(text[i-1])) && text[i-1] != ')' {
				depth = 0 // a list, a tuple or a pair of parentheses, within what else there is
				continue
			}
			return i
		case '\n':
			if rest := text[i+1:]; strings.HasPrefix(rest, "def ") || strings.HasPrefix(rest, "load(") && depth == 0 {
				if !strings.HasPrefix(rest, "load(") {
					return -1
				}
			}
		}
	}
	return -1
}

// expressionBefore is where the expression begins that ends at an offset: names, attributes, calls and indices.
func expressionBefore(text string, end int) int {
	at := end
	for at > 0 {
		switch c := text[at-1]; {
		case c == '.' || inWord(rune(c)) || c >= utf8.RuneSelf:
			at--
		case c == ')' || c == ']':
			open := matching(text, at-1)
			if open < 0 {
				return at
			}
			at = open
		default:
			return at
		}
	}
	return at
}

// matching is the bracket that opens what the one at an offset closes; -1 when there is none.
func matching(text string, closing int) int {
	depth := 0
	for i := closing; i >= 0; i-- {
		switch text[i] {
		case ')', ']', '}':
			depth++
		case '(', '[', '{':
			if depth--; depth == 0 {
				return i
			}
		}
	}
	return -1
}
