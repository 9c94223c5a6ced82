package docs_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.starlark.net/syntax"
)

// claims is what a test function, or a script as a whole, says that it covers, and what it names.
type claims struct {
	file         string // "regression/limits.star"
	function     string // "test_range"; empty: what the script says of itself
	doc          string
	counterparts []string
	bugs         []bug           // of the past, that it would notice
	sections     []string        // of RFC 8684
	words        map[string]bool // names and texts of its code, and of the functions that it calls
	ofEvents     map[string]bool // fields by which it tells events apart
}

// library reads the scripts of a folder.
type library struct {
	root  string
	files map[string]*syntax.File
	known func(script, name string) []string // the subtests of that name
}

func newLibrary(t *testing.T, root string, known func(script, name string) []string) *library {
	t.Helper()
	l := &library{root: root, files: map[string]*syntax.File{}, known: known}
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".star" {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(filepath.ToSlash(path), root+"/")
		l.files[name], err = (&syntax.FileOptions{Set: true}).Parse(path, source, 0)
		return err
	}))
	return l
}

// claims are those of all scripts but the modules, in order.
func (l *library) claims() (all []claims, err error) {
	names := make([]string, 0, len(l.files))
	for name := range l.files {
		if !strings.HasPrefix(name, "lib/") {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		script, wrong := l.said(name, "", docstring(l.files[name].Stmts))
		all, err = append(all, script), errors.Join(err, wrong)
		for _, s := range l.files[name].Stmts {
			def, ok := s.(*syntax.DefStmt)
			if !ok || !strings.HasPrefix(def.Name.Name, "test_") {
				continue
			}
			c, wrong := l.said(name, def.Name.Name, docstring(def.Body))
			err = errors.Join(err, wrong)
			w := walker{library: l, claims: &c, seen: map[syntax.Node]bool{}}
			w.walk(name, def)
			all = append(all, c)
		}
	}
	return all, err
}

// said is what a docstring says.
func (l *library) said(file, function, doc string) (claims, error) {
	c := claims{file: file, function: function, doc: doc, words: map[string]bool{}, ofEvents: map[string]bool{}, sections: sections(doc)}
	var err error
	if c.counterparts, err = counterparts(doc, l.known); err != nil {
		err = fmt.Errorf("%s %s: %w", file, function, err)
	}
	var wrong error
	if c.bugs, wrong = bugs(doc); wrong != nil {
		err = errors.Join(err, fmt.Errorf("%s %s: %w", file, function, wrong))
	}
	return c, err
}

func docstring(body []syntax.Stmt) string {
	if len(body) == 0 {
		return ""
	}
	if e, ok := body[0].(*syntax.ExprStmt); ok {
		if l, ok := e.X.(*syntax.Literal); ok && l.Token == syntax.STRING {
			return l.Value.(string)
		}
	}
	return ""
}

var (
	counterpartText = regexp.MustCompile(`(?s)\bCounterpart:\s*(.*?)(?:\n\s*\n|\z)`)
	noneAtAll       = regexp.MustCompile(`^none\b`)
	quotedText      = regexp.MustCompile(`(^|[\s,(])(?:"([^"]+)"|'([^']+)')`)
	scriptName      = regexp.MustCompile(`\b\w+\.sh\b`)
	rfcSection      = regexp.MustCompile(`RFC 8684,? (?:sections? )?(\d+(?:\.\d+)*)`)
)

// counterparts are the subtests that a docstring names, as in
//
//	Counterpart: mptcp_join.sh, 'signal address', 'subflow and signal'; pm_netlink.sh, 'set ids', its first half
//
// A name that ends in … stands for all that begin so. What is quoted right behind the script or another name must be a subtest;
// further behind, it may also be something else.
func counterparts(doc string, known func(script, name string) []string) (all []string, err error) {
	for _, paragraph := range counterpartText.FindAllStringSubmatch(doc, -1) {
		text := strings.Join(strings.Fields(paragraph[1]), " ")
		if noneAtAll.MatchString(text) {
			continue
		}
		scripts := scriptName.FindAllStringIndex(text, -1)
		if len(scripts) == 0 || scripts[0][0] != 0 {
			return nil, fmt.Errorf("counterpart %q: it does not begin with the script of the subtest, nor is it \"none\"", text)
		}
		for i, at := range scripts {
			end := len(text)
			if i+1 < len(scripts) {
				end = scripts[i+1][0]
			}
			found, err := named(text[at[0]:at[1]], text[at[1]:end], known)
			if err != nil {
				return nil, err
			}
			all = append(all, found...)
		}
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// named are the subtests of a script in the text behind its name.
func named(script, text string, known func(script, name string) []string) (all []string, err error) {
	last, list := 0, true // list: so far there was nothing but names
	for _, m := range quotedText.FindAllStringSubmatchIndex(text, -1) {
		name := text[max(m[4], m[6]):max(m[5], m[7])]
		list = list && strings.Trim(strings.ReplaceAll(text[last:m[3]], "and", ""), ", ") == ""
		last = m[1]
		subtests := known(script, name)
		if len(subtests) == 0 && list {
			return nil, fmt.Errorf("counterpart %s, %q: there is no such subtest", script, name)
		}
		all = append(all, subtests...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("counterpart %s, %q: it names no subtest", script, strings.TrimSpace(text))
	}
	return all, nil
}

// bug is one that some kernels had, or still have.
type bug struct{ kernels, text string }

var (
	bugLine    = regexp.MustCompile(`(?ms)^[ \t]*Bug:[ \t]*(.*?)(?:\n[ \t]*(?:\n|Bug:|Counterpart:)|\z)`)
	bugKernels = regexp.MustCompile(`^((?:[\d.]+ )?before [\d.]+|since [\d.]+): (.+)$`)
)

// bugs are those that a docstring names, each in a line or more of its own, before the counterparts:
//
//	Bug: before 6.11: an endpoint with both flags opened no subflow.
//	Bug: 6.18 before 6.18.30: an ADD_ADDR with ID 0 was not repeated.
//	Bug: since 5.10: a flush tells the peer nothing of endpoints with `subflow`.
//
// The first kernels are those that had it; the last is the one that mended it. "since" says that it is there to this day.
func bugs(doc string) (all []bug, err error) {
	for rest := doc; ; {
		at := bugLine.FindStringSubmatchIndex(rest)
		if at == nil {
			return all, err
		}
		text := strings.Join(strings.Fields(rest[at[2]:at[3]]), " ")
		parts := bugKernels.FindStringSubmatch(text)
		if parts == nil {
			err = errors.Join(err, fmt.Errorf("bug %q: it does not begin with its kernels, such as \"before 6.11: \"", text))
		} else {
			all = append(all, bug{parts[1], parts[2]})
		}
		rest = rest[at[3]:]
	}
}

// sections are the sections of RFC 8684 that a docstring names.
func sections(doc string) (all []string) {
	for _, m := range rfcSection.FindAllStringSubmatch(strings.Join(strings.Fields(doc), " "), -1) {
		if !slices.Contains(all, m[1]) {
			all = append(all, m[1])
		}
	}
	return all
}

// walker collects the words of a function, and of what it uses of its script and of modules.
type walker struct {
	*library
	claims *claims
	seen   map[syntax.Node]bool
}

func (w *walker) walk(file string, root syntax.Node) {
	if w.seen[root] {
		return
	}
	w.seen[root] = true
	body := root
	if def, ok := root.(*syntax.DefStmt); ok && docstring(def.Body) != "" {
		without := *def
		without.Body = def.Body[1:]
		body = &without
	}
	events := eventNames(body)
	syntax.Walk(body, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.Ident:
			if in, def := w.definition(file, n.Name); def != nil {
				w.walk(in, def)
			}
		case *syntax.DotExpr:
			w.claims.words[n.Name.Name] = true
			if id, ok := n.X.(*syntax.Ident); ok && events[id.Name] || waitsForEvent(n.X) {
				w.claims.ofEvents[n.Name.Name] = true
			}
		case *syntax.Literal:
			if s, ok := n.Value.(string); ok {
				w.claims.words[s] = true
			}
		case *syntax.CallExpr:
			w.call(n)
		}
		return true
	})
}

// checkedBy are the counters behind the words of check.add_addr.
var checkedBy = map[string]string{"received": "AddAddr", "echoed": "EchoAddTx", "sent": "AddAddrTx", "echo_received": "EchoAdd"}

// call takes the named arguments of a call as words. In one that waits for an event they are fields of events.
func (w *walker) call(c *syntax.CallExpr) {
	dot, _ := c.Fn.(*syntax.DotExpr)
	waits := waitsForEvent(c)
	for _, a := range c.Args {
		arg, ok := a.(*syntax.BinaryExpr)
		if !ok || arg.Op != syntax.EQ {
			continue
		}
		name := arg.X.(*syntax.Ident).Name
		w.claims.words[name] = true
		if waits {
			w.claims.ofEvents[name] = true
		}
		if dot != nil && dot.Name.Name == "add_addr" {
			w.claims.words[checkedBy[name]] = true
		}
	}
}

// waitsForEvent tells whether an expression is such as monitor.wait("ANNOUNCED", …).
func waitsForEvent(n syntax.Node) bool {
	c, ok := n.(*syntax.CallExpr)
	if !ok || len(c.Args) == 0 {
		return false
	}
	dot, ok := c.Fn.(*syntax.DotExpr)
	if !ok || dot.Name.Name != "wait" {
		return false
	}
	kind, ok := c.Args[0].(*syntax.Literal)
	return ok && kind.Token == syntax.STRING
}

// eventNames are the variables of a function that events are assigned to, one by one or in a loop.
func eventNames(body syntax.Node) map[string]bool {
	names := map[string]bool{}
	bind := func(to, value syntax.Expr) {
		if !yieldsEvents(value) {
			return
		}
		syntax.Walk(to, func(n syntax.Node) bool {
			if id, ok := n.(*syntax.Ident); ok {
				names[id.Name] = true
			}
			return true
		})
	}
	syntax.Walk(body, func(n syntax.Node) bool {
		switch n := n.(type) {
		case *syntax.AssignStmt:
			bind(n.LHS, n.RHS)
		case *syntax.ForStmt:
			bind(n.Vars, n.X)
		case *syntax.ForClause:
			bind(n.Vars, n.X)
		}
		return true
	})
	return names
}

// yieldsEvents tells whether an expression waits for an event, or has the events of a host or monitor in it.
func yieldsEvents(e syntax.Expr) (yields bool) {
	syntax.Walk(e, func(n syntax.Node) bool {
		dot, ok := n.(*syntax.DotExpr)
		yields = yields || waitsForEvent(n) || ok && dot.Name.Name == "events"
		return !yields
	})
	return yields
}

// definition is the statement that defines a name in a script, and the script it is in: that one, or a module that it loads.
func (l *library) definition(file, name string) (string, syntax.Node) {
	f := l.files[file]
	if f == nil {
		return "", nil // a module that comes with the program
	}
	for _, s := range f.Stmts {
		switch s := s.(type) {
		case *syntax.DefStmt:
			if s.Name.Name == name {
				return file, s
			}
		case *syntax.AssignStmt:
			if id, ok := s.LHS.(*syntax.Ident); ok && id.Name == name {
				return file, s
			}
		case *syntax.LoadStmt:
			for i, to := range s.To {
				if to.Name == name {
					return l.definition(strings.TrimPrefix(s.ModuleName(), "//"), s.From[i].Name)
				}
			}
		}
	}
	return "", nil
}

func TestCounterparts(t *testing.T) {
	known := func(script, name string) []string {
		subtests := map[string][]string{
			"a.sh": {"one", "two, with a comma", "two more"},
			"b.sh": {"one"},
		}
		return matching(subtests[script], script, name)
	}
	tests := []struct {
		doc  string
		want []string
		err  string
	}{
		{"A title.", nil, ""},
		{"A title.\n\nCounterpart: none", nil, ""},
		{"A title.\n\nCounterpart: none, since nobody thought of it", nil, ""},
		{"Counterpart: a.sh, 'one'", []string{"a.sh, one"}, ""},
		{"Counterpart: a.sh, \"two, with\n    a comma\" and 'one', whose \"half\" it is\n\nNot this: 'x'", []string{"a.sh, one", "a.sh, two, with a comma"}, ""},
		{"Counterpart: a.sh, 'two…'", []string{"a.sh, two more", "a.sh, two, with a comma"}, ""},
		{"Counterpart: a.sh, 'one'; b.sh, 'one'", []string{"a.sh, one", "b.sh, one"}, ""},
		{"Counterpart: a.sh, the half of 'one' that isn't b's", []string{"a.sh, one"}, ""},
		{"Counterpart: a.sh, 'three'", nil, `a.sh, "three": there is no such subtest`},
		{"Counterpart: a.sh, 'one', 'three'", nil, `a.sh, "three": there is no such subtest`},
		{"Counterpart: c.sh, 'one'", nil, `c.sh, "one": there is no such subtest`},
		{"Counterpart: a.sh, all of it", nil, "it names no subtest"},
		{"Counterpart: 'one'", nil, "does not begin with the script"},
	}
	for _, test := range tests {
		got, err := counterparts(test.doc, known)
		if test.err != "" {
			require.ErrorContains(t, err, test.err, test.doc)
			continue
		}
		require.NoError(t, err, test.doc)
		require.Equal(t, test.want, got, test.doc)
	}
}

func TestBugs(t *testing.T) {
	one, two := bug{"before 6.11", "it was wrong."}, bug{"6.18 before 6.18.30", "it was wrong again."}
	tests := []struct {
		doc  string
		want []bug
		err  string
	}{
		{"A title.\n\nNothing of a Bug: here.", nil, ""},
		{"A title.\n    Bug: before 6.11: it was\n    wrong.\n    Bug: 6.18 before 6.18.30: it was wrong again.\n    Counterpart: none", []bug{one, two}, ""},
		{"A title.\n    Bug: before 6.11: it was wrong.\n\n    More.", []bug{one}, ""},
		{"Bug: since 5.10: it is wrong", []bug{{"since 5.10", "it is wrong"}}, ""},
		{"Bug: it is wrong.", nil, "does not begin with its kernels"},
	}
	for _, test := range tests {
		got, err := bugs(test.doc)
		if test.err != "" {
			require.ErrorContains(t, err, test.err, test.doc)
			continue
		}
		require.NoError(t, err, test.doc)
		require.Equal(t, test.want, got, test.doc)
	}
}

func TestSections(t *testing.T) {
	require.Equal(t, []string{"3.4.1", "3", "3.2"}, sections("As in (RFC 8684,\n    section 3.4.1). RFC 8684 3, RFC 8684 3.2; RFC 8684 section 3.2."))
	require.Empty(t, sections("RFC 793, section 3.4."))
}

func TestClaimsOfScripts(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"lib/x.star": "def helper(h):\n    check.counters(h, RmAddr = 1)\nUNUSED = \"CREATED\"\n",
		"a.star": `"""About RFC 8684, section 3.2."""
load("//lib/x.star", other = "helper")
SETTINGS = {"net.mptcp.enabled": 0}
def _own(h):
    _own(h)
    check.add_addr(h, sent = 1)
def test_a(lab):
    """Title.

    RFC 8684 3.4.1
    """
    lab.host("h", sysctl = SETTINGS)
    other(h)
    _own(h)
    removed = events.wait("REMOVED", remote_id = 1)
    check.equal(removed.token, events.wait("REMOVED").local_id)
    check.equal([e.flags for e in h.events if e.kind == "REMOVED"], [])
    check.equal(h.counters.AddAddr, p.local)
def test_b(lab):
    """Names MPRstTx in words alone."""
    h.wait(token = 1)
`,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755))
		require.NoError(t, os.WriteFile(filepath.Join(root, name), []byte(text), 0o644))
	}
	all, err := newLibrary(t, root, nil).claims()
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, []string{"3.2"}, all[0].sections)
	a, b := all[1], all[2]
	require.Equal(t, "test_a", a.function)
	require.Equal(t, []string{"3.4.1"}, a.sections)
	for _, word := range []string{"RmAddr", "AddAddrTx", "AddAddr", "REMOVED", "net.mptcp.enabled"} {
		require.True(t, a.words[word], word)
	}
	require.False(t, a.words["CREATED"])
	require.Equal(t, map[string]bool{"remote_id": true, "token": true, "local_id": true, "flags": true, "kind": true}, a.ofEvents)
	require.False(t, b.words["MPRstTx"])
	require.Empty(t, b.ofEvents)
}
