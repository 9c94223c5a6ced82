package lint

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"go.starlark.net/syntax"

	"github.com/mptcp-lab/mptcp-lab/analysis"
	lang "github.com/mptcp-lab/mptcp-lab/starlark"
)

// Finding is one thing that is wrong with a script. Lines and columns count from 1, columns in characters; the end is the position
// behind the last character. A line of 0 concerns the file as a whole.
type Finding struct {
	File      string `json:"file"`
	Line      int    `json:"line"`
	Column    int    `json:"column"`
	EndLine   int    `json:"end_line"`
	EndColumn int    `json:"end_column"`
	Rule      string `json:"rule"`
	Message   string `json:"message"` // what is wrong
	Help      string `json:"help"`    // a way out
}

// String is the finding as compilers print it.
func (f Finding) String() string {
	position := f.File
	if f.Line > 0 {
		position = fmt.Sprintf("%s:%d:%d", f.File, f.Line, f.Column)
	}
	return fmt.Sprintf("%s: %s: %s; %s", position, f.Rule, f.Message, f.Help)
}

// Rule is one kind of mistake.
type Rule struct {
	Name string
	Doc  string

	check func(*checker) // nil: it is found before the other rules are asked
}

// Rules are all of them, by name.
func Rules() []Rule {
	all := []Rule{
		{syntaxRule, "The script cannot be read or parsed, or does what no script may.", nil},
		{nameRule, "A name has no meaning.", nil},
		{ignoreRule, "A comment ignores a rule that there is not, or that finds nothing there.", nil},
		{"load", "A module, or a name in it, is not there, or the modules load each other in a circle.", loads},
		{"unused-load", "A name is loaded and not used.", unusedLoads},
		{"unknown-attribute", "A value has no such attribute.", attributes},
		{"unknown-argument", "A function has no such parameter, or takes fewer arguments.", nil},
		{"missing-argument", "A function is called without an argument that it needs.", nil},
		{"repeated-argument", "An argument is given twice.", nil},
		{"wrong-value", "A function of the language does not take such a value.", calls},
		{"unused-variable", "A variable is set and not used.", unusedVariables},
		{"no-check", "A case checks nothing: it would end in an error.", unchecked},
		{"never-found", "A function looks like a case, and is none that is ever found.", neverFound},
		{"case-parameters", "A case has a parameter that nothing gives a value.", caseParameters},
		{"misplaced-each", "each makes cases only as the default of a parameter of a case.", misplacedEach},
	}
	slices.SortFunc(all, func(a, b Rule) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

const (
	syntaxRule = "syntax"
	nameRule   = "undefined-name"
	ignoreRule = "ignored-rule"
)

// Files checks scripts, by their names, and returns what it finds in them, in order; nothing about the modules that they load.
func Files(names []string) ([]Finding, error) {
	project, err := analysis.Open("", nil)
	if err != nil {
		return nil, err
	}
	all := []Finding{}
	for _, name := range names {
		all = append(all, Module(project.Module(name))...)
	}
	return all, project.Close()
}

// Module checks one script, and returns what it finds, in the order of the lines.
func Module(m *analysis.Module) []Finding {
	c := &checker{m: m}
	c.problems()
	if m.File != nil {
		c.uses = usesOf(m)
		for _, r := range Rules() {
			if r.check != nil {
				r.check(c)
			}
		}
		c.ignore()
	}
	slices.SortStableFunc(c.found, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Rule, b.Rule))
	})
	return c.found
}

// checker checks one script.
type checker struct {
	m     *analysis.Module
	lines []string
	uses  map[*syntax.Ident]int // how often a variable is used, by the identifier that makes it
	found []Finding
}

// report adds a finding about a node.
func (c *checker) report(n syntax.Node, rule, help, format string, args ...any) {
	start, end := n.Span()
	c.found = append(c.found, Finding{
		File: c.m.Name, Line: int(start.Line), Column: int(start.Col), EndLine: int(end.Line), EndColumn: int(end.Col),
		Rule: rule, Message: fmt.Sprintf(format, args...), Help: help,
	})
}

// problems reports why the script could not be parsed, or which names have no meaning.
func (c *checker) problems() {
	for _, p := range c.m.Problems {
		rule, help := kindOfProblem(p.Message, c.m.File != nil)
		c.found = append(c.found, Finding{
			File: p.File, Line: p.Line, Column: p.Column, EndLine: p.Line, EndColumn: p.Column + c.width(p),
			Rule: rule, Message: p.Message, Help: help,
		})
	}
}

// kindOfProblem is the rule for a message of Starlark, and a way out.
func kindOfProblem(message string, parsed bool) (rule, help string) {
	switch {
	case !parsed:
		return syntaxRule, "nothing else is checked until that is mended"
	case strings.HasPrefix(message, "undefined: "):
		return nameRule, "mptcp-lab doc lists the names of the language"
	case strings.HasPrefix(message, "keyword argument") && strings.HasSuffix(message, "is repeated"):
		return "repeated-argument", "give it once"
	}
	return syntaxRule, "no script may do that"
}

// width is that of the word at the position of a problem, or 1.
func (c *checker) width(p lang.Problem) int {
	if c.lines == nil {
		c.lines = strings.Split(string(c.m.Text), "\n")
	}
	if p.Line < 1 || p.Line > len(c.lines) {
		return 1
	}
	line := []rune(c.lines[p.Line-1])
	end := p.Column - 1
	for end < len(line) && (line[end] == '_' || unicode.IsLetter(line[end]) || unicode.IsDigit(line[end])) {
		end++
	}
	return max(1, end-p.Column+1)
}

// walk visits all nodes of the script.
func walk[N syntax.Node](m *analysis.Module, visit func(N)) {
	syntax.Walk(m.File, func(n syntax.Node) bool {
		if n, ok := n.(N); ok {
			visit(n)
		}
		return true
	})
}

// usesOf counts the uses of each variable.
func usesOf(m *analysis.Module) map[*syntax.Ident]int {
	uses := map[*syntax.Ident]int{}
	walk(m, func(id *syntax.Ident) {
		if made := analysis.Made(id); made != nil && !m.Makes(id) {
			uses[made]++
		}
	})
	return uses
}
