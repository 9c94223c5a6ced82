//go:build linux

package ipmptcp_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// The notation of the corpus is described in testdata/corpus/README.md.

// block is a paragraph of a corpus file: a sequence, or mere prose, which has no steps.
type block struct {
	line  int
	title string
	notes []string // further lines of comment
	steps []*step
}

// step is a command with what it reads, or a file to be made, and what was recorded of it.
type step struct {
	line  int
	text  string // as written, without the mark
	file  bool   // text names a file, and input is what is in it
	input *string
	want  result
}

// result is what a command did.
type result struct {
	stdout, stderr string
	status         string // "" for 0, else the number or the name of the signal
}

// Marks of lines. A line of standard output has none.
const (
	markTitle  = "#"
	markStep   = "$"
	markFile   = "@"
	markInput  = "<"
	markStderr = "!"
	markStatus = "?"
	marks      = markTitle + markStep + markFile + markInput + markStderr + markStatus
)

// cutMark separates the mark of a line from the rest.
func cutMark(line string) (mark, rest string) {
	if line == "" || !strings.Contains(marks, line[:1]) {
		return "", line
	}
	return line[:1], strings.TrimPrefix(line[1:], " ")
}

// parseBlocks reads a corpus file.
func parseBlocks(text string) (blocks []*block, err error) {
	var current *block
	for n, line := range strings.Split(text, "\n") {
		if line == "" {
			current = nil
			continue
		}
		if strings.HasSuffix(line, " ") {
			return nil, fmt.Errorf("line %d: a blank at the end is to be seen: \\s", n+1)
		}
		mark, rest := cutMark(line)
		if current == nil {
			if mark != markTitle {
				return nil, fmt.Errorf("line %d: a sequence begins with %s TITLE", n+1, markTitle)
			}
			current = &block{line: n + 1, title: rest}
			blocks = append(blocks, current)
			continue
		}
		if err := current.add(n+1, mark, rest); err != nil {
			return nil, fmt.Errorf("line %d: %w", n+1, err)
		}
	}
	return blocks, nil
}

// add takes the next line of a block.
func (b *block) add(line int, mark, rest string) error {
	if mark == markStep || mark == markFile {
		b.steps = append(b.steps, &step{line: line, text: rest, file: mark == markFile})
		return nil
	}
	if mark == markTitle && len(b.steps) == 0 {
		b.notes = append(b.notes, rest)
		return nil
	}
	if len(b.steps) == 0 || mark == markTitle {
		return errors.New("an empty line ends a sequence, and it begins with a title")
	}
	return b.steps[len(b.steps)-1].add(mark, rest)
}

// add takes a line that belongs to a step.
func (s *step) add(mark, rest string) error {
	if mark == markStatus {
		s.want.status = rest
		return nil
	}
	text, err := decodeLine(mark, rest)
	if err != nil {
		return err
	}
	switch mark {
	case markInput:
		if s.input == nil {
			s.input = new(string)
		}
		*s.input += text
	case markStderr:
		s.want.stderr += text
	default:
		s.want.stdout += text
	}
	return nil
}

// formatBlocks is the inverse of parseBlocks.
func formatBlocks(blocks []*block) string {
	var b strings.Builder
	for n, x := range blocks {
		if n > 0 {
			b.WriteByte('\n')
		}
		for _, line := range append([]string{x.title}, x.notes...) {
			b.WriteString(marked(markTitle, line))
		}
		for _, s := range x.steps {
			b.WriteString(s.format())
		}
	}
	return b.String()
}

func (s *step) format() string {
	mark := markStep
	if s.file {
		mark = markFile
	}
	text := marked(mark, s.text)
	if s.input != nil {
		text += encode(markInput, *s.input)
	}
	return text + s.want.format()
}

// format is the result as the corpus has it.
func (r result) format() string {
	text := encode("", r.stdout) + encode(markStderr, r.stderr)
	if r.status != "" {
		text += marked(markStatus, r.status)
	}
	return text
}

// marked is a line with a mark.
func marked(mark, rest string) string { return strings.TrimSuffix(mark+" "+rest, " ") + "\n" }

