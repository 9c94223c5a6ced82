package format

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/bazelbuild/buildtools/build"
	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/starlark"
)

// rewriter does what buildifier does beyond spaces and line breaks, as far as it keeps the meaning of any script. The others
// of its rewrites are about Bazel's rules, or change the text of numbers and docstrings.
var rewriter = build.Rewriter{RewriteSet: []string{"loadTop", "sameOriginLoad", "sortLoadStatements", "loadsort"}}

// Source formats a script. The name is that of the file, for errors: a *starlark.ScriptError with its position.
func Source(name string, source []byte) ([]byte, error) {
	file, err := starlark.Parse(name, source)
	if err != nil {
		return nil, err
	}
	if !utf8.Valid(source) {
		return nil, wrong(name, errors.New("it is not UTF-8"))
	}
	marks, err := freeRunes(source)
	if err != nil {
		return nil, wrong(name, err)
	}
	tree, err := build.ParseDefault(name, mark(file, source, marks))
	if err != nil {
		return nil, wrong(name, err)
	}
	rewriter.Rewrite(tree)
	return unmark(build.FormatWithoutRewriting(tree), marks), nil
}

// wrong is an error of the formatter with its position, where it has one.
func wrong(name string, err error) error {
	problem := starlark.Problem{File: name, Message: "cannot be formatted: " + err.Error()}
	var parse build.ParseError
	if errors.As(err, &parse) {
		problem.Line, problem.Column = parse.Pos.Line, parse.Pos.LineRune
		problem.Message = "cannot be formatted: " + parse.Message
	}
	return &starlark.ScriptError{Problems: []starlark.Problem{problem}}
}

// The formatter knows neither bytes literals nor all escapes of Starlark. So those literals are given to it as raw strings, which
// it keeps as they are, with a rune in front that tells their own prefix.
var prefixes = []string{"", "b", "rb"}

// freeRunes are runes for private use that the source does not have, one a prefix.
func freeRunes(source []byte) ([]rune, error) {
	var free []rune
	for r := '\uE000'; r <= '\uF8FF' && len(free) < len(prefixes); r++ {
		if !bytes.ContainsRune(source, r) {
			free = append(free, r)
		}
	}
	if len(free) < len(prefixes) {
		return nil, errors.New("it has every rune for private use, U+E000 to U+F8FF: write those as escapes")
	}
	return free, nil
}

// mark rewrites the literals that the formatter does not know.
func mark(file *syntax.File, source []byte, marks []rune) []byte {
	lines := bytes.SplitAfter(source, []byte("\n"))
	var literals []*syntax.Literal
	syntax.Walk(file, func(n syntax.Node) bool {
		if l, ok := n.(*syntax.Literal); ok && (l.Token == syntax.BYTES || l.Token == syntax.STRING && escaped(l.Raw)) {
			literals = append(literals, l)
		}
		return true
	})
	// From the last one on, so that the positions of those before it stay.
	slices.SortFunc(literals, func(a, b *syntax.Literal) int {
		if a.TokenPos.Line != b.TokenPos.Line {
			return int(b.TokenPos.Line - a.TokenPos.Line)
		}
		return int(b.TokenPos.Col - a.TokenPos.Col)
	})
	for _, l := range literals {
		line := lines[l.TokenPos.Line-1]
		start := offset(line, int(l.TokenPos.Col))
		prefix := l.Raw[:strings.IndexAny(l.Raw, `"'`)]
		quote := quoteOf(l.Raw[len(prefix):])
		rest := line[start+len(prefix)+len(quote):]
		marked := fmt.Sprintf("r%s%c", quote, marks[slices.Index(prefixes, prefix)])
		lines[l.TokenPos.Line-1] = slices.Concat(line[:start], []byte(marked), rest)
	}
	return bytes.Join(lines, nil)
}

// escaped tells whether a string that is not raw has escapes.
func escaped(raw string) bool { return !strings.HasPrefix(raw, "r") && strings.Contains(raw, `\`) }

// offset is where a column of a line begins, in bytes; columns count characters from 1.
func offset(line []byte, column int) int {
	at := 0
	for range column - 1 {
		_, size := utf8.DecodeRune(line[at:])
		at += size
	}
	return at
}

func quoteOf(literal string) string {
	for _, triple := range []string{`"""`, `'''`} {
		if strings.HasPrefix(literal, triple) {
			return triple
		}
	}
	return literal[:1]
}

// unmark gives the marked literals their own prefixes back.
func unmark(formatted []byte, marks []rune) []byte {
	for i, r := range marks {
		marked := regexp.MustCompile("r(\"\"\"|'''|\"|')" + string(r))
		formatted = marked.ReplaceAll(formatted, []byte(prefixes[i]+"$1"))
	}
	return formatted
}