// encode writes text as lines with a mark.
func encode(mark, text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		body, ended := strings.CutSuffix(line, "\n")
		body = escape(body)
		if n := len(body) - 1; n >= 0 && body[n] == ' ' {
			body = body[:n] + `\s`
		}
		if !ended {
			body += `\c`
		}
		switch {
		case mark != "":
			b.WriteString(marked(mark, body))
			continue
		case body == "":
			body = `\`
		case strings.Contains(marks, body[:1]):
			body = fmt.Sprintf(`\x%02x`, body[0]) + body[1:]
		}
		b.WriteString(body + "\n")
	}
	return b.String()
}

// decodeLine is the text of a line that encode made.
func decodeLine(mark, rest string) (string, error) {
	if mark == "" && rest == `\` {
		return "\n", nil
	}
	return unescape(rest + "\n")
}

// letters are the escapes of one letter.
var letters = map[byte]byte{'\\': '\\', 'e': 0x1b, 't': '\t', 'r': '\r', 'n': '\n', 's': ' '}

// escape makes control characters and bytes that are no text visible.
func escape(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == '\\':
			b.WriteString(`\\`)
		case r == 0x1b:
			b.WriteString(`\e`)
		case r == '\t':
			b.WriteString(`\t`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\n':
			b.WriteString(`\n`)
		case r < ' ' || r == 0x7f || r == utf8.RuneError && size == 1:
			fmt.Fprintf(&b, `\x%02x`, s[0])
		default:
			b.WriteString(s[:size])
		}
		s = s[size:]
	}
	return b.String()
}

func unescape(s string) (string, error) {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(s, `\`)
		b.WriteString(before)
		if !found {
			return b.String(), nil
		}
		if after == "" {
			return "", errors.New("a backslash at the end escapes nothing")
		}
		if after[0] == 'c' { // as in echo(1): nothing follows
			return b.String(), nil
		}
		if c, ok := letters[after[0]]; ok {
			b.WriteByte(c)
			s = after[1:]
			continue
		}
		if after[0] != 'x' || len(after) < 3 {
			return "", fmt.Errorf(`\%c is no escape`, after[0])
		}
		c, err := strconv.ParseUint(after[1:3], 16, 8)
		if err != nil {
			return "", fmt.Errorf(`\x%s is no escape`, after[1:3])
		}
		b.WriteByte(byte(c))
		s = after[3:]
	}
}

// splitWords splits a command into words at blanks. A part of a word in '...' may have blanks and escapes in it.
func splitWords(command string) (words []string, err error) {
	word, open := "", false
	for n, part := range strings.Split(command, "'") {
		if n%2 == 1 {
			text, err := unescape(part)
			if err != nil {
				return nil, err
			}
			word, open = word+text, true
			continue
		}
		for m, piece := range strings.Split(part, " ") {
			if m > 0 && open {
				words = append(words, word)
				word, open = "", false
			}
			word += piece
			open = open || piece != ""
		}
	}
	if strings.Count(command, "'")%2 == 1 {
		return nil, fmt.Errorf("%s: a quote is not closed", command)
	}
	if open {
		words = append(words, word)
	}
	return words, nil
}

const corpus = "testdata/corpus"

// corpusFiles are the names of the files of the corpus.
func corpusFiles(t testing.TB) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(corpus, "*.txt"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	return files
}

func readBlocks(t testing.TB, file string) []*block {
	t.Helper()
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	blocks, err := parseBlocks(string(text))
	require.NoError(t, err, file)
	return blocks
}

// TestCorpusIsWellFormed sees that the files are as a recording would write them, and that titles are names.
func TestCorpusIsWellFormed(t *testing.T) {
	sequences := 0
	for _, file := range corpusFiles(t) {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		blocks := readBlocks(t, file)
		require.Equal(t, string(text), formatBlocks(blocks), file)
		var titles []string
		for _, b := range blocks {
			if len(b.steps) == 0 {
				continue
			}
			sequences++
			require.NotContains(t, titles, b.title, "%s:%d: a title names one sequence", file, b.line)
			titles = append(titles, b.title)
		}
	}
	require.GreaterOrEqual(t, sequences, 700)
}

func TestCorpusNotation(t *testing.T) {
	const ugly = "trailing blank \n\n\ttab\r\n\x1b[0m\\ \x00\x7f\xff é\n# $ no mark\n?\n\\c\nno newline"
	for _, text := range []string{"", "\n", "\n\n", " ", " \n", "a", `\`, "\\\n", `\c`, `a\c`, "!", ugly} {
		in := "in " + text
		want := []*block{
			{line: 1, title: "prose", notes: []string{"", "more"}},
			{line: 5, title: "sequence", steps: []*step{
				{line: 6, text: "file", file: true, input: &in},
				{text: "ip", want: result{stdout: text, stderr: text, status: "255"}},
			}},
		}
		written := formatBlocks(want)
		got, err := parseBlocks(written)
		require.NoError(t, err, written)
		for _, s := range got[1].steps {
			s.line = 0
		}
		want[1].steps[0].line = 0
		require.Equal(t, want, got, written)
	}
}

func TestCorpusWords(t *testing.T) {
	for command, want := range map[string][]string{
		"ip":                     {"ip"},
		"  ip   -j  ":            {"ip", "-j"},
		`ip '' ' a' b'c\td'e ''`: {"ip", "", " a", "bc\tde", ""},
		`ip \n '\x27\\'`:         {"ip", `\n`, `'\`},
		"":                       nil,
	} {
		words, err := splitWords(command)
		require.NoError(t, err)
		require.Equal(t, want, words, command)
	}
	for _, command := range []string{"ip 'a", `ip '\'`, `ip '\q'`, `ip '\x1'`, `'\xzz'`} {
		_, err := splitWords(command)
		require.Error(t, err, command)
	}
}

func FuzzCorpusNotation(f *testing.F) {
	f.Add("# t\n$ ip\nout\\s\n! err\n? 1\n", "a 'b'")
	f.Fuzz(func(t *testing.T, text, command string) {
		_, _ = splitWords(command)
		blocks, err := parseBlocks(text)
		if err != nil {
			return
		}
		again, err := parseBlocks(formatBlocks(blocks))
		require.NoError(t, err)
		require.Equal(t, formatBlocks(blocks), formatBlocks(again))
		require.True(t, slices.EqualFunc(blocks, again, func(a, b *block) bool {
			return slices.EqualFunc(a.steps, b.steps, func(a, b *step) bool { return a.want == b.want })
		}))
	})
}
